//! Taking a draft into the outbox, once per id.

use flock_core::{Error, Result};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{
    UNRESOLVED,
    full::refuse_when_full,
    row::{At, New, queue},
};
use crate::{draft, pb, store::sql};

/// Where a draft went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the outbox.
    pub seq: u64,
    /// It was there already.
    pub duplicate: bool,
}

/// Keeps a draft. The deliveries of named nodes are queued at once, those of a selector when it is resolved.
///
/// # Errors
/// `configuration` when the draft is malformed, or (code `id_reused`) its id stands for another draft;
/// `rejected` with code `outbox_full` when [`OUTBOX_TOTAL`](flock_core::limits::OUTBOX_TOTAL) deliveries are unfinished, or the operator's
/// share of them; `internal` when the store refuses.
pub fn append(conn: &Connection, draft: &pb::Draft, now_ms: u64) -> Result<Appended> {
    draft::check(draft)?;
    let encoded = draft.encode_to_vec();
    let digest = Sha256::digest(&encoded);
    if let Some((seq, known)) = known(conn, &draft.id)? {
        return duplicate(&draft.id, seq, known == digest.as_slice());
    }
    let targets = targets(draft);
    refuse_when_full(conn, &draft.operator, targets.len())?;
    let seq = insert(conn, draft, &encoded, &digest, now_ms)?;
    for target in targets {
        let new = New {
            at: At { seq, target },
            draft,
            attempt: 1,
            expires_ms: now_ms.saturating_add(draft::ttl_ms(draft)),
            now_ms,
        };
        queue(conn, &new)?;
    }
    Ok(Appended { seq, duplicate: false })
}

fn known(conn: &Connection, id: &str) -> Result<Option<(u64, Vec<u8>)>> {
    conn.prepare_cached("SELECT seq, digest FROM outbox WHERE id = ?1")
        .map_err(sql)?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(sql)
}

fn duplicate(id: &str, seq: u64, same: bool) -> Result<Appended> {
    if same {
        return Ok(Appended { seq, duplicate: true });
    }
    Err(Error::configuration(format!(
        "the id {id} stands for another notification already; give every notification an id of its own"
    ))
    .with_code("id_reused"))
}

fn targets(draft: &pb::Draft) -> Vec<&str> {
    let Some(names) = draft.targets.as_ref().and_then(draft::named_targets) else {
        return vec![UNRESOLVED];
    };
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn insert(conn: &Connection, draft: &pb::Draft, encoded: &[u8], digest: &[u8], now_ms: u64) -> Result<u64> {
    conn.prepare_cached(
        "INSERT INTO outbox (id, digest, draft, created_ms, cause_root) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING seq",
    )
    .map_err(sql)?
    .query_row(params![draft.id, digest, encoded, now_ms, draft.cause_root], |row| {
        row.get(0)
    })
    .map_err(sql)
}
