use serde_json::json;

use super::*;
use crate::store::inbox::{self, Claim};

/// What an agent leaves behind that was killed after it claimed a job.
async fn claimed_by_an_earlier_agent(target: &Target, job: &str, pid: u32, pid_start: u64) {
    target.admit(envelope("a", 1)).await;
    let job = job.to_owned();
    let claim = move |conn: &Connection| {
        let rows: Vec<i64> = inbox::candidates(conn, u64::MAX)?.into_iter().map(|c| c.row).collect();
        let claim = Claim {
            job: &job,
            key: "execute[x]",
            action: "run",
            generation: 5,
            pid,
            pid_start,
            timeout_ms: 600_000,
            chain: &[],
            cause_root: "",
            now_ms: 5,
        };
        inbox::claim(conn, &claim, &rows)
    };
    assert_eq!(target.store.write(claim).await.unwrap(), 1);
    files::prepare(target.path()).unwrap();
}

#[tokio::test]
async fn what_a_dead_agent_left_is_settled_at_start() {
    // (result, started) of a worker that is gone -> the state of its notification once a new agent has started
    let table = [
        (Some("done"), true, "done", ""),
        (Some("failed"), true, "failed", "action_failed"),
        (Some("busy"), false, "stored", "busy"),
        (Some("stale"), false, "stored", "stale"),
        (Some("torn"), true, "unknown", "worker_died"),
        (Some("torn"), false, "stored", "worker_died"),
        (None, true, "unknown", "worker_died"),
        (None, false, "stored", "worker_died"),
    ];
    for (result, started, state, code) in table {
        let target = ready();
        let job = uuid(70);
        let mut worker = Sleeper::start();
        claimed_by_an_earlier_agent(&target, &job, worker.pid(), worker.pid_start()).await;
        match result {
            Some("torn") => fs::write(target.path().join(format!("results/{job}.json")), "{\"job\":").unwrap(),
            Some(status) => write_result(target.path(), &job, status, json!({"drafts": [draft(3, "file[fine]")]})),
            None => {}
        }
        if started {
            write_started(target.path(), &job);
        }
        worker.kill();
        let dispatcher = dispatcher(&target).await;
        let record = target.record(1).await;
        assert_eq!(
            (record.state.as_str(), record.code.as_str()),
            (state, code),
            "{result:?} started {started}"
        );
        let drafts = usize::from(matches!(result, Some("done" | "failed")));
        assert_eq!(sent(&target.store).await.len(), drafts);
        assert!(!files(&target).iter().any(|file| file.starts_with(&job)));
        drop(dispatcher);
    }
}

#[tokio::test]
async fn a_worker_that_outlived_its_agent_is_waited_for() {
    let target = ready();
    let job = uuid(70);
    let mut worker = Sleeper::start();
    claimed_by_an_earlier_agent(&target, &job, worker.pid(), worker.pid_start()).await;
    write_started(target.path(), &job);
    let dispatcher = dispatcher(&target).await;
    assert_eq!(target.record(1).await.state, "claimed");
    target.admit(envelope("a", 2)).await;
    no_event(&dispatcher).await;
    write_result(target.path(), &job, "done", json!({}));
    worker.kill();
    target.reaches(1, "done").await;
    event(&dispatcher).await;
}

#[tokio::test]
async fn another_process_with_the_same_pid_is_not_the_worker() {
    let target = ready();
    let other = Sleeper::start();
    claimed_by_an_earlier_agent(&target, &uuid(70), other.pid(), other.pid_start() + 1).await;
    let _dispatcher = dispatcher(&target).await;
    assert_eq!(target.record(1).await.state, "stored");
}

#[tokio::test]
async fn files_of_unknown_jobs_are_swept_at_start() {
    let target = ready();
    files::prepare(target.path()).unwrap();
    let mut worker = Sleeper::start();
    let kept = uuid(70);
    claimed_by_an_earlier_agent(&target, &kept, worker.pid(), worker.pid_start()).await;
    for name in ["jobs/x.json", "jobs/x.tmp", "results/x.started", "results/.x.json.tmp"] {
        fs::write(target.path().join(name), "").unwrap();
    }
    fs::write(target.path().join(format!("jobs/{kept}.json")), "").unwrap();
    let _dispatcher = dispatcher(&target).await;
    assert_eq!(files(&target), [format!("{kept}.json")]);
    worker.kill();
}

#[tokio::test]
async fn a_dead_worker_that_ruby_does_not_report_is_found() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let mut worker = Sleeper::start();
    claim_for(&dispatcher, &job, &worker).await.unwrap();
    write_started(target.path(), &job);
    worker.kill();
    assert_eq!(target.reaches(1, "unknown").await.code, "worker_died");
}

#[tokio::test]
async fn an_agent_that_dies_before_the_claim_loses_nothing() {
    let target = ready();
    let first = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&first).await);
    target.cancel.cancel();
    drop(first);
    let options = DispatchOptions {
        cancel: CancellationToken::new(),
        ..options(&target)
    };
    let stop = options.cancel.clone();
    let second = Dispatcher::spawn(options).await.unwrap();
    assert_ne!(id(&event(&second).await), job);
    let worker = Sleeper::start();
    assert_eq!(
        claim_for(&second, &job, &worker).await.unwrap_err().code(),
        "job_unknown"
    );
    stop.cancel();
}

#[tokio::test]
async fn a_worker_that_outlives_its_limit_by_far_is_ended() {
    let target = ready();
    let mut worker = Sleeper::start();
    claimed_by_an_earlier_agent(&target, &uuid(70), worker.pid(), worker.pid_start()).await;
    let job = target
        .store
        .read(|conn| inbox::job(conn, &uuid(70)))
        .await
        .unwrap()
        .unwrap();
    let job = crate::store::inbox::Job { timeout_ms: 1, ..job };
    let mut desk = desk::Desk::default();
    desk.running.insert(uuid(70), desk::Running::new(true));
    assert!(!settle::due(&mut desk, &job));
    assert!(worker.is_running());
    let long_ago = tokio::time::Instant::now()
        .checked_sub(Duration::from_millis(limits::OVERDUE_GRACE_MS + 100))
        .unwrap();
    desk.running.get_mut(&uuid(70)).unwrap().since = long_ago;
    settle::due(&mut desk, &job);
    worker.wait();
}
