//! What ends by time, and how long what ended is kept.

use flock_core::{Result, limits, notification::State};
use rusqlite::{Connection, params};

use super::{conclude, row::int};
use crate::store::sql;

/// Ends stored rows whose time to live is over; answers how many.
///
/// Does nothing while `clock_ok` is false: a clock that is off must not throw requests away.
///
/// # Errors
/// `internal` when the store refuses.
pub fn expire(conn: &Connection, now_ms: u64, clock_ok: bool) -> Result<usize> {
    if !clock_ok {
        return Ok(0);
    }
    let mut expired = 0;
    for row in overdue(conn, now_ms)? {
        let why = "its time to live ended before this node could run it";
        expired += usize::from(conclude(conn, row, State::Expired, "expired", why, now_ms)?);
    }
    Ok(expired)
}

/// Whether [`expire`] would end anything.
///
/// # Errors
/// `internal` when the store refuses.
pub fn is_overdue(conn: &Connection, now_ms: u64) -> Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM inbox WHERE state = 'stored' AND expires_ms <= ?1)")
        .map_err(sql)?
        .query_row([int(now_ms)], |r| r.get(0))
        .map_err(sql)
}

fn overdue(conn: &Connection, now_ms: u64) -> Result<Vec<i64>> {
    let mut statement = conn
        .prepare_cached("SELECT row FROM inbox WHERE state = 'stored' AND expires_ms <= ?1")
        .map_err(sql)?;
    let rows = statement.query_map([int(now_ms)], |r| r.get(0)).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// Deletes finished rows that are old, and the oldest beyond [`limits::FINISHED_ROWS`]; answers how many.
///
/// A row stays as long as its sender might offer it again: by age only once its own time to live is over, too; by number the
/// reported and the unreported are counted apart. With `clock_ok` false nothing goes by age.
///
/// # Errors
/// `internal` when the store refuses.
pub fn trim(conn: &Connection, now_ms: u64, clock_ok: bool) -> Result<usize> {
    let gone = if clock_ok { by_age(conn, now_ms)? } else { 0 };
    Ok(gone + keep(conn, limits::FINISHED_ROWS)?)
}

/// Deletes the oldest finished rows beyond `rows`.
pub(super) fn keep(conn: &Connection, rows: u64) -> Result<usize> {
    Ok(by_number(conn, true, rows)? + by_number(conn, false, rows)?)
}

fn by_age(conn: &Connection, now_ms: u64) -> Result<usize> {
    conn.prepare_cached(
        "DELETE FROM inbox WHERE state NOT IN ('stored', 'claimed') AND updated_ms <= ?1 AND expires_ms <= ?2",
    )
    .map_err(sql)?
    .execute(params![
        int(now_ms.saturating_sub(limits::FINISHED_AGE_MS)),
        int(now_ms)
    ])
    .map_err(sql)
}

fn by_number(conn: &Connection, reported: bool, rows: u64) -> Result<usize> {
    conn.prepare_cached(
        "DELETE FROM inbox WHERE row IN (SELECT row FROM inbox WHERE state NOT IN ('stored', 'claimed') AND reported = ?1
         ORDER BY updated_ms DESC, row DESC LIMIT -1 OFFSET ?2)",
    )
    .map_err(sql)?
    .execute(params![reported, int(rows)])
    .map_err(sql)
}
