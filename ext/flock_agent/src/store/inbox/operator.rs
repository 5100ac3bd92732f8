//! What an operator of the target sees of the inbox, and may do to it.

use flock_core::{Error, Result, limits, notification::State};
use rusqlite::{Connection, Row, params};

use super::{
    conclude,
    row::{int, parsed, small, uint},
};
use crate::{
    pb,
    store::{ambiguous, no_such_notification, outbox::range, sql},
};

/// How many rows are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting to be run.
    pub stored: u64,
    /// Being run.
    pub claimed: u64,
    /// Finished, and the sender does not know yet.
    pub unreported: u64,
}

const RECORD: &str =
    "SELECT id, sender, key, action, timing, state, code, message, run_ms, shared_with, attempt, created_ms,
    updated_ms, expires_ms, seq, sources, chain, subscription, late, cause_root, operator FROM inbox";

/// Records of direction `"in"`, newest first; `request.id` may be a prefix, `request.direction` is not looked at.
///
/// # Errors
/// `internal` when the store refuses.
pub fn list(conn: &Connection, request: &pb::ListRequest) -> Result<Vec<pb::Record>> {
    let limit = limits::list_rows(request.limit);
    let (from, to) = range(&request.id);
    let filter = match request.id.is_empty() {
        true => "?1 <= ?2",
        false => "id >= ?1 AND id < ?2",
    };
    let query = format!("{RECORD} WHERE {filter} AND ?3 IN ('', state) ORDER BY row DESC LIMIT ?4");
    let mut statement = conn.prepare_cached(&query).map_err(sql)?;
    let rows = statement
        .query_map(params![from, to, request.state, limit], record)
        .map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// How many rows have which state.
///
/// # Errors
/// `internal` when the store refuses.
pub fn states(conn: &Connection) -> Result<Vec<(String, u64)>> {
    let mut statement = conn
        .prepare_cached("SELECT state, COUNT(*) FROM inbox GROUP BY state ORDER BY state")
        .map_err(sql)?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, uint(row.get(1)?))))
        .map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// What came in as `id`, or in a chain that begins with it; oldest first, [`limits::TRACED`] at most.
