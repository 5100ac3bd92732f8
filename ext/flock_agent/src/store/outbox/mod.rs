//! The outbox: what this node asks of others, from the recipe's call to the outcome that came back.
//!
//! Pure functions over a connection; [`super::Store`] runs them. One row of `outbox` is one draft, one row of `delivery` is that draft and
//! one target. A draft whose targets must still be resolved has one delivery with the target `''`. States change only along
//! [`flock_core::notification::State::can_become`], except when a new attempt begins.

mod append;
mod full;
#[cfg(test)]
mod history_tests;
mod offer;
mod outcome;
mod query;
mod resolve;
mod retention;
mod row;
mod steer;
#[cfg(test)]
mod tests;
mod upgrade;

pub use append::{Appended, append};
pub use offer::{Answer, Offered, due_targets, offer, settle};
pub use outcome::{apply_outcome, expire};
pub use query::{Counts, chain, counts, list, records, states, waiting_for};
pub use resolve::{Unresolved, resolve, unresolved};
pub use retention::trim;
pub(super) use steer::range;
pub use steer::{drop, retry, unique_id};
pub(super) use upgrade::upgrade;

pub(super) const SCHEMA: &str = "
CREATE TABLE outbox (
  seq        INTEGER PRIMARY KEY,  -- one more than the highest; the retention keeps that one, so that none is used twice
  id         TEXT NOT NULL UNIQUE,
  digest     BLOB NOT NULL,        -- SHA-256 of `draft`
  draft      BLOB NOT NULL,        -- the protobuf Draft
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE delivery (
  seq         INTEGER NOT NULL REFERENCES outbox ON DELETE CASCADE,
  target      TEXT NOT NULL,                     -- '' = not resolved
  slot        BLOB NOT NULL,                     -- a newer one in the slot makes an older one needless
  state       TEXT NOT NULL,
  code        TEXT NOT NULL DEFAULT '',
  message     TEXT NOT NULL DEFAULT '',
  run_ms      INTEGER NOT NULL DEFAULT 0,
  shared_with INTEGER NOT NULL DEFAULT 0,
  attempt     INTEGER NOT NULL,
  updated_ms  INTEGER NOT NULL,
  expires_ms  INTEGER NOT NULL,
  PRIMARY KEY (seq, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (target, seq, slot, state) WHERE state IN ('queued', 'offered');
CREATE INDEX delivery_open ON delivery (expires_ms, state) WHERE state IN ('queued', 'offered', 'stored', 'claimed');
";

/// What is on its way to a target, as the partial index `delivery_due` has it: SQLite uses the index only for the very same words.
const DUE: &str = "state IN ('queued', 'offered')";
/// What is not finished, as the partial index `delivery_open` has it.
const OPEN: &str = "state IN ('queued', 'offered', 'stored', 'claimed')";
/// What operators have asked for and is not finished, as the partial index `delivery_operators` has it.
const OPERATORS: &str = "operator <> '' AND state IN ('queued', 'offered', 'stored', 'claimed')";
/// The target of a delivery whose targets are not resolved.
const UNRESOLVED: &str = "";
