//! Notifications on their way from a change to the outbox.

use flock_core::{Error, ErrorKind, Result, limits, subscription::Timing};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::change::decode;
use crate::{
    pb,
    store::{outbox, sql},
};

/// What one more source may add to the lengths that stand before it, in bytes.
const MARGIN: usize = 64;

/// What a notification comes of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    pub run: i64,
    /// Whether that run is over.
    pub over: bool,
    /// Whether it catches up.
    pub late: bool,
}

/// What one call of [`release`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// Notifications that are in the outbox now.
    pub appended: usize,
    /// Notifications that were dropped because no outbox would ever take them.
    pub refused: usize,
    /// Why the rest waits; `None` = nothing that is due is left, or only more than [`limits::FIRES_AT_ONCE`].
    pub waits: Option<Error>,
}

/// Adds what a subscription hears of a change. What did not leave yet is gathered: one per subscription and run, with all sources; and
/// where more than [`limits::FIRES`] wait, because the outbox is full, one per subscription. So a full outbox loses nothing, and what
/// waits for it has a limit.
pub(super) fn add(
    conn: &Connection,
    subscription: &pb::Subscription,
    template: pb::Draft,
    of: Of,
    now_ms: u64,
) -> Result<()> {
    let immediately = subscription.timing == Timing::Immediately.as_str();
    let draft = draft(subscription, template, of.late);
    if gather(conn, subscription, &draft, of)? {
        return Ok(());
    }
    count(conn, subscription, now_ms)?;
    conn.prepare_cached("INSERT INTO fire (subscriber, id, run, due, draft) VALUES (?1, ?2, ?3, ?4, ?5)")
        .map_err(sql)?
        .execute(params![
            subscription.subscriber,
            subscription.id,
            of.run,
            immediately || of.over,
            draft.encode_to_vec()
        ])
        .map(drop)
        .map_err(sql)
}

/// What waits for the end of this run is due.
pub(super) fn run_is_over(conn: &Connection, run: i64) -> Result<()> {
    conn.prepare_cached("UPDATE fire SET due = 1 WHERE run = ?1 AND due = 0")
        .map_err(sql)?
        .execute([run])
        .map(drop)
        .map_err(sql)
}

/// Moves what is due into the outbox, oldest first, [`limits::FIRES_AT_ONCE`] at most. What finds no room there stays.
///
/// # Errors
/// `internal` when the store refuses.
pub fn release(conn: &Connection, now_ms: u64) -> Result<Released> {
    let mut released = Released::default();
    for (n, draft) in due(conn)? {
        match outbox::append(conn, &draft, now_ms) {
            Ok(_) => released.appended += 1,
            Err(error) if error.kind() == ErrorKind::Configuration => {
                tracing::warn!(subscription = draft.subscription, %error, "a notification of a subscription is dropped");
                released.refused += 1;
            }
            Err(error) if error.code() == "outbox_full" => {
                released.waits = Some(error);
                return Ok(released);
            }
            Err(error) => return Err(error),
        }
        conn.prepare_cached("DELETE FROM fire WHERE n = ?1")
            .map_err(sql)?
            .execute([n])
            .map_err(sql)?;
    }
    Ok(released)
}

/// Whether anything waits only for room in the outbox.
///
/// # Errors
/// `internal` when the store refuses.
pub fn is_due(conn: &Connection) -> Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM fire WHERE due = 1)")
        .map_err(sql)?
        .query_row([], |row| row.get(0))
        .map_err(sql)
}

fn due(conn: &Connection) -> Result<Vec<(i64, pb::Draft)>> {
    let mut statement = conn
        .prepare_cached("SELECT n, draft FROM fire WHERE due = 1 ORDER BY n LIMIT ?1")
        .map_err(sql)?;
    let rows = statement
        .query_map([limits::FIRES_AT_ONCE], |row| {
            Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .map_err(sql)?;
    rows.map(|row| {
        let (n, blob) = row.map_err(sql)?;
        Ok((n, decode(&blob)?))
    })
    .collect()
}

fn draft(subscription: &pb::Subscription, template: pb::Draft, late: bool) -> pb::Draft {
    pb::Draft {
        id: Uuid::now_v7().to_string(),
        key: subscription.key.clone(),
        action: subscription.action.clone(),
        timing: subscription.timing.clone(),
        targets: Some(pb::Targets {
            nodes: vec![subscription.subscriber.clone()],
            ..Default::default()
        }),
        ttl_ms: subscription.ttl_ms,
        retry: subscription.retry,
        subscription: subscription.id.clone(),
        late,
        ..template
    }
}

/// Adds the sources to a notification of the same subscription that has not left; answers whether there is one.
fn gather(conn: &Connection, subscription: &pb::Subscription, new: &pb::Draft, of: Of) -> Result<bool> {
    let Some((n, mut held)) = waiting(conn, subscription, of)? else {
        return Ok(false);
    };
    if held.late != new.late || held.chain != new.chain {
        return Ok(false);
    }
    let more: usize = new.sources.iter().map(Message::encoded_len).sum();
    if held.sources.len() < limits::SOURCES && held.encoded_len() + more + MARGIN < limits::DRAFT_BYTES {
        held.sources.extend(new.sources.iter().cloned());
        conn.prepare_cached("UPDATE fire SET draft = ?2 WHERE n = ?1")
            .map_err(sql)?
            .execute(params![n, held.encode_to_vec()])
            .map_err(sql)?;
    }
    Ok(true)
}

/// The newest of the subscription that the change may join.
fn waiting(conn: &Connection, subscription: &pb::Subscription, of: Of) -> Result<Option<(i64, pb::Draft)>> {
    let found: Option<(i64, Vec<u8>)> = conn
        .prepare_cached(
            "SELECT n, draft FROM fire WHERE subscriber = ?1 AND id = ?2 AND (run = ?3 OR
               (due = 1 AND ?5 AND (SELECT MAX(n) - MIN(n) FROM fire) >= ?4)) ORDER BY n DESC LIMIT 1",
        )
        .map_err(sql)?
        .query_row(
            params![
                subscription.subscriber,
                subscription.id,
                of.run,
                limits::FIRES,
                of.over || subscription.timing == Timing::Immediately.as_str()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(sql)?;
    found.map(|(n, blob)| Ok((n, decode(&blob)?))).transpose()
}

fn count(conn: &Connection, subscription: &pb::Subscription, now_ms: u64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE subscription SET fired = fired + 1, last_fired_ms = ?3 WHERE subscriber = ?1 AND id = ?2",
    )
    .map_err(sql)?
    .execute(params![subscription.subscriber, subscription.id, now_ms])
    .map(drop)
    .map_err(sql)
}
