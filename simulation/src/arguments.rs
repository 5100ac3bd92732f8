//! The command line.

use std::ops::RangeInclusive;

const USAGE: &str = "usage: flock_simulation --seed N [--planted FAULT] [--quiet]
       flock_simulation --seeds FIRST..LAST [--planted FAULT]
FAULT: early-ack, no-deduplication, lost-resync, lost-wake-up";
const FAULTS: [&str; 4] = ["early-ack", "no-deduplication", "lost-resync", "lost-wake-up"];

pub enum Arguments {
    /// One seed, in this process.
    One {
        seed: u64,
        planted: Option<&'static str>,
        live: bool,
    },
    /// Many, each in a process of its own.
    Sweep(Sweep),
}

#[derive(Debug, Clone)]
pub struct Sweep {
    pub seeds: RangeInclusive<u64>,
    /// With a fault planted the sweep ends at the first seed that finds it.
    pub planted: Option<&'static str>,
}

pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, &'static str> {
    let (mut seed, mut seeds, mut planted, mut live) = (None, None, None, true);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quiet" => live = false,
            "--seed" => seed = Some(words.next().and_then(|n| n.parse().ok()).ok_or(USAGE)?),
            "--seeds" => seeds = Some(words.next().and_then(|text| range(&text)).ok_or(USAGE)?),
            "--planted" => planted = Some(words.next().and_then(|text| fault(&text)).ok_or(USAGE)?),
            _ => return Err(USAGE),
        }
    }
    match (seed, seeds) {
        (Some(seed), None) => Ok(Arguments::One { seed, planted, live }),
        (None, Some(seeds)) => Ok(Arguments::Sweep(Sweep { seeds, planted })),
        _ => Err(USAGE),
    }
}

fn range(text: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = text.split_once("..")?;
    Some(first.parse().ok()?..=last.parse().ok()?)
}

fn fault(text: &str) -> Option<&'static str> {
    FAULTS.into_iter().find(|fault| *fault == text)
}
