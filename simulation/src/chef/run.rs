//! A chef-client run: it takes the lock, converges, and leaves a snapshot if it succeeds.

use std::sync::Arc;

use super::{Task, end, lock, next, spawn};
use crate::{flock::Flock, node::files};

/// Where a run is.
#[derive(Clone)]
pub struct Run {
    number: u64,
    succeeds: bool,
    lasts_ms: Option<u64>,
    converging: bool,
}

/// Starts a run, unless one is at work on the node.
pub fn start(flock: &Arc<Flock>, node: &'static str, succeeds: bool) {
    start_for(flock, node, succeeds, None);
}

/// The same for so many milliseconds of converging.
pub fn start_for(flock: &Arc<Flock>, node: &'static str, succeeds: bool, lasts_ms: Option<u64>) {
    if flock.is_off(node) || !super::pids(flock, node, |task| matches!(task, Task::Run(_))).is_empty() {
        return;
    }
    let number = files::newest_run(&flock.node(node).data_dir) + 1;
    let run = Run {
        number,
        succeeds,
        lasts_ms,
        converging: false,
    };
    let pid = spawn(flock, node, Task::Run(run));
    flock.log(node, &format!("chef run {number} begins"));
    files::write_run(&flock.node(node).data_dir, number, "running", pid);
}

pub fn advance(flock: &Arc<Flock>, node: &'static str, pid: u32, run: Run) {
    match (run.converging, run.converging || lock(flock, node, pid)) {
        (false, false) => next(flock, pid, Task::Run(run), 100),
        (false, true) => {
            let lasts_ms = run.lasts_ms.unwrap_or_else(|| flock.draw(500, 5_000));
            let converging = Run {
                converging: true,
                ..run
            };
            next(flock, pid, Task::Run(converging), lasts_ms);
        }
        (true, _) => finish(flock, node, pid, &run),
    }
}

fn finish(flock: &Arc<Flock>, node: &'static str, pid: u32, run: &Run) {
    let data_dir = &flock.node(node).data_dir;
    let phase = if run.succeeds { "succeeded" } else { "failed" };
    if run.succeeds {
        let keys = flock.state().keys.clone();
        files::write_snapshot(data_dir, run.number, &keys, &format!("generation-{}", run.number));
    }
    files::write_run(data_dir, run.number, phase, pid);
    flock.log(node, &format!("chef run {} {phase}", run.number));
    end(flock, pid, Some(0), None);
}
