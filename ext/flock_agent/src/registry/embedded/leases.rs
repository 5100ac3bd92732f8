//! Who was heard when. A renewal touches memory only; the deadline of a session is looked at again when it comes due.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use flock_core::lease::{Presence, after_start, gone_at, presence};

use super::Session;

/// The leases of the open sessions.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_owner: BTreeMap<String, Lease>,
    /// When to look at whom; exactly one row per lease, its `due_ms`.
    due: BTreeSet<(u64, String)>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    epoch: u64,
    lease_ms: u64,
    heard_ms: u64,
    due_ms: u64,
}

impl Leases {
    /// The leases of sessions that were open before a start at `now_ms`, with one lease of grace.
    pub(super) fn resumed(sessions: Vec<(Session, u64)>, now_ms: u64) -> Self {
        let leases = Self::default();
        for (session, lease_ms) in sessions {
            leases.open(&session, lease_ms, after_start(now_ms, lease_ms));
        }
        leases
    }

    /// Starts the lease of a new session in place of the owner's earlier one.
    pub(super) fn open(&self, session: &Session, lease_ms: u64, heard_ms: u64) {
        let due_ms = gone_at(heard_ms, lease_ms);
        let lease = Lease {
            epoch: session.epoch,
            lease_ms,
            heard_ms,
            due_ms,
        };
        self.table().put(session.owner.clone(), lease);
    }

    /// Notes that the session was heard; false = it has ended.
    pub(super) fn renew(&self, session: &Session, now_ms: u64) -> bool {
        match self.table().by_owner.get_mut(&session.owner) {
            Some(lease) if lease.epoch == session.epoch => {
                lease.heard_ms = lease.heard_ms.max(now_ms);
                true
            }
            _ => false,
        }
    }

    /// Forgets a session that has ended.
    pub(super) fn end(&self, session: &Session) {
        let mut table = self.table();
        if table
            .by_owner
            .get(&session.owner)
            .is_some_and(|lease| lease.epoch == session.epoch)
        {
            table.take(&session.owner);
        }
    }

    /// Takes out the sessions that were silent for two leases. They can be renewed no more; the caller must end them.
    pub(super) fn take_gone(&self, now_ms: u64) -> Vec<Session> {
        let mut table = self.table();
        let mut gone = Vec::new();
        while let Some((_, owner)) = table.due.first().filter(|(due_ms, _)| *due_ms <= now_ms).cloned() {
            let Some(lease) = table.take(&owner) else { continue };
            match presence(lease.heard_ms, lease.lease_ms, now_ms) {
                Presence::Gone => gone.push(Session {
                    owner,
                    epoch: lease.epoch,
                }),
                _ => table.put(
                    owner,
                    Lease {
                        due_ms: gone_at(lease.heard_ms, lease.lease_ms),
                        ..lease
                    },
                ),
            }
        }
        gone
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn put(&mut self, owner: String, lease: Lease) {
        self.take(&owner);
        self.due.insert((lease.due_ms, owner.clone()));
        self.by_owner.insert(owner, lease);
    }

    fn take(&mut self, owner: &str) -> Option<Lease> {
        let lease = self.by_owner.remove(owner)?;
        self.due.remove(&(lease.due_ms, owner.to_owned()));
        Some(lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(owner: &str, epoch: u64) -> Session {
        Session {
            owner: owner.into(),
            epoch,
        }
    }

    #[test]
    fn two_silent_leases_end_a_session_and_a_renewal_starts_anew() {
        let leases = Leases::default();
        let (a, b) = (session("a", 1), session("b", 2));
        leases.open(&a, 100, 0);
        leases.open(&b, 100, 0);
        assert!(leases.renew(&b, 150));
        assert_eq!(leases.take_gone(199), []);
        assert_eq!(leases.take_gone(200), std::slice::from_ref(&a));
        assert!(!leases.renew(&a, 201));
        assert_eq!(leases.take_gone(349), []);
        assert_eq!(leases.take_gone(350), [b]);
    }

    #[test]
    fn only_the_newest_epoch_is_renewed_or_ended() {
        let leases = Leases::default();
        leases.open(&session("a", 1), 100, 0);
        leases.open(&session("a", 2), 100, 0);
        assert!(!leases.renew(&session("a", 1), 10));
        leases.end(&session("a", 1));
        assert!(leases.renew(&session("a", 2), 10));
        leases.end(&session("a", 2));
        assert_eq!(leases.take_gone(u64::MAX), []);
    }

    #[test]
    fn a_restart_gives_one_lease_of_grace() {
        let a = session("a", 1);
        let leases = Leases::resumed(vec![(a.clone(), 100)], 1_000);
        assert_eq!(leases.take_gone(1_299), []);
        assert_eq!(leases.take_gone(1_300), std::slice::from_ref(&a));
        let leases = Leases::resumed(vec![(a.clone(), 100)], 1_000);
        assert!(leases.renew(&a, 1_200));
        assert_eq!(leases.take_gone(1_399), []);
        assert_eq!(leases.take_gone(1_400), [a]);
    }

    #[test]
    fn there_is_one_deadline_per_session_however_often_it_is_opened() {
        let leases = Leases::default();
        for epoch in 1..100 {
            leases.open(&session("a", epoch), 100, epoch);
        }
        assert_eq!(leases.table().due.len(), 1);
    }
}
