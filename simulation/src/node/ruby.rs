//! The Ruby half of an agent: takes events, starts workers, reports how they ended.

use std::{sync::Arc, time::Duration};

use flock_agent::agent::Agent;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Node, files};
use crate::{
    chef::{self, worker},
    flock::Flock,
};

const CALL: Duration = Duration::from_secs(10);

/// One event after the other, until the agent ends.
pub async fn pull(node: Arc<Node>, flock: Arc<Flock>, agent: Arc<Agent>) {
    loop {
        match agent.next_event(Duration::from_secs(1)).await {
            Ok(Some(event)) if event["type"] == "run" => run(&node, &flock, &agent, &event).await,
            Ok(Some(event)) if event["type"] == "stop" => return,
            // Warm workers are a matter of speed; here every job has a process of its own.
            Ok(_) => {}
            Err(error) => return flock.violation(node.name, format!("the agent ended by itself: {error}")),
        }
    }
}

async fn run(node: &Arc<Node>, flock: &Arc<Flock>, agent: &Agent, event: &Value) {
    let job = text(&event["job"]);
    if flock.chance(4) {
        let message = json!({"job": job, "message": "no memory"});
        flock.log(node.name, "a worker cannot be started");
        let _ = agent.call("job_abandoned", message, CALL).await;
        return;
    }
    sleep(Duration::from_millis(flock.draw(5, 200))).await;
    let pid = worker::start(node, flock, event);
    sleep(Duration::from_millis(flock.draw(0, 100))).await;
    let claim = json!({"job": job, "pid": pid, "pid_start": chef::start_of(pid)});
    if let Err(error) = agent.call("job_claimed", claim, CALL).await {
        flock.log(node.name, &format!("worker {pid} is not wanted: {}", error.code()));
        worker::call_off(flock, pid);
        let message = json!({"job": job, "message": error.message()});
        let _ = agent.call("job_abandoned", message, CALL).await;
        return;
    }
    let served = files::served(&node.data_dir, &job);
    if served.is_empty() {
        flock.violation(
            node.name,
            format!("worker {pid} is told to go, and its claim is not on disk"),
        );
    }
    worker::go(flock, pid, served);
    flock.tempt(node.name);
    report(node, flock, agent, &job, pid).await;
}

async fn report(node: &Node, flock: &Flock, agent: &Agent, job: &str, pid: u32) {
    let mut waited_ms = 0;
    while chef::lives(flock, pid) && waited_ms < 20_000 {
        sleep(Duration::from_millis(50)).await;
        waited_ms += 50;
    }
    let timed_out = chef::lives(flock, pid);
    if timed_out {
        chef::kill(flock, pid);
    }
    let (exit, signal) = chef::status(flock, pid);
    let finished = json!({"job": job, "exit": exit, "signal": signal, "timed_out": timed_out, "stderr_tail": ""});
    for _ in 0..5 {
        match agent.call("job_finished", finished.clone(), CALL).await {
            Ok(answer) => return flock.log(node.name, &format!("worker {pid} ended: {}", text(&answer["state"]))),
            Err(_) => sleep(Duration::from_secs(1)).await,
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
