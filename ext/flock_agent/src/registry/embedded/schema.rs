//! The schema of `registry.db` and its history. A migration is never edited once released; a new one is appended.

use rusqlite_migration::M;

pub(super) const STEPS: &[M<'static>] = &[M::up(FIRST)];

const FIRST: &str = "
-- One row: the revision, the counts that have limits, and what the change log needs to know of itself.
CREATE TABLE head (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  revision     INTEGER NOT NULL,
  keys         INTEGER NOT NULL,
  sessions     INTEGER NOT NULL,
  sequences    INTEGER NOT NULL,
  compacted    INTEGER NOT NULL,  -- the newest revision of which a change was compacted away
  change_bytes INTEGER NOT NULL   -- keys and values of `changes`
) STRICT;
INSERT INTO head VALUES (1, 0, 0, 0, 0, 0, 0);

CREATE TABLE kv (
  key      TEXT PRIMARY KEY,
  value    BLOB NOT NULL,
  revision INTEGER NOT NULL,
  owner    TEXT,                  -- the session that the entry lives with
  epoch    INTEGER
) STRICT;
CREATE INDEX kv_session ON kv (owner, epoch) WHERE owner IS NOT NULL;

-- For watchers that come back: id grows by one per change, the oldest are deleted first. value NULL = deleted.
CREATE TABLE changes (
  id       INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL,
  key      TEXT NOT NULL,
  value    BLOB
) STRICT;
CREATE INDEX changes_revision ON changes (revision);

CREATE TABLE sessions (
  owner    TEXT PRIMARY KEY,
  epoch    INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sequences (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers by command id; every command takes a revision, so the oldest are those of the lowest.
CREATE TABLE commands (
  revision  INTEGER PRIMARY KEY,
  id        TEXT NOT NULL UNIQUE,
  sequences TEXT NOT NULL         -- JSON array
) STRICT;
";
