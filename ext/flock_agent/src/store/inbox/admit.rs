//! Taking a notification in: once per (sender, id), within the limits.

use flock_core::{Result, limits, notification::State};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::row::{int, json, small, uint};
use crate::{pb, store::sql};

/// A notification at the door; it has been validated and authorised.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// What the sender wrote.
    pub envelope: &'a pb::Envelope,
    /// The number of the newest Chef run that had started when it arrived.
    pub arrived_run: u64,
    /// When, on this node's clock.
    pub now_ms: u64,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// It is in the inbox and will be dealt with.
    Stored,
    /// It was already there; it is not run again.
    Duplicate,
    /// The same sender used this id for something else.
    IdReused,
    /// The inbox, or the sender's share of it, is full.
    Busy,
}

struct Known {
    row: i64,
    digest: Vec<u8>,
    state: Option<State>,
    attempt: u32,
}

/// What makes two envelopes the same request: all but what changes from one attempt to the next (time left, attempt, the sender's own counters).
pub fn digest(envelope: &pb::Envelope) -> Vec<u8> {
    let content = pb::Envelope {
        incarnation: 0,
        seq: 0,
        ttl_ms: 0,
        attempt: 0,
        ..envelope.clone()
    };
    Sha256::digest(content.encode_to_vec()).to_vec()
}

/// The answer to an envelope whose (sender, id) is known; `None` when it is new, or begins a new attempt of a finished one.
///
/// A finished row is marked unreported: a sender that asks again has not seen the outcome.
///
/// # Errors
/// `internal` when the store refuses.
pub fn seen(conn: &Connection, envelope: &pb::Envelope) -> Result<Option<Admitted>> {
    let Some(known) = known(conn, envelope)? else {
        return Ok(None);
    };
    #[cfg(feature = "planted")]
    if crate::simulation::planted(crate::simulation::Planted::NoDeduplication) {
        return Ok(None);
    }
    if known.digest != digest(envelope) {
        return Ok(Some(Admitted::IdReused));
    }
    if known.is_final() && envelope.attempt > known.attempt {
        return Ok(None);
    }
    remind(conn, &known, envelope.attempt)?;
    Ok(Some(Admitted::Duplicate))
}

/// Stores an arrival, or says why not.
///
/// # Errors
/// `internal` when the store refuses.
pub fn admit(conn: &Connection, arrival: &Arrival<'_>) -> Result<Admitted> {
    if let Some(answer) = seen(conn, arrival.envelope)? {
        return Ok(answer);
    }
    if is_full(conn, &arrival.envelope.sender)? {
        return Ok(Admitted::Busy);
    }
    match known(conn, arrival.envelope)? {
        Some(known) => begin_attempt(conn, known.row, arrival)?,
        None => insert(conn, arrival)?,
    }
    Ok(Admitted::Stored)
}

impl Known {
    fn is_final(&self) -> bool {
        self.state.is_some_and(State::is_final)
    }
}

fn known(conn: &Connection, envelope: &pb::Envelope) -> Result<Option<Known>> {
    conn.prepare_cached("SELECT row, digest, state, attempt FROM inbox WHERE sender = ?1 AND id = ?2")
        .map_err(sql)?
        .query_row([&envelope.sender, &envelope.id], |r| {
            Ok(Known {
                row: r.get(0)?,
                digest: r.get(1)?,
                state: State::parse(&r.get::<_, String>(2)?),
                attempt: small(r.get(3)?),
            })
        })
        .optional()
        .map_err(sql)
}

/// The newest attempt is the one whose outcome the sender waits for.
fn remind(conn: &Connection, known: &Known, attempt: u32) -> Result<()> {
    conn.prepare_cached("UPDATE inbox SET reported = 0, attempt = MAX(attempt, ?2) WHERE row = ?1")
        .map_err(sql)?
        .execute(params![known.row, attempt])
        .map_err(sql)?;
    Ok(())
}

fn is_full(conn: &Connection, sender: &str) -> Result<bool> {
    let count = |query: &str, params: &[&dyn rusqlite::ToSql]| -> Result<u64> {
        let mut statement = conn.prepare_cached(query).map_err(sql)?;
        statement.query_row(params, |r| r.get(0)).map(uint).map_err(sql)
    };
    let all = count("SELECT COUNT(*) FROM inbox WHERE state IN ('stored', 'claimed')", &[])?;
    let own = count(
        "SELECT COUNT(*) FROM inbox WHERE sender = ?1 AND state IN ('stored', 'claimed')",
        &[&sender],
    )?;
    Ok(all >= limits::INBOX_TOTAL || own >= limits::INBOX_PER_SENDER)
}

fn expires_ms(arrival: &Arrival<'_>) -> u64 {
    let ttl_ms = match arrival.envelope.ttl_ms {
        0 => limits::TTL_DEFAULT_MS,
        asked => asked.min(limits::TTL_MAX_MS),
    };
    arrival.now_ms.saturating_add(ttl_ms)
}

fn begin_attempt(conn: &Connection, row: i64, arrival: &Arrival<'_>) -> Result<()> {
    conn.prepare_cached(
        "UPDATE inbox SET state = 'stored', code = '', message = '', run_ms = 0, shared_with = 0, runs = 0, deferrals = 0,
         not_before_ms = 0, job = NULL, reported = 0, attempt = ?2, arrived_run = ?3, updated_ms = ?4, expires_ms = ?5 WHERE row = ?1",
    )
    .map_err(sql)?
    .execute(params![
        row,
        arrival.envelope.attempt,
        int(arrival.arrived_run),
        int(arrival.now_ms),
        int(expires_ms(arrival))
    ])
    .map_err(sql)?;
    Ok(())
}

fn insert(conn: &Connection, arrival: &Arrival<'_>) -> Result<()> {
    let e = arrival.envelope;
    conn.prepare_cached(
        "INSERT INTO inbox (sender, id, digest, seq, key, action, timing, sources, chain, cause_root, retry, attempt, arrived_run,
         state, created_ms, updated_ms, expires_ms, subscription, late, operator)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'stored', ?14, ?14, ?15, ?16, ?17, ?18)",
    )
    .map_err(sql)?
    .execute(params![
        e.sender,
        e.id,
        digest(e),
        int(e.seq),
        e.key,
        e.action,
        e.timing,
        json(&e.sources)?,
        json(&e.chain)?,
        e.cause_root,
        e.retry,
        e.attempt,
        int(arrival.arrived_run),
        int(arrival.now_ms),
        int(expires_ms(arrival)),
        e.subscription,
        e.late,
        e.operator
    ])
    .map_err(sql)?;
    Ok(())
}
