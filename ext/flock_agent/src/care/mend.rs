//! What a restored store is told: what happened after the backup is not known here, and nothing may run twice for that.

use flock_core::{ErrorKind, Result, notification::State};
use rusqlite::{Connection, params};

use crate::{
    pb,
    store::{
        inbox::{self, Ending, Job},
        meta, outbox, sql,
    },
};

const CODE: &str = "restored";

/// What was changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mended {
    /// Notifications that may have run since the backup without anybody to tell.
    pub unknown: usize,
    /// Notifications of this node whose targets are asked again.
    pub asked_again: usize,
}

impl Mended {
    fn add(&mut self, more: Self) {
        self.unknown += more.unknown;
        self.asked_again += more.asked_again;
    }
}

/// What is restored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backup<'a> {
    /// Whose.
    pub node: &'a str,
    /// When it was taken.
    pub created_ms: u64,
    /// The drafts that waited in its spool.
    pub spooled: &'a [pb::Draft],
}

/// All that an outbox can hold.
const ALL: (u64, u64) = (0, i64::MAX.unsigned_abs());

/// Brings a restored store in order, in one transaction: it is a new incarnation; what had come here and may have run since is unknown,
/// unless its own `retry:` allows another run; what had gone out is offered again, which its target knows by its id and answers
/// with the outcome. Where no target can know it any more, it is unknown, too. Changes that were to be compared with later
/// subscriptions no longer are: that was done. `evidence` says whether a claimed job's end can still be told; `newest_run` is the
/// node's newest Chef run.
pub(super) fn mend(
    conn: &mut Connection,
    backup: &Backup<'_>,
    now_ms: u64,
    newest_run: u64,
    evidence: impl Fn(&Job) -> bool,
) -> Result<Mended> {
    let tx = conn.transaction().map_err(sql)?;
    meta::renew(&tx, now_ms)?;
    let mut mended = Mended {
        unknown: end_claimed(&tx, now_ms, evidence)? + end_stored(&tx, now_ms)?,
        asked_again: 0,
    };
    renumber(&tx, newest_run)?;
    mended.add(ask_or_give_up(&tx, backup.node, ALL, now_ms)?);
    mended.add(take_in(&tx, backup, now_ms)?);
    tx.execute("UPDATE change SET open = 0 WHERE open = 1", [])
        .map_err(sql)?;
    tx.commit().map_err(sql)?;
    Ok(mended)
}

fn end_claimed(conn: &Connection, now_ms: u64, evidence: impl Fn(&Job) -> bool) -> Result<usize> {
    let mut ended = 0;
    for job in inbox::jobs(conn)?.iter().filter(|job| !evidence(job)) {
        let ending = Ending {
            state: State::Unknown,
            code: CODE.to_owned(),
            message: "it was at work when the backup was taken that this node was restored from; look at the node"
                .to_owned(),
            run_ms: 0,
        };
        ended += inbox::finish(conn, &job.job, &ending, now_ms)?.unwrap_or_default();
    }
    Ok(ended)
}

fn end_stored(conn: &Connection, now_ms: u64) -> Result<usize> {
    let mut ended = 0;
    for row in stored(conn)? {
        let why = "it waited when the backup was taken that this node was restored from, and may have run since";
        ended += usize::from(inbox::conclude(conn, row, State::Unknown, CODE, why, now_ms)?);
    }
    Ok(ended)
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

/// Takes in what waited in the spool when the backup was taken, and may have left since as what waited in the outbox. What finds no
/// room, or is no draft, is left to the agent.
fn take_in(conn: &Connection, backup: &Backup<'_>, now_ms: u64) -> Result<Mended> {
    let mut mended = Mended::default();
    for draft in backup.spooled {
        match outbox::append(conn, draft, backup.created_ms) {
            // One by one: of two in a slot neither may replace the other.
            Ok(taken) => mended.add(ask_or_give_up(conn, backup.node, (taken.seq, taken.seq), now_ms)?),
            Err(error) if error.kind() == ErrorKind::Internal || error.code() == "disk_full" => return Err(error),
            Err(_) => {}
        }
    }
    Ok(mended)
}

fn ask_or_give_up(conn: &Connection, own: &str, seqs: (u64, u64), now_ms: u64) -> Result<Mended> {
    Ok(Mended {
        unknown: give_up(conn, own, seqs, now_ms)?,
        asked_again: ask_again(conn, seqs)?,
    })
}

/// Ends what nobody would know again: what this node sent itself and its own inbox, as old as the outbox, does not hold, and what
/// has outlived its time, whose target forgets it. What was never sent is among it; that cannot be told.
fn give_up(conn: &Connection, own: &str, (first, last): (u64, u64), now_ms: u64) -> Result<usize> {
    let why = "this node was restored from a backup, and it may have run since; look at the target";
    conn.execute(
        "UPDATE delivery SET state = 'unknown', code = ?1, message = ?2, updated_ms = ?3
         WHERE seq BETWEEN ?5 AND ?6 AND state IN ('queued', 'offered', 'stored', 'claimed') AND target <> '' AND (expires_ms <= ?3 OR (target = ?4 AND NOT EXISTS
           (SELECT 1 FROM inbox JOIN outbox ON outbox.id = inbox.id WHERE inbox.sender = ?4 AND outbox.seq = delivery.seq)))",
        params![CODE, why, now_ms, own, first, last],
    )
    .map_err(sql)
}

/// Not a transition of theirs: `offered` is what a store knows that has forgotten the answer.
fn ask_again(conn: &Connection, (first, last): (u64, u64)) -> Result<usize> {
    let why = "this node was restored from a backup; the target is asked again what became of it";
    conn.execute(
        "UPDATE delivery SET state = 'offered', code = ?1, message = ?2
         WHERE seq BETWEEN ?3 AND ?4 AND state IN ('queued', 'stored', 'claimed') AND target <> ''",
        params![CODE, why, first, last],
    )
    .map_err(sql)
}
