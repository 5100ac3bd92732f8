//! The subscriptions that concern this node, and up to which revision it knows them all.

use std::collections::BTreeSet;

use flock_core::{Result, limits, subscription::Knowledge};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};

use super::{change, late::catch_up};
use crate::{pb, store::sql};

const REVISION: &str = "subscribed_revision";
const CONNECTED: &str = "subscribed_connected";

/// What a hub said of the subscriptions of others to this node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Set {
    /// These are all of them; else what changed since the last.
    pub reset: bool,
    /// New ones.
    pub put: Vec<pb::Subscription>,
    /// Those that are no more.
    pub removed: Vec<pb::SubscriptionKey>,
    /// With these the node knows all that were made up to here.
    pub revision: u64,
}

/// What this node knows now.
///
/// # Errors
/// `internal` when the store refuses.
pub fn knowledge(conn: &Connection) -> Result<Knowledge> {
    Ok(Knowledge {
        revision: number(conn, REVISION)?,
        connected: number(conn, CONNECTED)? == 1,
    })
}

/// From now on no hub tells of new subscriptions. To be called at every start, too.
///
/// # Errors
/// `internal` when the store refuses.
pub fn disconnected(conn: &Connection) -> Result<()> {
    set_number(conn, CONNECTED, 0)
}

/// Takes a set in. A complete one decides what changed while there was no session; the notifications of that are marked late.
///
/// # Errors
/// `rejected` with code `too_many_subscribed`: nothing is to be taken in; `internal` when the store refuses.
pub fn apply(conn: &Connection, set: &Set, now_ms: u64) -> Result<()> {
    if set.reset {
        remove_others(conn, &set.put)?;
    }
    for key in &set.removed {
        remove(conn, &key.subscriber, &key.id)?;
    }
    for one in &set.put {
        put(conn, one)?;
    }
    refuse_too_many(conn)?;
    if set.reset {
        catch_up(conn, set.revision, now_ms)?;
    }
    set_number(conn, REVISION, set.revision)?;
    set_number(conn, CONNECTED, 1)
}

/// The keys of this node's resources that somebody subscribes to, in their order.
///
/// # Errors
/// `internal` when the store refuses.
pub fn source_keys(conn: &Connection) -> Result<Vec<String>> {
    let mut statement = conn
        .prepare_cached("SELECT DISTINCT source_key FROM subscription ORDER BY source_key")
        .map_err(sql)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// Those that listen to a key.
pub(super) fn of_key(conn: &Connection, key: &str) -> Result<Vec<pb::Subscription>> {
    let mut statement = conn
        .prepare_cached("SELECT body FROM subscription WHERE source_key = ?1 ORDER BY subscriber, id")
        .map_err(sql)?;
    let rows = statement
        .query_map([key], |row| row.get::<_, Vec<u8>>(0))
        .map_err(sql)?;
    rows.map(|body| change::decode(&body.map_err(sql)?)).collect()
}

/// One that is here already keeps its revision: since then it has heard of every change, also where it was made anew meanwhile.
fn put(conn: &Connection, one: &pb::Subscription) -> Result<()> {
    let known: Option<u64> = conn
        .prepare_cached("SELECT revision FROM subscription WHERE subscriber = ?1 AND id = ?2")
        .map_err(sql)?
        .query_row([&one.subscriber, &one.id], |row| row.get(0))
        .optional()
        .map_err(sql)?;
    let one = pb::Subscription {
        revision: known.map_or(one.revision, |known| known.min(one.revision)),
        ..one.clone()
    };
    conn.prepare_cached(
        "INSERT INTO subscription (subscriber, id, source_key, revision, body) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (subscriber, id) DO UPDATE SET source_key = excluded.source_key, revision = excluded.revision,
           body = excluded.body",
    )
    .map_err(sql)?
    .execute(params![
        one.subscriber,
        one.id,
        one.source_key,
        one.revision,
        one.encode_to_vec()
    ])
    .map(drop)
    .map_err(sql)
}

fn remove(conn: &Connection, subscriber: &str, id: &str) -> Result<()> {
    conn.prepare_cached("DELETE FROM subscription WHERE subscriber = ?1 AND id = ?2")
        .map_err(sql)?
        .execute([subscriber, id])
        .map(drop)
        .map_err(sql)
}

fn remove_others(conn: &Connection, kept: &[pb::Subscription]) -> Result<()> {
    let kept: BTreeSet<(&str, &str)> = kept
        .iter()
        .map(|one| (one.subscriber.as_str(), one.id.as_str()))
        .collect();
    let mut statement = conn
        .prepare_cached("SELECT subscriber, id FROM subscription")
        .map_err(sql)?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .map_err(sql)?;
    let all: Vec<_> = rows.collect::<rusqlite::Result<_>>().map_err(sql)?;
    all.iter()
        .filter(|(subscriber, id)| !kept.contains(&(subscriber.as_str(), id.as_str())))
        .try_for_each(|(subscriber, id)| remove(conn, subscriber, id))
}

fn refuse_too_many(conn: &Connection) -> Result<()> {
    let held: u64 = conn
        .prepare_cached("SELECT COUNT(*) FROM subscription")
        .map_err(sql)?
        .query_row([], |row| row.get(0))
        .map_err(sql)?;
    if held <= limits::SUBSCRIBED as u64 {
        return Ok(());
    }
    Err(flock_core::Error::rejected(format!(
        "{held} subscriptions concern this node, at most {} may: subscribe with narrower selectors",
        limits::SUBSCRIBED
    ))
    .with_code("too_many_subscribed"))
}

fn number(conn: &Connection, key: &str) -> Result<u64> {
    let found = conn
        .prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?1")
        .map_err(sql)?
        .query_row([key], |row| row.get(0))
        .optional()
        .map_err(sql)?;
    Ok(found.unwrap_or(0))
}

fn set_number(conn: &Connection, key: &str, value: u64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .map_err(sql)?
    .execute((key, value.to_string()))
    .map(drop)
    .map_err(sql)
}
