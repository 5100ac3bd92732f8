//! How deliveries end: by the target's word, or by the clock.

use flock_core::{Error, Result, limits, notification::State};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    OPEN,
    row::{At, Change, Standing, advance, parse, standing},
};
use crate::{
    pb,
    store::sql,
    text::{cut, word},
};

/// Takes in what `target` (by its certificate, not by its claim) says of a notification; answers whether that was news.
///
/// The same outcome twice, one of an earlier attempt, or one of a notification that is not known any more is no news and no error:
/// the target stops repeating it. A later attempt than ours was begun by an operator of the target and counts.
///
/// # Errors
/// `protocol` when the state is none in which a notification ends; `internal` when the store refuses.
pub fn apply_outcome(conn: &Connection, target: &str, outcome: &pb::Outcome, now_ms: u64) -> Result<bool> {
    let state = State::parse(&outcome.state)
        .filter(|state| state.is_final())
        .ok_or_else(|| Error::protocol(format!("{:?} is no state in which a notification ends", outcome.state)))?;
    let Some((seq, found)) = find(conn, &outcome.id, target)? else {
        return Ok(false);
    };
    let attempt = outcome.attempt.max(1);
    let newer = attempt > found.attempt;
    if attempt < found.attempt || !(newer || found.state.can_become(state)) {
        return Ok(false);
    }
    write(conn, At { seq, target }, state, outcome, now_ms).map(|()| true)
}

fn find(conn: &Connection, id: &str, target: &str) -> Result<Option<(u64, Standing)>> {
    let seq = conn
        .prepare_cached("SELECT seq FROM outbox WHERE id = ?1")
        .map_err(sql)?
        .query_row([id], |row| row.get(0))
        .optional()
        .map_err(sql)?;
    match seq {
        Some(seq) => Ok(standing(conn, At { seq, target })?.map(|found| (seq, found))),
        None => Ok(None),
    }
}

fn write(conn: &Connection, at: At<'_>, state: State, outcome: &pb::Outcome, now_ms: u64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE delivery SET state = ?3, code = ?4, message = ?5, run_ms = ?6, shared_with = ?7, attempt = ?8, updated_ms = ?9
         WHERE seq = ?1 AND target = ?2",
    )
    .map_err(sql)?
    .execute(params![
        at.seq,
        at.target,
        state.as_str(),
        word(&outcome.code, state.as_str()),
        cut(&outcome.message, limits::OUTCOME_MESSAGE_BYTES),
        // SQLite's integers are signed; a number that only a broken or hostile node sends must not stop the rest.
        outcome.run_ms.min(i64::MAX as u64),
        outcome.shared_with,
        outcome.attempt.max(1),
        now_ms
    ])
    .map(drop)
    .map_err(sql)
}

/// Ends what outlived its time: `expired` while it surely never left, `unknown` when a target may have it and has said nothing
/// for [`limits::OUTCOME_GRACE_MS`] more. Nothing expires while the clock is not to be trusted (`skewed`).
/// Answers how many ended, [`limits::TRIM_ROWS`] at most: as long as that is not 0, there may be more.
///
/// # Errors
/// `internal` when the store refuses.
pub fn expire(conn: &Connection, now_ms: u64, skewed: bool) -> Result<usize> {
    if skewed {
        return Ok(0);
    }
    let overdue = overdue(conn, now_ms)?;
    for (seq, target, word) in &overdue {
        let change = match parse(word)? {
            State::Queued => Change {
                code: "expired",
                message: "its time to live ended before it could be delivered",
                ..Change::to(State::Expired, now_ms)
            },
            _ => Change {
                code: "no_outcome",
                message: "the target sent no outcome within the time to live and a day",
                ..Change::to(State::Unknown, now_ms)
            },
        };
        advance(conn, At { seq: *seq, target }, &change)?;
    }
    Ok(overdue.len())
}

fn overdue(conn: &Connection, now_ms: u64) -> Result<Vec<(u64, String, String)>> {
    let query = format!(
        "SELECT seq, target, state FROM delivery
         WHERE {OPEN} AND expires_ms <= ?1 AND (state = 'queued' OR expires_ms <= ?2) ORDER BY expires_ms LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&query).map_err(sql)?;
    let grace_began_ms = now_ms.saturating_sub(limits::OUTCOME_GRACE_MS);
    let rows = statement
        .query_map(params![now_ms, grace_began_ms, limits::TRIM_ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}
