//! The removed nodes: no new connection, no further call, and the open connections close at once.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use flock_core::holder::Asker;
use tokio_util::sync::CancellationToken;

use super::Shown;

/// How a replaced enrolment is written in a [`DenyList`]; no node name holds a slash.
///
/// ```
/// assert_eq!(flock_agent::transport::denied_enrolment("0192"), "enrolment/0192");
/// ```
pub fn denied_enrolment(enrolment: &str) -> String {
    format!("enrolment/{enrolment}")
}

/// A cloneable handle to the list; every connection registers with it.
#[derive(Clone, Default)]
pub struct DenyList(Arc<Inner>);

#[derive(Default)]
struct Inner {
    entries: ArcSwap<HashSet<String>>,
    open: Mutex<HashMap<u64, (Shown, CancellationToken)>>,
    next: AtomicU64,
}

impl DenyList {
    /// Replaces the list: names of nodes, `operator/…`, and what [`denied_enrolment`] makes. Connections of those now on it close.
    pub fn set(&self, entries: Vec<String>) {
        self.0.entries.store(Arc::new(entries.into_iter().collect()));
        let open = self.open();
        for (peer, cut) in open.values() {
            if self.denies_peer(peer) {
                tracing::warn!(holder = %peer.holder, "removed from the flock: closing its connection");
                cut.cancel();
            }
        }
    }

    /// Whether a node or an operator is on the list by its name.
    pub fn denies(&self, name: &impl Asker) -> bool {
        self.0.entries.load().contains(name.as_str())
    }

    /// Whether the holder of a certificate is on the list by its name or its enrolment.
    pub fn denies_peer(&self, peer: &Shown) -> bool {
        let entries = self.0.entries.load();
        entries.contains(peer.holder.as_str())
            || (!entries.is_empty() && entries.contains(&denied_enrolment(&peer.enrolment)))
    }

    /// Connections that are open now, in both directions.
    pub fn open_connections(&self) -> usize {
        self.open().len()
    }

    /// Has `cut` cancelled once the peer is on the list, at once if it already is.
    pub(super) fn register(&self, peer: &Shown, cut: CancellationToken) -> Registration {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.open().insert(id, (peer.clone(), cut.clone()));
        // After the insertion: a list that was set in between has either cut it or is seen here.
        if self.denies_peer(peer) {
            cut.cancel();
        }
        Registration { list: self.clone(), id }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, (Shown, CancellationToken)>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for DenyList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.entries.load().iter()).finish()
    }
}

/// Ends with the connection.
pub(super) struct Registration {
    list: DenyList,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.list.open().remove(&self.id);
    }
}
