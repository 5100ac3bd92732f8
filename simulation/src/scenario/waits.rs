//! Waits for other nodes: of people and of Chef runs, some of them in rings.

use std::sync::Arc;

use rand::{Rng, RngExt, seq::SliceRandom};

use super::{Event, Fault, Work, work::name};
use crate::{
    chef::{
        self,
        waiter::{Need, Plan},
    },
    flock::{Flock, NAMES},
};

/// Someone who waits.
#[derive(Debug, Clone)]
pub struct Wait {
    node: &'static str,
    plan: Plan,
    /// Whether a Chef run goes on when it ends.
    in_run: bool,
}

/// For how long waits of a calm time begin, in milliseconds, and what they may take.
pub const CALM_MS: u64 = 6_000;
const CALM_LIMIT_MS: u64 = 8_000;
/// The run whose end many wait for, in milliseconds.
const CROWD_MS: u64 = 1_000;

pub fn run(flock: &Arc<Flock>, wait: &Wait) {
    if flock.is_off(wait.node) {
        return;
    }
    match wait.in_run {
        true => chef::run::start_waiting(flock, wait.node, wait.plan.clone()),
        false => drop(chef::waiter::start(flock, wait.node, &wait.plan, None)),
    }
}

/// Waits among faults.
pub fn stormy(rng: &mut impl Rng, storm_ms: u64) -> Vec<(u64, Event)> {
    let mut events = Vec::new();
    for _ in 0..rng.random_range(3..=10) {
        let at_ms = rng.random_range(0..storm_ms);
        let limit_ms = rng.random_range(2_000..=60_000);
        events.push((at_ms, wait(rng, limit_ms)));
    }
    for _ in 0..rng.random_range(0..=2) {
        let at_ms = rng.random_range(0..storm_ms);
        let limit_ms = rng.random_range(5_000..=40_000);
        events.extend(ring(rng, limit_ms).into_iter().map(|event| (at_ms, event)));
    }
    events
}

/// Waits of a flock without faults: a ring and who watches it, or runs and waits as they come.
pub fn calm(rng: &mut impl Rng) -> Vec<(u64, Event)> {
    let mut events = Vec::new();
    if rng.random_range(0..100) < 50 {
        events.extend(ring(rng, CALM_LIMIT_MS).into_iter().map(|event| (0, event)));
    }
    if events.is_empty() {
        events.extend(crowd(rng));
    }
    for _ in 0..rng.random_range(2..=6) {
        let at_ms = rng.random_range(CROWD_MS..CALM_MS);
        let event = match rng.random_range(0..100) {
            0..30 => Event::Work(Work::Converge {
                node: name(rng),
                succeeds: rng.random_range(0..100) < 80,
            }),
            30..40 => Event::Fault(Fault::KillRuns(name(rng))),
            _ => wait(rng, CALM_LIMIT_MS),
        };
        events.push((at_ms, event));
    }
    events.sort_by_key(|(at_ms, _)| *at_ms);
    events
}

/// Many who ask whether a run is over in the moment in which it ends.
fn crowd(rng: &mut impl Rng) -> Vec<(u64, Event)> {
    let node = name(rng);
    let mut events = vec![(
        0,
        Event::Work(Work::ConvergeFor {
            node,
            lasts_ms: CROWD_MS,
        }),
    )];
    for _ in 0..12 {
        let plan = Plan {
            needs: vec![Need::Idle(node)],
            limit_ms: CALM_LIMIT_MS,
        };
        let wait = Wait {
            node: name(rng),
            plan,
            in_run: false,
        };
        events.push((
            rng.random_range(CROWD_MS - 100..=CROWD_MS),
            Event::Work(Work::Wait(wait)),
        ));
    }
    events
}

fn wait(rng: &mut impl Rng, limit_ms: u64) -> Event {
    let mut nodes = NAMES.to_vec();
    nodes.shuffle(rng);
    let node = nodes[0];
    let in_run = rng.random_range(0..100) < 50;
    let several = if rng.random_range(0..100) < 20 { 2 } else { 1 };
    // People also wait for the node that they are at.
    let from = usize::from(in_run || rng.random_range(0..100) < 80);
    let needs = nodes.iter().skip(from).take(several).map(|node| need(rng, node));
    let plan = Plan {
        needs: needs.collect(),
        limit_ms,
    };
    Event::Work(Work::Wait(Wait { node, plan, in_run }))
}

fn need(rng: &mut impl Rng, node: &'static str) -> Need {
    match rng.random_range(0..100) {
        0..50 => Need::Idle(node),
        50..85 => Need::Converged(node),
        _ => Need::Alive(node),
    }
}

/// Runs that begin together, each of which waits for the next.
fn ring(rng: &mut impl Rng, limit_ms: u64) -> Vec<Event> {
    let mut nodes = NAMES.to_vec();
    nodes.shuffle(rng);
    nodes.truncate(rng.random_range(2..=NAMES.len()));
    let for_success = rng.random_range(0..100) < 40;
    let waits = nodes.iter().enumerate().map(|(n, node)| {
        let next = nodes[(n + 1) % nodes.len()];
        let need = if for_success {
            Need::Converged(next)
        } else {
            Need::Idle(next)
        };
        let plan = Plan {
            needs: vec![need],
            limit_ms,
        };
        Event::Work(Work::Wait(Wait {
            node,
            plan,
            in_run: true,
        }))
    });
    waits.collect()
}
