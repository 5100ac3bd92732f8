//! What goes to one target now, and what the target answered.

use flock_core::{Result, limits, notification::State};
use rusqlite::{Connection, params};

use super::{
    DUE,
    row::{At, Change, advance, decode, standing, supersede},
};
use crate::{
    draft, pb,
    store::sql,
    text::{cut, word},
};

/// A notification on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// Its place in the outbox.
    pub seq: u64,
    /// Which attempt this is; an answer to an earlier one counts for nothing.
    pub attempt: u32,
    /// Whether it was offered before without an answer, and may be there already.
    pub again: bool,
    /// What to send; `sender` and `incarnation` are the caller's to fill in.
    pub envelope: pb::Envelope,
}

/// What became of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is in the target's inbox.
    Stored,
    /// The target's policy, or a loop verdict, forbids it.
    Denied {
        /// The target's word for programs.
        code: String,
        /// The target's sentence for people.
        message: String,
    },
    /// The target will never take it.
    Refused {
        /// The target's word for programs.
        code: String,
        /// The target's sentence for people.
        message: String,
    },
    /// It surely did not arrive, or the target was busy: it is queued again, with the reason for whoever asks why it waits.
    NotTaken {
        /// The error's word for programs.
        code: String,
        /// The error's sentence for people.
        message: String,
    },
}

/// The targets for which something is queued or offered.
///
/// # Errors
/// `internal` when the store refuses.
pub fn due_targets(conn: &Connection) -> Result<Vec<String>> {
    // A step of the recursion is one descent of the index: the cost follows the number of targets, not of deliveries.
    let query = format!(
        "WITH RECURSIVE due (target) AS (
           SELECT MIN(target) FROM delivery WHERE {DUE} AND target > ''
           UNION ALL
           SELECT (SELECT MIN(target) FROM delivery WHERE {DUE} AND target > due.target) FROM due WHERE due.target IS NOT NULL)
         SELECT target FROM due WHERE target IS NOT NULL"
    );
    let mut statement = conn.prepare_cached(&query).map_err(sql)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// Marks what waits for `target` as offered and answers with it, in the order of the sequence, up to [`limits::DELIVERY_BATCH`].
///
/// What was offered before without an answer comes again: the target knows it by its id. The target is told the time to live that is
/// left, or all of it while the clock is not to be trusted (`skewed`): it may not have passed.
///
/// # Errors
/// `internal` when the store refuses.
pub fn offer(conn: &Connection, target: &str, now_ms: u64, skewed: bool) -> Result<Vec<Offered>> {
    let mut offered = Vec::new();
    for (seq, blob) in due(conn, target)? {
        let at = At { seq, target };
        let again = !advance(conn, at, &Change::to(State::Offered, now_ms))?;
        if let Some(found) = standing(conn, at)? {
            let draft = decode(&blob)?;
            let whole_ms = draft::ttl_ms(&draft);
            // A clock that was set back makes no time to live longer.
            let left_ms = match skewed {
                true => whole_ms,
                false => found.expires_ms.saturating_sub(now_ms).clamp(1, whole_ms),
            };
            offered.push(Offered {
                seq,
                attempt: found.attempt,
                again,
                envelope: envelope(draft, at, found.attempt, left_ms),
            });
        }
    }
    Ok(offered)
}

fn due(conn: &Connection, target: &str) -> Result<Vec<(u64, Vec<u8>)>> {
    let query = format!(
        "SELECT d.seq, o.draft FROM delivery d JOIN outbox o ON o.seq = d.seq
         WHERE {DUE} AND d.target = ?1 ORDER BY d.seq LIMIT ?2"
    );
    let mut statement = conn.prepare_cached(&query).map_err(sql)?;
    let rows = statement
        .query_map(params![target, limits::DELIVERY_BATCH], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

fn envelope(draft: pb::Draft, at: At<'_>, attempt: u32, ttl_ms: u64) -> pb::Envelope {
    pb::Envelope {
        timing: draft::timing(&draft).to_owned(),
        id: draft.id,
        sender: String::new(),
        incarnation: 0,
        seq: at.seq,
        target: at.target.to_owned(),
        key: draft.key,
        action: draft.action,
        sources: draft.sources,
        chain: draft.chain,
        cause_root: draft.cause_root,
        ttl_ms,
        retry: draft.retry,
        attempt,
        subscription: draft.subscription,
        late: draft.late,
        operator: draft.operator,
    }
}

/// Writes down what `target` answered to attempt `attempt`; answers whether that still mattered.
///
/// # Errors
/// `internal` when the store refuses.
pub fn settle(conn: &Connection, target: &str, seq: u64, attempt: u32, answer: &Answer, now_ms: u64) -> Result<bool> {
    let at = At { seq, target };
    let waits = |found: &super::row::Standing| found.state == State::Offered && found.attempt == attempt;
    if !standing(conn, at)?.is_some_and(|found| waits(&found)) {
        return Ok(false);
    }
    let (state, code, message) = match answer {
        Answer::Stored => (State::Stored, "", ""),
        Answer::Denied { code, message } => (State::Denied, code.as_str(), message.as_str()),
        Answer::Refused { code, message } => (State::Undeliverable, code.as_str(), message.as_str()),
        Answer::NotTaken { code, message } => (State::Queued, code.as_str(), message.as_str()),
    };
    let change = Change {
        state,
        code: word(code, state.as_str()),
        message: cut(message, limits::OUTCOME_MESSAGE_BYTES),
        now_ms,
    };
    let settled = advance(conn, at, &change)?;
    if state == State::Queued {
        supersede(conn, at, now_ms)?;
    }
    Ok(settled)
}
