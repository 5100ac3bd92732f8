//! Subscriptions on the link: what this node declares, and what it hears of those of others.

use std::sync::{Arc, Mutex, PoisonError};

use flock_core::limits;
use prost::Message;
use tokio::sync::{mpsc, watch};

use super::{Link, Shared};
use crate::{pb, subscription};

/// All that this node subscribes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Of the snapshot that says so.
    pub generation: u64,
    /// Checked, and no more than one node may have.
    pub subscriptions: Arc<[pb::Subscription]>,
}

/// What the hub says of subscriptions, in its order.
#[derive(Debug, Clone, PartialEq)]
pub enum Subscribing {
    /// Of this node's own.
    Declared(pb::Declared),
    /// Of those that concern this node as their source.
    Subscribed(pb::Subscribed),
    /// The session is over; whatever comes next is of another one.
    Disconnected {
        /// When the hub was last heard, Unix time.
        heard_ms: u64,
    },
}

/// Both directions; declarations outlive sessions.
pub(super) struct Desk {
    declared: watch::Sender<Option<Declaration>>,
    heard: mpsc::Sender<Subscribing>,
    outlet: Mutex<Option<mpsc::Receiver<Subscribing>>>,
}

impl Default for Desk {
    fn default() -> Self {
        let (heard, outlet) = mpsc::channel(limits::SUBSCRIBED_QUEUE);
        Self {
            declared: watch::Sender::default(),
            heard,
            outlet: Mutex::new(Some(outlet)),
        }
    }
}

impl Desk {
    /// What a session has to declare: all of it first, then every change.
    pub(super) fn declared(&self) -> watch::Receiver<Option<Declaration>> {
        let mut declared = self.declared.subscribe();
        if declared.borrow().is_some() {
            declared.mark_changed();
        }
        declared
    }

    fn is_heard(&self) -> bool {
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl Declaration {
    pub(super) fn parts(self) -> Vec<pb::Declare> {
        let cut = subscription::parts(self.subscriptions.to_vec(), Message::encoded_len);
        let last = cut.len().saturating_sub(1);
        let part = |(n, subscriptions)| pb::Declare {
            generation: self.generation,
            subscriptions,
            more: n < last,
        };
        cut.into_iter().enumerate().map(part).collect()
    }
}

impl Link {
    /// Declares what this node subscribes to, in place of the earlier: now, and at the beginning of every session.
    pub fn declare(&self, declaration: Declaration) {
        self.0.subscriptions.declared.send_replace(Some(declaration));
    }

    /// What the hub says of subscriptions, for one listener: `None` for a second. What it does not take in time holds up the stream.
    /// To be called at once after [`Link::spawn`]; what a hub says before is not kept.
    pub fn subscribing(&self) -> Option<mpsc::Receiver<Subscribing>> {
        let outlet = &self.0.subscriptions.outlet;
        outlet.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Shared {
    /// Hands over what is held, once there is room. Given up half-way, it is still held.
    pub(super) async fn hand_over(&self, held: &mut Option<Subscribing>) {
        if self.subscriptions.is_heard() {
            // An error: whoever listened has gone.
            if let Ok(room) = self.subscriptions.heard.reserve().await
                && let Some(heard) = held.take()
            {
                room.send(heard);
            }
        }
        *held = None;
    }

    /// Says that the session is over.
    pub(super) async fn say_disconnected(&self, heard_ms: u64) {
        let mut held = Some(Subscribing::Disconnected { heard_ms });
        let _ = self.options.cancel.run_until_cancelled(self.hand_over(&mut held)).await;
    }
}
