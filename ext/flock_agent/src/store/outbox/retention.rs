//! Forgetting what ended long ago, or too much of what ended.

use flock_core::{Result, limits};
use rusqlite::{Connection, params};

use super::OPEN;
use crate::store::sql;

/// Removes finished drafts that are older than [`limits::FINISHED_AGE_MS`], and the oldest of those whose deliveries are more than
/// [`limits::FINISHED_ROWS`]; [`limits::TRIM_ROWS`] drafts at most. Answers how many: as long as that is not 0, there may be more.
///
/// A draft with one unfinished delivery is kept whole, and the newest is kept in any case: the next sequence follows from it.
///
/// # Errors
/// `internal` when the store refuses.
pub fn trim(conn: &Connection, now_ms: u64) -> Result<usize> {
    keep(
        conn,
        now_ms.saturating_sub(limits::FINISHED_AGE_MS),
        limits::FINISHED_ROWS,
    )
}

pub(super) fn keep(conn: &Connection, since_ms: u64, rows: u64) -> Result<usize> {
    let query = format!(
        "WITH finished AS (
           SELECT seq, COUNT(*) AS deliveries, MAX(updated_ms) AS ended_ms FROM delivery GROUP BY seq HAVING SUM({OPEN}) = 0),
         counted AS (SELECT seq, ended_ms, SUM(deliveries) OVER (ORDER BY seq DESC) AS newer FROM finished)
         DELETE FROM outbox WHERE seq IN (
           SELECT seq FROM counted WHERE (ended_ms < ?1 OR newer > ?2) AND seq < (SELECT MAX(seq) FROM outbox)
           ORDER BY seq LIMIT ?3)"
    );
    conn.execute(&query, params![since_ms, rows, limits::TRIM_ROWS])
        .map_err(sql)
}
