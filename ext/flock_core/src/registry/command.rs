//! What may be asked of the registry, and what comes of it.

use super::{Committed, Op, Session};

/// One change that is asked for. Time is no part of it: whoever keeps the leases says when a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// All of `ops` or none.
    Txn {
        /// Names the command; the same id again answers as the first time and changes nothing.
        id: String,
        /// The steps.
        ops: Vec<Op>,
    },
    /// Opens a session and ends the owner's earlier one.
    OpenSession {
        /// An escaped node name.
        owner: String,
        /// Kept with the session for whoever keeps the leases after a restart, in milliseconds.
        lease_ms: u64,
    },
    /// Ends a session that was closed or went silent; no error if it has ended.
    EndSession(Session),
}

/// What a command answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Command::Txn`].
    Committed(Committed),
    /// To [`Command::OpenSession`].
    Opened(Session),
    /// To [`Command::EndSession`].
    Ended,
}

/// What a command does: rows to write, all or none, and the answer to give once they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// In the order in which they are written; empty for a command that changes nothing.
    pub writes: Vec<Write>,
    /// For the caller.
    pub answer: Answer,
}

impl Effect {
    pub(super) fn nothing(answer: Answer) -> Self {
        Self {
            writes: Vec::new(),
            answer,
        }
    }

    /// The revision that the command took, if it took one.
    pub fn revision(&self) -> Option<u64> {
        self.writes.iter().find_map(|write| match write {
            Write::Head(head) => Some(head.revision),
            _ => None,
        })
    }

    /// The keys that change and their new values; `None` = deleted.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.writes.iter().filter_map(|write| match write {
            Write::Put { key, record } => Some((key.as_str(), Some(record.value.as_slice()))),
            Write::Delete { key } => Some((key.as_str(), None)),
            _ => None,
        })
    }
}

/// One row that a command writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts an entry in place of what was there.
    Put {
        /// Where.
        key: String,
        /// What.
        record: Record,
    },
    /// Deletes an entry that is there.
    Delete {
        /// Where.
        key: String,
    },
    /// Keeps a session, in place of the owner's earlier one.
    Open {
        /// Who and since when.
        session: Session,
        /// For a restart.
        lease_ms: u64,
    },
    /// Forgets a session.
    End(Session),
    /// Sets a sequence.
    Sequence {
        /// Which.
        name: String,
        /// Its last value.
        value: u64,
    },
    /// Remembers the answer to a command.
    Remember {
        /// The command's id.
        id: String,
        /// Its answer.
        answer: Committed,
    },
    /// Forgets the answers of this revision and of all before it.
    Forget {
        /// The newest that is forgotten.
        revision: u64,
    },
    /// Replaces the head.
    Head(Head),
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What.
    pub value: Vec<u8>,
    /// Of its last change.
    pub revision: u64,
    /// The session that it lives with, if any.
    pub session: Option<Session>,
}

/// The revision, and how much there is of what has a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Of the last command that changed something; 0 = none did.
    pub revision: u64,
    /// Entries.
    pub keys: u64,
    /// Open sessions.
    pub sessions: u64,
    /// Sequences.
    pub sequences: u64,
}
