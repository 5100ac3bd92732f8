use serde_json::json;

use super::*;

#[tokio::test]
async fn from_the_door_to_the_outcome() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    let hop = pb::Hop {
        node: "a".into(),
        key: "file[/a]".into(),
        action: "create".into(),
    };
    target
        .admit(pb::Envelope {
            chain: vec![hop],
            cause_root: uuid(99),
            ..envelope("a", 1)
        })
        .await;
    let event = event(&dispatcher).await;
    let job = id(&event);
    assert_eq!(
        (&event["timeout_ms"], &event["ruby"]["path"]),
        (&json!(600_000), &json!("/usr/bin/ruby"))
    );
    let file: Value = serde_json::from_slice(&fs::read(event["job_file"].as_str().unwrap()).unwrap()).unwrap();
    let dir = target.path();
    let expected = json!({
        "job": job, "key": "execute[x]", "action": "run", "generation": 5, "data_dir": dir, "node": "target", "timeout_ms": 600_000,
        "snapshot_dir": dir.join("snapshots/5"), "current": dir.join("snapshots/current"),
        "result": dir.join(format!("results/{job}.json")), "started": dir.join(format!("results/{job}.started")),
        "changes": dir.join(format!("results/{job}.changes")),
        "chain": [{"node": "a", "key": "file[/a]", "action": "create"}, {"node": "target", "key": "execute[x]", "action": "run"}],
        "cause_root": uuid(99), "sources": [{"node": "a", "key": "file[/a]"}],
    });
    assert_eq!(file, expected);
    assert_eq!(
        target.record(1).await.state,
        "stored",
        "nothing is lost if nobody claims it"
    );
    let mut worker = Sleeper::start();
    assert_eq!(
        claim_for(&dispatcher, &job, &worker).await.unwrap(),
        json!({"ok": true})
    );
    assert_eq!(target.record(1).await.state, "claimed");
    write_started(dir, &job);
    let own = pb::Draft {
        chain: vec![],
        cause_root: "forged".into(),
        ..draft(50, "file[next]")
    };
    write_result(dir, &job, "done", json!({"drafts": [own]}));
    worker.kill();
    assert_eq!(finish(&dispatcher, &job).await, "done");
    let record = target.record(1).await;
    assert_eq!(
        (record.state.as_str(), record.run_ms, record.shared_with),
        ("done", 12, 0)
    );
    let sent = sent(&target.store).await;
    assert_eq!(
        (sent.len(), sent[0].chain.len(), sent[0].cause_root.as_str()),
        (1, 2, uuid(99).as_str()),
        "the chain is the agent's"
    );
    assert_eq!(files(&target), Vec::<String>::new());
    assert_eq!(finish(&dispatcher, &job).await, "done", "said twice, it happens once");
    assert_eq!(super::sent(&target.store).await.len(), 1);
}

#[tokio::test]
async fn what_arrives_before_the_claim_joins_the_run() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    target.admit(envelope("b", 2)).await;
    target
        .admit(pb::Envelope {
            action: "delete".into(),
            ..envelope("b", 3)
        })
        .await;
    let mut worker = Sleeper::start();
    claim_for(&dispatcher, &job, &worker).await.unwrap();
    target.admit(envelope("a", 4)).await;
    write_result(target.path(), &job, "done", json!({}));
    worker.kill();
    assert_eq!(finish(&dispatcher, &job).await, "done");
    for n in [1, 2] {
        let record = target.record(n).await;
        assert_eq!((record.state.as_str(), record.shared_with), ("done", 1));
    }
    assert_eq!(target.reaches(3, "denied").await.code, "policy");
    let next = id(&event(&dispatcher).await);
    assert_eq!(
        target.record(4).await.state,
        "stored",
        "it came too late for the first run"
    );
    assert_eq!(run(&dispatcher, &target, &next, "done").await, "done");
}

