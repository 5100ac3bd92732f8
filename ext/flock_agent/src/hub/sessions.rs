//! All sessions of a hub, and who watches whom.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use flock_core::{Error, Result, limits};

use super::{lock, slot::Slot};

#[derive(Debug, Default)]
struct Table {
    slots: HashMap<String, Arc<Slot>>,
    /// From a watched name to the members that watch it.
    watchers: HashMap<String, BTreeSet<String>>,
}

/// The sessions of one hub.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Table>);

impl Sessions {
    /// Enters a session and answers the one that it replaces.
    ///
    /// # Errors
    /// The session itself when it, or a newer one, is there already.
    pub(super) fn enter(&self, slot: Arc<Slot>) -> Result<Option<Arc<Slot>>, Arc<Slot>> {
        let mut table = lock(&self.0);
        let name = slot.name.as_str();
        match table.slots.get(name) {
            Some(held) if held.outlasts(&slot) => Err(slot),
            _ => {
                let older = table.slots.insert(name.to_owned(), slot);
                if let Some(older) = &older {
                    table.unwatch(older);
                }
                Ok(older)
            }
        }
    }

    /// Whether another member fits in; one that is known replaces itself.
    pub(super) fn admit(&self, name: &str) -> Result<()> {
        let table = lock(&self.0);
        if table.slots.len() < limits::MEMBERS || table.slots.contains_key(name) {
            return Ok(());
        }
        let message = format!("this hub serves {} members already; start another hub", limits::MEMBERS);
        Err(Error::rejected(message).with_code("hub_full"))
    }

    /// Forgets a session, unless a newer one took its place.
    pub(super) fn leave(&self, slot: &Arc<Slot>) {
        let mut table = lock(&self.0);
        if table
            .slots
            .get(slot.name.as_str())
            .is_some_and(|held| Arc::ptr_eq(held, slot))
        {
            table.slots.remove(slot.name.as_str());
            table.unwatch(slot);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Slot>> {
        lock(&self.0).slots.get(name).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Slot>> {
        lock(&self.0).slots.values().cloned().collect()
    }

    /// Replaces the set of names that a session watches.
    pub(super) fn watch(&self, slot: &Arc<Slot>, names: BTreeSet<String>) {
        let mut table = lock(&self.0);
        table.unwatch(slot);
        if !table
            .slots
            .get(slot.name.as_str())
            .is_some_and(|held| Arc::ptr_eq(held, slot))
        {
            return;
        }
        for name in &names {
            table
                .watchers
                .entry(name.clone())
                .or_default()
                .insert(slot.name.to_string());
        }
        *lock(&slot.watched) = names;
    }

    /// Tells those who watch any of these names, and has the nodes themselves look for what waited for their facts.
    pub(super) fn tell_watchers(&self, names: &BTreeSet<String>) {
        let table = lock(&self.0);
        for name in names {
            if let Some(slot) = table.slots.get(name) {
                slot.wake.notify_one();
            }
            let watchers = table.watchers.get(name).into_iter().flatten();
            for slot in watchers.filter_map(|watcher| table.slots.get(watcher)) {
                slot.tell(|news| {
                    news.names.insert(name.clone());
                });
            }
        }
    }
}

impl Table {
    fn unwatch(&mut self, slot: &Slot) {
        for name in std::mem::take(&mut *lock(&slot.watched)) {
            if let Some(watchers) = self.watchers.get_mut(&name) {
                watchers.remove(slot.name.as_str());
                if watchers.is_empty() {
                    self.watchers.remove(&name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flock_core::id::NodeName;

    use super::*;
    use crate::registry::Session;

    fn slot(epoch: u64) -> Arc<Slot> {
        let session = Session {
            owner: "a".into(),
            epoch,
        };
        Arc::new(Slot::new(NodeName::parse("a").unwrap(), session, 0))
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_older_session_never_replaces_a_newer_one() {
        let sessions = Sessions::default();
        let (old, new) = (slot(1), slot(2));
        assert!(sessions.enter(new.clone()).unwrap().is_none());
        assert!(sessions.enter(old.clone()).is_err());
        assert!(
            sessions.enter(slot(2)).is_err(),
            "a session that is read back from the registry is the one that is held"
        );
        sessions.leave(&old);
        assert!(Arc::ptr_eq(&sessions.get("a").unwrap(), &new));
    }

    #[test]
    fn a_session_takes_the_place_of_its_own_shadow() {
        let sessions = Sessions::default();
        let session = slot(1).session.clone();
        let shadow = Slot::adopted(NodeName::parse("a").unwrap(), session, 0);
        sessions.enter(Arc::new(shadow)).unwrap();
        assert!(sessions.enter(slot(1)).is_ok());
    }

    #[test]
    fn watchers_hear_only_of_what_they_watch_now() {
        let sessions = Sessions::default();
        let slot = slot(1);
        sessions.enter(slot.clone()).unwrap();
        sessions.watch(&slot, names(&["x", "y"]));
        sessions.watch(&slot, names(&["y"]));
        sessions.tell_watchers(&names(&["x", "y", "z"]));
        assert_eq!(slot.news().names, names(&["y"]));
        sessions.leave(&slot);
        assert!(
            lock(&sessions.0).watchers.is_empty(),
            "a session that ended must leave no watch behind"
        );
    }
}
