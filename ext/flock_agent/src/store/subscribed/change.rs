//! Changes of this node's resources, and who hears of them.

use std::collections::BTreeSet;

use flock_core::{
    Error, Result,
    id::split_key,
    limits,
    subscription::{Verdict, verdict},
};
use prost::Message;
use rusqlite::{Connection, params};
use serde::Deserialize;

use super::{
    file,
    fire::{self, Of},
    known,
};
use crate::{pb, run_state::shown_key, store::sql, text::cut};

/// A resource that was really updated.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Change {
    /// Its declared key, with the real name.
    pub key: String,
    /// The action that updated it.
    pub action: String,
    /// `cookbook::recipe`.
    pub recipe: String,
    /// Where in it.
    pub line: u32,
    /// Whether its name must not leave the node.
    pub sensitive: bool,
    /// Chef's id of the run.
    pub run_id: String,
}

impl Change {
    /// Checks what another process wrote, and cuts what is only for people.
    ///
    /// # Errors
    /// `configuration` when the key or the action is none.
    pub fn make_fit(&mut self) -> Result<()> {
        split_key(&self.key)?;
        let word = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'?' | b'!');
        if self.action.is_empty() || self.action.len() > limits::ACTION_BYTES || !self.action.bytes().all(word) {
            return Err(Error::configuration(format!(
                "{:?} is not an action",
                cut(&self.action, limits::ACTION_BYTES)
            )));
        }
        for text in [&mut self.recipe, &mut self.run_id] {
            let end = cut(text, limits::TARGET_WORD_BYTES).len();
            text.truncate(end);
        }
        Ok(())
    }
}

/// What was read from the journal file of one run, beyond what was read before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The run's number.
    pub run: u64,
    /// What was changed, in the order of the lines.
    pub changes: Vec<Change>,
    /// Where reading goes on.
    pub offset: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    /// The run is over, and this is the last of its file.
    pub over: bool,
}

/// The notifications that lead to a change.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cause<'a> {
    /// One by one.
    pub chain: &'a [pb::Hop],
    /// The first of them; `""` = there is none.
    pub root: &'a str,
}

/// Takes a part of a journal file in. When its run is over, the delayed notifications become due.
///
/// # Errors
/// `internal` when the store refuses.
pub fn take_in(conn: &Connection, batch: &Batch, now_ms: u64) -> Result<()> {
    let run = i64::try_from(batch.run).unwrap_or(i64::MAX);
    file::advance(conn, run, batch)?;
    for change in &batch.changes {
        take(conn, run, change, Cause::default(), now_ms)?;
    }
    match batch.over {
        true => fire::run_is_over(conn, run),
        false => Ok(()),
    }
}

/// Takes in what a worker changed; all of it is one run, which is over.
///
/// # Errors
/// `internal` when the store refuses.
pub fn record(conn: &Connection, changes: &[Change], chain: &[pb::Hop], root: &str, now_ms: u64) -> Result<()> {
    let newest: i64 = conn
        .prepare_cached("SELECT COALESCE(MAX(n), 0) FROM change")
        .map_err(sql)?
        .query_row([], |row| row.get(0))
        .map_err(sql)?;
    let run = -newest.saturating_add(1);
    let cause = Cause { chain, root };
    changes
        .iter()
        .try_for_each(|change| take(conn, run, change, cause, now_ms))
}

/// Forgets the oldest changes beyond [`limits::JOURNAL_ROWS`] and those older than [`limits::FINISHED_AGE_MS`]; the newest is kept in
/// any case. Answers how many: as long as that is not 0, there may be more.
///
/// # Errors
/// `internal` when the store refuses.
pub fn trim(conn: &Connection, now_ms: u64) -> Result<usize> {
    keep(
        conn,
        now_ms.saturating_sub(limits::FINISHED_AGE_MS),
        limits::JOURNAL_ROWS,
    )
}

pub(super) fn keep(conn: &Connection, since_ms: u64, rows: u64) -> Result<usize> {
    conn.execute(
        "DELETE FROM change WHERE n IN (
           SELECT n FROM change WHERE n < (SELECT MAX(n) FROM change) AND
             (at_ms < ?1 OR n <= (SELECT n FROM change ORDER BY n DESC LIMIT 1 OFFSET ?2)) ORDER BY n LIMIT ?3)",
        params![since_ms, rows, limits::TRIM_ROWS],
    )
    .map_err(sql)
}

fn take(conn: &Connection, run: i64, change: &Change, cause: Cause<'_>, now_ms: u64) -> Result<()> {
    let known = known::knowledge(conn)?;
    let template = template(change, cause);
    conn.prepare_cached("INSERT INTO change (run, key, body, revision, open, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .map_err(sql)?
        .execute(params![
            run,
            change.key,
            template.encode_to_vec(),
            known.revision,
            !known.connected,
            now_ms
        ])
        .map_err(sql)?;
    for key in keys(&change.key, &template) {
        for subscription in known::of_key(conn, key)? {
            if verdict(subscription.revision, known, None) == Verdict::Match {
                let of = Of {
                    run,
                    over: run < 0,
                    late: false,
                };
                fire::add(conn, &subscription, template.clone(), of, now_ms)?;
            }
        }
    }
    Ok(())
}

/// The keys by which somebody may subscribe to what changed: the real one and, where others are shown another, that.
pub(super) fn keys<'a>(key: &'a str, template: &'a pb::Draft) -> BTreeSet<&'a str> {
    let shown = template.sources.iter().map(|source| source.key.as_str());
    shown.chain([key]).collect()
}

/// What all notifications of a change have in common.
fn template(change: &Change, cause: Cause<'_>) -> pb::Draft {
    let key = match change.sensitive {
        true => shown_key(&change.key),
        false => change.key.clone(),
    };
    let source = pb::Source {
        key,
        action: change.action.clone(),
        recipe: change.recipe.clone(),
        line: change.line,
        run_id: change.run_id.clone(),
    };
    pb::Draft {
        sources: vec![source],
        chain: cause.chain.to_vec(),
        cause_root: cause.root.to_owned(),
        ..Default::default()
    }
}

/// A message of a stored blob.
pub(super) fn decode<M: Message + Default>(blob: &[u8]) -> Result<M> {
    M::decode(blob).map_err(|e| {
        Error::internal(format!(
            "the store holds what no version wrote: {e}; put a backup of data_dir back"
        ))
        .with_code("store_damaged")
    })
}
