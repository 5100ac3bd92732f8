//! What delivery needs of the rest of the agent.

use std::collections::BTreeSet;

use flock_core::Result;

use crate::pb;

/// Who is who in the flock, as the link to a hub knows it.
#[tonic::async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The nodes that are meant, `match` already applied with `id` as its seed; nodes of the presence `"unknown"` are not counted.
    /// An answer marked `stale` decides nothing, it is asked for again.
    ///
    /// # Errors
    /// `connection` or `timeout` while no hub can be asked; any other kind concerns this selector only.
    async fn resolve(&self, id: &str, targets: &pb::Targets) -> Result<pb::Nodes>;

    /// The nodes whose return is waited for; replaces the earlier set.
    fn watch(&self, names: BTreeSet<String>);

    /// Whether this machine's clock is too far from the hub's ([`flock_core::limits::CLOCK_SKEW_EXPIRY_MS`]) to let anything expire.
    fn clock_skewed(&self) -> bool;
}

/// The way to another node: found, dialled and, where needed, relayed by whoever implements this.
#[tonic::async_trait]
pub trait Courier: Send + Sync + 'static {
    /// Offers a notification to the node `target`.
    ///
    /// # Errors
    /// `connection` only when the notification surely did not arrive (no way, no address, not connected): it may then still be
    /// superseded. A call that broke off after it was sent is `outcome_unknown` or `timeout`.
    async fn offer(&self, target: &str, envelope: pb::Envelope) -> Result<pb::Receipt>;

    /// Tells the node `sender` how its notification ended; once this answers, the sender has it on disk.
    ///
    /// # Errors
    /// Any: it is told again later.
    async fn report(&self, sender: &str, outcome: pb::Outcome) -> Result<()>;
}

/// This node's own inbox, for notifications that a node sends itself.
#[tonic::async_trait]
pub trait LocalInbox: Send + Sync + 'static {
    /// As the peer port would answer.
    ///
    /// # Errors
    /// When the store refuses: it is offered again.
    async fn admit(&self, envelope: pb::Envelope) -> Result<pb::Receipt>;
}

/// Outcomes in this node's inbox that their senders have not been told.
#[tonic::async_trait]
pub trait Reports: Send + Sync + 'static {
    /// The oldest outcomes, `limit` at most, each with the node that sent the notification; none of the senders in `except`, which cannot be told
    /// now and must not hide the others.
    ///
    /// # Errors
    /// When the store refuses.
    async fn due(&self, except: &BTreeSet<String>, limit: usize) -> Result<Vec<(String, pb::Outcome)>>;

    /// Notes that `sender` has these.
    ///
    /// # Errors
    /// When the store refuses: they are told again.
    async fn reported(&self, sender: &str, outcomes: Vec<pb::Outcome>) -> Result<()>;
}
