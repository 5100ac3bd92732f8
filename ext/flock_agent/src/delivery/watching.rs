//! Whose return is waited for, by those who deliver and those who report: the hub is told the union.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::ports::Directory;

/// Who waits.
#[derive(Debug, Clone, Copy)]
pub(super) enum For {
    /// Notifications, for their targets.
    Deliveries,
    /// Outcomes, for the senders.
    Reports,
}

/// The names by who waits for them; cheap to clone.
#[derive(Clone)]
pub(super) struct Watching(Arc<Inner>);

struct Inner {
    directory: Arc<dyn Directory>,
    own_name: String,
    names: Mutex<[BTreeSet<String>; 2]>,
}

impl Watching {
    pub(super) fn new(directory: Arc<dyn Directory>, own_name: String) -> Self {
        Self(Arc::new(Inner {
            directory,
            own_name,
            names: Mutex::default(),
        }))
    }

    /// Replaces the names that one of them waits for.
    pub(super) fn set(&self, whose: For, mut names: BTreeSet<String>) {
        names.remove(&self.0.own_name);
        // Held while the hub is told, so that two tellers cannot overtake one another.
        let mut held = self.0.names.lock().unwrap_or_else(PoisonError::into_inner);
        let [deliveries, reports] = &mut *held;
        let watched = match whose {
            For::Deliveries => &mut *deliveries,
            For::Reports => &mut *reports,
        };
        if *watched != names {
            *watched = names;
            self.0.directory.watch(deliveries.union(reports).cloned().collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use flock_core::Result;

    use super::*;
    use crate::pb;

    #[derive(Default)]
    struct Told(Mutex<Vec<Vec<String>>>);

    #[tonic::async_trait]
    impl Directory for Told {
        async fn resolve(&self, _: &str, _: &pb::Targets) -> Result<pb::Nodes> {
            Ok(pb::Nodes::default())
        }

        fn watch(&self, names: BTreeSet<String>) {
            self.0.lock().unwrap().push(names.into_iter().collect());
        }

        fn clock_skewed(&self) -> bool {
            false
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_hub_is_told_the_union_once_for_each_change() {
        let told = Arc::new(Told::default());
        let watching = Watching::new(told.clone(), "own".into());
        watching.set(For::Deliveries, names(&["a", "own"]));
        watching.set(For::Reports, names(&["a", "b"]));
        watching.set(For::Reports, names(&["a", "b"]));
        watching.set(For::Deliveries, names(&[]));
        assert_eq!(*told.0.lock().unwrap(), [vec!["a"], vec!["a", "b"], vec!["a", "b"]]);
    }
}
