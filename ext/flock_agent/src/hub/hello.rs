//! The first message of a member: who may open a session, and what the others are told.

use std::sync::Arc;

use flock_core::{Error, Result, id::NodeName, limits};
use prost::Message;

use super::{Inner, book, slot::Slot};
use crate::{pb, registry::Committed, transport::PeerIdentity};

/// How a hello is answered.
pub(super) enum Answer {
    /// With a session.
    Welcome(Arc<Slot>, pb::Welcome),
    /// With a reason why there is none.
    Fenced(pb::Fenced),
}

impl Inner {
    /// Judges a hello and opens the session.
    ///
    /// # Errors
    /// `denied` with code `wrong_name` when the certificate is another node's, `rejected` with code `hub_full` or
    /// `facts_too_large`; whatever the registry answers.
    pub(super) async fn hello(&self, peer: &PeerIdentity, hello: pb::SessionHello) -> Result<Answer> {
        let node = self.own_words(peer, hello.announce.unwrap_or_default())?;
        if let Some(fenced) = self
            .other_flock(&hello.flock_id)
            .or_else(|| other_protocol(hello.protocol_min, hello.protocol_max))
        {
            return Ok(Answer::Fenced(fenced));
        }
        if self.directory().is_removed(peer) || self.book.is_removed(&peer.name).await? {
            return Ok(Answer::Fenced(fenced("removed", removed(&peer.name))));
        }
        self.sessions.admit(peer.name.as_str())?;
        self.book.enter(peer, self.options.clock.now_ms()).await?;
        let session = self.book.open(&peer.name, self.options.lease_ms).await?;
        if session.epoch <= hello.epoch {
            tracing::warn!(member = %peer.name, epoch = session.epoch, seen = hello.epoch,
                "the registry forgot sessions that this member had: was it restored from a backup?");
        }
        let slot = Arc::new(Slot::new(peer.name.clone(), session, self.elapsed_ms()));
        self.enter(slot, &node).await
    }

    async fn enter(&self, slot: Arc<Slot>, node: &pb::NodeInfo) -> Result<Answer> {
        let committed = match self.book.announce(&slot.name, &slot.session, node).await {
            Ok((committed, new)) => {
                if new {
                    slot.announced(committed.revision, self.elapsed_ms());
                }
                committed
            }
            Err(error) if book::is_fenced(&error) => return Ok(superseded(&slot.name)),
            Err(error) if error.code() == "removed" => {
                return Ok(Answer::Fenced(fenced("removed", removed(&slot.name))));
            }
            Err(error) => return Err(error),
        };
        match self.sessions.enter(slot.clone()) {
            Err(_) => Ok(superseded(&slot.name)),
            Ok(older) => {
                if let Some(older) = older {
                    older.fence("newer_session", newer_session(&older.name));
                }
                // It may have been removed since, before there was a session to fence.
                if self.directory().removed().contains(slot.name.as_str()) {
                    slot.fence("removed", removed(&slot.name));
                }
                let welcome = self.welcome(&slot, &committed);
                Ok(Answer::Welcome(slot, welcome))
            }
        }
    }

    /// What a node says of itself, with the certificate's word on its name and on whether it is a hub.
    pub(super) fn own_words(&self, peer: &PeerIdentity, node: pb::NodeInfo) -> Result<pb::NodeInfo> {
        if node.name != peer.name.as_str() {
            let message = format!("the certificate is {}'s, but {:?} was announced", peer.name, node.name);
            return Err(Error::denied(message).with_code("wrong_name"));
        }
        let size = node.encoded_len();
        if size > limits::NODE_INFO_BYTES {
            let message = format!(
                "what {} announces takes {size} bytes, at most {} may be: fewer recipes, tags or services",
                peer.name,
                limits::NODE_INFO_BYTES
            );
            return Err(Error::rejected(message).with_code("facts_too_large"));
        }
        Ok(pb::NodeInfo {
            hub: peer.hub,
            presence: String::new(),
            epoch: 0,
            ..node
        })
    }

    fn welcome(&self, slot: &Slot, committed: &Committed) -> pb::Welcome {
        slot.welcomed(self.options.clock.now_ms());
        pb::Welcome {
            epoch: slot.session.epoch,
            lease_ms: self.options.lease_ms,
            now_ms: self.options.clock.now_ms(),
            revision: committed.revision,
            protocol: limits::PROTOCOL_MAX,
        }
    }

    fn other_flock(&self, flock_id: &str) -> Option<pb::Fenced> {
        let own = &self.options.flock_id;
        (flock_id != own).then(|| {
            let message = format!(
                "this hub serves the flock {own}, not {flock_id}; correct the hubs' addresses or join this flock"
            );
            fenced("other_flock", message)
        })
    }
}

fn other_protocol(min: u32, max: u32) -> Option<pb::Fenced> {
    let (own_min, own_max) = (limits::PROTOCOL_MIN, limits::PROTOCOL_MAX);
    let older = if max < own_min { "agent" } else { "hub" };
    (max < own_min || min > own_max).then(|| {
        let message = format!(
            "the hub speaks protocol {own_min} to {own_max}, the agent {min} to {max}: install a newer flock_of_chefs on the {older}"
        );
        fenced("protocol", message)
    })
}

fn superseded(name: &NodeName) -> Answer {
    Answer::Fenced(fenced("newer_session", newer_session(name)))
}

fn fenced(code: &str, message: String) -> pb::Fenced {
    pb::Fenced {
        code: code.to_owned(),
        message,
    }
}

/// Why a session ends when its member opens another.
pub(super) fn newer_session(name: &NodeName) -> String {
    format!(
        "an agent called {name} opened a newer session; if that was not this machine, two agents share one name: stop one of them"
    )
}

/// Why a removed node has no session.
pub(super) fn removed(name: &NodeName) -> String {
    format!("{name} was removed from the flock; to bring it back, run on it: flockctl join STRING --replace")
}
