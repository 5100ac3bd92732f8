use super::*;

#[test]
fn one_run_serves_all_rows_of_a_job() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    take(&conn, &envelope("b", 2));
    assert_eq!(claim_all(&conn, "j"), 2);
    let known = job(&conn, "j").unwrap().unwrap();
    assert_eq!((known.pid, known.pid_start, known.generation), (77, 88, 4));
    assert_eq!(
        (known.chain[0].node.as_str(), known.cause_root.as_str()),
        ("target", "root")
    );
    assert_eq!(jobs(&conn).unwrap(), [known]);
    assert_eq!(finish(&conn, "j", &ending(State::Done), NOW_MS).unwrap(), Some(2));
    for n in [1, 2] {
        let record = shown(&conn, n);
        assert_eq!(
            (record.state.as_str(), record.shared_with, record.run_ms),
            ("done", 1, 12)
        );
    }
    assert_eq!(state_of_job(&conn, "j").unwrap(), Some(State::Done));
    assert_eq!(
        finish(&conn, "j", &ending(State::Failed), NOW_MS).unwrap(),
        None,
        "only once"
    );
    assert_eq!(shown(&conn, 1).state, "done");
}

#[test]
fn claiming_takes_only_what_is_still_stored() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    let row = rows(&conn)[0];
    assert!(conclude(&conn, row, State::Expired, "expired", "", NOW_MS).unwrap());
    let nothing = Claim {
        job: "j",
        key: "execute[x]",
        action: "run",
        generation: 1,
        pid: 1,
        pid_start: 1,
        timeout_ms: 1,
        chain: &[],
        cause_root: "",
        now_ms: NOW_MS,
    };
    assert_eq!(claim(&conn, &nothing, &[row]).unwrap(), 0);
    assert_eq!(job(&conn, "j").unwrap(), None);
    assert!(
        !conclude(&conn, row, State::Denied, "policy", "", NOW_MS).unwrap(),
        "a final state stays"
    );
    assert_eq!(shown(&conn, 1).state, "expired");
}

#[test]
fn what_did_not_run_goes_back_and_does_not_count() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    claim_all(&conn, "j");
    let busy = Deferral {
        code: "busy".into(),
        message: "Chef's lock is held".into(),
        pause: false,
    };
    assert_eq!(unclaim(&conn, "j", &busy, NOW_MS).unwrap(), Some(1));
    assert_eq!(
        (shown(&conn, 1).state.as_str(), shown(&conn, 1).code.as_str()),
        ("stored", "busy")
    );
    assert_eq!(unclaim(&conn, "j", &busy, NOW_MS).unwrap(), None);
    claim_all(&conn, "j2");
    finish(&conn, "j2", &ending(State::Failed), NOW_MS).unwrap();
    assert_eq!(shown(&conn, 1).state, "failed");
}

#[test]
fn a_pause_grows_and_ends() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    let died = Deferral {
        code: "worker_died".into(),
        message: String::new(),
        pause: true,
    };
    let mut last_ms = 0;
    let mut now_ms = NOW_MS;
    for round in 0..12 {
        let row = candidates(&conn, now_ms).unwrap()[0].row;
        let job = format!("j{round}");
        let again = Claim {
            job: &job,
            key: "execute[x]",
            action: "run",
            generation: 1,
            pid: 1,
            pid_start: 1,
            timeout_ms: 1,
            chain: &[],
            cause_root: "",
            now_ms,
        };
        claim(&conn, &again, &[row]).unwrap();
        unclaim(&conn, &job, &died, now_ms).unwrap();
        assert!(candidates(&conn, now_ms).unwrap().is_empty());
        let pause_ms = next_pause_ms(&conn, now_ms).unwrap().unwrap();
        assert!(pause_ms >= last_ms && pause_ms <= limits::RUN_PAUSE_CAP_MS);
        (last_ms, now_ms) = (pause_ms, now_ms + pause_ms);
    }
    assert_eq!(last_ms, limits::RUN_PAUSE_CAP_MS);
}

#[test]
fn retry_says_how_often_a_bad_end_is_tried_again() {
    for (state, retry, runs) in [
        (State::Failed, 0, 1),
        (State::Failed, 2, 3),
        (State::Unknown, 1, 2),
        (State::Done, 5, 1),
    ] {
        let conn = inbox();
        take(
            &conn,
            &pb::Envelope {
                retry,
                ..envelope("a", 1)
            },
        );
        let mut now_ms = NOW_MS;
        for run in 1..=runs {
            let job = format!("j{run}");
            let row = candidates(&conn, now_ms).unwrap()[0].row;
            let again = Claim {
                job: &job,
                key: "execute[x]",
                action: "run",
                generation: 1,
                pid: 1,
                pid_start: 1,
                timeout_ms: 1,
                chain: &[],
                cause_root: "",
                now_ms,
            };
            assert_eq!(claim(&conn, &again, &[row]).unwrap(), 1);
            finish(&conn, &job, &ending(state), now_ms).unwrap();
            now_ms += limits::RUN_PAUSE_CAP_MS;
        }
        assert_eq!(shown(&conn, 1).state, state.as_str(), "retry {retry}");
    }
}

#[test]
fn rows_of_one_job_have_a_retry_each() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    take(
        &conn,
        &pb::Envelope {
            retry: 1,
            ..envelope("b", 2)
        },
    );
    claim_all(&conn, "j");
    finish(&conn, "j", &ending(State::Unknown), NOW_MS).unwrap();
    assert_eq!(
        (shown(&conn, 1).state.as_str(), shown(&conn, 2).state.as_str()),
        ("unknown", "stored")
    );
}

