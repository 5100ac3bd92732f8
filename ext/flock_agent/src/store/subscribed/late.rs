//! Catching up with what changed while there was no session with a hub.

use std::collections::BTreeMap;

use flock_core::{
    Result, limits,
    subscription::{Knowledge, Verdict, verdict},
};
use prost::Message;
use rusqlite::Connection;

use super::{change, file, fire, known};
use crate::{pb, store::sql};

/// What a draft needs beside its sources and its chain, in bytes: the subscriber's resource, and words.
const BESIDE: usize = limits::KEY_BYTES + 1024;

/// What open changes must share to be told as one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    key: String,
    /// As others see it.
    shown: String,
    revision: u64,
    chain: Vec<u8>,
}

/// Open changes of one kind: the newest run, and what their one notification says.
struct Told {
    run: i64,
    template: pb::Draft,
}

/// Decides the changes that are open against the first complete set that came after them, then closes them. However many there are, a
/// subscription hears once of those that share a chain, with the newest sources: they would only supersede one another.
pub(super) fn catch_up(conn: &Connection, complete: u64, now_ms: u64) -> Result<()> {
    for (kind, told) in open(conn)? {
        let before = Knowledge {
            revision: kind.revision,
            connected: false,
        };
        let of = fire::Of {
            run: told.run,
            over: file::is_over(conn, told.run)?,
            late: true,
        };
        for key in change::keys(&kind.key, &told.template) {
            for subscription in known::of_key(conn, key)? {
                if verdict(subscription.revision, before, Some(complete)) == Verdict::Late {
                    fire::add(conn, &subscription, told.template.clone(), of, now_ms)?;
                }
            }
        }
    }
    // Whoever was known by then has heard of it.
    conn.prepare_cached("UPDATE change SET open = 0, revision = MAX(revision, ?1) WHERE open = 1")
        .map_err(sql)?
        .execute([complete])
        .map(drop)
        .map_err(sql)
}

/// Opens again what changed since the hub was last heard: the session was lost then, though that was noticed only now, and of a
/// subscription that was made meanwhile this node was not told.
///
/// # Errors
/// `internal` when the store refuses.
pub fn unheard_since(conn: &Connection, heard_ms: u64) -> Result<()> {
    conn.prepare_cached("UPDATE change SET open = 1 WHERE open = 0 AND at_ms >= ?1")
        .map_err(sql)?
        .execute([i64::try_from(heard_ms).unwrap_or(i64::MAX)])
        .map(drop)
        .map_err(sql)
}

fn open(conn: &Connection) -> Result<BTreeMap<Kind, Told>> {
    let mut statement = conn
        .prepare_cached("SELECT run, key, body, revision FROM change WHERE open = 1 ORDER BY n DESC")
        .map_err(sql)?;
    let mut rows = statement.query([]).map_err(sql)?;
    let mut all: BTreeMap<Kind, Told> = BTreeMap::new();
    while let Some(row) = rows.next().map_err(sql)? {
        let template: pb::Draft = change::decode(&row.get::<_, Vec<u8>>(2).map_err(sql)?)?;
        let kind = Kind {
            key: row.get(1).map_err(sql)?,
            shown: template
                .sources
                .first()
                .map(|source| source.key.clone())
                .unwrap_or_default(),
            revision: row.get(3).map_err(sql)?,
            chain: chain(&template),
        };
        match all.get_mut(&kind) {
            Some(newer) => newer.add(template),
            None => {
                let run = row.get(0).map_err(sql)?;
                all.insert(kind, Told { run, template });
            }
        }
    }
    Ok(all)
}

fn chain(template: &pb::Draft) -> Vec<u8> {
    let hops = template.chain.iter();
    hops.flat_map(Message::encode_length_delimited_to_vec).collect()
}

impl Told {
    /// Adds the sources of an older one, as long as there is room.
    fn add(&mut self, older: pb::Draft) {
        let held = self.template.encoded_len() + older.encoded_len() + BESIDE;
        if self.template.sources.len() < limits::SOURCES && held < limits::DRAFT_BYTES {
            self.template.sources.splice(0..0, older.sources);
        }
    }
}
