use std::{fs, path::Path};

use flock_core::{limits, policy::Policy};
use serde_json::Value;

use super::*;
use crate::fixtures::{
    GLANCE, PATIENCE, Sleeper, Target, card, clock, envelope, uuid, with, write_run, write_snapshot,
};

mod deciding;
mod flow;
mod model;
mod patience;
mod recovery;
mod refusals;
mod subscribed;
mod verdicts;
mod warm;

/// A draft of an action, as the worker writes it.
fn draft(n: u32, key: &str) -> pb::Draft {
    pb::Draft {
        id: uuid(n),
        key: key.into(),
        action: "run".into(),
        ..Default::default()
    }
}

/// An outbox of its own table; `file[forbidden]` is refused, `file[broken]` breaks the store, `file[full]` its disk.
fn sink(conn: &Connection, draft: &pb::Draft, _: u64) -> Result<()> {
    match draft.key.as_str() {
        "file[forbidden]" => return Err(Error::rejected("the outbox is full")),
        "file[full]" => return Err(Error::rejected("the store cannot grow").with_code("disk_full")),
        "file[broken]" => return Err(Error::internal("the disk is gone")),
        _ => {}
    }
    let text = serde_json::to_string(draft).unwrap();
    conn.execute_batch("CREATE TABLE IF NOT EXISTS sent (draft TEXT)")
        .unwrap();
    conn.execute("INSERT INTO sent VALUES (?1)", [text]).unwrap();
    Ok(())
}

async fn sent(store: &Store) -> Vec<pb::Draft> {
    let read = |conn: &Connection| {
        let Ok(mut statement) = conn.prepare("SELECT draft FROM sent") else {
            return Ok(Vec::new());
        };
        let rows = statement.query_map([], |r| r.get::<_, String>(0)).unwrap();
        Ok(rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect())
    };
    store.read(read).await.unwrap()
}

fn options(target: &Target) -> DispatchOptions {
    DispatchOptions {
        store: target.store.clone(),
        data_dir: target.path().to_owned(),
        socket: target.path().join("agent.sock"),
        gate: target.gate.clone(),
        clock: clock(),
        runs: target.runs.clone(),
        worker_timeout_ms: 600_000,
        // Most tests are about jobs, and the events of those only.
        warm: Warmth::NotWanted,
        claim_timeout_ms: limits::CLAIM_MS,
        errands: Errands::default(),
        requests: Arc::default(),
        wake: Arc::clone(&target.wake),
        drafts: Arc::new(sink),
        clock_ok: Arc::new(AtomicBool::new(true)),
        cancel: target.cancel.clone(),
    }
}

async fn dispatcher(target: &Target) -> Dispatcher {
    Dispatcher::spawn(options(target)).await.unwrap()
}

/// A target with snapshot 5 that knows `execute[x]`.
fn ready() -> Target {
    let dir = tempfile::tempdir().unwrap();
    write_snapshot(dir.path(), 5, &[card("execute[x]")]);
    Target::on(dir, Policy::default())
}

/// The event that must come.
async fn event(dispatcher: &Dispatcher) -> Value {
    let event = dispatcher.next_event(PATIENCE).await.unwrap();
    assert_eq!(event["type"], "run", "{event}");
    event
}

async fn no_event(dispatcher: &Dispatcher) {
    assert_eq!(dispatcher.next_event(GLANCE).await, None);
}

fn id(event: &Value) -> String {
    event["job"].as_str().unwrap().to_owned()
}

async fn claim_for(dispatcher: &Dispatcher, job: &str, worker: &Sleeper) -> Result<Value> {
    let claimed = JobClaimed {
        job: job.into(),
        pid: worker.pid(),
        pid_start: worker.pid_start(),
    };
    dispatcher.job_claimed(&claimed).await
}

/// What the worker leaves when it ends.
fn write_result(data_dir: &Path, job: &str, status: &str, fields: Value) {
    let result = with(
        serde_json::json!({"job": job, "status": status, "updated": true, "run_ms": 12.4}),
        fields,
    );
    fs::write(data_dir.join("results").join(format!("{job}.json")), result.to_string()).unwrap();
}

fn write_started(data_dir: &Path, job: &str) {
    fs::write(data_dir.join("results").join(format!("{job}.started")), "").unwrap();
}

async fn finish(dispatcher: &Dispatcher, job: &str) -> Value {
    let finished = JobFinished {
        job: job.into(),
        exit: Some(0),
        ..Default::default()
    };
    dispatcher.job_finished(&finished).await.unwrap()["state"].take()
}

/// The worker runs the job to this end, and is reaped.
async fn run(dispatcher: &Dispatcher, target: &Target, job: &str, status: &str) -> Value {
    let mut worker = Sleeper::start();
    claim_for(dispatcher, job, &worker).await.unwrap();
    write_started(target.path(), job);
    write_result(target.path(), job, status, serde_json::json!({}));
    worker.kill();
    finish(dispatcher, job).await
}

fn files(target: &Target) -> Vec<String> {
    let names = ["jobs", "results"]
        .into_iter()
        .flat_map(|dir| fs::read_dir(target.path().join(dir)).unwrap());
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
