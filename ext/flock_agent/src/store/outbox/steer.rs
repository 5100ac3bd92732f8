//! What an operator may do to a notification: try again, or give up.

use flock_core::{Error, Result, notification::State};
use rusqlite::{Connection, params};

use super::{
    full::refuse_when_full,
    query::records,
    resolve::draft,
    row::{At, Change, advance, parse, supersede},
};
use crate::{
    draft::ttl_ms,
    pb,
    store::{ambiguous, no_such_notification, sql},
};

/// The id that begins with `prefix`.
///
/// # Errors
/// `resource_not_found` when there is none, `configuration` with code `ambiguous_id` when there are several.
pub fn unique_id(conn: &Connection, prefix: &str) -> Result<String> {
    let (from, to) = range(prefix);
    let mut statement = conn
        .prepare_cached("SELECT id FROM outbox WHERE id >= ?1 AND id < ?2 LIMIT 2")
        .map_err(sql)?;
    let found = statement.query_map((from, to), |row| row.get(0)).map_err(sql)?;
    let mut ids: Vec<String> = found.collect::<rusqlite::Result<_>>().map_err(sql)?;
    match (ids.pop(), ids.pop()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(no_such_notification(&format!(
            "this node sent no notification {prefix:?}"
        ))),
        _ => Err(ambiguous(prefix)),
    }
}

/// The ids that begin with `prefix` lie between these two; `g` follows every hexadecimal digit and the dash.
pub(in crate::store) fn range(prefix: &str) -> (&str, String) {
    (prefix, format!("{prefix}g"))
}

/// Begins a new attempt of what ended otherwise than done, at `target` or (`""`) wherever it did. The id stays, the attempt is raised,
/// the time to live begins anew. What has not ended is left as it is; where a newer one of its kind is queued, that one is the new attempt.
///
/// # Errors
/// `resource_not_found` when the notification has no such target; `rejected` with code `already_done` when all is done, with
/// `outbox_full` when the new attempts do not fit.
pub fn retry(conn: &Connection, id: &str, target: &str, now_ms: u64) -> Result<Vec<pb::Record>> {
    let chosen = chosen(conn, id, target)?;
    if chosen.iter().all(|row| row.state == State::Done) {
        return Err(refused(id, "is done: send a new one", "already_done"));
    }
    let ended = |row: &&Chosen| row.state.is_final() && row.state != State::Done;
    let again: Vec<&Chosen> = chosen.iter().filter(ended).collect();
    if let Some(first) = again.first() {
        refuse_when_full(conn, &draft(conn, first.seq)?.operator, again.len())?;
    }
    for row in again {
        revive(conn, row, now_ms)?;
    }
    records(conn, id)
}

/// Gives up what has not ended: `undeliverable` where it surely never left, else `unknown`, both with code `dropped`.
///
/// # Errors
/// `resource_not_found` when the notification has no such target; `rejected` with code `already_final` when all has ended.
pub fn drop(conn: &Connection, id: &str, target: &str, now_ms: u64) -> Result<Vec<pb::Record>> {
    let chosen = chosen(conn, id, target)?;
    if chosen.iter().all(|row| row.state.is_final()) {
        return Err(refused(id, "has ended: there is nothing to drop", "already_final"));
    }
    for row in chosen.iter().filter(|row| !row.state.is_final()) {
        let (state, message) = match row.state {
            State::Queued => (State::Undeliverable, "an operator dropped it before it left"),
            _ => (
                State::Unknown,
                "an operator dropped it; the target may have it and run it",
            ),
        };
        let change = Change {
            code: "dropped",
            message,
            ..Change::to(state, now_ms)
        };
        advance(conn, row.at(), &change)?;
    }
    records(conn, id)
}

struct Chosen {
    seq: u64,
    target: String,
    state: State,
}

impl Chosen {
    fn at(&self) -> At<'_> {
        At {
            seq: self.seq,
            target: &self.target,
        }
    }
}

fn chosen(conn: &Connection, id: &str, target: &str) -> Result<Vec<Chosen>> {
    let mut statement = conn
        .prepare_cached(
            "SELECT d.seq, d.target, d.state FROM outbox o JOIN delivery d ON d.seq = o.seq WHERE o.id = ?1 AND ?2 IN ('', d.target)",
        )
        .map_err(sql)?;
    let rows = statement
        .query_map(params![id, target], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))
        })
        .map_err(sql)?;
    let chosen: Vec<Chosen> = rows
        .map(|row| {
            let (seq, target, word) = row.map_err(sql)?;
            let state = parse(&word)?;
            Ok(Chosen { seq, target, state })
        })
        .collect::<Result<_>>()?;
    if chosen.is_empty() {
        let what = format!("the notification {id} has no target {target:?}");
        return Err(no_such_notification(&what));
    }
    Ok(chosen)
}

/// Not a transition but a new attempt, which offers and outcomes show by its number.
fn revive(conn: &Connection, row: &Chosen, now_ms: u64) -> Result<()> {
    let expires_ms = now_ms.saturating_add(ttl_ms(&draft(conn, row.seq)?));
    conn.prepare_cached(
        "UPDATE delivery SET state = ?3, code = '', message = '', run_ms = 0, shared_with = 0, attempt = attempt + 1,
         updated_ms = ?4, expires_ms = ?5 WHERE seq = ?1 AND target = ?2",
    )
    .map_err(sql)?
    .execute(params![row.seq, row.target, State::Queued.as_str(), now_ms, expires_ms])
    .map_err(sql)?;
    supersede(conn, row.at(), now_ms)
}

fn refused(id: &str, why: &str, code: &str) -> Error {
    Error::rejected(format!("notification {id} {why}")).with_code(code)
}
