//! A registry in memory, for tests: what the trait promises and nothing more.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use flock_core::{Error, Result};
use tokio::sync::mpsc;

use super::{Capabilities, Committed, Entry, Expect, Listing, Op, Registry, Session, WatchEvent};

#[derive(Default)]
struct State {
    revision: u64,
    entries: BTreeMap<String, (Entry, Option<Session>)>,
    epochs: HashMap<String, u64>,
    open: HashMap<String, Session>,
    watchers: Vec<(String, mpsc::UnboundedSender<WatchEvent>)>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Fake {
    state: Mutex<State>,
    away: AtomicBool,
    hidden: Mutex<Option<&'static str>>,
}

impl Fake {
    /// One that stands at this revision already.
    pub(crate) fn at(revision: u64) -> Self {
        let fake = Self::default();
        fake.state.lock().unwrap().revision = revision;
        fake
    }

    /// Makes every call fail, or not.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Makes listing this prefix fail, or none.
    pub(crate) fn hide(&self, prefix: Option<&'static str>) {
        *self.hidden.lock().unwrap() = prefix;
    }

    /// Changes something that no watcher hears of until [`Fake::resync`].
    pub(crate) fn put_unseen(&self, key: &str, value: Option<Vec<u8>>) {
        let mut state = self.state.lock().unwrap();
        let watchers = std::mem::take(&mut state.watchers);
        state.set(key, value, None);
        state.watchers = watchers;
    }

    /// Tells every watcher to list again.
    pub(crate) fn resync(&self) {
        let state = self.state.lock().unwrap();
        for (_, watcher) in &state.watchers {
            let _ = watcher.send(WatchEvent::Resync {
                revision: state.revision,
            });
        }
    }

    /// Ends every session, as a registry does whose hub was away for too long.
    pub(crate) fn expire_all(&self) {
        let mut state = self.state.lock().unwrap();
        let open: Vec<Session> = state.open.values().cloned().collect();
        open.iter().for_each(|session| state.end(session));
    }

    fn state(&self) -> Result<std::sync::MutexGuard<'_, State>> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(Error::connection("the registry is away")),
            false => Ok(self.state.lock().unwrap()),
        }
    }
}

impl State {
    fn set(&mut self, key: &str, value: Option<Vec<u8>>, session: Option<Session>) {
        if value.is_none() && !self.entries.contains_key(key) {
            return;
        }
        let revision = self.revision + 1;
        self.revision = revision;
        match value.clone() {
            Some(value) => drop(self.entries.insert(
                key.to_owned(),
                (
                    Entry {
                        key: key.to_owned(),
                        value,
                        revision,
                    },
                    session,
                ),
            )),
            None => drop(self.entries.remove(key)),
        }
        for (prefix, watcher) in &self.watchers {
            if key.starts_with(prefix.as_str()) {
                let _ = watcher.send(WatchEvent::Change {
                    key: key.to_owned(),
                    value: value.clone(),
                    revision,
                });
            }
        }
    }

    fn end(&mut self, session: &Session) {
        if self.open.get(&session.owner) != Some(session) {
            return;
        }
        self.open.remove(&session.owner);
        let bound = |(_, (_, owner)): &(&String, &(Entry, Option<Session>))| owner.as_ref() == Some(session);
        let keys: Vec<String> = self.entries.iter().filter(bound).map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| self.set(key, None, None));
    }

    fn check(&self, op: &Op) -> Result<()> {
        let (key, expect, session) = match op {
            Op::Put {
                key, expect, session, ..
            } => (key, expect, session.as_ref()),
            Op::Delete { key, expect } | Op::Check { key, expect } => (key, expect, None),
            Op::Next { .. } => return Ok(()),
        };
        if session.is_some_and(|session| self.open.get(&session.owner) != Some(session)) {
            return Err(fenced());
        }
        let found = self.entries.get(key).map(|(entry, _)| entry.revision);
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Revision(revision) => found == Some(*revision),
        };
        holds
            .then_some(())
            .ok_or_else(|| Error::rejected(format!("{key} is not as expected")).with_code("conflict"))
    }
}

fn fenced() -> Error {
    Error::denied("the session has ended").with_code("fenced")
}

#[tonic::async_trait]
impl Registry for Fake {
    async fn get(&self, key: &str) -> Result<Option<Entry>> {
        Ok(self.state()?.entries.get(key).map(|(entry, _)| entry.clone()))
    }

    async fn list(&self, prefix: &str) -> Result<Listing> {
        if *self.hidden.lock().unwrap() == Some(prefix) {
            return Err(Error::connection("the registry is away"));
        }
        let state = self.state()?;
        let under = state
            .entries
            .values()
            .filter(|(entry, _)| entry.key.starts_with(prefix));
        Ok(Listing {
            entries: under.map(|(entry, _)| entry.clone()).collect(),
            revision: state.revision,
        })
    }

    async fn txn(&self, _command_id: &str, ops: Vec<Op>) -> Result<Committed> {
        let mut state = self.state()?;
        ops.iter().try_for_each(|op| state.check(op))?;
        for op in ops {
            match op {
                Op::Put {
                    key, value, session, ..
                } => state.set(&key, Some(value), session),
                Op::Delete { key, .. } => state.set(&key, None, None),
                Op::Check { .. } | Op::Next { .. } => {}
            }
        }
        Ok(Committed {
            revision: state.revision,
            sequences: Vec::new(),
        })
    }

    async fn open_session(&self, owner: &str, _lease_ms: u64) -> Result<Session> {
        let mut state = self.state()?;
        if let Some(older) = state.open.get(owner).cloned() {
            state.end(&older);
        }
        let epoch = state.epochs.entry(owner.to_owned()).or_default();
        *epoch += 1;
        let session = Session {
            owner: owner.to_owned(),
            epoch: *epoch,
        };
        state.open.insert(owner.to_owned(), session.clone());
        Ok(session)
    }

    async fn renew(&self, session: &Session) -> Result<()> {
        (self.state()?.open.get(&session.owner) == Some(session))
            .then_some(())
            .ok_or_else(fenced)
    }

    async fn close_session(&self, session: &Session) -> Result<()> {
        self.state()?.end(session);
        Ok(())
    }

    async fn watch(&self, prefix: &str, revision: u64) -> Result<mpsc::Receiver<WatchEvent>> {
        let (sender, mut unbounded) = mpsc::unbounded_channel();
        {
            let mut state = self.state()?;
            if revision < state.revision {
                let _ = sender.send(WatchEvent::Resync {
                    revision: state.revision,
                });
            }
            state.watchers.push((prefix.to_owned(), sender));
        }
        let (bounded, receiver) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Some(event) = unbounded.recv().await {
                if bounded.send(event).await.is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            value_bytes: 1 << 18,
            txn_bytes: 1 << 19,
            gapless_watch: false,
        }
    }
}
