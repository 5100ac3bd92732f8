//! What holds for every history of commands.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A command in the making: sessions are named by owner and by how many epochs back, so that histories hit what exists.
#[derive(Debug, Clone)]
enum Step {
    Txn { id: u8, ops: Vec<StepOp> },
    Open { owner: u8 },
    End { owner: u8, back: usize },
}

#[derive(Debug, Clone)]
enum StepOp {
    Put {
        key: u8,
        expect: u8,
        session: Option<(u8, usize)>,
    },
    Delete {
        key: u8,
        expect: u8,
    },
    Next {
        sequence: u8,
    },
}

fn step_op() -> impl Strategy<Value = StepOp> {
    let session = prop::option::of((0..3_u8, 0..2_usize));
    prop_oneof![
        4 => (0..6_u8, 0..4_u8, session).prop_map(|(key, expect, session)| StepOp::Put { key, expect, session }),
        2 => (0..6_u8, 0..4_u8).prop_map(|(key, expect)| StepOp::Delete { key, expect }),
        1 => (0..2_u8).prop_map(|sequence| StepOp::Next { sequence }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<u8>(), prop::collection::vec(step_op(), 0..4)).prop_map(|(id, ops)| Step::Txn { id, ops }),
        2 => (0..3_u8).prop_map(|owner| Step::Open { owner }),
        1 => (0..3_u8, 0..2_usize).prop_map(|(owner, back)| Step::End { owner, back }),
    ]
}

/// A state, the commands that made it, and all sessions that ever were, newest first.
#[derive(Default)]
struct History {
    state: State,
    commands: Vec<Command>,
    opened: Vec<Session>,
}

impl History {
    fn run(steps: Vec<Step>) -> Self {
        let mut history = Self::default();
        for step in steps {
            let command = history.command(step);
            history.apply(command);
        }
        history
    }

    fn apply(&mut self, command: Command) -> Option<Effect> {
        self.commands.push(command.clone());
        let effect = apply(&mut self.state, command).ok();
        if let Some(Answer::Opened(session)) = effect.as_ref().map(|effect| &effect.answer) {
            self.opened.insert(0, session.clone());
        }
        effect
    }

    fn command(&self, step: Step) -> Command {
        match step {
            Step::Txn { id, ops } => Command::Txn {
                id: format!("c{id}"),
                ops: ops.into_iter().map(|op| self.op(op)).collect(),
            },
            Step::Open { owner } => Command::OpenSession {
                owner: format!("o{owner}"),
                lease_ms: 1_000,
            },
            Step::End { owner, back } => Command::EndSession(self.session(owner, back)),
        }
    }

    fn op(&self, op: StepOp) -> Op {
        match op {
            StepOp::Put { key, expect, session } => Op::Put {
                value: vec![key, expect],
                expect: self.expect(key, expect),
                session: session.map(|(owner, back)| self.session(owner, back)),
                key: name(key),
            },
            StepOp::Delete { key, expect } => Op::Delete {
                expect: self.expect(key, expect),
                key: name(key),
            },
            StepOp::Next { sequence } => Op::Next {
                sequence: format!("s{sequence}"),
            },
        }
    }

    fn session(&self, owner: u8, back: usize) -> Session {
        let owner = format!("o{owner}");
        let known = self
            .opened
            .iter()
            .filter(|session| session.owner == owner)
            .nth(back)
            .cloned();
        known.unwrap_or(Session { owner, epoch: 0 })
    }

    fn expect(&self, key: u8, how: u8) -> Expect {
        let found = self.state.records().get(&name(key)).map(|record| record.revision);
        match (how, found) {
            (0, _) => Expect::Absent,
            (1, Some(revision)) => Expect::Revision(revision),
            (1, None) => Expect::Revision(1),
            _ => Expect::Any,
        }
    }

    fn is_open(&self, session: &Session) -> bool {
        self.state.sessions().any(|(open, _)| open == *session)
    }
}

fn name(key: u8) -> String {
    format!("k/{key}")
}

fn revision(state: &State) -> u64 {
    state.head().unwrap().revision
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..60)
}

proptest! {
    #[test]
    fn replay_gives_the_same_state(steps in steps()) {
        let history = History::run(steps);
        let mut replayed = State::default();
        for command in history.commands {
            let _ = apply(&mut replayed, command);
        }
        prop_assert_eq!(replayed, history.state);
    }

    #[test]
    fn a_duplicate_command_changes_nothing(steps in steps()) {
        let mut history = History::default();
        for step in steps {
            let command = history.command(step);
            let first = history.apply(command.clone());
            let before = history.state.clone();
            if let (Command::Txn { .. }, Some(first)) = (&command, first) {
                let again = apply(&mut history.state, command).unwrap();
                prop_assert_eq!(again.answer, first.answer);
                prop_assert!(again.writes.is_empty());
                prop_assert_eq!(&history.state, &before);
            }
        }
    }

    #[test]
    fn revisions_only_grow_by_one_per_change(steps in steps()) {
        let mut history = History::default();
        for step in steps {
            let before = history.state.clone();
            let command = history.command(step);
            match history.apply(command).and_then(|effect| effect.revision()) {
                Some(taken) => {
                    prop_assert_eq!(taken, revision(&before) + 1);
                    prop_assert_eq!(taken, revision(&history.state));
                }
                None => prop_assert_eq!(&history.state, &before),
            }
            for (key, record) in history.state.records() {
                let older = before.records().get(key).map_or(0, |record| record.revision);
                prop_assert!(record.revision >= older && record.revision <= revision(&history.state));
            }
        }
    }

    #[test]
    fn an_ended_session_leaves_no_entry(steps in steps()) {
        let history = History::run(steps);
        for (key, record) in history.state.records() {
            if let Some(session) = &record.session {
                prop_assert!(history.is_open(session), "{} lives with the ended {:?}", key, session);
            }
        }
        let mut emptied = history.state.clone();
        for (session, _) in history.state.sessions() {
            apply(&mut emptied, Command::EndSession(session)).unwrap();
        }
        prop_assert!(emptied.records().values().all(|record| record.session.is_none()));
    }

    #[test]
    fn a_fenced_epoch_can_write_nothing(steps in steps()) {
        let history = History::run(steps);
        for session in history.opened.iter().filter(|session| !history.is_open(session)) {
            let mut state = history.state.clone();
            let op = Op::Put { key: "k/new".into(), value: vec![], expect: Expect::Any, session: Some(session.clone()) };
            let error = apply(&mut state, Command::Txn { id: "fenced".into(), ops: vec![op] }).unwrap_err();
            prop_assert_eq!(error.code(), "fenced");
            prop_assert!(apply(&mut state, Command::EndSession(session.clone())).unwrap().writes.is_empty());
            prop_assert_eq!(&state, &history.state);
        }
    }

    #[test]
    fn the_counts_are_those_of_what_is_there(steps in steps()) {
        let history = History::run(steps);
        let head = history.state.head().unwrap();
        prop_assert_eq!(head.keys as usize, history.state.records().len());
        prop_assert_eq!(head.sessions as usize, history.state.sessions().count());
    }

    #[test]
    fn changes_carry_one_view_to_the_next(steps in steps()) {
        let mut history = History::default();
        let mut keys = BTreeSet::new();
        for step in steps {
            let command = history.command(step);
            if let Some(effect) = history.apply(command) {
                for (key, value) in effect.changes() {
                    if value.is_some() { keys.insert(key.to_owned()); } else { keys.remove(key); }
                }
            }
            prop_assert!(keys.iter().eq(history.state.records().keys()));
        }
    }
}
