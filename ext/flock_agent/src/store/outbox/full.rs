//! How much the outbox holds: in all, and of operators, who leave room for what this node asks of itself.

use flock_core::{Error, Result, limits};
use rusqlite::{Connection, Params};

use super::{OPEN, OPERATORS};
use crate::store::sql;

/// Refuses `more` deliveries for `operator` (`""` = for this node itself) that do not fit.
///
/// # Errors
/// `rejected` with code `outbox_full`.
pub(super) fn refuse_when_full(conn: &Connection, operator: &str, more: usize) -> Result<()> {
    if !operator.is_empty() {
        refuse_beyond_share(conn, operator, more)?;
    }
    let open = count(conn, OPEN, ())?;
    refuse_beyond(limits::OUTBOX_TOTAL, open, more, |limit| {
        format!(
            "the outbox holds {open} unfinished deliveries and has no room for {more} more (limit {limit}); see `flockctl notifications list`"
        )
    })
}

fn refuse_beyond_share(conn: &Connection, operator: &str, more: usize) -> Result<()> {
    let own = count(conn, &format!("{OPERATORS} AND operator = ?1"), [operator])?;
    refuse_beyond(limits::OUTBOX_PER_OPERATOR, own, more, |limit| {
        format!(
            "operator/{operator} has {own} unfinished deliveries on this hub, and {more} more are beyond an operator's share (limit {limit}); \
             wait for their end, or give some up: `flockctl notifications list`, `flockctl notifications drop ID`"
        )
    })?;
    let all = count(conn, OPERATORS, ())?;
    refuse_beyond(limits::OUTBOX_OPERATORS, all, more, |limit| {
        format!(
            "operators have {all} unfinished deliveries on this hub, and {more} more are beyond their share (limit {limit}); wait for the end \
             of some, or give some up: `flockctl notifications list` tells whose they are, `flockctl notifications drop ID` on the hub ends one"
        )
    })
}

fn refuse_beyond(limit: u64, open: u64, more: usize, message: impl FnOnce(u64) -> String) -> Result<()> {
    match open.saturating_add(more as u64) <= limit {
        true => Ok(()),
        false => Err(Error::rejected(message(limit)).with_code("outbox_full")),
    }
}

fn count(conn: &Connection, filter: &str, params: impl Params) -> Result<u64> {
    conn.prepare_cached(&format!("SELECT COUNT(*) FROM delivery WHERE {filter}"))
        .map_err(sql)?
        .query_row(params, |row| row.get(0))
        .map_err(sql)
}
