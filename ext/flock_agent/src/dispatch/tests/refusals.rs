use serde_json::json;

use super::*;

#[tokio::test]
async fn an_event_that_nobody_answers_is_taken_back() {
    let target = ready();
    let hurried = DispatchOptions {
        claim_timeout_ms: 300,
        ..options(&target)
    };
    let dispatcher = Dispatcher::spawn(hurried).await.unwrap();
    target.admit(envelope("a", 1)).await;
    let first = id(&event(&dispatcher).await);
    let second = id(&event(&dispatcher).await);
    assert_ne!(first, second);
    let worker = Sleeper::start();
    let late = claim_for(&dispatcher, &first, &worker).await.unwrap_err();
    assert_eq!(late.code(), "job_unknown");
    assert_eq!(target.record(1).await.state, "stored");
}

#[tokio::test]
async fn events_that_were_taken_back_are_not_handed_out() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    assert!(dispatcher.0.events.push("gone", json!({"type": "run", "job": "gone"})));
    no_event(&dispatcher).await;
    assert!(dispatcher.0.events.push("gone", json!({"type": "run", "job": "gone"})));
    target.admit(envelope("a", 1)).await;
    assert_ne!(id(&event(&dispatcher).await), "gone");
}

#[tokio::test]
async fn a_job_whose_last_row_was_dropped_must_not_run() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let drop = |conn: &Connection| crate::store::inbox::remove(conn, &uuid(1), 5);
    target.store.write(drop).await.unwrap();
    let worker = Sleeper::start();
    assert_eq!(
        claim_for(&dispatcher, &job, &worker).await.unwrap_err().code(),
        "nothing_to_run"
    );
    assert_eq!(files(&target), Vec::<String>::new());
    target.admit(envelope("a", 2)).await;
    event(&dispatcher).await;
}

#[tokio::test]
async fn a_worker_that_could_not_be_started_is_tried_again() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let abandoned = json!({"job": job, "message": "no such file: ruby"});
    assert_eq!(dispatcher.call("job_abandoned", abandoned).await.unwrap(), json!({}));
    let record = target.record(1).await;
    assert_eq!((record.state.as_str(), record.code.as_str()), ("stored", "no_worker"));
    assert!(record.message.contains("no such file"));
    assert_ne!(id(&event(&dispatcher).await), job);
}

#[tokio::test]
async fn a_claimed_job_that_is_abandoned_is_judged_by_its_traces() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let mut worker = Sleeper::start();
    claim_for(&dispatcher, &job, &worker).await.unwrap();
    let abandoned = JobAbandoned {
        job: job.clone(),
        message: "gave up".into(),
    };
    dispatcher.job_abandoned(&abandoned).await.unwrap();
    assert_eq!(target.record(1).await.state, "claimed", "its worker lives");
    write_started(target.path(), &job);
    worker.kill();
    assert_eq!(target.reaches(1, "unknown").await.code, "worker_died");
}

#[tokio::test]
async fn a_worker_that_ends_before_its_claim_ran_nothing() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let finished = JobFinished {
        job: job.clone(),
        exit: Some(1),
        ..Default::default()
    };
    assert_eq!(
        dispatcher.job_finished(&finished).await.unwrap(),
        json!({"state": "stored"})
    );
    assert!(target.record(1).await.message.contains("exit 1"));
    assert_ne!(id(&event(&dispatcher).await), job);
}

#[tokio::test]
async fn out_of_time_is_a_failure_that_says_so() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let mut worker = Sleeper::start();
    claim_for(&dispatcher, &job, &worker).await.unwrap();
    write_started(target.path(), &job);
    worker.kill();
    let finished =
        json!({"job": job, "exit": null, "signal": 9, "timed_out": true, "stderr_tail": "password: hunter2"});
    assert_eq!(
        dispatcher.call("job_finished", finished).await.unwrap(),
        json!({"state": "failed"})
    );
    let record = target.record(1).await;
    assert_eq!(record.code, "timed_out");
    assert!(!record.message.contains("hunter2"), "output stays on the target");
}

#[tokio::test]
async fn a_refused_notification_of_an_action_does_not_undo_the_action() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let mut worker = Sleeper::start();
    claim_for(&dispatcher, &job, &worker).await.unwrap();
    write_result(
        target.path(),
        &job,
        "done",
        json!({"drafts": [draft(1, "file[forbidden]"), draft(2, "file[fine]")]}),
    );
    worker.kill();
    assert_eq!(finish(&dispatcher, &job).await, "done");
    assert!(
        target
            .record(1)
            .await
            .message
            .starts_with("1 notifications of the action were refused")
    );
    assert_eq!(sent(&target.store).await.len(), 1);
}

#[tokio::test]
async fn outcome_and_notifications_are_committed_together_or_later() {
    for broken in ["file[broken]", "file[full]"] {
        committed_together_or_later(broken).await;
    }
}

/// A job whose second notification breaks the commit at first.
async fn committed_together_or_later(broken: &str) {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let mut worker = Sleeper::start();
    claim_for(&dispatcher, &job, &worker).await.unwrap();
    write_result(
        target.path(),
        &job,
        "done",
        json!({"drafts": [draft(1, "file[fine]"), draft(2, broken)]}),
    );
    worker.kill();
    let finished = JobFinished {
        job: job.clone(),
        exit: Some(0),
        ..Default::default()
    };
    assert!(dispatcher.job_finished(&finished).await.is_err());
    assert_eq!(
        (target.record(1).await.state.as_str(), sent(&target.store).await.len()),
        ("claimed", 0)
    );
    write_result(target.path(), &job, "done", json!({"drafts": [draft(1, "file[fine]")]}));
    target.reaches(1, "done").await;
    assert_eq!(sent(&target.store).await.len(), 1);
}

#[tokio::test]
async fn unknown_operations_and_arguments_are_errors() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    for (operation, arguments) in [
        ("job_eaten", json!({})),
        ("job_claimed", json!({"job": "j"})),
        ("job_finished", json!([7])),
    ] {
        let error = dispatcher.call(operation, arguments).await.unwrap_err();
        assert_eq!(error.kind(), flock_core::ErrorKind::Configuration);
    }
}
