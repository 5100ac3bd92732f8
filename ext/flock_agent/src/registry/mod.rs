//! What the flock agrees on, behind one trait; every back end passes the same conformance suite.
//!
//! Keys are paths of escaped segments (`nodes/bender1`); values are bytes. Every change has a revision that only grows.

#[cfg(test)]
mod conformance;
mod embedded;
#[cfg(test)]
pub(crate) mod fake;

pub use embedded::Embedded;
pub(crate) use embedded::file as embedded_file;
pub use flock_core::registry::{Committed, Entry, Expect, Listing, Op, Session};

use flock_core::Result;
use tokio::sync::mpsc;

/// What a watcher sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// One key changed; `None` = it was deleted.
    Change {
        /// Which key.
        key: String,
        /// Its new value.
        value: Option<Vec<u8>>,
        /// Of this change.
        revision: u64,
    },
    /// Changes were missed (compaction, reconnect, a slow watcher): list again, then go on watching.
    Resync {
        /// List at this revision or later.
        revision: u64,
    },
}

/// What a back end can and cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Largest value, in bytes.
    pub value_bytes: usize,
    /// Largest transaction, in bytes.
    pub txn_bytes: usize,
    /// Whether a watch resumes from a revision without gaps while the changes are kept.
    pub gapless_watch: bool,
}

/// A registry back end.
#[tonic::async_trait]
pub trait Registry: Send + Sync + 'static {
    /// One entry.
    async fn get(&self, key: &str) -> Result<Option<Entry>>;

    /// All entries whose key starts with `prefix`.
    async fn list(&self, prefix: &str) -> Result<Listing>;

    /// All of `ops` or none. The same `command_id` again (a lost reply) answers as the first time and changes nothing, while it is
    /// among the last [`flock_core::limits::REGISTRY_COMMANDS`]. Expectations are held against what was there before the transaction.
    ///
    /// # Errors
    /// `rejected` with code `conflict` when an expectation fails, `too_large` or `registry_full` when a limit is reached; `denied`
    /// with code `fenced` when a session of `ops` has ended; `configuration` for malformed keys, or a key that is named twice.
    async fn txn(&self, command_id: &str, ops: Vec<Op>) -> Result<Committed>;

    /// Opens a session for `owner` with a higher epoch; the owner's earlier session ends and its entries go. Silent for two leases it
    /// ends by itself; a restart of the registry gives one lease of grace on top.
    async fn open_session(&self, owner: &str, lease_ms: u64) -> Result<Session>;

    /// Renews the lease.
    ///
    /// # Errors
    /// `denied` with code `fenced` when the session has ended.
    async fn renew(&self, session: &Session) -> Result<()>;

    /// Ends the session and deletes its entries; ending an ended one is no error.
    async fn close_session(&self, session: &Session) -> Result<()>;

    /// Changes of the keys that start with `prefix`, from after `revision` on, in the order of their revisions. All changes of one
    /// transaction have one revision: whoever goes on from there must have taken them all. After a `Resync`, a change may come that
    /// the listing held already. The watch ends (the channel closes) when the back end goes.
    ///
    /// # Errors
    /// `rejected` with code `too_many_watches`.
    async fn watch(&self, prefix: &str, revision: u64) -> Result<mpsc::Receiver<WatchEvent>>;

    /// Lets go of what it holds on this machine, after what was handed over before is kept; it refuses everything from then on. Sessions
    /// go on: they are the flock's.
    async fn close(&self) {}

    /// What this back end can do.
    fn capabilities(&self) -> Capabilities;
}
