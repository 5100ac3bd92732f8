//! The member's link to the flock: one stream to one hub, a cache for the time without one.
//!
//! [`Link`] is a cheap handle; one task owns the connection. Whatever the link says while no hub answers is marked stale. Every
//! session starts with the whole announcement, so that a hub, or a registry that was restored from a backup, needs to remember
//! nothing of this member.

mod cache;
mod calls;
mod connect;
mod file;
mod interest;
mod owner;
mod presence;
mod serve;
mod session;
mod subscribing;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwapOption;
use flock_core::{Error, id::NodeName, limits};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

pub use connect::Connect;
pub use interest::Watching;
pub use serve::Relayed;
pub use subscribing::{Declaration, Subscribing};

use self::cache::Cache;
use crate::{clock::Clock, pb, transport::DenyList, vital::vital};

/// What a link needs.
#[derive(Clone)]
pub struct LinkOptions {
    /// This node's name, as its certificate says it.
    pub name: NodeName,
    /// The flock that it joined.
    pub flock_id: String,
    /// Of this node's store: raised whenever the store was lost.
    pub incarnation: u64,
    /// Addresses of the hubs, `host:port`, tried in random order.
    pub hubs: Vec<String>,
    /// Opens connections; a [`crate::transport::Dialer`] does.
    pub connect: Arc<dyn Connect>,
    /// Kept up to date with the nodes that were removed.
    pub deny: DenyList,
    /// Answers what the hub relays to this node; `None` = nothing is taken.
    pub relayed: Option<Arc<dyn Relayed>>,
    /// What this node announces; a new value is announced at once. `name`, `presence`, `epoch` and `hub` are filled in.
    pub facts: watch::Receiver<pb::NodeInfo>,
    /// This machine's time.
    pub clock: Clock,
    /// Where `directory.json` is kept; `None` = nothing outlives the process.
    pub data_dir: Option<PathBuf>,
    /// Ends the link; the hub is told, so that this node is gone at once.
    pub cancel: CancellationToken,
}

/// What listeners hear of.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// How a watched node is now.
    Presence(Box<pb::NodeInfo>),
    /// Selectors may mean something else now.
    Changed,
    /// A session with a hub began.
    Connected,
    /// The session is over.
    Disconnected,
}

/// How the link is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkState {
    /// Whether there is a session.
    pub connected: bool,
    /// Whether the hub can hand this node what others send it.
    pub served: bool,
    /// The address of the hub that holds it, or held it last.
    pub hub: String,
    /// Of the newest session; 0 = there was none.
    pub epoch: u64,
    /// The highest registry revision seen in the newest session.
    pub revision: u64,
    /// The hub's clock less this machine's, in milliseconds; `None` until it was measured.
    pub clock_offset_ms: Option<i64>,
    /// Why there is no session.
    pub problem: Option<Error>,
}

/// Whom `directory.json` of `data_dir` denies, if it is of this flock.
pub(crate) fn denied_on_disk(data_dir: &std::path::Path, flock_id: &str) -> Vec<String> {
    file::load(data_dir, flock_id).denied().to_vec()
}

/// A handle to the link; clones share it.
#[derive(Clone)]
pub struct Link(Arc<Shared>);

struct Shared {
    options: LinkOptions,
    state: watch::Sender<LinkState>,
    events: broadcast::Sender<LinkEvent>,
    watched: watch::Sender<BTreeSet<String>>,
    interest: interest::Interest,
    subscriptions: subscribing::Desk,
    /// To the hub that holds the session, while there is one.
    channel: ArcSwapOption<Channel>,
    cache: Mutex<Cache>,
    /// Wakes the task that writes the cache to disk.
    dirty: Notify,
    stopped: CancellationToken,
}

/// What `directory.json` would say after it was read with these bytes in it.
#[cfg(test)]
pub(crate) fn reread(dir: &std::path::Path, flock_id: &str, bytes: &[u8]) -> String {
    std::fs::write(dir.join("directory.json"), bytes).unwrap();
    serde_json::to_string(&file::load(dir, flock_id).keep(flock_id)).unwrap()
}

impl Link {
    /// Starts the link's task. What was kept on disk (addresses, answers, removed nodes) holds from now on.
    pub fn spawn(options: LinkOptions) -> Self {
        let cache = options
            .data_dir
            .as_deref()
            .map(|dir| file::load(dir, &options.flock_id))
            .unwrap_or_default();
        options.deny.set(cache.denied().to_vec());
        let shared = Arc::new(Shared {
            options,
            state: watch::Sender::default(),
            events: broadcast::Sender::new(limits::LINK_EVENTS),
            watched: watch::Sender::default(),
            interest: interest::Interest::default(),
            subscriptions: subscribing::Desk::default(),
            channel: ArcSwapOption::empty(),
            cache: Mutex::new(cache),
            dirty: Notify::new(),
            stopped: CancellationToken::new(),
        });
        let cancel = shared.options.cancel.clone();
        tokio::spawn(vital("the link to the hub", cancel, owner::run(shared.clone())));
        Self(shared)
    }

    /// How the link is now.
    pub fn state(&self) -> LinkState {
        self.0.state.borrow().clone()
    }

    /// Every later state, for those who wait for one.
    pub fn states(&self) -> watch::Receiver<LinkState> {
        self.0.state.subscribe()
    }

    /// Events from now on. A listener that falls [`limits::LINK_EVENTS`] behind misses the oldest and is told so (`Lagged`).
    pub fn events(&self) -> broadcast::Receiver<LinkEvent> {
        self.0.events.subscribe()
    }

    /// Names whose presence the hub shall report, in place of the earlier ones: as it is now and whenever it changes. Of more
    /// than [`limits::WATCHED_NAMES`], or than one message holds, only the first are watched.
    pub fn watch_names(&self, names: BTreeSet<String>) {
        self.0.interest.set(names, &self.0.watched);
    }

    /// Watches one name besides, until the guard is dropped.
    pub fn watch_name(&self, name: &str) -> Watching<'_> {
        self.0.interest.add(name, &self.0.watched)
    }

    /// Where a node can be dialled, as far as is remembered; `None` for one that only dials out.
    pub fn address_of(&self, name: &str) -> Option<String> {
        self.0
            .cache()
            .node(name)
            .map(|node| node.address.clone())
            .filter(|address| !address.is_empty())
    }

    /// Whether a node is remembered as one that only dials out.
    pub fn only_dials_out(&self, name: &str) -> bool {
        self.0.cache().node(name).is_some_and(|node| node.address.is_empty())
    }

    /// Returns when a cancelled link has said good-bye and written its cache.
    pub async fn stopped(&self) {
        self.0.stopped.cancelled().await;
    }
}

impl Shared {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the cache and has it written soon.
    fn remember(&self, change: impl FnOnce(&mut Cache)) {
        change(&mut self.cache());
        self.dirty.notify_one();
    }

    fn emit(&self, event: LinkEvent) {
        // Nobody listening is no error.
        let _ = self.events.send(event);
    }
}
