use super::{
    super::{
        result::WorkerResult,
        verdict::{Evidence, Verdict, verdict},
    },
    *,
};

fn result(status: &str) -> Option<WorkerResult> {
    serde_json::from_value(serde_json::json!({"job": "j", "status": status, "message": "m"})).unwrap()
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Wait => "wait".into(),
        Verdict::Finish(ending, _) => format!("{} {}", ending.state.as_str(), ending.code),
        Verdict::Defer(deferral) => format!("stored {} {}", deferral.code, deferral.pause),
    }
}

#[test]
fn every_way_a_worker_can_end() {
    const LIMIT: Option<u64> = Some(600_000);
    // (result, alive, started, timed out) -> what becomes of the job
    let table = [
        (Some("done"), false, true, None, "done "),
        (Some("done"), true, true, None, "done "),
        (Some("done"), false, true, LIMIT, "done "),
        (Some("failed"), false, true, None, "failed action_failed"),
        (Some("busy"), false, false, None, "stored busy false"),
        (Some("stale"), false, false, None, "stored stale false"),
        (None, true, false, None, "wait"),
        (None, true, true, None, "wait"),
        (None, true, true, LIMIT, "wait"),
        (None, false, false, None, "stored worker_died true"),
        (None, false, true, None, "unknown worker_died"),
        (None, false, false, LIMIT, "failed timed_out"),
        (None, false, true, LIMIT, "failed timed_out"),
    ];
    for (status, alive, started, timed_out_ms, wanted) in table {
        let evidence = Evidence {
            result: status.and_then(result),
            alive,
            started,
            timed_out_ms,
            exit: String::new(),
        };
        assert_eq!(
            word(verdict(evidence)),
            wanted,
            "{status:?} alive {alive} started {started} {timed_out_ms:?}"
        );
    }
}

#[test]
fn a_result_that_is_not_whole_counts_as_absent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.json");
    assert_eq!(WorkerResult::read(&path, "j"), None);
    let draft = r#"{"id":"x"}"#;
    let many = format!(
        r#"{{"job":"j","status":"done","drafts":[{}]}}"#,
        vec![draft; limits::RESULT_DRAFTS + 1].join(",")
    );
    let large = format!(
        r#"{{"job":"j","status":"done","message":"{}"}}"#,
        "m".repeat(limits::RESULT_BYTES as usize)
    );
    let bad = [
        "",
        r#"{"job":"j","status":"do"#,
        r#"{"job":"other","status":"done"}"#,
        r#"{"job":"j","status":"splendid"}"#,
        r#"{"job":"j","status":"done","drafts":[{"key":7}]}"#,
        &many,
        &large,
    ];
    for text in bad {
        fs::write(&path, text).unwrap();
        assert_eq!(WorkerResult::read(&path, "j"), None, "{}", &text[..text.len().min(80)]);
    }
    fs::write(
        &path,
        r#"{"job":"j","status":"failed","code":null,"run_ms":11.6,"updated":false,"pid":3}"#,
    )
    .unwrap();
    assert_eq!(WorkerResult::read(&path, "j").unwrap().took_ms(), 12);
}