///
/// # Errors
/// `internal` when the store refuses.
pub fn chain(conn: &Connection, id: &str) -> Result<Vec<pb::Record>> {
    let mut statement = conn.prepare_cached(&of_chain()).map_err(sql)?;
    let limit = u32::try_from(limits::TRACED).unwrap_or(u32::MAX);
    let rows = statement.query_map(params![id, limit], record).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

pub(super) fn of_chain() -> String {
    let rows = "SELECT row FROM inbox WHERE id = ?1 UNION ALL SELECT row FROM inbox WHERE cause_root = ?1 AND cause_root <> ''";
    format!("{RECORD} WHERE row IN ({rows}) ORDER BY row LIMIT ?2")
}

/// The numbers for `status`.
///
/// # Errors
/// `internal` when the store refuses.
pub fn counts(conn: &Connection) -> Result<Counts> {
    conn.prepare_cached(
        "SELECT COALESCE(SUM(state = 'stored'), 0), COALESCE(SUM(state = 'claimed'), 0),
         COALESCE(SUM(reported = 0 AND state NOT IN ('stored', 'claimed')), 0) FROM inbox",
    )
    .map_err(sql)?
    .query_row([], |r| {
        Ok(Counts {
            stored: uint(r.get(0)?),
            claimed: uint(r.get(1)?),
            unreported: uint(r.get(2)?),
        })
    })
    .map_err(sql)
}

/// Begins a new attempt of a notification that ended otherwise than done, or ends the pause of one that waits.
/// `id` may be a prefix that only one notification has.
///
/// # Errors
/// `resource_not_found` when there is none, `configuration` when the prefix fits several, `rejected` when it is running or done.
pub fn retry(conn: &Connection, id: &str, now_ms: u64) -> Result<Vec<pb::Record>> {
    let id = unique(conn, id)?;
    for (row, state) in rows(conn, &id)? {
        match state {
            Some(State::Stored) => wake(conn, row)?,
            Some(State::Claimed) => return Err(refused(&id, "is being run", "wait for its outcome", "claimed")),
            Some(State::Done) => return Err(refused(&id, "is done", "send a new one", "already_done")),
            _ => revive(conn, row, now_ms)?,
        }
    }
    list(conn, &exactly(&id))
}

/// Ends a stored notification without running it (again): `undeliverable` with code `dropped`, `unknown` if it was run before; its sender is told.
/// `id` may be a prefix that only one notification has.
///
/// # Errors
/// `resource_not_found` when there is none, `configuration` when the prefix fits several, `rejected` when it is running or has ended.
pub fn remove(conn: &Connection, id: &str, now_ms: u64) -> Result<Vec<pb::Record>> {
    let id = unique(conn, id)?;
    let why = "an operator of the target dropped it";
    for (row, state) in rows(conn, &id)? {
        match state {
            Some(State::Stored) => conclude(conn, row, State::Undeliverable, "dropped", why, now_ms)?,
            Some(State::Claimed) => return Err(refused(&id, "is being run", "wait for its outcome", "claimed")),
            _ => return Err(refused(&id, "has ended", "there is nothing to drop", "already_final")),
        };
    }
    list(conn, &exactly(&id))
}

/// What a [`pb::SteerRequest`] asks for: [`retry`] or [`remove`] (`"drop"`); its target is this node.
///
/// # Errors
/// `configuration` for another verb, else theirs.
pub fn steer(conn: &Connection, request: &pb::SteerRequest, now_ms: u64) -> Result<Vec<pb::Record>> {
    match request.verb.as_str() {
        "retry" => retry(conn, &request.id, now_ms),
        "drop" => remove(conn, &request.id, now_ms),
        other => Err(Error::configuration(format!("{other:?} is not \"retry\" or \"drop\"")).with_code("bad_verb")),
    }
}

fn refused(id: &str, is: &str, remedy: &str, code: &str) -> Error {
    Error::rejected(format!("notification {id} {is}: {remedy}")).with_code(code)
}

fn exactly(id: &str) -> pb::ListRequest {
    pb::ListRequest {
        id: id.to_owned(),
        ..Default::default()
    }
}

fn unique(conn: &Connection, prefix: &str) -> Result<String> {
    let mut statement = conn
        .prepare_cached("SELECT DISTINCT id FROM inbox WHERE id >= ?1 AND id < ?2 LIMIT 2")
        .map_err(sql)?;
    let found = statement.query_map(range(prefix), |r| r.get(0)).map_err(sql)?;
    let mut ids: Vec<String> = found.collect::<rusqlite::Result<_>>().map_err(sql)?;
    match (ids.pop(), ids.pop()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(no_such_notification(&format!(
            "this node received no notification {prefix:?}"
        ))),
        _ => Err(ambiguous(prefix)),
    }
}

fn rows(conn: &Connection, id: &str) -> Result<Vec<(i64, Option<State>)>> {
    let mut statement = conn
        .prepare_cached("SELECT row, state FROM inbox WHERE id = ?1")
        .map_err(sql)?;
    let rows = statement.query_map([id], |r| Ok((r.get(0)?, State::parse(&r.get::<_, String>(1)?))));
    rows.map_err(sql)?.collect::<rusqlite::Result<_>>().map_err(sql)
}

fn wake(conn: &Connection, row: i64) -> Result<()> {
    conn.prepare_cached("UPDATE inbox SET not_before_ms = 0, deferrals = 0 WHERE row = ?1")
        .map_err(sql)?
        .execute([row])
        .map(drop)
        .map_err(sql)
}

/// Not a transition but a new attempt, which the outcome shows by its number.
fn revive(conn: &Connection, row: i64, now_ms: u64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE inbox SET state = 'stored', code = '', message = '', run_ms = 0, shared_with = 0, runs = 0, deferrals = 0,
         not_before_ms = 0, job = NULL, reported = 0, attempt = attempt + 1, updated_ms = ?2, expires_ms = MAX(expires_ms, ?3)
         WHERE row = ?1",
    )
    .map_err(sql)?
    .execute(params![row, int(now_ms), int(now_ms.saturating_add(limits::TTL_DEFAULT_MS))])
    .map(drop)
    .map_err(sql)
}

fn record(row: &Row<'_>) -> rusqlite::Result<pb::Record> {
    Ok(pb::Record {
        id: row.get(0)?,
        direction: "in".to_owned(),
        peer: row.get(1)?,
        key: row.get(2)?,
        action: row.get(3)?,
        timing: row.get(4)?,
        state: row.get(5)?,
        code: row.get(6)?,
        message: row.get(7)?,
        run_ms: uint(row.get(8)?),
        shared_with: small(row.get(9)?),
        attempt: small(row.get(10)?),
        created_ms: uint(row.get(11)?),
        updated_ms: uint(row.get(12)?),
        expires_ms: uint(row.get(13)?),
        seq: uint(row.get(14)?),
        sources: parsed(&row.get::<_, String>(15)?),
        chain: parsed(&row.get::<_, String>(16)?),
        subscription: row.get(17)?,
        late: row.get(18)?,
        cause_root: row.get(19)?,
        operator: row.get(20)?,
    })
}
