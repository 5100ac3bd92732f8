//! The registry's file while no agent has it open: what a restored one is told before anybody is let in.

use std::path::Path;

use flock_core::{
    Result, id,
    limits::REGISTRY_TXN_OPS,
    registry::{Command, Expect, Op},
};
use rusqlite::Connection;
use serde_json::json;

use super::{carry_out, rows, schema};
use crate::{
    hub::keys,
    identity::enrol::{REMOVED, TOKENS},
    store::{self, sql},
};

/// How far the revision of a restored registry jumps: further than it can have come since the backup, so that no revision and no epoch
/// is given twice, and yet often enough for 2^63.
const JUMP: i64 = 1 << 40;

/// How many migrations the registry of this version has.
pub(crate) fn schema_known() -> usize {
    schema::STEPS.len()
}

/// The names and enrolments that a registry file denies; none of one that cannot be read.
pub(crate) fn denied_in(path: &Path) -> Vec<String> {
    let listed = || -> Result<Vec<String>> {
        let db = store::reader(path)?;
        let entries = rows::listing(&db, REMOVED)?.entries;
        Ok(entries
            .iter()
            .filter_map(|entry| keys::name_in(REMOVED, &entry.key))
            .collect())
    };
    match path.exists() {
        true => listed().unwrap_or_default(),
        false => Vec::new(),
    }
}

/// Brings a restored registry in order: `denied` is denied, revisions and epochs go on beyond all that were given, and join tokens are
/// void, since their uses after the backup are forgotten. Answers with those of `denied` that the file did not deny by itself.
///
/// # Errors
/// As for opening the registry.
pub(crate) fn mend(path: &Path, denied: Vec<String>, now_ms: u64) -> Result<Vec<String>> {
    let mut db = store::open_file_with(path, schema::STEPS)?;
    let known = rows::listing(&db, REMOVED)?.entries;
    let unknown = |name: &String| !known.iter().any(|entry| entry.key == removed(name));
    let added: Vec<String> = denied.into_iter().filter(unknown).collect();
    let mut ops: Vec<Op> = added.iter().flat_map(|name| deny(name, now_ms)).collect();
    ops.extend(
        rows::listing(&db, TOKENS)?
            .entries
            .into_iter()
            .map(|entry| delete(entry.key)),
    );
    let tx = db.transaction().map_err(sql)?;
    for some in ops.chunks(REGISTRY_TXN_OPS) {
        let id = uuid::Uuid::new_v4().to_string();
        carry_out(&tx, Command::Txn { id, ops: some.to_vec() })?;
    }
    go_on_beyond(&tx)?;
    tx.commit().map_err(sql)?;
    store::close_file(db)?;
    Ok(added)
}

fn go_on_beyond(db: &Connection) -> Result<()> {
    let jump = format!(
        "DELETE FROM changes; DELETE FROM commands;
         UPDATE head SET revision = revision + {JUMP}, compacted = revision + {JUMP}, change_bytes = 0"
    );
    db.execute_batch(&jump).map_err(sql)
}

fn removed(name: &str) -> String {
    format!("{REMOVED}{}", id::escape(name))
}

fn deny(name: &str, now_ms: u64) -> Vec<Op> {
    // One value for both kinds of entries: a removed name, and a replaced enrolment.
    let value =
        json!({"removed_ms": now_ms, "by": "restore", "name": "", "expires_ms": now_ms + flock_core::limits::LEAF_MS});
    let put = Op::Put {
        key: removed(name),
        value: value.to_string().into_bytes(),
        expect: Expect::Any,
        session: None,
    };
    let escaped = id::escape(name);
    let gone = [keys::NODES, keys::LIVE].map(|prefix| delete(format!("{prefix}{escaped}")));
    [vec![put], gone.to_vec()].concat()
}

fn delete(key: String) -> Op {
    Op::Delete {
        key,
        expect: Expect::Any,
    }
}
