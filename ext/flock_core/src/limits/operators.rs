//! Of operators: what one of them, and all together, may keep a hub busy with, so that the hub's own work goes on.

use super::{OUTBOX_TOTAL, RESOLVE_NODES};

/// Unfinished deliveries of one operator in a hub's outbox: one notification to as many nodes as a selector may mean.
pub const OUTBOX_PER_OPERATOR: u64 = RESOLVE_NODES as u64;
/// Unfinished deliveries of all operators in a hub's outbox: the other half is the hub's own.
pub const OUTBOX_OPERATORS: u64 = OUTBOX_TOTAL / 2;
/// Calls of operators that a hub holds until something happens (`await`, `observe`, `call`), as many as the local socket has places, and
/// those of one operator among them, over all connections.
pub const OPERATORS_WAITS: usize = 256;
/// See [`OPERATORS_WAITS`].
pub const OPERATOR_WAITS: usize = 64;
/// All other calls of operators that a hub works on at a time, and those of one operator among them.
pub const OPERATORS_CALLS: usize = 128;
/// See [`OPERATORS_CALLS`].
pub const OPERATOR_CALLS: usize = 32;
/// How long a command of an operator waits for another one that renews the same certificate: for two hubs that do not answer.
pub const OPERATOR_LOCK_MS: u64 = 30_000;
/// How often it looks whether that has ended.
pub const OPERATOR_LOCK_POLL_MS: u64 = 50;
/// Operators that a list names.
pub const OPERATORS_LISTED: usize = 10_000;
