//! Subscriptions on one node: what it wants to hear of, and what others want to hear of it.
//!
//! One task does it all, in one order: it reads what Chef runs journalled, *then* takes in what the hub says of subscriptions, so that
//! a change that was on disk before a subscription became known is never taken for a newer one. Everything that must not be forgotten
//! is in the store ([`crate::store::subscribed`]); here are only pauses.

mod declare;
mod follow;
mod intake;
mod journal;
mod pending;
mod watched;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flock_core::Result;
use rusqlite::Connection;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    dispatch::DraftSink,
    link::{Declaration, Link, Subscribing},
    pb,
    run_state::RunWatch,
    store::{Store, inbox::Job, outbox, subscribed},
    vital::vital,
};

/// What the task works with.
pub struct SubscriptionParts {
    /// Holds subscriptions, changes and outbox.
    pub store: Store,
    /// Where `journal/` is.
    pub data_dir: PathBuf,
    /// The time of day.
    pub clock: Clock,
    /// What Chef runs leave behind.
    pub runs: RunWatch,
    /// The way to a hub.
    pub link: Link,
    /// What the hub says; [`Link::subscribing`].
    pub heard: mpsc::Receiver<Subscribing>,
    /// Ends the task.
    pub cancel: CancellationToken,
}

/// A handle to the task; clones share it.
#[derive(Clone, Default)]
pub struct Subscriptions(Arc<Shared>);

#[derive(Default)]
struct Shared {
    poke: Notify,
    published: Mutex<Published>,
}

/// How far this node's own subscriptions got.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Published {
    /// What was handed to the link; `None` before the first successful run that says it.
    pub declared: Option<Declaration>,
    /// What a hub answered to that.
    pub answer: Option<pb::Declared>,
}

impl Subscriptions {
    /// A handle, once the store knows that there is no session with a hub yet: before anything is journalled.
    ///
    /// # Errors
    /// `internal` when the store refuses.
    pub async fn open(store: &Store) -> Result<Self> {
        store.write(subscribed::disconnected).await?;
        Ok(Self::default())
    }

    /// The task; it ends with the parts' token.
    pub fn follow(&self, parts: SubscriptionParts) -> impl Future<Output = ()> + Send + 'static {
        let cancel = parts.cancel.clone();
        let following = follow::Follower::new(self.clone(), parts).run();
        vital("following subscriptions", cancel, following)
    }

    /// Looks into the journal now instead of at the next poll.
    pub fn poke(&self) {
        self.0.poke.notify_one();
    }

    /// How far this node's own subscriptions got.
    pub fn published(&self) -> Published {
        self.0.published().clone()
    }
}

impl Shared {
    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the actions of workers cause goes into the outbox; what they change, to whoever subscribes to it.
impl DraftSink for Subscriptions {
    fn append(&self, conn: &Connection, draft: &pb::Draft, now_ms: u64) -> Result<()> {
        outbox::append(conn, draft, now_ms).map(drop)
    }

    fn changes(&self, conn: &Connection, job: &Job, changes: &[subscribed::Change], now_ms: u64) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        subscribed::record(conn, changes, &job.chain, &job.cause_root, now_ms)?;
        // What does not fit now the task moves later.
        subscribed::release(conn, now_ms)?;
        self.poke();
        Ok(())
    }
}
