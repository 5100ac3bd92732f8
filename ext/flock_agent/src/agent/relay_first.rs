//! Which nodes could only be reached through the hub a moment ago: dialling them again for each call would cost its whole timeout.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flock_core::limits;
use tokio::time::Instant;

/// A cloneable handle to that memory; an entry holds for [`limits::RELAY_FIRST_MS`].
#[derive(Clone, Default)]
pub(super) struct RelayFirst(Arc<Mutex<HashMap<String, Instant>>>);

impl RelayFirst {
    /// Whether `node` is better not dialled now.
    pub fn holds(&self, node: &str) -> bool {
        self.nodes().get(node).is_some_and(|noted| is_fresh(*noted))
    }

    /// Notes that dialling `node` failed and relaying did not.
    pub fn note(&self, node: &str) {
        let mut nodes = self.nodes();
        nodes.retain(|_, noted| is_fresh(*noted));
        if nodes.len() < limits::RELAY_FIRST_NODES {
            nodes.insert(node.to_owned(), Instant::now());
        }
    }

    /// Has `node` dialled again.
    pub fn forget(&self, node: &str) {
        self.nodes().remove(node);
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(noted: Instant) -> bool {
    noted.elapsed() < Duration::from_millis(limits::RELAY_FIRST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_until_it_is_forgotten_and_has_an_end() {
        let first = RelayFirst::default();
        first.note("b");
        assert!(first.holds("b") && !first.holds("c"));
        first.forget("b");
        assert!(!first.holds("b"));
        for n in 0..=limits::RELAY_FIRST_NODES {
            first.note(&n.to_string());
        }
        assert_eq!(first.nodes().len(), limits::RELAY_FIRST_NODES);
    }
}
