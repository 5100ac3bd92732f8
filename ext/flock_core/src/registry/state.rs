//! The registry in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::{Command, Committed, Effect, Head, Record, Session, View, Write, decide};
use crate::Result;

/// All that the registry knows; the same commands in the same order always make the same state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    head: Head,
    records: BTreeMap<String, Record>,
    /// Which keys live with which session; derived from `records`.
    bound: BTreeMap<Session, BTreeSet<String>>,
    /// Epoch and lease by owner.
    sessions: BTreeMap<String, (u64, u64)>,
    sequences: BTreeMap<String, u64>,
    answers: BTreeMap<String, Committed>,
    /// Whose answer was given at which revision, so that the oldest are forgotten first.
    answered: BTreeMap<u64, String>,
}

/// Decides on `command` and carries it out; an error changes nothing.
///
/// # Errors
/// See [`decide`].
///
/// ```
/// use flock_core::registry::{Answer, Command, State, apply};
/// # fn main() -> flock_core::Result<()> {
/// let mut state = State::default();
/// let effect = apply(&mut state, Command::OpenSession { owner: "bender0".into(), lease_ms: 30_000 })?;
/// assert!(matches!(effect.answer, Answer::Opened(session) if session.epoch == 1));
/// # Ok(()) }
/// ```
pub fn apply(state: &mut State, command: Command) -> Result<Effect> {
    let effect = decide(state, command)?;
    for write in &effect.writes {
        state.write(write.clone());
    }
    Ok(effect)
}

impl State {
    /// The entries, in the order of their keys.
    pub fn records(&self) -> &BTreeMap<String, Record> {
        &self.records
    }

    /// The open sessions and their leases in milliseconds, in the order of their owners.
    pub fn sessions(&self) -> impl Iterator<Item = (Session, u64)> {
        self.sessions.iter().map(|(owner, (epoch, lease_ms))| {
            let session = Session {
                owner: owner.clone(),
                epoch: *epoch,
            };
            (session, *lease_ms)
        })
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Put { key, record } => self.put(key, record),
            Write::Delete { key } => self.delete(&key),
            Write::Open { session, lease_ms } => {
                self.sessions.insert(session.owner, (session.epoch, lease_ms));
            }
            Write::End(session) => {
                self.sessions.remove(&session.owner);
            }
            Write::Sequence { name, value } => {
                self.sequences.insert(name, value);
            }
            Write::Remember { id, answer } => {
                self.answered.insert(answer.revision, id.clone());
                self.answers.insert(id, answer);
            }
            Write::Forget { revision } => self.forget(revision),
            Write::Head(head) => self.head = head,
        }
    }

    fn put(&mut self, key: String, record: Record) {
        self.delete(&key);
        if let Some(session) = &record.session {
            self.bound.entry(session.clone()).or_default().insert(key.clone());
        }
        self.records.insert(key, record);
    }

    fn delete(&mut self, key: &str) {
        let Some(session) = self.records.remove(key).and_then(|record| record.session) else {
            return;
        };
        if let Some(keys) = self.bound.get_mut(&session) {
            keys.remove(key);
            if keys.is_empty() {
                self.bound.remove(&session);
            }
        }
    }

    fn forget(&mut self, revision: u64) {
        let kept = self.answered.split_off(&(revision + 1));
        for id in std::mem::replace(&mut self.answered, kept).into_values() {
            self.answers.remove(&id);
        }
    }
}

impl View for State {
    fn head(&self) -> Result<Head> {
        Ok(self.head)
    }

    fn revision_of(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.records.get(key).map(|record| record.revision))
    }

    fn epoch_of(&self, owner: &str) -> Result<Option<u64>> {
        Ok(self.sessions.get(owner).map(|(epoch, _)| *epoch))
    }

    fn keys_of(&self, session: &Session) -> Result<Vec<String>> {
        Ok(self.bound.get(session).into_iter().flatten().cloned().collect())
    }

    fn sequence(&self, name: &str) -> Result<u64> {
        Ok(self.sequences.get(name).copied().unwrap_or(0))
    }

    fn answer_to(&self, id: &str) -> Result<Option<Committed>> {
        Ok(self.answers.get(id).cloned())
    }
}
