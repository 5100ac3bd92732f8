use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use flock_core::{Error, Result};
use tokio::sync::mpsc;

use crate::registry::{Capabilities, Committed, Entry, Expect, Listing, Op, Registry, Session, WatchEvent};

/// As much of a registry as enrolment uses, in memory.
#[derive(Default)]
pub(crate) struct FakeRegistry(Mutex<State>);

#[derive(Default)]
struct State {
    revision: u64,
    entries: BTreeMap<String, Entry>,
}

impl FakeRegistry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn check(&self, key: &str, expect: Expect) -> Result<()> {
        let revision = self.entries.get(key).map(|entry| entry.revision);
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => revision.is_none(),
            Expect::Revision(expected) => revision == Some(expected),
        };
        if holds {
            Ok(())
        } else {
            Err(Error::rejected(format!("{key} has changed")).with_code("conflict"))
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Put { key, value, .. } => {
                let entry = Entry {
                    key: key.clone(),
                    value,
                    revision: self.revision,
                };
                self.entries.insert(key, entry);
            }
            Op::Delete { key, .. } => drop(self.entries.remove(&key)),
            Op::Check { .. } | Op::Next { .. } => {}
        }
    }
}

#[tonic::async_trait]
impl Registry for FakeRegistry {
    async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let entry = self.state().entries.get(key).cloned();
        // Lets whoever asks at the same time read the same.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        Ok(entry)
    }

    async fn list(&self, prefix: &str) -> Result<Listing> {
        let state = self.state();
        let entries = state
            .entries
            .values()
            .filter(|entry| entry.key.starts_with(prefix))
            .cloned()
            .collect();
        Ok(Listing {
            entries,
            revision: state.revision,
        })
    }

    async fn txn(&self, _: &str, ops: Vec<Op>) -> Result<Committed> {
        let mut state = self.state();
        for op in &ops {
            if let Op::Put { key, expect, .. } | Op::Delete { key, expect } | Op::Check { key, expect } = op {
                state.check(key, *expect)?;
            }
        }
        state.revision += 1;
        ops.into_iter().for_each(|op| state.apply(op));
        Ok(Committed {
            revision: state.revision,
            sequences: Vec::new(),
        })
    }

    async fn open_session(&self, _: &str, _: u64) -> Result<Session> {
        Err(Error::internal("not in this fake"))
    }

    async fn renew(&self, _: &Session) -> Result<()> {
        Err(Error::internal("not in this fake"))
    }

    async fn close_session(&self, _: &Session) -> Result<()> {
        Err(Error::internal("not in this fake"))
    }

    async fn watch(&self, _: &str, _: u64) -> Result<mpsc::Receiver<WatchEvent>> {
        Err(Error::internal("not in this fake"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            value_bytes: 1 << 18,
            txn_bytes: 1 << 19,
            gapless_watch: false,
        }
    }
}
