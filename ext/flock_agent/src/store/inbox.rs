//! The inbox: what others asked of this node, from the acknowledgement to the outcome.
//!
//! Pure functions over a connection; [`super::Store`] runs them. A row changes its state only along
//! [`State::can_become`], except when a new attempt begins. A *job* is one run of the machine that serves all rows of one
//! (key, action) that were claimed for it.

mod admit;
mod claim;
mod operator;
mod report;
mod retention;
mod row;
mod settle;
#[cfg(test)]
mod tests;

pub use admit::{Admitted, Arrival, admit, digest, seen};
pub use claim::{Candidate, Claim, Job, Lineage, candidates, candidates_of, claim, job, jobs, lineage, next_pause_ms};
pub use operator::{Counts, chain, counts, list, remove, retry, states, steer};
pub use report::{Unreported, mark_reported, unreported};
pub use retention::{expire, is_overdue, trim};
pub use settle::{Deferral, Ending, conclude, finish, note, state_of_job, unclaim};

/// One row per (sender, id); one job row per run that was claimed and not yet settled.
pub(super) const SCHEMA: &str = "
CREATE TABLE inbox (
  row INTEGER PRIMARY KEY,
  sender TEXT NOT NULL,
  id TEXT NOT NULL,
  digest BLOB NOT NULL,
  seq INTEGER NOT NULL,
  key TEXT NOT NULL,
  action TEXT NOT NULL,
  timing TEXT NOT NULL,
  sources TEXT NOT NULL,
  chain TEXT NOT NULL,
  cause_root TEXT NOT NULL,
  retry INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  arrived_run INTEGER NOT NULL,
  state TEXT NOT NULL,
  code TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  run_ms INTEGER NOT NULL DEFAULT 0,
  shared_with INTEGER NOT NULL DEFAULT 0,
  runs INTEGER NOT NULL DEFAULT 0,
  deferrals INTEGER NOT NULL DEFAULT 0,
  not_before_ms INTEGER NOT NULL DEFAULT 0,
  job TEXT,
  reported INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  UNIQUE (sender, id)
) STRICT;
CREATE INDEX inbox_open ON inbox (sender) WHERE state IN ('stored', 'claimed');
CREATE INDEX inbox_stored ON inbox (key, action, not_before_ms) WHERE state = 'stored';
CREATE INDEX inbox_job_rows ON inbox (job) WHERE job IS NOT NULL;
CREATE INDEX inbox_unreported ON inbox (row) WHERE reported = 0 AND state NOT IN ('stored', 'claimed');
CREATE TABLE inbox_job (
  job TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  action TEXT NOT NULL,
  generation INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  pid_start INTEGER NOT NULL,
  claimed_ms INTEGER NOT NULL,
  timeout_ms INTEGER NOT NULL,
  chain TEXT NOT NULL,
  cause_root TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Since there are operators: for whom the sender, a hub, asks; '' = for itself. And by what chains are found.
pub(super) const OPERATORS: &str = "
ALTER TABLE inbox ADD COLUMN operator TEXT NOT NULL DEFAULT '';
CREATE INDEX inbox_id ON inbox (id);
CREATE INDEX inbox_root ON inbox (cause_root) WHERE cause_root <> '';
";
