//! The processes of Chef on all nodes: runs, workers, waits. They outlive their agents, and are moved on by the simulation itself.

pub mod run;
pub mod waiter;
pub mod worker;

use std::sync::Arc;

use crate::flock::{Flock, now_ms};

/// A process and what it is at.
pub struct Process {
    pub node: &'static str,
    /// Its start time, as the system gives it.
    pub started: u64,
    /// Exit status and signal, once it ended.
    pub ended: Option<(Option<i32>, Option<i32>)>,
    /// When it goes on.
    pub due_ms: u64,
    /// Whether it has Chef's run lock.
    pub locks: bool,
    pub task: Task,
}

/// What a process does.
#[derive(Clone)]
pub enum Task {
    Run(run::Run),
    Worker(worker::Worker),
    Waiter(Box<waiter::Waiter>),
}

impl Process {
    pub fn lives(&self) -> bool {
        self.ended.is_none()
    }

    pub fn end(&mut self, exit: Option<i32>, signal: Option<i32>) {
        self.ended = Some((exit, signal));
        self.locks = false;
        if let Task::Waiter(waiter) = &mut self.task {
            waiter.hang_up();
        }
    }
}

/// The start time of a process, which is made of its pid.
pub fn start_of(pid: u32) -> u64 {
    u64::from(pid) * 10
}

/// A new process that goes on at once.
pub fn spawn(flock: &Flock, node: &'static str, task: Task) -> u32 {
    let mut state = flock.state();
    let pid = state.next_pid;
    state.next_pid += 1;
    let process = Process {
        node,
        started: start_of(pid),
        ended: None,
        due_ms: now_ms(&state),
        locks: false,
        task,
    };
    state.processes.insert(pid, process);
    pid
}

/// Moves on every process whose time has come.
pub fn advance(flock: &Arc<Flock>) {
    let due: Vec<(u32, &'static str, Task)> = {
        let state = flock.state();
        let due = state
            .processes
            .iter()
            .filter(|(_, p)| p.lives() && p.due_ms <= state.now_ms);
        due.map(|(pid, process)| (*pid, process.node, process.task.clone()))
            .collect()
    };
    for (pid, node, task) in due {
        match task {
            Task::Run(run) => run::advance(flock, node, pid, run),
            Task::Worker(worker) => worker::advance(flock, node, pid, worker),
            Task::Waiter(waiter) => waiter::advance(flock, node, pid, *waiter),
        }
    }
}

/// Takes Chef's run lock of a node, if nobody has it.
pub fn lock(flock: &Flock, node: &str, pid: u32) -> bool {
    let mut state = flock.state();
    let held = state
        .processes
        .values()
        .any(|process| process.node == node && process.locks);
    if let (false, Some(process)) = (held, state.processes.get_mut(&pid)) {
        process.locks = true;
    }
    !held
}

/// Goes on as `task` after so many milliseconds.
pub fn next(flock: &Flock, pid: u32, task: Task, after_ms: u64) {
    let mut state = flock.state();
    let due_ms = now_ms(&state) + after_ms;
    if let Some(process) = state.processes.get_mut(&pid) {
        process.task = task;
        process.due_ms = due_ms;
    }
}

pub fn end(flock: &Flock, pid: u32, exit: Option<i32>, signal: Option<i32>) {
    if let Some(process) = flock.state().processes.get_mut(&pid).filter(|process| process.lives()) {
        process.end(exit, signal);
    }
}

pub fn kill(flock: &Flock, pid: u32) {
    end(flock, pid, None, Some(9));
}

/// A power cut: everything on the node ends.
pub fn kill_all(flock: &Flock, node: &str) {
    for process in flock
        .state()
        .processes
        .values_mut()
        .filter(|process| process.node == node && process.lives())
    {
        process.end(None, Some(9));
    }
}

pub fn lives(flock: &Flock, pid: u32) -> bool {
    flock.state().processes.get(&pid).is_some_and(Process::lives)
}

pub fn status(flock: &Flock, pid: u32) -> (Option<i32>, Option<i32>) {
    flock
        .state()
        .processes
        .get(&pid)
        .and_then(|process| process.ended)
        .unwrap_or_default()
}

/// Pids of the processes on a node that live and of which `wanted` is true.
pub fn pids(flock: &Flock, node: &str, wanted: impl Fn(&Task) -> bool) -> Vec<u32> {
    let state = flock.state();
    let found = state
        .processes
        .iter()
        .filter(|(_, p)| p.node == node && p.lives() && wanted(&p.task));
    found.map(|(pid, _)| *pid).collect()
}
