//! Whatever happens in whatever order: only legal transitions, nothing kept is lost, one queued delivery per slot.

use std::collections::BTreeSet;

use flock_core::{limits, notification::State};
use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::{
    draft::tests::{draft, id, tagged},
    pb,
    store::tests::memory,
};

#[derive(Debug, Clone)]
enum Step {
    Append {
        n: u32,
        node: u8,
        action: u8,
    },
    AppendTagged {
        n: u32,
        tag: u8,
    },
    Resolve {
        which: u8,
        names: Vec<u8>,
    },
    Offer {
        node: u8,
    },
    Settle {
        node: u8,
        answer: u8,
    },
    Outcome {
        n: u32,
        node: u8,
        state: usize,
        attempt: u32,
    },
    Expire {
        days: u64,
    },
    Retry {
        n: u32,
    },
    Drop {
        n: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..30_u32;
    let node = 0..3_u8;
    prop_oneof![
        6 => (n.clone(), node.clone(), 0..2_u8).prop_map(|(n, node, action)| Step::Append { n, node, action }),
        3 => (n.clone(), 0..2_u8).prop_map(|(n, tag)| Step::AppendTagged { n, tag }),
        3 => (0..4_u8, prop::collection::vec(0..3_u8, 0..3)).prop_map(|(which, names)| Step::Resolve { which, names }),
        4 => node.clone().prop_map(|node| Step::Offer { node }),
        6 => (node.clone(), 0..4_u8).prop_map(|(node, answer)| Step::Settle { node, answer }),
        4 => (n.clone(), node, 0..State::ALL.len(), 0..4_u32)
            .prop_map(|(n, node, state, attempt)| Step::Outcome { n, node, state, attempt }),
        1 => (0..9_u64).prop_map(|days| Step::Expire { days }),
        1 => n.clone().prop_map(|n| Step::Retry { n }),
        1 => n.prop_map(|n| Step::Drop { n }),
    ]
}

fn name(node: u8) -> String {
    format!("node{node}")
}

fn answer(n: u8) -> Answer {
    let (code, message) = (String::new(), String::new());
    match n {
        0 => Answer::Stored,
        1 => Answer::Denied { code, message },
        2 => Answer::Refused { code, message },
        _ => Answer::NotTaken {
            code: String::new(),
            message: String::new(),
        },
    }
}

const NOW: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

struct World {
    conn: Connection,
    sent: Vec<Offered>,
    kept: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let conn = memory();
        conn.execute_batch(
            "CREATE TEMP TABLE history (before TEXT, after TEXT, attempts INTEGER);
             CREATE TEMP TRIGGER watch AFTER UPDATE OF state ON main.delivery BEGIN
               INSERT INTO history VALUES (old.state, new.state, new.attempt - old.attempt); END;",
        )
        .unwrap();
        Self {
            conn,
            sent: Vec::new(),
            kept: BTreeSet::new(),
        }
    }

    fn append(&mut self, draft: &pb::Draft) {
        // The same number may come with other content, which is refused and changes nothing.
        if append(&self.conn, draft, NOW).is_ok() {
            self.kept.insert(draft.id.clone());
        }
    }

    fn take(&mut self, step: Step) {
        let conn = &self.conn;
        match step {
            Step::Append { n, node, action } => {
                let action = format!("act{action}");
                self.append(&pb::Draft {
                    action,
                    ..draft(n, &name(node))
                });
            }
            Step::AppendTagged { n, tag } => self.append(&tagged(n, &format!("tag{tag}"))),
            Step::Resolve { which, names } => {
                let names: BTreeSet<String> = names.into_iter().map(name).collect();
                if let Some(one) = unresolved(conn, 0, 10).unwrap().get(usize::from(which)) {
                    resolve(conn, one.seq, &names.into_iter().collect::<Vec<_>>(), NOW).unwrap();
                }
            }
            Step::Offer { node } => self.sent.extend(offer(conn, &name(node), NOW, false).unwrap()),
            Step::Settle { node, answer: n } => {
                if let Some(at) = self.sent.iter().position(|one| one.envelope.target == name(node)) {
                    let one = self.sent.swap_remove(at);
                    settle(conn, &name(node), one.seq, one.attempt, &answer(n), NOW).unwrap();
                }
            }
            Step::Outcome {
                n,
                node,
                state,
                attempt,
            } => {
                let outcome = pb::Outcome {
                    id: id(n),
                    state: State::ALL[state].as_str().into(),
                    attempt,
                    ..Default::default()
                };
                let _ = apply_outcome(conn, &name(node), &outcome, NOW);
            }
            Step::Expire { days } => drop_count(expire(conn, NOW + days * DAY_MS, false)),
            Step::Retry { n } => {
                let _ = retry(conn, &id(n), "", NOW);
            }
            Step::Drop { n } => {
                let _ = super::drop(conn, &id(n), "", NOW);
            }
        }
    }

    fn check(&self) {
        self.transitions_were_legal();
        self.nothing_kept_is_lost();
        self.slots_hold_one();
        assert!(counts(&self.conn).unwrap().unfinished <= limits::OUTBOX_TOTAL);
    }

    fn transitions_were_legal(&self) {
        let mut rows = self
            .conn
            .prepare("SELECT before, after, attempts FROM history")
            .unwrap();
        let rows = rows
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })
            .unwrap();
        for row in rows {
            let (before, after, attempts) = row.unwrap();
            let legal = State::parse(&before).unwrap().can_become(State::parse(&after).unwrap());
            assert!(legal || attempts > 0, "{before} became {after} in the same attempt");
            assert!(attempts >= 0, "an attempt went back");
        }
    }

    fn nothing_kept_is_lost(&self) {
        for id in &self.kept {
            assert!(!records(&self.conn, id).unwrap().is_empty(), "{id} has no delivery");
        }
    }

    fn slots_hold_one(&self) {
        let crowded: u64 = self
            .conn
            .query_row(
                "SELECT COUNT(*) FROM (SELECT 1 FROM delivery WHERE state = 'queued' GROUP BY target, slot HAVING COUNT(*) > 1)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(crowded, 0, "two are queued in one slot");
    }
}

fn drop_count(result: flock_core::Result<usize>) {
    result.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_the_rules(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            world.check();
        }
    }
}
