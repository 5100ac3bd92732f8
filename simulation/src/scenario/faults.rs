//! What goes wrong.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use rand::{Rng, RngExt};
use turmoil::Sim;

use crate::{
    chef::{self, Task},
    flock::{Flock, NAMES},
    node::{self, Command, files},
};

/// A fault, or the end of one.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Partition(&'static str, &'static str),
    OneWay(&'static str, &'static str),
    Hold(&'static str, &'static str),
    Mend(&'static str, &'static str),
    Slow(&'static str, &'static str, u64),
    SlowDisk(u64),
    /// The agent is killed; what else runs on the machine goes on.
    Kill(&'static str),
    /// The machine loses power.
    Power(&'static str),
    Start(&'static str),
    /// The machine loses power, and nobody repairs it before the storm is long over.
    Lose(&'static str),
    Stop(&'static str),
    KillWorkers(&'static str),
    /// Chef runs die in the middle; what they last wrote stands.
    KillRuns(&'static str),
    Clock(&'static str, i64),
}

pub fn draw(rng: &mut impl Rng, at_ms: u64) -> Vec<(u64, Fault)> {
    let a = rng.random_range(0..NAMES.len());
    let b = (a + rng.random_range(1..NAMES.len())) % NAMES.len();
    let (a, b) = (NAMES[a], NAMES[b]);
    let lasts_ms = rng.random_range(500..=15_000);
    let until = at_ms + lasts_ms;
    match rng.random_range(0..100) {
        0..12 => vec![(at_ms, Fault::Partition(a, b)), (until, Fault::Mend(a, b))],
        12..24 => vec![(at_ms, Fault::OneWay(a, b)), (until, Fault::Mend(a, b))],
        24..32 => vec![(at_ms, Fault::Hold(a, b)), (until, Fault::Mend(a, b))],
        32..40 => vec![
            (at_ms, Fault::Slow(a, b, rng.random_range(200..=3_000))),
            (until, Fault::Mend(a, b)),
        ],
        40..52 => vec![(at_ms, Fault::SlowDisk(lasts_ms))],
        52..65 => vec![(at_ms, Fault::Kill(a)), (until, Fault::Start(a))],
        65..80 => vec![(at_ms, Fault::Power(a)), (until, Fault::Start(a))],
        80..85 => vec![(at_ms, Fault::Stop(a)), (until, Fault::Start(a))],
        85..91 => vec![(at_ms, Fault::KillWorkers(a))],
        91..94 => vec![(at_ms, Fault::KillRuns(a))],
        _ => vec![(at_ms, Fault::Clock(a, rng.random_range(-150_000..=150_000)))],
    }
}

pub fn run(sim: &mut Sim<'_>, flock: &Arc<Flock>, fault: Fault) {
    flock.log("fault", &format!("{fault:?}"));
    match fault {
        Fault::Partition(a, b) => sim.partition(a, b),
        Fault::OneWay(a, b) => sim.partition_oneway(a, b),
        Fault::Hold(a, b) => sim.hold(a, b),
        Fault::Mend(a, b) => mend(sim, a, b),
        Fault::Slow(a, b, ms) => sim.set_link_max_message_latency(a, b, Duration::from_millis(ms)),
        Fault::SlowDisk(ms) => slow_disk(flock, ms),
        Fault::Kill(name) => kill_agent(sim, flock, name),
        Fault::Power(name) => power(sim, flock, name),
        Fault::Lose(name) => lose(sim, flock, name),
        Fault::Start(name) => start(sim, flock, name),
        Fault::Stop(name) => drop(flock.node(name).ask(Command::Stop)),
        Fault::KillWorkers(name) => kill(flock, name, |task| matches!(task, Task::Worker(_))),
        Fault::KillRuns(name) => kill(flock, name, |task| matches!(task, Task::Run(_))),
        Fault::Clock(name, offset_ms) => flock.node(name).offset_ms.store(offset_ms, Ordering::Relaxed),
    }
}

/// Cuts the power of those who are doomed, and gives it back to those who have been without it for their time.
pub fn doom(sim: &mut Sim<'_>, flock: &Arc<Flock>) {
    let (doomed, revived) = {
        let mut state = flock.state();
        let now_ms = state.now_ms;
        let doomed = std::mem::take(&mut state.doomed);
        let (due, later) = std::mem::take(&mut state.revivals)
            .into_iter()
            .partition(|(at_ms, _)| *at_ms <= now_ms);
        state.revivals = later;
        let due: Vec<(u64, &'static str)> = due;
        (doomed, due)
    };
    for name in doomed {
        run(sim, flock, Fault::Power(name));
        let after_ms = flock.draw(500, 8_000);
        let mut state = flock.state();
        let at_ms = state.now_ms + after_ms;
        state.revivals.push((at_ms, name));
    }
    revived
        .into_iter()
        .for_each(|(_, name)| run(sim, flock, Fault::Start(name)));
}

/// How long a message takes at most on a good day.
pub const LATENCY: Duration = Duration::from_millis(40);

pub fn mend(sim: &mut Sim<'_>, a: &str, b: &str) {
    sim.release(a, b);
    sim.repair(a, b);
    sim.set_link_max_message_latency(a, b, LATENCY);
}

pub fn slow_disk(flock: &Flock, ms: u64) {
    let mut state = flock.state();
    state.slow_disk_until_ms = state.now_ms + ms;
}

/// A recipe that was just handing something over outlives its agent, and has the spool.
fn kill_agent(sim: &mut Sim<'_>, flock: &Arc<Flock>, name: &'static str) {
    if !sim.is_host_running(name) {
        return;
    }
    sim.crash(name);
    chef::worker::orphaned(flock, name);
    for draft in taken(flock, name) {
        node::keep(flock.node(name), flock, &draft);
    }
}

/// Nobody hears of it: no connection is closed.
fn power(sim: &mut Sim<'_>, flock: &Arc<Flock>, name: &'static str) {
    if sim.is_host_running(name) {
        let others: Vec<&str> = NAMES.into_iter().filter(|other| *other != name).collect();
        others.iter().for_each(|other| sim.partition(name, *other));
        sim.crash(name);
        others.iter().for_each(|other| mend(sim, name, other));
    }
    chef::kill_all(flock, name);
    flock.state().off.insert(name);
    taken(flock, name);
    files::lose_unsynced(&flock.node(name).data_dir);
}

/// What recipes were handing over; whoever waits sees the connection end.
fn taken(flock: &Flock, name: &str) -> Vec<flock_agent::pb::Draft> {
    flock
        .state()
        .waits
        .retain(|wait, _| wait.split(' ').next() != Some(name));
    std::mem::take(&mut *flock.node(name).pending.lock().unwrap_or_else(PoisonError::into_inner))
}

fn lose(sim: &mut Sim<'_>, flock: &Arc<Flock>, name: &'static str) {
    power(sim, flock, name);
    let mut state = flock.state();
    state.off.insert(name);
    state.lost = Some(name);
}

fn start(sim: &mut Sim<'_>, flock: &Arc<Flock>, name: &'static str) {
    if flock.state().lost == Some(name) {
        return;
    }
    flock.state().off.remove(name);
    if !sim.is_host_running(name) {
        chef::worker::orphaned(flock, name);
        sim.bounce(name);
    }
}

fn kill(flock: &Flock, name: &str, wanted: impl Fn(&Task) -> bool) {
    for pid in chef::pids(flock, name, wanted) {
        chef::kill(flock, pid);
    }
}
