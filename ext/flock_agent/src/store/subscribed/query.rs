//! What people and programs see of subscriptions.

use std::collections::HashMap;

use flock_core::Result;
use rusqlite::{Connection, params};

use super::change::decode;
use crate::{pb, store::sql};

/// How often something came of a subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Notifications.
    pub fired: u64,
    /// The newest, Unix time; 0 = there was none.
    pub last_fired_ms: u64,
}

/// The subscriptions of others to this node whose id begins with `id`, `limit` at most.
///
/// # Errors
/// `internal` when the store refuses.
pub fn list(conn: &Connection, id: &str, limit: u32) -> Result<Vec<(pb::Subscription, Heard)>> {
    let mut statement = conn
        .prepare_cached(
            "SELECT body, fired, last_fired_ms FROM subscription WHERE substr(id, 1, length(?1)) = ?1
             ORDER BY subscriber, id LIMIT ?2",
        )
        .map_err(sql)?;
    let rows = statement
        .query_map(params![id, limit], |row| {
            let heard = Heard {
                fired: row.get(1)?,
                last_fired_ms: row.get(2)?,
            };
            Ok((row.get::<_, Vec<u8>>(0)?, heard))
        })
        .map_err(sql)?;
    rows.map(|row| {
        let (body, heard) = row.map_err(sql)?;
        Ok((decode(&body)?, heard))
    })
    .collect()
}

/// What came here of this node's own subscriptions, by their ids, as far as the inbox still knows it.
///
/// # Errors
/// `internal` when the store refuses.
pub fn heard(conn: &Connection) -> Result<HashMap<String, Heard>> {
    let mut statement = conn
        .prepare_cached(
            "SELECT subscription, COUNT(*), MAX(created_ms) FROM inbox WHERE subscription <> '' GROUP BY subscription",
        )
        .map_err(sql)?;
    let rows = statement
        .query_map([], |row| {
            let heard = Heard {
                fired: row.get(1)?,
                last_fired_ms: row.get(2)?,
            };
            Ok((row.get(0)?, heard))
        })
        .map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}
