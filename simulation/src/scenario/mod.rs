//! What a seed means: a list of what happens when.

mod faults;
mod waits;
mod work;

use crate::flock::NAMES;
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub use faults::{Fault, LATENCY, doom, run as fault};
pub use waits::CALM_MS;
pub use work::{Work, converge_all, keys, run as work};

/// How long faults happen, in milliseconds.
pub const STORM_MS: u64 = 80_000;

/// Something that happens once.
#[derive(Debug, Clone)]
pub enum Event {
    Fault(Fault),
    Work(Work),
}

/// All events of a seed, by the time in the storm.
pub fn plan(seed: u64) -> Vec<(u64, Event)> {
    // Not the generator of the machines: what happens does not depend on how it goes.
    let mut rng = StdRng::seed_from_u64(seed ^ 0x5ce7_a810);
    let mut events = Vec::new();
    for n in 1..=rng.random_range(25..=70) {
        let at_ms = rng.random_range(0..STORM_MS);
        events.push((at_ms, Event::Work(work::draw(&mut rng, n))));
    }
    for _ in 0..rng.random_range(6..=26) {
        let at_ms = rng.random_range(0..STORM_MS);
        events.extend(
            faults::draw(&mut rng, at_ms)
                .into_iter()
                .map(|(at_ms, fault)| (at_ms, Event::Fault(fault))),
        );
    }
    if rng.random_range(0..100) < 20 {
        let lost = NAMES[rng.random_range(1..NAMES.len())];
        events.push((rng.random_range(0..STORM_MS), Event::Fault(Fault::Lose(lost))));
    }
    events.extend(waits::stormy(&mut rng, STORM_MS));
    events.sort_by_key(|(at_ms, _)| *at_ms);
    events
}

/// Waits in a calm time of a seed: before the storm, or long after it.
pub fn calm(seed: u64, before: bool) -> Vec<(u64, Event)> {
    let mut rng = StdRng::seed_from_u64(seed ^ if before { 0xca1_b00 } else { 0xca1_af7 });
    waits::calm(&mut rng)
}
