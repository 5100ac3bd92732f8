//! What the flock agrees on, behind one trait; every back end passes the same conformance suite.
//!
//! Keys are paths of escaped segments (`nodes/bender1`); values are bytes. Every change has a revision that only grows.

#[cfg(test)]
pub(crate) mod fake;

use flock_core::Result;
use tokio::sync::mpsc;

/// A key, its value and the revision of its last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The whole key.
    pub key: String,
    /// At most [`flock_core::limits::REGISTRY_VALUE_BYTES`].
    pub value: Vec<u8>,
    /// Of the last change of this key.
    pub revision: u64,
}

/// All entries under a prefix, and the revision at which that was true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// In the order of their keys.
    pub entries: Vec<Entry>,
    /// Watch from here to miss nothing.
    pub revision: u64,
}

/// What a key must look like for a transaction to go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Any,
    /// Nothing is there.
    Absent,
    /// The key was last changed at this revision.
    Revision(u64),
}

/// One step of a transaction; a transaction happens as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Puts a value; bound to a session, it goes when the session ends.
    Put {
        /// Where.
        key: String,
        /// What.
        value: Vec<u8>,
        /// On which condition.
        expect: Expect,
        /// The session that the entry lives with, if any.
        session: Option<Session>,
    },
    /// Deletes a key; a key that is not there is no error unless `expect` says so.
    Delete {
        /// Where.
        key: String,
        /// On which condition.
        expect: Expect,
    },
    /// Only checks.
    Check {
        /// Where.
        key: String,
        /// The condition.
        expect: Expect,
    },
    /// Raises a sequence by one; its new value, from 1, is answered.
    Next {
        /// The name of the sequence.
        sequence: String,
    },
}

/// The answer to a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The revision after it.
    pub revision: u64,
    /// The values of its `Next` steps, in their order.
    pub sequences: Vec<u64>,
}

/// A session: an owner and the epoch that fences its earlier incarnations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Session {
    /// Who, an escaped node name.
    pub owner: String,
    /// Grows with every session of the owner; a fencing token.
    pub epoch: u64,
}

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

    /// All of `ops` or none. The same `command_id` again (a lost reply) answers as the first time and changes nothing.
    ///
    /// # Errors
    /// `rejected` with code `conflict` when an expectation fails, `fenced` when a session is no longer the owner's newest, `too_large`.
    async fn txn(&self, command_id: &str, ops: Vec<Op>) -> Result<Committed>;

    /// Opens a session for `owner` with a higher epoch; the owner's earlier session ends and its entries go.
    async fn open_session(&self, owner: &str, lease_ms: u64) -> Result<Session>;

    /// Renews the lease.
    ///
    /// # Errors
    /// `denied` with code `fenced` when the session has ended.
    async fn renew(&self, session: &Session) -> Result<()>;

    /// Ends the session and deletes its entries; ending an ended one is no error.
    async fn close_session(&self, session: &Session) -> Result<()>;

    /// Changes of the keys that start with `prefix`, from after `revision` on.
    async fn watch(&self, prefix: &str, revision: u64) -> Result<mpsc::Receiver<WatchEvent>>;

    /// What this back end can do.
    fn capabilities(&self) -> Capabilities;
}
