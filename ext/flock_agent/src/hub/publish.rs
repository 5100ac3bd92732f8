//! Takes in what the registry says and tells members what concerns them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use flock_core::{id::NodeName, lease, limits};
use tokio::{sync::mpsc, time::Instant};

use super::{Inner, book::Book, directory::Changes, follow::Feed, hello, slot::Slot};

/// Feeds the directory until the hub ends. Selectors see a change at once; members are told in bursts.
pub(super) async fn publish(hub: Arc<Inner>, mut feed: mpsc::Receiver<Feed>) {
    let lease = Duration::from_millis(hub.options.lease_ms);
    let mut grace_ends = Some(Instant::now() + lease);
    let mut outbound = Outbound::default();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            () = hub.options.cancel.cancelled() => return,
            taken = feed.recv_many(&mut batch, limits::DIRECTORY_QUEUE) => {
                if taken == 0 {
                    return;
                }
                outbound.add(hub.take_in(batch.drain(..)));
            }
            () = at(grace_ends) => {
                grace_ends = None;
                outbound.add(hub.directory_mut().end_grace());
            }
            () = at(outbound.due()) => outbound.tell(&hub).await,
        }
    }
}

/// Sleeps until then, or for ever.
async fn at(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}

/// What members were not yet told.
#[derive(Default)]
struct Outbound {
    changes: Changes,
    /// When names and removals are due.
    names_at: Option<Instant>,
    /// When the notice that selectors may mean something else is due, and when it was last given.
    facts_at: Option<Instant>,
    facts_told: Option<Instant>,
}

impl Outbound {
    fn add(&mut self, changes: Changes) {
        if changes.is_empty() {
            return;
        }
        let soon = Instant::now() + Duration::from_millis(limits::PRESENCE_COALESCE_MS);
        if changes.facts && self.facts_at.is_none() {
            let again = self
                .facts_told
                .map(|told| told + Duration::from_millis(limits::CHANGED_COALESCE_MS));
            self.facts_at = Some(again.map_or(soon, |again| again.max(soon)));
        }
        self.names_at = self.names_at.or(Some(soon));
        self.changes.merge(changes);
    }

    fn due(&self) -> Option<Instant> {
        [self.names_at, self.facts_at].into_iter().flatten().min()
    }

    async fn tell(&mut self, hub: &Arc<Inner>) {
        let now = Instant::now();
        if self.names_at.take_if(|at| *at <= now).is_some() {
            hub.sessions.tell_watchers(&std::mem::take(&mut self.changes.names));
            let everyone = std::mem::take(&mut self.changes.all_subscribed);
            // Only this task moves it: all up to there is among what is told here.
            let revision = hub.directory().subscriptions.revision();
            hub.sessions
                .tell_subscribed(std::mem::take(&mut self.changes.subscribed), everyone, revision);
            if std::mem::take(&mut self.changes.removed) {
                hub.tell_removed().await;
            }
        }
        if self.facts_at.take_if(|at| *at <= now).is_some() {
            self.changes.facts = false;
            self.facts_told = Some(now);
            hub.sessions
                .all()
                .iter()
                .for_each(|slot| slot.tell(|news| news.changed = true));
        }
    }
}

impl Inner {
    fn take_in(&self, feed: impl Iterator<Item = Feed>) -> Changes {
        let mut changes = Changes::default();
        let mut directory = self.directory_mut();
        let was_loaded = directory.is_loaded();
        for one in feed {
            changes.merge(match one {
                Feed::Reset(prefix, listing) => directory.reset(prefix, &listing.entries, listing.revision),
                Feed::Change { key, value, revision } => directory.change(&key, value.as_deref(), revision),
            });
        }
        if directory.is_loaded() && !was_loaded {
            self.options.deny.set(directory.removed().iter().cloned().collect());
            // Who connected before this was told nothing of removals yet.
            changes.removed = true;
            changes.all_subscribed = true;
            self.adopt(directory.sessions_of(self.options.name.as_str()));
            self.forget(directory.orphans());
        }
        changes
    }

    /// Takes over the sessions that this hub held before it was started again: their members have one lease to come back
    /// before their silence counts.
    fn adopt(&self, sessions: Vec<(String, u64)>) {
        let heard_ms = lease::after_start(0, self.options.lease_ms);
        for (name, epoch) in sessions {
            if let Ok(name) = NodeName::parse(&name) {
                let session = Book::session(&name, epoch);
                // A member that was quicker holds a newer session already.
                let _ = self.sessions.enter(Arc::new(Slot::adopted(name, session, heard_ms)));
            }
        }
    }

    /// Drops what removed nodes subscribe to: a hub that removed one may have died before it did.
    fn forget(&self, orphans: BTreeSet<String>) {
        let book = self.book.clone();
        let forget = async move {
            for name in orphans.iter().filter_map(|name| NodeName::parse(name).ok()) {
                // It may have joined anew meanwhile.
                let forgotten = match book.is_removed(&name).await {
                    Ok(true) => book.drop_subscriptions(&name).await,
                    known => known.map(drop),
                };
                if let Err(error) = forgotten {
                    tracing::warn!(member = %name, %error, "the subscriptions of a removed node stay until a hub starts again");
                }
            }
        };
        let cancel = self.options.cancel.clone();
        tokio::spawn(async move { cancel.run_until_cancelled(forget).await });
    }

    /// Fences who was removed and hands the new list to everyone.
    async fn tell_removed(self: &Arc<Self>) {
        let removed: Vec<String> = self.directory().removed().iter().cloned().collect();
        for slot in removed.iter().filter_map(|name| self.sessions.get(name)) {
            slot.fence("removed", hello::removed(&slot.name));
            self.close(&slot).await;
        }
        self.sessions
            .all()
            .iter()
            .for_each(|slot| slot.tell(|news| news.denied = true));
        tokio::spawn(self.clone().deny_soon());
    }

    /// Denies who was removed, a moment later: denying closes connections, and the fence should arrive before. The hub's own
    /// calls refuse them already.
    async fn deny_soon(self: Arc<Self>) {
        tokio::time::sleep(Duration::from_millis(limits::REMOVED_FLUSH_MS)).await;
        let removed = self.directory().removed().iter().cloned().collect();
        self.options.deny.set(removed);
    }
}
