//! How rows end: with the outcome of their job, back among the stored ones, or without a run at all.

use flock_core::{Result, limits, notification::State};
use rusqlite::{Connection, OptionalExtension, params};

use super::row::{Change, advance, int, small, uint};
use crate::{
    store::sql,
    text::{cut, word},
};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// `Done`, `Failed` or `Unknown`.
    pub state: State,
    /// `""` for done, else why, as a word: `"action_failed"`.
    pub code: String,
    /// For people, without secrets; cut to [`limits::OUTCOME_MESSAGE_BYTES`].
    pub message: String,
    /// How long the action took.
    pub run_ms: u64,
}

/// Why a job that was claimed did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferral {
    /// As a word: `"busy"`, `"stale"`, `"worker_died"`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether these rows must pause, longer each time; `false` when something else holds them back.
    pub pause: bool,
}

struct Claimed {
    row: i64,
    runs: u32,
    retry: u32,
}

/// Gives the job's rows its outcome and forgets the job; answers how many rows ended or went back for another run, `None` when the job was settled before.
///
/// A row whose `retry` allows it goes back to stored after a failed or unknown run, with a pause.
///
/// # Errors
/// `internal` when the store refuses.
pub fn finish(conn: &Connection, job: &str, ending: &Ending, now_ms: u64) -> Result<Option<usize>> {
    if !forget(conn, job)? {
        return Ok(None);
    }
    let rows = claimed(conn, job)?;
    let shared_with = rows.len().saturating_sub(1);
    for row in &rows {
        if ending.state != State::Done && row.runs <= row.retry.min(limits::RETRY_MAX) {
            run_again(conn, row, ending, now_ms)?;
        } else {
            end(conn, row.row, ending, shared_with, now_ms)?;
        }
    }
    Ok(Some(rows.len()))
}

/// Puts the job's rows back: nothing was run, and the run does not count. Answers how many, `None` when the job was settled before.
///
/// # Errors
/// `internal` when the store refuses.
pub fn unclaim(conn: &Connection, job: &str, deferral: &Deferral, now_ms: u64) -> Result<Option<usize>> {
    if !forget(conn, job)? {
        return Ok(None);
    }
    let rows = claimed(conn, job)?;
    for row in &rows {
        let change = change(&deferral.code, &deferral.message, now_ms);
        advance(conn, row.row, State::Stored, &change)?;
        conn.prepare_cached(
            "UPDATE inbox SET job = NULL, runs = MAX(runs - 1, 0), deferrals = deferrals + ?2 WHERE row = ?1",
        )
        .map_err(sql)?
        .execute(params![row.row, i64::from(deferral.pause)])
        .map_err(sql)?;
        if deferral.pause {
            pause(conn, row.row, now_ms)?;
        }
    }
    Ok(Some(rows.len()))
}

/// Ends a stored row without a (further) run: `Undeliverable`, `Denied` or `Expired`, with the reason. Answers whether it was still stored.
///
/// Those three say that nothing was done. A row that waits for another run after one that failed, or that nobody knows the end of,
/// ends as `Unknown` instead, with the same code.
///
/// # Errors
/// `internal` when the store refuses.
pub fn conclude(conn: &Connection, row: i64, state: State, code: &str, message: &str, now_ms: u64) -> Result<bool> {
    let runs = runs(conn, row)?;
    if runs == 0 {
        return advance(conn, row, state, &change(code, message, now_ms));
    }
    let message = format!("{message}; before that it was run without success (runs: {runs}): look at the target");
    advance(conn, row, State::Unknown, &change(code, &message, now_ms))
}

/// Says on a stored row why it waits; its state does not change.
///
/// # Errors
/// `internal` when the store refuses.
pub fn note(conn: &Connection, row: i64, code: &str, message: &str) -> Result<()> {
    conn.prepare_cached("UPDATE inbox SET code = ?2, message = ?3 WHERE row = ?1 AND state = 'stored'")
        .map_err(sql)?
        .execute(params![
            row,
            word(code, ""),
            cut(message, limits::OUTCOME_MESSAGE_BYTES)
        ])
        .map_err(sql)?;
    Ok(())
}

