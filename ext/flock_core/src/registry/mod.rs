//! The registry as a pure state machine: a command and what is there decide what is written; nothing else does.
//!
//! [`decide`] reads through a [`View`] and answers an [`Effect`]: the rows to write and the answer to give. A back end persists the
//! effect in one transaction; [`State`] is the same in memory, and [`apply`] its transition. Every command that changes
//! something takes the next revision, so revisions number the history.

mod command;
mod decide;
mod shape;
mod state;

pub use command::{Answer, Command, Effect, Head, Record, Write};
pub use decide::{View, decide, fenced};
pub use shape::{check_key, check_prefix};
pub use state::{State, apply};

/// A key, its value and the revision of its last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The whole key.
    pub key: String,
    /// At most [`crate::limits::REGISTRY_VALUE_BYTES`].
    pub value: Vec<u8>,
    /// Of the last change of this key; all changes of one transaction have the same.
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

/// What a key must look like for a transaction to go through; held against what was there before the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Any,
    /// Nothing is there.
    Absent,
    /// The key was last changed at this revision.
    Revision(u64),
}

/// One step of a transaction; a transaction happens as a whole or not at all, and names a key once at most.
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
    /// The revision after it, and of every entry that it put.
    pub revision: u64,
    /// The values of its `Next` steps, in their order.
    pub sequences: Vec<u64>,
}

/// A session: an owner and the epoch that fences its earlier incarnations.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session {
    /// Who, an escaped node name.
    pub owner: String,
    /// Grows with every session of the owner; a fencing token.
    pub epoch: u64,
}

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;
