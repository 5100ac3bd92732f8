//! What people and programs see of the outbox.

use flock_core::{Error, Result, limits, notification::State};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::{OPEN, row::decode};
use crate::{draft, pb, store::sql};

/// How many deliveries are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not acknowledged by their target: queued or offered.
    pub queued: u64,
    /// In their target's inbox.
    pub stored: u64,
    /// All that have not ended.
    pub unfinished: u64,
}

/// Counts the unfinished deliveries.
///
/// # Errors
/// `internal` when the store refuses.
pub fn counts(conn: &Connection) -> Result<Counts> {
    let query = format!(
        "SELECT COUNT(*), COALESCE(SUM(state IN ('queued', 'offered')), 0), COALESCE(SUM(state = 'stored'), 0)
         FROM delivery WHERE {OPEN}"
    );
    conn.prepare_cached(&query)
        .map_err(sql)?
        .query_row([], |row| {
            Ok(Counts {
                unfinished: row.get(0)?,
                queued: row.get(1)?,
                stored: row.get(2)?,
            })
        })
        .map_err(sql)
}

const RECORD: &str =
    "SELECT o.draft, o.created_ms, d.seq, d.target, d.state, d.code, d.message, d.run_ms, d.shared_with,
    d.attempt, d.updated_ms, d.expires_ms FROM outbox o JOIN delivery d ON d.seq = o.seq";

/// Records of direction `"out"`, newest first; `request.id` may be a prefix, `request.direction` is not looked at.
///
/// # Errors
/// `configuration` when `request.state` is no state; `internal` when the store refuses.
pub fn list(conn: &Connection, request: &pb::ListRequest) -> Result<Vec<pb::Record>> {
    if !request.state.is_empty() && State::parse(&request.state).is_none() {
        let words = State::ALL.map(State::as_str).join(", ");
        return Err(
            Error::configuration(format!("{:?} is no state; the states are {words}", request.state))
                .with_code("bad_state"),
        );
    }
    let limit = limits::list_rows(request.limit);
    let order = "AND ?3 IN ('', d.state) ORDER BY o.seq DESC, d.target LIMIT ?4";
    let (from, to) = super::steer::range(&request.id);
    let filter = if request.id.is_empty() {
        "?1 <= ?2"
    } else {
        "o.id >= ?1 AND o.id < ?2"
    };
    query(
        conn,
        &format!("{RECORD} WHERE {filter} {order}"),
        (from, to, &request.state, limit),
    )
}

/// All deliveries of the notification `id`, by target.
///
/// # Errors
/// `internal` when the store refuses.
pub fn records(conn: &Connection, id: &str) -> Result<Vec<pb::Record>> {
    query(conn, &format!("{RECORD} WHERE o.id = ?1 ORDER BY d.target"), [id])
}

/// How many deliveries have which state.
///
/// # Errors
/// `internal` when the store refuses.
pub fn states(conn: &Connection) -> Result<Vec<(String, u64)>> {
    let mut statement = conn
        .prepare_cached("SELECT state, COUNT(*) FROM delivery GROUP BY state ORDER BY state")
        .map_err(sql)?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// How many deliveries wait to leave for `target`, and why the newest of them does: code and message.
///
/// # Errors
/// `internal` when the store refuses.
pub fn waiting_for(conn: &Connection, target: &str) -> Result<(u64, String, String)> {
    let query = format!(
        "SELECT COUNT(*) OVER (), code, message FROM delivery WHERE {OPEN} AND target = ?1 AND state IN ('queued', 'offered')
         ORDER BY seq DESC LIMIT 1"
    );
    let found = conn
        .prepare_cached(&query)
        .map_err(sql)?
        .query_row([target], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
        .map_err(sql)?;
    Ok(found.unwrap_or_default())
}

/// All deliveries of the notification `id`, and of those whose chain begins with it; oldest first, [`limits::TRACED`] at most.
///
/// # Errors
/// `internal` when the store refuses.
pub fn chain(conn: &Connection, id: &str) -> Result<Vec<pb::Record>> {
    let limit = u32::try_from(limits::TRACED).unwrap_or(u32::MAX);
    query(conn, &of_chain(), (id, limit))
}

pub(super) fn of_chain() -> String {
    let seqs = "SELECT seq FROM outbox WHERE id = ?1 UNION ALL SELECT seq FROM outbox WHERE cause_root = ?1 AND cause_root <> ''";
    format!("{RECORD} WHERE o.seq IN ({seqs}) ORDER BY o.seq, d.target LIMIT ?2")
}

fn query(conn: &Connection, query: &str, params: impl Params) -> Result<Vec<pb::Record>> {
    let mut statement = conn.prepare_cached(query).map_err(sql)?;
    let mut rows = statement.query(params).map_err(sql)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(sql)? {
        let draft = decode(row.get_ref(0).map_err(sql)?.as_blob().map_err(|e| sql(e.into()))?)?;
        records.push(record(row, draft).map_err(sql)?);
    }
    Ok(records)
}

fn record(row: &Row<'_>, draft: pb::Draft) -> rusqlite::Result<pb::Record> {
    Ok(pb::Record {
        direction: "out".to_owned(),
        timing: draft::timing(&draft).to_owned(),
        id: draft.id,
        key: draft.key,
        action: draft.action,
        sources: draft.sources,
        chain: draft.chain,
        subscription: draft.subscription,
        late: draft.late,
        cause_root: draft.cause_root,
        operator: draft.operator,
        created_ms: row.get(1)?,
        seq: row.get(2)?,
        peer: row.get(3)?,
        state: row.get(4)?,
        code: row.get(5)?,
        message: row.get(6)?,
        run_ms: row.get(7)?,
        shared_with: row.get(8)?,
        attempt: row.get(9)?,
        updated_ms: row.get(10)?,
        expires_ms: row.get(11)?,
    })
}