/// The state of a job's rows: the job's own outcome, or `Stored` when they went back; `None` when no row knows it.
///
/// # Errors
/// `internal` when the store refuses.
pub fn state_of_job(conn: &Connection, job: &str) -> Result<Option<State>> {
    let found: Option<String> = conn
        .prepare_cached("SELECT state FROM inbox WHERE job = ?1 ORDER BY row LIMIT 1")
        .map_err(sql)?
        .query_row([job], |r| r.get(0))
        .optional()
        .map_err(sql)?;
    Ok(found.as_deref().and_then(State::parse))
}

fn change<'a>(code: &'a str, message: &'a str, now_ms: u64) -> Change<'a> {
    Change { code, message, now_ms }
}

fn forget(conn: &Connection, job: &str) -> Result<bool> {
    let gone = conn
        .prepare_cached("DELETE FROM inbox_job WHERE job = ?1")
        .map_err(sql)?
        .execute([job])
        .map_err(sql)?;
    Ok(gone > 0)
}

fn claimed(conn: &Connection, job: &str) -> Result<Vec<Claimed>> {
    let mut statement = conn
        .prepare_cached("SELECT row, runs, retry FROM inbox WHERE job = ?1 AND state = 'claimed'")
        .map_err(sql)?;
    let rows = statement.query_map([job], |r| {
        Ok(Claimed {
            row: r.get(0)?,
            runs: small(r.get(1)?),
            retry: small(r.get(2)?),
        })
    });
    rows.map_err(sql)?.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// The attempt is raised, so that the sender's history shows that the action may have run more than once.
fn run_again(conn: &Connection, row: &Claimed, ending: &Ending, now_ms: u64) -> Result<()> {
    advance(
        conn,
        row.row,
        State::Stored,
        &change(&ending.code, &ending.message, now_ms),
    )?;
    conn.prepare_cached("UPDATE inbox SET job = NULL, deferrals = runs, attempt = attempt + 1 WHERE row = ?1")
        .map_err(sql)?
        .execute([row.row])
        .map_err(sql)?;
    pause(conn, row.row, now_ms)
}

fn end(conn: &Connection, row: i64, ending: &Ending, shared_with: usize, now_ms: u64) -> Result<()> {
    advance(conn, row, ending.state, &change(&ending.code, &ending.message, now_ms))?;
    conn.prepare_cached("UPDATE inbox SET run_ms = ?2, shared_with = ?3, reported = 0 WHERE row = ?1")
        .map_err(sql)?
        .execute(params![row, int(ending.run_ms), int(shared_with as u64)])
        .map_err(sql)?;
    Ok(())
}

fn runs(conn: &Connection, row: i64) -> Result<i64> {
    let found: Option<i64> = conn
        .prepare_cached("SELECT runs FROM inbox WHERE row = ?1")
        .map_err(sql)?
        .query_row([row], |r| r.get(0))
        .optional()
        .map_err(sql)?;
    Ok(found.unwrap_or(0))
}

fn pause(conn: &Connection, row: i64, now_ms: u64) -> Result<()> {
    let deferrals: i64 = conn
        .prepare_cached("SELECT deferrals FROM inbox WHERE row = ?1")
        .map_err(sql)?
        .query_row([row], |r| r.get(0))
        .map_err(sql)?;
    let until_ms = now_ms.saturating_add(limits::run_pause_ms(uint(deferrals)));
    conn.prepare_cached("UPDATE inbox SET not_before_ms = ?2 WHERE row = ?1")
        .map_err(sql)?
        .execute(params![row, int(until_ms)])
        .map_err(sql)?;
    Ok(())
}
