//! Every codec against bytes that nobody would send: valid inputs, mutated, and noise.
//!
//! One test runs all targets for `FUZZ_SECONDS` in all (a second unless said; `rake fuzz` says 60). Each input follows from the name of
//! its target and a number, and the numbers go on from `FUZZ_SEED`: what failed is run again, alone, by the line that the failure prints.
//! Coverage-guided fuzzing needs a nightly compiler; these codecs are small enough that mutated valid inputs reach their branches.
//!
//! What must hold, besides each target's own assertions: no panic, no input that takes seconds, and no memory beyond [`MEMORY_BYTES`].

mod bytes;
mod files;
mod messages;
mod mutate;
mod words;

use std::time::{Duration, Instant};

use mutate::Mutator;

/// Longer than any input takes on the slowest machine; looked at three times, since a machine may pause.
const INPUT: Duration = Duration::from_secs(2);
/// What the process may grow by at its peak: inputs have 128 KiB at most, so that more is a length that was believed.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// Inputs between two looks at the clock.
const ROUND: u64 = 16;

type Probe = Box<dyn Fn(&[u8])>;

/// One thing that reads what others wrote.
struct Target {
    name: &'static str,
    /// Valid inputs, which mutations start from.
    seeds: Vec<Vec<u8>>,
    /// Reads an input; panics when something is wrong with how it was read.
    probe: Probe,
}

impl Target {
    fn new(name: &'static str, seeds: Vec<Vec<u8>>, probe: impl Fn(&[u8]) + 'static) -> Self {
        let probe = Box::new(probe);
        Self { name, seeds, probe }
    }

    fn input(&self, number: u64) -> Vec<u8> {
        Mutator::new(self.name, number, &self.seeds).input()
    }

    /// Reads inputs from number `first` on until `end`; answers how many.
    fn run(&self, first: u64, end: Instant) -> u64 {
        let mut count = 0;
        while count == 0 || Instant::now() < end {
            for _ in 0..ROUND {
                self.one(first.wrapping_add(count));
                count += 1;
            }
        }
        count
    }

    fn one(&self, number: u64) {
        let _hint = Hint(self.name, number);
        let input = self.input(number);
        let slow = (0..3).all(|_| {
            let begun = Instant::now();
            (self.probe)(&input);
            begun.elapsed() > INPUT
        });
        assert!(!slow, "an input of {} bytes takes more than {INPUT:?}", input.len());
    }
}

/// Says how to run an input again when it made the test panic.
struct Hint(&'static str, u64);

impl Drop for Hint {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "again: FUZZ_TARGET={} FUZZ_SEED={} FUZZ_SECONDS=0 cargo test -p flock_agent --lib fuzz",
                self.0, self.1
            );
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn targets() -> Vec<Target> {
    let all = [
        messages::targets(),
        files::targets(),
        words::targets(),
        bytes::targets(),
    ];
    let chosen = std::env::var("FUZZ_TARGET").ok();
    let is_chosen = |target: &Target| chosen.as_ref().is_none_or(|name| name == target.name);
    let found: Vec<_> = all.into_iter().flatten().filter(is_chosen).collect();
    assert!(!found.is_empty(), "there is no target {chosen:?}");
    found
}

/// The most memory that this process ever had, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

#[test]
fn codecs_stand_whatever_comes() {
    let targets = targets();
    let budget = Duration::from_secs(setting("FUZZ_SECONDS").unwrap_or(1));
    let first = setting("FUZZ_SEED").unwrap_or_else(rand::random);
    let share = budget / u32::try_from(targets.len()).unwrap();
    println!("FUZZ_SEED={first}, {budget:?} for {} targets", targets.len());
    let before = peak_bytes();
    for target in targets {
        let count = target.run(first, Instant::now() + share);
        let grown = peak_bytes() - before;
        println!("{:<20} {count} inputs, peak memory + {} KiB", target.name, grown / 1024);
        assert!(
            grown < MEMORY_BYTES,
            "{} made the process grow by {grown} bytes",
            target.name
        );
    }
}

/// A harness that cannot fail finds nothing.
#[test]
fn what_a_target_does_wrong_is_found() {
    let panics = Target::new("planted", vec![b"valid".to_vec()], |input| {
        assert!(!input.ends_with(b"!"))
    });
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        (0..1_000_000).for_each(|number| panics.one(number));
    }));
    assert!(found.is_err());
    assert_eq!(panics.input(7), panics.input(7), "an input follows from its number");
    assert!((0..1_000).any(|number| panics.input(number) != panics.input(number + 1)));
}
