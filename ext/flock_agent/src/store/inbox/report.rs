//! Outcomes that their senders have not been told yet.

use std::collections::BTreeSet;

use flock_core::Result;
use rusqlite::{Connection, Row, params};

use super::row::{int, json, small, uint};
use crate::{pb, store::sql};

/// A finished row and whom to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreported {
    /// Whom to tell.
    pub sender: String,
    /// What to tell, but for `target`, which the teller fills in.
    pub outcome: pb::Outcome,
}

/// The oldest `limit` outcomes that are not reported; none of the senders in `except`, which cannot be told now and must not hide the others.
///
/// # Errors
/// `internal` when the store refuses.
pub fn unreported(conn: &Connection, except: &BTreeSet<String>, limit: u32) -> Result<Vec<Unreported>> {
    let mut statement = conn
        .prepare_cached(
            "SELECT sender, id, state, code, message, run_ms, shared_with, attempt FROM inbox
             WHERE reported = 0 AND state NOT IN ('stored', 'claimed') AND sender NOT IN (SELECT value FROM json_each(?1))
             ORDER BY row LIMIT ?2",
        )
        .map_err(sql)?;
    let rows = statement.query_map(params![json(except)?, limit], read).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Unreported> {
    Ok(Unreported {
        sender: row.get(0)?,
        outcome: pb::Outcome {
            id: row.get(1)?,
            target: String::new(),
            state: row.get(2)?,
            code: row.get(3)?,
            message: row.get(4)?,
            run_ms: uint(row.get(5)?),
            shared_with: small(row.get(6)?),
            attempt: small(row.get(7)?),
        },
    })
}

/// Notes that `sender` has taken the outcome; nothing happens when a newer attempt began meanwhile.
///
/// # Errors
/// `internal` when the store refuses.
pub fn mark_reported(conn: &Connection, sender: &str, outcome: &pb::Outcome, now_ms: u64) -> Result<bool> {
    let marked = conn
        .prepare_cached(
            "UPDATE inbox SET reported = 1, updated_ms = ?5 WHERE sender = ?1 AND id = ?2 AND attempt = ?3 AND state = ?4",
        )
        .map_err(sql)?
        .execute(params![sender, outcome.id, outcome.attempt, outcome.state, int(now_ms)])
        .map_err(sql)?;
    Ok(marked > 0)
}