#[tokio::test]
async fn one_job_at_a_time() {
    let target = Target::new(Policy::default());
    write_snapshot(target.path(), 5, &[card("execute[x]"), card("execute[y]")]);
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    target
        .admit(pb::Envelope {
            key: "execute[y]".into(),
            ..envelope("a", 2)
        })
        .await;
    let first = id(&event(&dispatcher).await);
    no_event(&dispatcher).await;
    let mut worker = Sleeper::start();
    claim_for(&dispatcher, &first, &worker).await.unwrap();
    no_event(&dispatcher).await;
    write_result(
        target.path(),
        &first,
        "failed",
        json!({"code": "action_failed", "message": "exit 1"}),
    );
    worker.kill();
    assert_eq!(finish(&dispatcher, &first).await, "failed");
    assert_eq!(target.record(1).await.message, "exit 1");
    let second = event(&dispatcher).await;
    assert_eq!(run(&dispatcher, &target, &id(&second), "done").await, "done");
    assert_eq!(target.record(2).await.state, "done");
}

#[tokio::test]
async fn before_the_first_run_it_waits() {
    let target = Target::new(Policy::default());
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    target.until(1, |record| record.code == "no_snapshot").await;
    no_event(&dispatcher).await;
    write_snapshot(target.path(), 1, &[card("execute[x]")]);
    let job = id(&event(&dispatcher).await);
    assert_eq!(run(&dispatcher, &target, &job, "done").await, "done");
    assert_eq!(target.record(1).await.code, "");
}

#[tokio::test]
async fn a_missing_resource_waits_for_a_later_run() {
    let target = ready();
    write_run(target.path(), 6, "running", std::process::id());
    let _dispatcher = dispatcher(&target).await;
    target
        .admit(pb::Envelope {
            key: "execute[new]".into(),
            ..envelope("a", 1)
        })
        .await;
    write_run(target.path(), 6, "succeeded", 1);
    write_snapshot(target.path(), 6, &[]);
    target.until(1, |record| record.code == "resource_absent").await;
    assert_eq!(target.record(1).await.state, "stored", "run 6 had started before");
    write_snapshot(target.path(), 7, &[]);
    assert_eq!(target.reaches(1, "undeliverable").await.code, "resource_absent");
}

#[tokio::test]
async fn nothing_runs_beside_a_converge() {
    let target = ready();
    let mut chef = Sleeper::start();
    write_run(target.path(), 6, "running", chef.pid());
    target.runs.subscribe().wait_for(|view| view.converging).await.unwrap();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    no_event(&dispatcher).await;
    chef.kill();
    event(&dispatcher).await;
}

#[tokio::test]
async fn busy_and_stale_ones_are_tried_again() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    for status in ["busy", "stale"] {
        let job = id(&event(&dispatcher).await);
        let mut worker = Sleeper::start();
        claim_for(&dispatcher, &job, &worker).await.unwrap();
        write_result(target.path(), &job, status, json!({}));
        worker.kill();
        assert_eq!(finish(&dispatcher, &job).await, "stored");
        assert_eq!(target.record(1).await.code, status);
    }
    let job = id(&event(&dispatcher).await);
    assert_eq!(run(&dispatcher, &target, &job, "done").await, "done");
}

#[tokio::test]
async fn a_failed_one_with_retry_runs_again() {
    let target = ready();
    let mut options = options(&target);
    // The pause before the second run passes at once.
    let clock_ms = Arc::new(std::sync::atomic::AtomicU64::new(crate::fixtures::NOW_MS));
    let shared = Arc::clone(&clock_ms);
    options.clock =
        Clock::from_fn(move || shared.fetch_add(limits::RUN_PAUSE_CAP_MS, std::sync::atomic::Ordering::Relaxed));
    let dispatcher = Dispatcher::spawn(options).await.unwrap();
    target
        .admit(pb::Envelope {
            retry: 1,
            ..envelope("a", 1)
        })
        .await;
    let first = id(&event(&dispatcher).await);
    assert_eq!(run(&dispatcher, &target, &first, "failed").await, "stored");
    let second = id(&event(&dispatcher).await);
    assert_eq!(run(&dispatcher, &target, &second, "failed").await, "failed");
    no_event(&dispatcher).await;
}

#[tokio::test]
async fn stopping_is_an_event_that_stays() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    let waiting = tokio::spawn({
        let dispatcher = dispatcher.clone();
        async move { dispatcher.next_event(PATIENCE).await }
    });
    target.cancel.cancel();
    assert_eq!(waiting.await.unwrap(), Some(json!({"type": "stop"})));
    assert_eq!(dispatcher.next_event(GLANCE).await, Some(json!({"type": "stop"})));
}
