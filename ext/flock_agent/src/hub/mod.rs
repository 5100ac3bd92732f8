//! The hub: serves the registry's view of the flock to members.
//!
//! A member holds one stream. The hub opens a registry session for it, writes what it announces, renews its lease with every
//! heartbeat and answers selectors from an in-memory directory. Each hub keeps its directory by watching the registry, never by
//! listening to its own members, so that all hubs of a flock tell the same.

mod about;
mod admin;
mod book;
mod declare;
mod directory;
mod follow;
mod hello;
mod index;
pub(crate) mod keys;
mod line;
mod load;
mod operators;
mod publish;
mod relay;
mod resolve;
mod service;
mod sessions;
mod slot;
mod stream;
mod subscribed;
mod subscriptions;
mod sweep;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use flock_core::{id::NodeName, limits};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

pub use directory::UNKNOWN;
pub(crate) use directory::unknown;

use self::{book::Book, directory::Directory, load::Load, sessions::Sessions};
use crate::{
    clock::Clock,
    pb::{self, hub_server::HubServer},
    registry::Registry,
    transport::{DenyList, Encounters},
    vital::vital,
};

/// What a hub needs.
#[derive(Clone)]
pub struct HubOptions {
    /// This node's name.
    pub name: NodeName,
    /// Of the flock that it serves; members of other flocks are turned away.
    pub flock_id: String,
    /// Lease of the members' sessions; silent for one is suspect, for two gone. Held within [`limits::LEASE_MIN_MS`] and
    /// [`limits::LEASE_MAX_MS`].
    pub lease_ms: u64,
    /// Where the truth is.
    pub registry: Arc<dyn Registry>,
    /// Kept up to date with the nodes that were removed.
    pub deny: DenyList,
    /// What became of connections with members; what becomes of their sessions is noted there, too.
    pub encounters: Encounters,
    /// The time that members compare theirs with.
    pub clock: Clock,
    /// Ends the hub: streams are closed, sessions are not.
    pub cancel: CancellationToken,
}

/// A running hub; clones are handles to the same one.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    options: HubOptions,
    book: Book,
    sessions: Sessions,
    load: Load,
    directory: RwLock<Directory>,
    started: Instant,
}

impl Hub {
    /// Starts following the registry. It need not be reachable: until everything was read once, selectors are answered with a
    /// retryable error, and for one lease nobody is called gone.
    pub fn start(mut options: HubOptions) -> Self {
        options.lease_ms = options.lease_ms.clamp(limits::LEASE_MIN_MS, limits::LEASE_MAX_MS);
        let inner = Arc::new(Inner {
            book: Book::new(options.registry.clone(), options.name.clone()),
            sessions: Sessions::default(),
            load: Load::default(),
            directory: RwLock::new(Directory::in_grace()),
            started: Instant::now(),
            options,
        });
        let (feed, fed) = mpsc::channel(limits::DIRECTORY_QUEUE);
        for prefix in [keys::NODES, keys::LIVE, keys::REMOVED, keys::SUBSCRIPTIONS] {
            let (book, cancel) = (inner.book.clone(), inner.options.cancel.clone());
            let following = follow::follow(book, prefix, feed.clone(), cancel.clone());
            tokio::spawn(vital("following the registry", cancel, following));
        }
        let cancel = || inner.options.cancel.clone();
        tokio::spawn(vital("the directory", cancel(), publish::publish(inner.clone(), fed)));
        tokio::spawn(vital("watching over leases", cancel(), sweep::sweep(inner.clone())));
        Self(inner)
    }

    /// The service for the peer port. Every request must carry a [`crate::transport::PeerIdentity`] in its extensions.
    pub fn service(&self) -> HubServer<Self> {
        HubServer::new(self.clone())
            .max_decoding_message_size(limits::RELAYED_MESSAGE_BYTES)
            .max_encoding_message_size(limits::RELAYED_MESSAGE_BYTES)
    }

    /// Closes the registry behind it; to be called when everything that uses it was told to end.
    pub async fn close(&self) {
        self.0.options.registry.close().await;
    }

    /// The flock's subscriptions whose id begins with `id`, `most` of them.
    pub fn subscriptions(&self, id: &str, most: usize) -> Vec<pb::Subscription> {
        self.0.directory().subscriptions.find(id, most)
    }

    /// Members that have a session with this hub, connected or not yet gone.
    pub fn members(&self) -> usize {
        self.0.sessions.all().len()
    }
}

impl Inner {
    /// Milliseconds since the hub's start, by a clock that nobody sets.
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory_mut(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks what only plain assignments are done under; a panic elsewhere cannot have left it half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
