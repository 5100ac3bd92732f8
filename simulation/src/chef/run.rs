//! A chef-client run: it takes the lock, converges, and leaves a snapshot if it succeeds.

use std::sync::Arc;

use super::{
    Task, end, lock, next, spawn,
    waiter::{self, End, Plan},
};
use crate::{flock::Flock, node::files, oracle::waiters};

/// Where a run is.
#[derive(Clone)]
pub struct Run {
    number: u64,
    succeeds: bool,
    lasts_ms: Option<u64>,
    wait: Option<Plan>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Lock,
    /// Up to the recipe's line that waits, where there is one.
    Begin,
    /// The number of its wait.
    Wait(u64),
    Finish,
}

/// Starts a run, unless one is at work on the node.
pub fn start(flock: &Arc<Flock>, node: &'static str, succeeds: bool) {
    begin(flock, node, succeeds, None, None);
}

/// The same for so many milliseconds of converging.
pub fn start_for(flock: &Arc<Flock>, node: &'static str, succeeds: bool, lasts_ms: Option<u64>) {
    begin(flock, node, succeeds, lasts_ms, None);
}

/// The same with a recipe that waits; the run succeeds if what it waits for comes.
pub fn start_waiting(flock: &Arc<Flock>, node: &'static str, wait: Plan) {
    begin(flock, node, true, None, Some(wait));
}

fn begin(flock: &Arc<Flock>, node: &'static str, succeeds: bool, lasts_ms: Option<u64>, wait: Option<Plan>) {
    if flock.is_off(node) || !super::pids(flock, node, |task| matches!(task, Task::Run(_))).is_empty() {
        return;
    }
    let number = files::newest_run(&flock.node(node).data_dir) + 1;
    let run = Run {
        number,
        succeeds,
        lasts_ms,
        wait,
        step: Step::Lock,
    };
    let pid = spawn(flock, node, Task::Run(run));
    flock.log(node, &format!("chef run {number} begins"));
    files::write_run(&flock.node(node).data_dir, number, "running", pid);
}

pub fn advance(flock: &Arc<Flock>, node: &'static str, pid: u32, run: Run) {
    let (run, after_ms) = match run.step {
        Step::Lock if !lock(flock, node, pid) => (run, 100),
        Step::Lock => {
            let lasts_ms = run.lasts_ms.unwrap_or_else(|| flock.draw(500, 5_000));
            let waits = run.wait.is_some();
            let step = if waits { Step::Begin } else { Step::Finish };
            (Run { step, ..run }, if waits { flock.draw(0, 1_500) } else { lasts_ms })
        }
        Step::Begin => (wait(flock, node, pid, run), 10),
        Step::Wait(id) => match waiters::end_of(flock, id) {
            None => (run, 10),
            Some(end) => {
                let succeeds = matches!(end, End::Satisfied);
                let step = Step::Finish;
                (Run { succeeds, step, ..run }, flock.draw(100, 4_000))
            }
        },
        Step::Finish => return finish(flock, node, pid, &run),
    };
    next(flock, pid, Task::Run(run), after_ms);
}

fn wait(flock: &Arc<Flock>, node: &'static str, pid: u32, mut run: Run) -> Run {
    let name = format!("run-{}", run.number);
    run.step = match run.wait.take() {
        Some(plan) => Step::Wait(waiter::start(flock, node, &plan, Some((pid, name)))),
        None => Step::Finish,
    };
    run
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
