//! What others want to hear of this node: their subscriptions, the changes of its resources, and the notifications that follow.
//!
//! Pure functions over a connection; [`super::Store`] runs them. A change and everything that follows from it are one commit: the row
//! in `change`, how far its file was read, and a row in `fire` per notification. A fire becomes a draft in the outbox when it is due
//! and there is room, also in one commit; so each subscription hears of each change at most once, and no crash loses one.

mod change;
mod file;
mod fire;
mod known;
mod late;
mod query;
#[cfg(test)]
mod tests;

pub use change::{Batch, Change, record, take_in, trim};
pub use file::{File, files, forget};
pub use fire::{Released, is_due, release};
pub use known::{Set, apply, disconnected, knowledge, source_keys};
pub use late::unheard_since;
pub use query::{Heard, heard, list};

pub(super) const SCHEMA: &str = "
CREATE TABLE subscription (           -- those that concern this node as their source
  subscriber    TEXT NOT NULL,
  id            TEXT NOT NULL,
  source_key    TEXT NOT NULL,
  revision      INTEGER NOT NULL,     -- of the registry when it was made
  body          BLOB NOT NULL,        -- the protobuf Subscription
  fired         INTEGER NOT NULL DEFAULT 0,
  last_fired_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (subscriber, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscription_source ON subscription (source_key);
CREATE TABLE change (                 -- updated resources
  n        INTEGER PRIMARY KEY,
  run      INTEGER NOT NULL,          -- of which Chef run; below 0 = of a worker
  key      TEXT NOT NULL,
  body     BLOB NOT NULL,             -- a protobuf Draft with what its notifications have in common
  revision INTEGER NOT NULL,          -- all subscriptions made up to there were known
  open     INTEGER NOT NULL,          -- 1 = newer ones may still match: there was no session with a hub
  at_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX change_open ON change (n) WHERE open = 1;
CREATE TABLE fire (                   -- notifications that are not in the outbox yet
  n          INTEGER PRIMARY KEY,
  subscriber TEXT NOT NULL,
  id         TEXT NOT NULL,
  run        INTEGER NOT NULL,
  due        INTEGER NOT NULL,        -- 0 = when the run is over
  draft      BLOB NOT NULL
) STRICT;
CREATE INDEX fire_of ON fire (subscriber, id, run);
CREATE INDEX fire_waits ON fire (run) WHERE due = 0;
CREATE INDEX fire_due ON fire (n) WHERE due = 1;
CREATE TABLE journal_file (
  run     INTEGER PRIMARY KEY,
  offset  INTEGER NOT NULL,           -- of the first byte that was not read
  over    INTEGER NOT NULL,           -- 1 = the run is over and all was read
  skipped INTEGER NOT NULL            -- lines that could not be used
) STRICT;
ALTER TABLE inbox ADD COLUMN subscription TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
CREATE INDEX inbox_subscription ON inbox (subscription) WHERE subscription <> '';
";
