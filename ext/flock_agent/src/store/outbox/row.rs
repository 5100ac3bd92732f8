//! One row of `delivery`: reading it, and the one way by which its state changes.

use flock_core::{Error, Result, notification::State};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::{draft, pb, store::sql};

/// A delivery: which draft, to whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub seq: u64,
    pub target: &'a str,
}

/// What a row takes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub state: State,
    pub code: &'a str,
    pub message: &'a str,
    pub now_ms: u64,
}

impl Change<'_> {
    /// A change that needs no explanation.
    pub fn to(state: State, now_ms: u64) -> Self {
        Self {
            state,
            code: "",
            message: "",
            now_ms,
        }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub state: State,
    pub attempt: u32,
    pub expires_ms: u64,
}

pub(super) fn standing(conn: &Connection, at: At<'_>) -> Result<Option<Standing>> {
    conn.prepare_cached("SELECT state, attempt, expires_ms FROM delivery WHERE seq = ?1 AND target = ?2")
        .map_err(sql)?
        .query_row(params![at.seq, at.target], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(sql)?
        .map(|(word, attempt, expires_ms)| {
            let state = parse(&word)?;
            Ok(Standing {
                state,
                attempt,
                expires_ms,
            })
        })
        .transpose()
}

/// Changes the state if the change is legal; answers whether it was.
pub(super) fn advance(conn: &Connection, at: At<'_>, change: &Change<'_>) -> Result<bool> {
    match standing(conn, at)? {
        Some(found) if found.state.can_become(change.state) => write(conn, at, change).map(|()| true),
        _ => Ok(false),
    }
}

fn write(conn: &Connection, at: At<'_>, change: &Change<'_>) -> Result<()> {
    conn.prepare_cached(
        "UPDATE delivery SET state = ?3, code = ?4, message = ?5, updated_ms = ?6 WHERE seq = ?1 AND target = ?2",
    )
    .map_err(sql)?
    .execute(params![
        at.seq,
        at.target,
        change.state.as_str(),
        change.code,
        change.message,
        change.now_ms
    ])
    .map(std::mem::drop)
    .map_err(sql)
}

/// A delivery as it begins.
pub(super) struct New<'a> {
    pub at: At<'a>,
    pub draft: &'a pb::Draft,
    pub attempt: u32,
    pub expires_ms: u64,
    pub now_ms: u64,
}

/// Queues a delivery.
pub(super) fn queue(conn: &Connection, new: &New<'_>) -> Result<()> {
    insert(conn, new, &slot(new.draft, new.at.target))?;
    supersede(conn, new.at, new.now_ms)
}

/// Leaves only the newest queued delivery in the slot of a row that has just become queued: the older are superseded by it, or it by
/// the newer. It need not be the newest: drafts with selectors may be resolved out of order, and what was offered may come back.
pub(super) fn supersede(conn: &Connection, at: At<'_>, now_ms: u64) -> Result<()> {
    for (older, newer) in overlaps(conn, at)? {
        let message = format!("by {}", id_of(conn, newer)?);
        let change = Change {
            code: "superseded",
            message: &message,
            ..Change::to(State::Superseded, now_ms)
        };
        advance(conn, At { seq: older, ..at }, &change)?;
    }
    Ok(())
}

fn insert(conn: &Connection, new: &New<'_>, slot: &[u8]) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO delivery (seq, target, slot, state, attempt, updated_ms, expires_ms, operator)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .map_err(sql)?
    .execute(params![
        new.at.seq,
        new.at.target,
        slot,
        State::Queued.as_str(),
        new.attempt,
        new.now_ms,
        new.expires_ms,
        new.draft.operator
    ])
    .map(std::mem::drop)
    .map_err(sql)
}

/// Pairs (older, newer) of sequences in which the row meets another queued one of its slot.
fn overlaps(conn: &Connection, at: At<'_>) -> Result<Vec<(u64, u64)>> {
    let query = format!(
        "SELECT MIN(seq, ?2), MAX(seq, ?2) FROM delivery WHERE {} AND target = ?1 AND seq <> ?2 AND state = 'queued'
         AND slot = (SELECT slot FROM delivery WHERE seq = ?2 AND target = ?1)",
        super::DUE
    );
    let mut statement = conn.prepare_cached(&query).map_err(sql)?;
    let pairs = statement
        .query_map(params![at.target, at.seq], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(sql)?;
    pairs.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// What two drafts must share for the newer to replace the older at one target. Before it is known whom they mean, they must mean the same.
fn slot(draft: &pb::Draft, target: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    for word in [&draft.key, &draft.action, draft::timing(draft)] {
        hash.update(word);
        hash.update([0]);
    }
    if target == super::UNRESOLVED {
        hash.update(draft.targets.as_ref().map(Message::encode_to_vec).unwrap_or_default());
    }
    // The target may admit the one for its subscription and not the other.
    hash.update(&draft.subscription);
    hash.update([0]);
    hash.update(&draft.operator);
    // Nor the one that would be a loop.
    for hop in &draft.chain {
        hash.update(hop.encode_length_delimited_to_vec());
    }
    hash.finalize()[..16].to_vec()
}

fn id_of(conn: &Connection, seq: u64) -> Result<String> {
    conn.prepare_cached("SELECT id FROM outbox WHERE seq = ?1")
        .map_err(sql)?
        .query_row([seq], |row| row.get(0))
        .map_err(sql)
}

/// The state of a stored word.
pub(super) fn parse(word: &str) -> Result<State> {
    State::parse(word).ok_or_else(|| damaged(&format!("a delivery is {word:?}")))
}

/// The draft of a stored blob.
pub(super) fn decode(blob: &[u8]) -> Result<pb::Draft> {
    pb::Draft::decode(blob).map_err(|e| damaged(&format!("a draft cannot be read: {e}")))
}

fn damaged(what: &str) -> Error {
    Error::internal(format!(
        "the store holds what no version wrote: {what}; put a backup back (`flockctl restore FILE --replace`)"
    ))
    .with_code("store_damaged")
}
