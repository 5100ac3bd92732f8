//! Tells the registry who fell silent: suspect after one lease, gone after two.

use std::{sync::Arc, time::Duration};

use flock_core::lease::{Presence, presence};

use super::{Inner, book, hello, slot::Slot};

/// Looks at every session four times per lease, until the hub ends.
pub(super) async fn sweep(hub: Arc<Inner>) {
    let pause = Duration::from_millis((hub.options.lease_ms / 4).max(10));
    while hub
        .options
        .cancel
        .run_until_cancelled(tokio::time::sleep(pause))
        .await
        .is_some()
    {
        for slot in hub.sessions.all() {
            hub.settle(&slot).await;
        }
    }
}

impl Inner {
    /// Writes a member's presence if it is not what was written last. What cannot be written now is tried again by the next sweep.
    pub(super) async fn settle(&self, slot: &Arc<Slot>) {
        let mut told = slot.told.lock().await;
        let now = presence(slot.heard_ms(), self.options.lease_ms, self.elapsed_ms());
        if now == *told {
            return;
        }
        let written = match now {
            Presence::Gone => self.book.close(&slot.session).await,
            _ => self.book.presence(&slot.name, &slot.session, now).await,
        };
        match written {
            Ok(()) => *told = now,
            Err(error) if book::is_fenced(&error) => return self.supersede(slot),
            Err(error) => tracing::warn!(member = %slot.name, %error, "its presence cannot be written; trying again"),
        }
        if *told == Presence::Gone {
            tracing::info!(member = %slot.name, "silent for two leases: gone");
            self.note_end(slot, "silent for two leases");
            self.sessions.leave(slot);
            slot.ended.cancel();
        }
    }

    /// Ends a session that is not its member's newest any more.
    pub(super) fn supersede(&self, slot: &Arc<Slot>) {
        self.note_end(slot, "another agent of this name opened a newer session");
        self.sessions.leave(slot);
        slot.fence("newer_session", hello::newer_session(&slot.name));
    }

    /// Ends the session of a member that says good-bye or was removed, in the registry too.
    pub(super) async fn close(&self, slot: &Arc<Slot>) {
        let fenced = slot.fenced();
        let why = fenced
            .as_ref()
            .map_or("its agent was stopped", |fenced| &fenced.message);
        self.note_end(slot, why);
        self.sessions.leave(slot);
        if let Err(error) = self.book.close(&slot.session).await {
            tracing::warn!(member = %slot.name, %error, "its session cannot be closed; it ends with its lease");
        }
    }
}
