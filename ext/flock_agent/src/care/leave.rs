//! Leaving the flock: what has to be in order before, and what is put away after.

use std::path::{Path, PathBuf};

use flock_core::{Error, Result, holder::OPERATOR_PREFIX, id::NodeName};
use rusqlite::Connection;

use super::{OLD, put_aside};
use crate::{
    identity::enrol::{ENROLLED, REMOVED},
    pb, spool,
    store::{self, outbox, sql},
};

/// Notifications of this node that have not ended.
#[derive(Debug, Clone, Default)]
pub struct Unfinished {
    /// How many, those in the spool included.
    pub count: u64,
    /// Some of them, for people.
    some: Vec<String>,
}

const SHOWN: u32 = 10;

/// Looks for what this node asked of others and has not heard the end of.
///
/// # Errors
/// `internal` when the store refuses.
pub fn unfinished(conn: &Connection, data_dir: &Path) -> Result<Unfinished> {
    let waiting = spool::counts(data_dir).new;
    let mut some = Vec::new();
    for state in ["queued", "offered", "stored", "claimed"] {
        let request = pb::ListRequest {
            state: state.to_owned(),
            limit: SHOWN,
            ..Default::default()
        };
        some.extend(outbox::list(conn, &request)?.into_iter().map(line));
    }
    some.truncate(SHOWN as usize);
    Ok(Unfinished {
        count: outbox::counts(conn)?.unfinished + waiting,
        some,
    })
}

fn line(record: pb::Record) -> String {
    let target = if record.peer.is_empty() {
        "nodes to be found"
    } else {
        &record.peer
    };
    format!(
        "{} {} of {} on {target}: {}",
        record.id, record.action, record.key, record.state
    )
}

/// Refuses to leave with unfinished notifications.
///
/// # Errors
/// `rejected` with code `unfinished`, naming some of them.
pub fn refuse_unfinished(unfinished: &Unfinished, force: bool) -> Result<()> {
    if force || unfinished.count == 0 {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "{} notifications of this node have not ended ({}{}); wait for them, give them up (`flockctl notifications drop ID`), or leave with --force",
        unfinished.count,
        unfinished.some.join("; "),
        if unfinished.count > u64::from(SHOWN) { "; …" } else { "" },
    ))
    .with_code("unfinished"))
}

/// Refuses to take the only hub away from its members.
///
/// # Errors
/// `rejected` with code `last_hub`; `configuration` when the registry cannot be read.
pub fn refuse_last_hub(data_dir: &Path, own: &NodeName) -> Result<()> {
    let conn = store::reader(&data_dir.join("registry.db"))?;
    let members = members(&conn, own)?;
    if members.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = members.iter().take(SHOWN as usize).map(String::as_str).collect();
    Err(Error::rejected(format!(
        "{own} is the only hub and {} nodes are in its flock ({}{}): have them leave first (`flockctl leave` there, or `flockctl node remove NAME` here)",
        members.len(),
        shown.join(", "),
        if members.len() > shown.len() { ", …" } else { "" },
    ))
    .with_code("last_hub"))
}

fn members(conn: &Connection, own: &NodeName) -> Result<Vec<String>> {
    let query = "SELECT substr(key, length(?1) + 1) FROM kv WHERE substr(key, 1, length(?1)) = ?1
        AND NOT EXISTS (SELECT 1 FROM kv r WHERE r.key = ?2 || substr(kv.key, length(?1) + 1)) ORDER BY key";
    let mut statement = conn.prepare(query).map_err(sql)?;
    let rows = statement
        .query_map([ENROLLED, REMOVED], |row| row.get::<_, String>(0))
        .map_err(sql)?;
    let names: Vec<String> = rows.collect::<rusqlite::Result<_>>().map_err(sql)?;
    let names = names.iter().filter_map(|name| flock_core::id::unescape(name));
    // Operators have no agent that could leave.
    Ok(names
        .filter(|name| name != own.as_str() && !name.starts_with(OPERATOR_PREFIX))
        .collect())
}

/// Puts away all that makes this machine a node of its flock; the folder stays until someone deletes it. To be called with the agent's
/// lock held and the store closed.
///
/// # Errors
/// `configuration` when it cannot be moved.
pub fn put_away(data_dir: &Path, now_ms: u64) -> Result<PathBuf> {
    let names = [&OLD[..], &["directory.json", "spool", "jobs", "results"]].concat();
    put_aside(data_dir, &names, "left", now_ms)
}
