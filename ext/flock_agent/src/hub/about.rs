//! What a hub knows of one node, for whoever asks why that cannot be reached.

use std::sync::Arc;

use flock_core::{Error, Result, id::NodeName};

use super::{Inner, lock, slot::Slot};
use crate::{pb, transport::PeerIdentity};

impl Inner {
    /// All that is known of `name`, times by this hub's clock.
    ///
    /// # Errors
    /// `configuration` when that is no name of a node; the registry's.
    pub(super) async fn about(&self, name: &str) -> Result<pb::HubKnowledge> {
        let name = NodeName::parse(name)?;
        let removed = self.book.removal(&name).await?;
        let known = pb::HubKnowledge {
            hub: self.options.name.to_string(),
            now_ms: self.options.clock.now_ms(),
            node: Some(self.directory().node(name.as_str())),
            lease_ms: self.options.lease_ms,
            removed_ms: removed.as_ref().map_or(0, |removed| removed.removed_ms),
            removed_by: removed.map_or_else(String::new, |removed| removed.by),
            encounter: self.options.encounters.of(name.as_str()),
            ..Default::default()
        };
        Ok(match self.sessions.get(name.as_str()) {
            Some(slot) => self.with_session(known, &slot),
            None => known,
        })
    }

    fn with_session(&self, known: pb::HubKnowledge, slot: &Arc<Slot>) -> pb::HubKnowledge {
        pb::HubKnowledge {
            connected: slot.was_heard() && !slot.ended.is_cancelled(),
            served: lock(&slot.line).is_some(),
            since_ms: slot.since_ms(),
            heard_ms: self.heard_at(slot),
            clock_offset_ms: slot.clock_offset_ms(),
            ..known
        }
    }

    /// When its member was heard last, by the time of day; 0 = not since this hub began.
    fn heard_at(&self, slot: &Slot) -> u64 {
        let silent_ms = self.elapsed_ms().saturating_sub(slot.heard_ms());
        match slot.was_heard() {
            true => self.options.clock.now_ms().saturating_sub(silent_ms),
            false => 0,
        }
    }

    /// Remembers why a session ended.
    pub(super) fn note_end(&self, slot: &Slot, why: &str) {
        self.options.encounters.ended(&slot.name, why, self.heard_at(slot));
    }

    /// Remembers that a hello was refused.
    pub(super) fn note_refusal(&self, peer: &PeerIdentity, error: &Error) {
        self.options
            .encounters
            .failed(&peer.name, error, self.options.clock.now_ms());
    }
}
