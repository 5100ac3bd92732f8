//! The default registry: SQLite rows under the core's pure `decide`, leases in memory, watchers told after the commit.
//!
//! A command is decided on and written in one transaction of the store's writer; what follows from it (leases, watchers) happens
//! on the same thread once it is durable, hence in the order of revisions. Leases are not on disk: after a restart every session
//! that was open has one lease of grace to be heard again.

mod changes;
pub(crate) mod file;
mod leases;
mod rows;
mod schema;
mod sweeper;
mod watchers;

use std::{path::Path, sync::Arc};

use flock_core::{
    Error, Result, limits,
    registry::{Answer, Command, Effect, Write, check_key, check_prefix, decide, fenced},
};
use rusqlite::Connection;
use tokio::{sync::mpsc, task::AbortHandle};

use super::{Capabilities, Committed, Entry, Listing, Op, Registry, Session, WatchEvent};
use crate::{clock::Clock, store::Store};
use leases::Leases;
use rows::Rows;
use watchers::Watchers;

/// The registry of a flock with one hub, in one file.
pub struct Embedded {
    inner: Arc<Inner>,
    sweeper: AbortHandle,
}

/// What the sweeper shares.
struct Inner {
    store: Store,
    leases: Leases,
    watchers: Watchers,
    clock: Clock,
}

impl Embedded {
    /// Opens or creates the registry `path` and starts to watch over its leases, by the monotonic clock of `clock`.
    ///
    /// # Errors
    /// `configuration` when the file is of a newer version (it is left untouched), damaged, or cannot be opened;
    /// `not_started` outside a tokio runtime.
    pub fn open(path: &Path, clock: Clock) -> Result<Arc<Self>> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::not_started("the registry needs a tokio runtime; open it inside one"))?;
        let store = Store::open_with(path, schema::STEPS)?;
        let sessions = store.read_now(rows::sessions)?;
        let inner = Arc::new(Inner {
            store,
            leases: Leases::resumed(sessions, clock.monotonic_ms()),
            watchers: Watchers::default(),
            clock,
        });
        let sweeper = runtime.spawn(sweeper::run(Arc::clone(&inner))).abort_handle();
        Ok(Arc::new(Self { inner, sweeper }))
    }

    /// Waits until everything that was handed over before is on disk, then refuses more; watches end.
    pub async fn close(&self) {
        self.sweeper.abort();
        self.inner.store.close().await;
        self.inner.watchers.clear();
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

impl Inner {
    async fn run(self: &Arc<Self>, command: Command) -> Result<Answer> {
        let inner = Arc::clone(self);
        let effect = self
            .store
            .write_then(|db| carry_out(db, command), move |effect| inner.settle(effect));
        Ok(effect.await?.answer)
    }

    /// What follows from a durable effect.
    fn settle(&self, effect: &Effect) {
        for write in &effect.writes {
            match write {
                Write::Open { session, lease_ms } => self.leases.open(session, *lease_ms, self.clock.monotonic_ms()),
                Write::End(session) => self.leases.end(session),
                _ => {}
            }
        }
        if let Some(revision) = effect.revision() {
            self.watchers.publish(revision, effect);
        }
    }

    /// Replays what is kept from after `revision` on and joins the live changes without a gap: both happen on the writer's thread.
    async fn watch(self: &Arc<Self>, prefix: String, revision: u64) -> Result<mpsc::Receiver<WatchEvent>> {
        let (inner, joining) = (Arc::clone(self), Arc::clone(self));
        let followed = prefix.clone();
        let replay = move |db: &Connection| {
            inner.watchers.refuse_full()?;
            Ok(watchers::channel(changes::since(db, &prefix, revision)?))
        };
        let join = move |(sender, _): &watchers::Channel| joining.watchers.join(followed, sender.clone());
        let (_, receiver) = self.store.write_then(replay, join).await?;
        Ok(receiver)
    }
}

fn carry_out(db: &Connection, command: Command) -> Result<Effect> {
    let effect = decide(&Rows(db), command)?;
    rows::write(db, &effect)?;
    if let Some(revision) = effect.revision() {
        changes::append(db, revision, &effect)?;
    }
    Ok(effect)
}

#[tonic::async_trait]
impl Registry for Embedded {
    async fn get(&self, key: &str) -> Result<Option<Entry>> {
        check_key(key)?;
        let key = key.to_owned();
        self.inner.store.read(move |db| rows::entry(db, &key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing> {
        check_prefix(prefix)?;
        let prefix = prefix.to_owned();
        self.inner.store.read(move |db| rows::listing(db, &prefix)).await
    }

    async fn txn(&self, command_id: &str, ops: Vec<Op>) -> Result<Committed> {
        let id = command_id.to_owned();
        match self.inner.run(Command::Txn { id, ops }).await? {
            Answer::Committed(committed) => Ok(committed),
            other => Err(unexpected(&other)),
        }
    }

    async fn open_session(&self, owner: &str, lease_ms: u64) -> Result<Session> {
        let owner = owner.to_owned();
        match self.inner.run(Command::OpenSession { owner, lease_ms }).await? {
            Answer::Opened(session) => Ok(session),
            other => Err(unexpected(&other)),
        }
    }

    async fn renew(&self, session: &Session) -> Result<()> {
        match self.inner.leases.renew(session, self.inner.clock.monotonic_ms()) {
            true => Ok(()),
            false => Err(fenced(session)),
        }
    }

    async fn close_session(&self, session: &Session) -> Result<()> {
        self.inner.run(Command::EndSession(session.clone())).await.map(drop)
    }

    async fn watch(&self, prefix: &str, revision: u64) -> Result<mpsc::Receiver<WatchEvent>> {
        check_prefix(prefix)?;
        self.inner.watch(prefix.to_owned(), revision).await
    }

    async fn close(&self) {
        Self::close(self).await;
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            value_bytes: limits::REGISTRY_VALUE_BYTES,
            txn_bytes: limits::REGISTRY_TXN_BYTES,
            gapless_watch: true,
        }
    }
}

fn unexpected(answer: &Answer) -> Error {
    Error::internal(format!("the registry answered {answer:?} to another command"))
}

#[cfg(test)]
mod tests;