#[test]
fn the_text_of_an_outcome_has_a_limit() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    claim_all(&conn, "j");
    let long = Ending {
        state: State::Failed,
        code: "Not A Word".into(),
        message: "ä".repeat(2000),
        run_ms: 0,
    };
    finish(&conn, "j", &long, NOW_MS).unwrap();
    let record = shown(&conn, 1);
    assert_eq!(record.code, "failed");
    assert_eq!(record.message.len(), limits::OUTCOME_MESSAGE_BYTES);
}

#[test]
fn the_shortest_chain_is_handed_on() {
    let conn = inbox();
    let hop = |node: &str| pb::Hop {
        node: node.into(),
        key: "k".into(),
        action: "x".into(),
    };
    take(
        &conn,
        &pb::Envelope {
            chain: vec![hop("p"), hop("q")],
            cause_root: uuid(90),
            ..envelope("a", 1)
        },
    );
    take(
        &conn,
        &pb::Envelope {
            chain: vec![hop("r")],
            cause_root: uuid(91),
            ..envelope("b", 2)
        },
    );
    let found = lineage(&conn, &rows(&conn)).unwrap();
    assert_eq!((found.chain, found.cause_root), (vec![hop("r")], uuid(91)));
    assert_eq!(
        found.sources,
        [("a".into(), "file[/a]".into()), ("b".into(), "file[/b]".into())]
    );
    take(&conn, &envelope("c", 3));
    let found = lineage(&conn, &rows(&conn)).unwrap();
    assert_eq!(
        (found.chain.len(), found.cause_root),
        (0, uuid(3)),
        "a first notification is its own cause"
    );
}

#[test]
fn nothing_expires_by_a_wrong_clock() {
    let conn = inbox();
    take(
        &conn,
        &pb::Envelope {
            ttl_ms: 1000,
            ..envelope("a", 1)
        },
    );
    take(
        &conn,
        &pb::Envelope {
            ttl_ms: 1000,
            ..envelope("a", 2)
        },
    );
    let row = rows(&conn)[0];
    let only_first = Claim {
        job: "j",
        key: "execute[x]",
        action: "run",
        generation: 1,
        pid: 1,
        pid_start: 1,
        timeout_ms: 1,
        chain: &[],
        cause_root: "",
        now_ms: NOW_MS,
    };
    claim(&conn, &only_first, &[row]).unwrap();
    assert_eq!(expire(&conn, NOW_MS + 999, true).unwrap(), 0);
    assert_eq!(expire(&conn, NOW_MS + 1000, false).unwrap(), 0);
    assert_eq!(expire(&conn, NOW_MS + 1000, true).unwrap(), 1);
    assert_eq!(
        (shown(&conn, 1).state.as_str(), shown(&conn, 2).state.as_str()),
        ("claimed", "expired")
    );
}

#[test]
fn finished_rows_go_by_age_but_not_before_their_own_time() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    take(
        &conn,
        &pb::Envelope {
            ttl_ms: limits::TTL_MAX_MS,
            ..envelope("a", 2)
        },
    );
    take(
        &conn,
        &pb::Envelope {
            key: "execute[y]".into(),
            ..envelope("a", 3)
        },
    );
    for row in &rows(&conn)[..2] {
        conclude(&conn, *row, State::Denied, "policy", "", NOW_MS).unwrap();
    }
    let later_ms = NOW_MS + limits::FINISHED_AGE_MS;
    assert_eq!(trim(&conn, later_ms - 1, true).unwrap(), 0);
    assert_eq!(trim(&conn, later_ms, false).unwrap(), 0);
    assert_eq!(
        trim(&conn, later_ms, true).unwrap(),
        1,
        "the second could still be offered again, the third has not ended"
    );
    assert_eq!(trim(&conn, NOW_MS + limits::TTL_MAX_MS, true).unwrap(), 1);
    assert_eq!(counts(&conn).unwrap().stored, 1);
}

#[test]
fn finished_rows_go_by_number() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    conclude(&conn, rows(&conn)[0], State::Denied, "policy", "", NOW_MS).unwrap();
    multiply(&conn, "b", 11);
    assert_eq!(retention::keep(&conn, 10).unwrap(), 2);
    let left = |id: &str| -> bool {
        conn.query_row("SELECT COUNT(*) FROM inbox WHERE id = ?1", [id], |r| r.get(0))
            .unwrap()
    };
    assert_eq!(
        (left(&uuid(1)), left("copy1"), left("copy2")),
        (false, false, true),
        "the oldest go"
    );
}

#[test]
fn looking_for_work_never_scans_what_is_finished() {
    let conn = inbox();
    for query in [
        claim::CANDIDATE.to_owned(),
        format!("{} AND key = ?2 AND action = ?3 ORDER BY row", claim::CANDIDATE),
    ] {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let params = vec!["1"; statement.parameter_count()];
        let steps = statement
            .query_map(rusqlite::params_from_iter(params), |r| r.get::<_, String>(3))
            .unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(steps[0].contains("inbox_stored"), "{steps:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_prolongs_no_pause() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    conn.execute("UPDATE inbox SET not_before_ms = ?1", [(NOW_MS + 10_000) as i64])
        .unwrap();
    let day_ms = 24 * 60 * 60 * 1000;
    let waiting = |now_ms: u64| candidates(&conn, now_ms).unwrap().is_empty();
    for (now_ms, waits) in [
        (NOW_MS, true),
        (NOW_MS + 10_000, false),
        (NOW_MS - day_ms, false),
        (NOW_MS + day_ms, false),
    ] {
        assert_eq!(waiting(now_ms), waits, "{now_ms}");
        assert_eq!(next_pause_ms(&conn, now_ms).unwrap().is_some(), waits, "{now_ms}");
    }
    assert_eq!(limits::RUN_PAUSE_CAP_MS, 30_000, "claim.rs has it in its queries");
}
