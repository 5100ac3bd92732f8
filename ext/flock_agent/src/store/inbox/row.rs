//! Columns to values and back, and the one place where a row's state changes.

use flock_core::{Error, Result, limits, notification::State};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    store::sql,
    text::{cut, word},
};

/// SQLite's integers are signed; what does not fit is clamped (no time or counter of ours comes near).
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The other way round; a negative value cannot be ours and reads as 0.
pub(super) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// As [`uint`], for the small counters of the wire.
pub(super) fn small(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal(format!("a column could not be written: {e}")))
}

/// A column that does not parse is read as empty: it is there for people, and no reason to lose the row.
pub(super) fn parsed<T: DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

/// What a row is told when its state changes.
pub(super) struct Change<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) now_ms: u64,
}

/// Moves a row to `next` if that may follow its state; answers whether it did.
pub(super) fn advance(conn: &Connection, row: i64, next: State, change: &Change<'_>) -> Result<bool> {
    let Some(from) = state(conn, row)? else {
        return Ok(false);
    };
    if !from.can_become(next) {
        return Ok(false);
    }
    conn.prepare_cached("UPDATE inbox SET state = ?2, code = ?3, message = ?4, updated_ms = ?5 WHERE row = ?1")
        .map_err(sql)?
        .execute(params![
            row,
            next.as_str(),
            word(change.code, next.as_str()),
            cut(change.message, limits::OUTCOME_MESSAGE_BYTES),
            int(change.now_ms)
        ])
        .map_err(sql)?;
    Ok(true)
}

fn state(conn: &Connection, row: i64) -> Result<Option<State>> {
    let found: Option<String> = conn
        .prepare_cached("SELECT state FROM inbox WHERE row = ?1")
        .map_err(sql)?
        .query_row([row], |r| r.get(0))
        .optional()
        .map_err(sql)?;
    Ok(found.as_deref().and_then(State::parse))
}
