//! What a restored store is told: what happened after the backup is not known here, and nothing may run twice for that.

use flock_core::{Result, notification::State};
use rusqlite::{Connection, params};

use crate::store::{
    inbox::{self, Ending, Job},
    meta, sql,
};

const CODE: &str = "restored";

/// What was changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mended {
    /// Notifications for this node that may have run since the backup.
    pub unknown: usize,
    /// Notifications of this node whose targets are asked again.
    pub asked_again: usize,
}

/// Brings a restored store in order, in one transaction: it is a new incarnation; what had come here and may have run since is unknown,
/// unless its own `retry:` allows another run; what had gone out is offered again, which its target knows by its id and answers
/// with the outcome. `evidence` says whether a claimed job's end can still be told; `newest_run` is the node's newest Chef run.
pub(super) fn mend(
    conn: &mut Connection,
    now_ms: u64,
    newest_run: u64,
    evidence: impl Fn(&Job) -> bool,
) -> Result<Mended> {
    let tx = conn.transaction().map_err(sql)?;
    meta::renew(&tx, now_ms)?;
    let mut unknown = 0;
    for job in inbox::jobs(&tx)?.iter().filter(|job| !evidence(job)) {
        let ending = Ending {
            state: State::Unknown,
            code: CODE.to_owned(),
            message: "it was at work when the backup was taken that this node was restored from; look at the node"
                .to_owned(),
            run_ms: 0,
        };
        unknown += inbox::finish(&tx, &job.job, &ending, now_ms)?.unwrap_or_default();
    }
    for row in stored(&tx)? {
        let why = "it waited when the backup was taken that this node was restored from, and may have run since";
        unknown += usize::from(inbox::conclude(&tx, row, State::Unknown, CODE, why, now_ms)?);
    }
    renumber(&tx, newest_run)?;
    let asked_again = ask_again(&tx)?;
    tx.commit().map_err(sql)?;
    Ok(Mended { unknown, asked_again })
}

fn stored(conn: &Connection) -> Result<Vec<i64>> {
    let query = "SELECT row FROM inbox WHERE state = 'stored' AND retry = 0";
    let mut statement = conn.prepare(query).map_err(sql)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// On another machine the runs are counted anew: "a run that started after it arrived" must stay possible.
fn renumber(conn: &Connection, newest_run: u64) -> Result<()> {
    conn.execute(
        "UPDATE inbox SET arrived_run = MIN(arrived_run, ?1)",
        [i64::try_from(newest_run).unwrap_or(i64::MAX)],
    )
    .map(drop)
    .map_err(sql)
}

/// Not a transition of theirs: `offered` is what a store knows that has forgotten the answer.
fn ask_again(conn: &Connection) -> Result<usize> {
    let why = "this node was restored from a backup; the target is asked again what became of it";
    conn.execute(
        "UPDATE delivery SET state = 'offered', code = ?1, message = ?2
         WHERE state IN ('queued', 'stored', 'claimed') AND target <> ''",
        params![CODE, why],
    )
    .map_err(sql)
}
