//! A flock in small: subscriptions are made, the source hears of them, is cut off, comes back; resources change all the while.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Knowledge, Verdict, verdict};

#[derive(Debug, Clone)]
enum Step {
    /// Someone subscribes; a connected source hears of it, or will soon.
    Subscribe { heard: bool },
    /// The resource changes on the source.
    Change,
    /// The source loses its hub.
    Cut,
    /// It has a hub again and hears the complete set.
    Back,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => any::<bool>().prop_map(|heard| Step::Subscribe { heard }),
        4 => Just(Step::Change),
        1 => Just(Step::Cut),
        2 => Just(Step::Back),
    ];
    proptest::collection::vec(step, 1..60)
}

/// When something truly happened; only the test knows.
type Moment = usize;

struct Changed {
    at: Moment,
    known: Knowledge,
    open: bool,
}

#[derive(Default)]
struct World {
    revision: u64,
    /// By the revision at which it was made.
    made: BTreeMap<u64, Moment>,
    heard: BTreeSet<u64>,
    known: u64,
    connected: bool,
    changes: Vec<Changed>,
    /// (subscription, change) → whether it was late.
    fired: BTreeMap<(u64, usize), bool>,
}

impl World {
    fn hear(&mut self) {
        self.known = self.revision;
        self.heard.extend(self.made.keys());
    }

    fn fire(&mut self, made: u64, change: usize, late: bool) {
        let again = self.fired.insert((made, change), late);
        assert!(again.is_none(), "{made} heard of change {change} twice");
    }

    fn change(&mut self, at: Moment) {
        let known = Knowledge {
            revision: self.known,
            connected: self.connected,
        };
        let number = self.changes.len();
        for made in self.heard.clone() {
            if verdict(made, known, None) == Verdict::Match {
                self.fire(made, number, false);
            }
        }
        self.changes.push(Changed {
            at,
            known,
            open: !self.connected,
        });
    }

    fn back(&mut self) {
        let complete = self.revision;
        for number in 0..self.changes.len() {
            let Changed { known, open, .. } = self.changes[number];
            if !open {
                continue;
            }
            for made in self.made.keys().copied().collect::<Vec<_>>() {
                if verdict(made, known, Some(complete)) == Verdict::Late {
                    self.fire(made, number, true);
                }
            }
            self.changes[number].open = false;
        }
        self.connected = true;
        self.hear();
    }

    fn step(&mut self, at: Moment, step: &Step) {
        match step {
            Step::Subscribe { heard } => {
                self.revision += 1;
                self.made.insert(self.revision, at);
                if *heard && self.connected {
                    self.hear();
                }
            }
            Step::Change => self.change(at),
            Step::Cut => self.connected = false,
            Step::Back => self.back(),
        }
    }
}

proptest! {
    #[test]
    fn never_twice_never_older_where_order_is_known_and_nothing_known_is_missed(steps in steps()) {
        let mut world = World::default();
        for (at, step) in steps.iter().enumerate() {
            world.step(at, step);
        }
        for ((made, change), late) in &world.fired {
            let changed = &world.changes[*change];
            prop_assert!(*late || world.made[made] < changed.at, "an older change reached {made}");
            prop_assert!(!*late || !changed.known.connected, "nothing is late in a session");
        }
        for (number, changed) in world.changes.iter().enumerate() {
            for (made, since) in &world.made {
                if *made <= changed.known.revision {
                    prop_assert!(world.fired.contains_key(&(*made, number)), "a known subscription missed a change");
                }
                // Away from the flock a subscriber that was there first must not miss the change.
                if *since < changed.at && !changed.known.connected && !changed.open {
                    prop_assert!(world.fired.contains_key(&(*made, number)), "{made} missed change {number}");
                }
            }
        }
    }

    #[test]
    fn a_decision_is_never_taken_back(made in 0..20_u64, revision in 0..20_u64, connected: bool, complete in 0..20_u64) {
        let known = Knowledge { revision, connected };
        let first = verdict(made, known, None);
        let then = verdict(made, known, Some(complete));
        prop_assert!(first == Verdict::Undecided || first == then);
        prop_assert!(then != Verdict::Undecided, "a complete set decides everything");
    }
}
