//! What the store knows of itself.

use flock_core::Result;
use rusqlite::{Connection, OptionalExtension};

use super::sql;

pub(super) const SCHEMA: &str = "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;";

const INCARNATION: &str = "incarnation";

/// Which life of this node's store this is; a target that knows (sender, incarnation, sequence) sees that a lower sequence is not an old
/// message when the store was lost and begun anew.
///
/// It is made at the first call on a new store, as the time of day: higher than that of any store before it. Whoever puts an older
/// file back calls [`renew`], because sequences that were used after the copy will be used again.
///
/// # Errors
/// `internal` when the store refuses.
pub fn incarnation(connection: &Connection, now_ms: u64) -> Result<u64> {
    match stored(connection)? {
        Some(incarnation) => Ok(incarnation),
        None => store(connection, now_ms.max(1)),
    }
}

/// Raises the incarnation of a store that was restored from a copy.
///
/// # Errors
/// `internal` when the store refuses.
pub fn renew(connection: &Connection, now_ms: u64) -> Result<u64> {
    let next = stored(connection)?.map_or(1, |last| last + 1);
    store(connection, next.max(now_ms))
}

fn stored(connection: &Connection) -> Result<Option<u64>> {
    connection
        .query_row(
            "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?1",
            [INCARNATION],
            |row| row.get(0),
        )
        .optional()
        .map_err(sql)
}

fn store(connection: &Connection, incarnation: u64) -> Result<u64> {
    connection
        .execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (INCARNATION, incarnation.to_string()),
        )
        .map_err(sql)?;
    Ok(incarnation)
}
