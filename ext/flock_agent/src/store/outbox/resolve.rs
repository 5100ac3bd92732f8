//! From a selector to one delivery per target.

use flock_core::{Error, Result, notification::State};
use rusqlite::{Connection, params};

use super::{
    DUE, UNRESOLVED,
    full::refuse_when_full,
    row::{At, Change, New, advance, decode, queue, standing},
};
use crate::{pb, store::sql};

/// A draft whose targets are not known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Unresolved {
    /// Its place in the outbox.
    pub seq: u64,
    /// The notification's id, which seeds the choice among many.
    pub id: String,
    /// Whom it means.
    pub targets: pb::Targets,
}

/// The drafts to resolve after `after_seq`, oldest first, `limit` at most.
///
/// # Errors
/// `internal` when the store refuses.
pub fn unresolved(conn: &Connection, after_seq: u64, limit: usize) -> Result<Vec<Unresolved>> {
    let query = format!(
        "SELECT o.seq, o.id, o.draft FROM delivery d JOIN outbox o ON o.seq = d.seq
         WHERE {DUE} AND d.target = '' AND d.seq > ?1 ORDER BY d.seq LIMIT ?2"
    );
    let mut statement = conn.prepare_cached(&query).map_err(sql)?;
    let rows = statement
        .query_map(params![after_seq, limit], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .map_err(sql)?;
    rows.map(|row| {
        let (seq, id, blob) = row.map_err(sql)?;
        let targets = decode(&blob)?.targets.unwrap_or_default();
        Ok(Unresolved { seq, id, targets })
    })
    .collect()
}

/// Writes down who is meant: one queued delivery each, or `undeliverable` when `names` is empty. Answers whether the draft
/// was still waiting for that.
///
/// # Errors
/// `rejected` with code `outbox_full` when the deliveries do not fit now; `internal` when the store refuses.
pub fn resolve(conn: &Connection, seq: u64, names: &[String], now_ms: u64) -> Result<bool> {
    let at = At {
        seq,
        target: UNRESOLVED,
    };
    let Some(found) = standing(conn, at)?.filter(|found| found.state == State::Queued) else {
        return Ok(false);
    };
    if names.is_empty() {
        let change = Change {
            code: "no_target",
            message: "no node matches its targets",
            ..Change::to(State::Undeliverable, now_ms)
        };
        return advance(conn, at, &change);
    }
    let draft = draft(conn, seq)?;
    refuse_when_full(conn, &draft.operator, names.len().saturating_sub(1))?;
    remove(conn, at)?;
    for target in names {
        let new = New {
            at: At { seq, target },
            draft: &draft,
            attempt: found.attempt,
            expires_ms: found.expires_ms,
            now_ms,
        };
        queue(conn, &new)?;
    }
    Ok(true)
}

/// The draft at a place of the outbox.
pub(super) fn draft(conn: &Connection, seq: u64) -> Result<pb::Draft> {
    let blob: Vec<u8> = conn
        .prepare_cached("SELECT draft FROM outbox WHERE seq = ?1")
        .map_err(sql)?
        .query_row([seq], |row| row.get(0))
        .map_err(|e| match e {
            rusqlite::Error::QueryReturnedNoRows => Error::internal(format!("the outbox has no entry {seq}")),
            other => sql(other),
        })?;
    decode(&blob)
}

fn remove(conn: &Connection, at: At<'_>) -> Result<()> {
    conn.prepare_cached("DELETE FROM delivery WHERE seq = ?1 AND target = ?2")
        .map_err(sql)?
        .execute(params![at.seq, at.target])
        .map(drop)
        .map_err(sql)
}
