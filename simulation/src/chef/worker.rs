//! A worker: waits for its claim, takes the lock, marks that it begins, acts, writes what came of it. It may die before each step.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};

use super::{Task, end, kill, lock, next, spawn};
use crate::{
    flock::{Act, Flock, NAMES},
    node::{Node, files, ruby::text},
};

/// Where a worker is.
#[derive(Clone)]
pub struct Worker {
    job: String,
    result: PathBuf,
    started: PathBuf,
    served: Vec<(String, String)>,
    step: Step,
    dies: Option<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Claim,
    Compile,
    Mark,
    Act,
    Report,
    Exit,
}

/// Starts the worker of an event; it waits for [`go`].
pub fn start(node: &Node, flock: &Flock, event: &Value) -> u32 {
    let results = node.data_dir.join("results");
    let job = text(&event["job"]);
    let dies = match flock.draw(0, 99) {
        0..6 => Some(Step::Mark),
        6..12 => Some(Step::Act),
        12..18 => Some(Step::Report),
        18..22 => Some(Step::Exit),
        _ => None,
    };
    let worker = Worker {
        result: results.join(format!("{job}.json")),
        started: results.join(format!("{job}.started")),
        job,
        served: Vec::new(),
        step: Step::Claim,
        dies: dies.filter(|_| flock.state().stormy),
    };
    spawn(flock, node.name, Task::Worker(worker))
}

/// The claim is on disk.
pub fn go(flock: &Flock, pid: u32, served: Vec<(String, String)>) {
    let task = flock.state().processes.get(&pid).map(|process| process.task.clone());
    if let Some(Task::Worker(worker)) = task {
        let worker = Worker {
            served,
            step: Step::Compile,
            ..worker
        };
        next(flock, pid, Task::Worker(worker), flock.draw(50, 1_500));
    }
}

/// Its agent has gone, or does not want it: a worker that was not told to go ends.
pub fn call_off(flock: &Flock, pid: u32) {
    end(flock, pid, Some(0), None);
}

/// The agent of a node is gone: so is the pipe that its workers wait at.
pub fn orphaned(flock: &Flock, node: &str) {
    for pid in super::pids(
        flock,
        node,
        |task| matches!(task, Task::Worker(worker) if worker.step == Step::Claim),
    ) {
        call_off(flock, pid);
    }
}

pub fn advance(flock: &Arc<Flock>, node: &'static str, pid: u32, worker: Worker) {
    if worker.dies == Some(worker.step) {
        flock.log(node, &format!("worker {pid} dies before it can {:?}", worker.step));
        return kill(flock, pid);
    }
    let step = match worker.step {
        Step::Claim => return next(flock, pid, Task::Worker(worker), 100),
        Step::Compile if !lock(flock, node, pid) => {
            write(flock, node, &worker, "busy", Vec::new());
            return end(flock, pid, Some(0), None);
        }
        Step::Compile => Step::Mark,
        Step::Mark => {
            files::replace(&worker.started, &json!({}));
            Step::Act
        }
        Step::Act => {
            act(flock, node, &worker);
            Step::Report
        }
        Step::Report => {
            let status = if flock.chance(10) { "failed" } else { "done" };
            write(flock, node, &worker, status, drafts(flock));
            Step::Exit
        }
        Step::Exit => return end(flock, pid, Some(0), None),
    };
    next(flock, pid, Task::Worker(Worker { step, ..worker }), flock.draw(0, 300));
}

fn act(flock: &Flock, node: &'static str, worker: &Worker) {
    let ids: Vec<String> = worker.served.iter().map(|(_, id)| crate::node::short(id)).collect();
    flock.log(node, &format!("ACT for {}", ids.join(" ")));
    let act = Act {
        node,
        served: worker.served.clone(),
    };
    flock.state().ledger.push(act);
}

fn write(flock: &Flock, node: &str, worker: &Worker, status: &str, drafts: Vec<Value>) {
    if !flock.node(node).data_dir.exists() {
        return;
    }
    let result =
        json!({"job": worker.job, "status": status, "code": null, "message": "", "run_ms": 5.0, "drafts": drafts});
    files::replace(&worker.result, &result);
}

/// Now and then an action notifies others itself.
fn drafts(flock: &Flock) -> Vec<Value> {
    if !flock.chance(10) {
        return Vec::new();
    }
    let (n, target) = (flock.draw(1, 0xffff_ffff), flock.draw(0, NAMES.len() as u64 - 1));
    vec![
        json!({"id": format!("01900000-0000-7000-8000-c000{n:08x}"), "key": "execute[chained]", "action": "run",
                "targets": {"nodes": [NAMES[usize::try_from(target).unwrap_or_default()]]}}),
    ]
}
