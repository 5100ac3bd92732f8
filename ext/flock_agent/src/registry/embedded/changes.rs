//! The log of changes that watchers resume from, and its compaction.

use flock_core::{Result, limits, registry::Effect};
use rusqlite::{Connection, params};

use super::{
    WatchEvent,
    rows::{after, all, int, one, run, uint},
    watchers::QUEUE,
};

/// Changes that are kept for watchers that come back. In a simulation few, so that it is compacted all the time.
const KEPT: u64 = if cfg!(feature = "simulation") {
    8
} else {
    limits::REGISTRY_CHANGES
};

/// Appends the changes of one command and compacts what is above the limits.
pub(super) fn append(db: &Connection, revision: u64, effect: &Effect) -> Result<()> {
    let mut log = Log::read(db)?;
    let before = log;
    for (key, value) in effect.changes() {
        let insert = "INSERT INTO changes (id, revision, key, value) VALUES (?1, ?2, ?3, ?4)";
        run(db, insert, params![int(log.last + 1), int(revision), key, value])?;
        log.last += 1;
        log.bytes += (key.len() + value.map_or(0, <[u8]>::len)) as u64;
    }
    while log.last - log.first_before > KEPT || log.bytes > limits::REGISTRY_CHANGES_BYTES {
        log.drop_oldest(db)?;
    }
    match log == before {
        true => Ok(()),
        false => log.write(db),
    }
}

/// What a watcher of `prefix` missed from after `revision` on: the changes, or that it must list again.
pub(super) fn since(db: &Connection, prefix: &str, revision: u64) -> Result<Vec<WatchEvent>> {
    let log = Log::read(db)?;
    let resync = vec![WatchEvent::Resync { revision: log.revision }];
    // Ahead of us: the registry went back to a backup, and what the watcher saw is no more.
    if revision < log.compacted || revision > log.revision {
        return Ok(resync);
    }
    let query =
        "SELECT key, value, revision FROM changes WHERE revision > ?1 AND key >= ?2 AND key < ?3 ORDER BY id LIMIT ?4";
    let most = QUEUE;
    let range = params![int(revision), prefix, after(prefix), int(most as u64 + 1)];
    let found = all(db, query, range, |row| {
        Ok(WatchEvent::Change {
            key: row.get(0)?,
            value: row.get(1)?,
            revision: uint(row, 2)?,
        })
    })?;
    Ok(if found.len() > most { resync } else { found })
}

/// Where the log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Log {
    revision: u64,
    compacted: u64,
    bytes: u64,
    /// The id before the oldest change that is kept.
    first_before: u64,
    /// The id of the newest change.
    last: u64,
}

impl Log {
    fn read(db: &Connection) -> Result<Self> {
        let query = "SELECT revision, compacted, change_bytes,
            (SELECT coalesce(min(id) - 1, 0) FROM changes), (SELECT coalesce(max(id), 0) FROM changes) FROM head";
        let found = one(db, query, [], |row| {
            Ok(Self {
                revision: uint(row, 0)?,
                compacted: uint(row, 1)?,
                bytes: uint(row, 2)?,
                first_before: uint(row, 3)?,
                last: uint(row, 4)?,
            })
        })?;
        found.ok_or_else(super::rows::headless)
    }

    fn drop_oldest(&mut self, db: &Connection) -> Result<()> {
        let delete = "DELETE FROM changes WHERE id = ?1 RETURNING revision, length(key) + coalesce(length(value), 0)";
        let dropped = one(db, delete, [int(self.first_before + 1)], |row| {
            Ok((uint(row, 0)?, uint(row, 1)?))
        })?;
        let (revision, bytes) = dropped.unwrap_or((self.compacted, 0));
        self.first_before += 1;
        self.compacted = revision;
        self.bytes = self.bytes.saturating_sub(bytes);
        Ok(())
    }

    fn write(&self, db: &Connection) -> Result<()> {
        let update = "UPDATE head SET compacted = ?1, change_bytes = ?2";
        run(db, update, [self.compacted, self.bytes].map(int))
    }
}
