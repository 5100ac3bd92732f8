//! How far the journal files of Chef runs were read.

use flock_core::Result;
use rusqlite::{Connection, params};

use super::change::Batch;
use crate::store::sql;

/// One journal file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// The run's number.
    pub run: u64,
    /// Of the first byte that was not read.
    pub offset: u64,
    /// All of it was taken in, and the run is over: the file may go.
    pub over: bool,
}

/// All that were not forgotten, by run.
///
/// # Errors
/// `internal` when the store refuses.
pub fn files(conn: &Connection) -> Result<Vec<File>> {
    let mut statement = conn
        .prepare_cached("SELECT run, offset, over FROM journal_file ORDER BY run")
        .map_err(sql)?;
    let file = |row: &rusqlite::Row<'_>| {
        Ok(File {
            run: row.get(0)?,
            offset: row.get(1)?,
            over: row.get(2)?,
        })
    };
    let rows = statement.query_map([], file).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// Forgets a file that is no more; what waited for the end of its run is due.
///
/// # Errors
/// `internal` when the store refuses.
pub fn forget(conn: &Connection, run: u64) -> Result<()> {
    super::fire::run_is_over(conn, i64::try_from(run).unwrap_or(i64::MAX))?;
    conn.prepare_cached("DELETE FROM journal_file WHERE run = ?1")
        .map_err(sql)?
        .execute([run])
        .map(drop)
        .map_err(sql)
}

pub(super) fn advance(conn: &Connection, run: i64, batch: &Batch) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO journal_file (run, offset, over, skipped) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (run) DO UPDATE SET offset = excluded.offset, over = excluded.over, skipped = skipped + excluded.skipped",
    )
    .map_err(sql)?
    .execute(params![run, batch.offset, batch.over, batch.skipped])
    .map(drop)
    .map_err(sql)
}

/// Whether a run is over: a worker's always is, and one whose file is still read never.
pub(super) fn is_over(conn: &Connection, run: i64) -> Result<bool> {
    let at_work: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM journal_file WHERE run = ?1 AND over = 0)")
        .map_err(sql)?
        .query_row([run], |row| row.get(0))
        .map_err(sql)?;
    Ok(run < 0 || !at_work)
}
