//! From stored rows to a job: which rows may go, what they have in common, and the durable claim.

use flock_core::{Result, holder::Holder, notification::State};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::row::{Change, advance, int, json, parsed, small, uint};
use crate::{pb, store::sql};

/// A stored row whose pause (if it has one) is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Names the row in this module's functions.
    pub row: i64,
    /// Who asked, by certificate.
    pub sender: String,
    /// The operator for whom it asked; `""` = for itself.
    pub operator: String,
    /// The resource.
    pub key: String,
    /// What to do with it.
    pub action: String,
    /// The newest run that had started when it arrived.
    pub arrived_run: u64,
    /// Why it is still waiting, as last noted; `""` = nothing was noted.
    pub code: String,
    /// The subscription of this node that it answers; `""` = none.
    pub subscription: String,
}

/// One run about to be told to go.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// A UUID.
    pub job: &'a str,
    /// The resource.
    pub key: &'a str,
    /// What to do with it.
    pub action: &'a str,
    /// The snapshot that it is compiled from.
    pub generation: u64,
    /// The worker.
    pub pid: u32,
    /// Its start time in clock ticks; with `pid` it names the process.
    pub pid_start: u64,
    /// How long it may take.
    pub timeout_ms: u64,
    /// The chain that notifications of the action itself continue.
    pub chain: &'a [pb::Hop],
    /// The first notification of that chain.
    pub cause_root: &'a str,
    /// When.
    pub now_ms: u64,
}

/// A run that was claimed and is not settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// A UUID.
    pub job: String,
    /// The resource.
    pub key: String,
    /// What is done with it.
    pub action: String,
    /// The snapshot that it is compiled from.
    pub generation: u64,
    /// The worker.
    pub pid: u32,
    /// Its start time in clock ticks.
    pub pid_start: u64,
    /// When it was claimed.
    pub claimed_ms: u64,
    /// How long it may take.
    pub timeout_ms: u64,
    /// The chain that notifications of the action itself continue.
    pub chain: Vec<pb::Hop>,
    /// The first notification of that chain.
    pub cause_root: String,
}

/// Where the rows of a job come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lineage {
    /// The shortest of their chains.
    pub chain: Vec<pb::Hop>,
    /// The cause of that chain: its first notification.
    pub cause_root: String,
    /// (sender, declared key) of the resources that asked, without repetition.
    pub sources: Vec<(String, String)>,
}

/// No pause is longer than 30 s ([`flock_core::limits::RUN_PAUSE_CAP_MS`]): one that seems to be was noted before the clock was set back.
pub(super) const CANDIDATE: &str =
    "SELECT row, sender, key, action, arrived_run, code, subscription, operator FROM inbox WHERE state = 'stored'
     AND NOT (not_before_ms BETWEEN ?1 + 1 AND ?1 + 30000)";

/// All rows that may be looked at now, oldest first.
///
/// # Errors
/// `internal` when the store refuses.
pub fn candidates(conn: &Connection, now_ms: u64) -> Result<Vec<Candidate>> {
    let mut statement = conn.prepare_cached(&format!("{CANDIDATE} ORDER BY row")).map_err(sql)?;
    let rows = statement.query_map([int(now_ms)], candidate).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// As [`candidates`], of one resource and action.
///
/// # Errors
/// `internal` when the store refuses.
pub fn candidates_of(conn: &Connection, key: &str, action: &str, now_ms: u64) -> Result<Vec<Candidate>> {
    let query = format!("{CANDIDATE} AND key = ?2 AND action = ?3 ORDER BY row");
    let mut statement = conn.prepare_cached(&query).map_err(sql)?;
    let rows = statement
        .query_map(params![int(now_ms), key, action], candidate)
        .map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// For how long the first of the rows that pause will do so; `None` when none does.
///
/// # Errors
/// `internal` when the store refuses.
pub fn next_pause_ms(conn: &Connection, now_ms: u64) -> Result<Option<u64>> {
    let next: Option<i64> = conn
        .prepare_cached("SELECT MIN(not_before_ms) FROM inbox WHERE state = 'stored' AND not_before_ms BETWEEN ?1 + 1 AND ?1 + 30000")
        .map_err(sql)?
        .query_row([int(now_ms)], |r| r.get(0))
        .map_err(sql)?;
    Ok(next.map(|at| uint(at).saturating_sub(now_ms)))
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        row: row.get(0)?,
        sender: row.get(1)?,
        key: row.get(2)?,
        action: row.get(3)?,
        arrived_run: uint(row.get(4)?),
        code: row.get(5)?,
        subscription: row.get(6)?,
        operator: row.get(7)?,
    })
}

/// What the rows have in common: the shortest chain keeps a fresh request from inheriting the length of an older one's.
///
/// # Errors
/// `internal` when the store refuses.
pub fn lineage(conn: &Connection, rows: &[i64]) -> Result<Lineage> {
    let mut shortest: Option<(Vec<pb::Hop>, String)> = None;
    let mut sources = Vec::new();
    for row in rows {
        let Some((sender, id, chain, root, from)) = ancestry(conn, *row)? else {
            continue;
        };
        for source in from {
            push_new(&mut sources, (sender.clone(), source.key));
        }
        let root = if root.is_empty() { id } else { root };
        if shortest.as_ref().is_none_or(|(best, _)| chain.len() < best.len()) {
            shortest = Some((chain, root));
        }
    }
    let (chain, cause_root) = shortest.unwrap_or_default();
    sources.truncate(flock_core::limits::SOURCES);
    Ok(Lineage {
        chain,
        cause_root,
        sources,
    })
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.len() < flock_core::limits::SOURCES && !list.contains(&item) {
        list.push(item);
    }
}

type Ancestry = (String, String, Vec<pb::Hop>, String, Vec<pb::Source>);

fn ancestry(conn: &Connection, row: i64) -> Result<Option<Ancestry>> {
    conn.prepare_cached("SELECT sender, id, chain, cause_root, sources FROM inbox WHERE row = ?1")
        .map_err(sql)?
        .query_row([row], |r| {
            Ok((
                r.get(0)?,
                r.get(1)?,
                parsed(&r.get::<_, String>(2)?),
                r.get(3)?,
                parsed(&r.get::<_, String>(4)?),
            ))
        })
        .optional()
        .map_err(sql)
}

impl Candidate {
    /// Whose rights count.
    ///
    /// # Errors
    /// `configuration` when the row holds no name.
    pub fn asker(&self) -> Result<Holder> {
        Holder::of(&self.sender, &self.operator)
    }
}

/// Claims those of `rows` that are still stored; answers how many. With none nothing is recorded and the run must not go ahead.
///
/// # Errors
/// `internal` when the store refuses.
pub fn claim(conn: &Connection, claim: &Claim<'_>, rows: &[i64]) -> Result<usize> {
    let change = Change {
        code: "",
        message: "",
        now_ms: claim.now_ms,
    };
    let mut claimed = 0;
    for row in rows {
        if advance(conn, *row, State::Claimed, &change)? {
            conn.prepare_cached("UPDATE inbox SET job = ?2, runs = runs + 1 WHERE row = ?1")
                .map_err(sql)?
                .execute(params![row, claim.job])
                .map_err(sql)?;
            claimed += 1;
        }
    }
    if claimed > 0 {
        record(conn, claim)?;
    }
    Ok(claimed)
}

fn record(conn: &Connection, claim: &Claim<'_>) -> Result<()> {
    conn.prepare_cached("INSERT INTO inbox_job VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
        .map_err(sql)?
        .execute(params![
            claim.job,
            claim.key,
            claim.action,
            int(claim.generation),
            claim.pid,
            int(claim.pid_start),
            int(claim.now_ms),
            int(claim.timeout_ms),
            json(&claim.chain)?,
            claim.cause_root
        ])
        .map_err(sql)?;
    Ok(())
}

const JOB: &str =
    "SELECT job, key, action, generation, pid, pid_start, claimed_ms, timeout_ms, chain, cause_root FROM inbox_job";

/// The claimed runs that are not settled, oldest first; after a crash these must be recovered.
///
/// # Errors
/// `internal` when the store refuses.
pub fn jobs(conn: &Connection) -> Result<Vec<Job>> {
    let mut statement = conn
        .prepare_cached(&format!("{JOB} ORDER BY claimed_ms"))
        .map_err(sql)?;
    let rows = statement.query_map([], read_job).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// One of them.
///
/// # Errors
/// `internal` when the store refuses.
pub fn job(conn: &Connection, job: &str) -> Result<Option<Job>> {
    conn.prepare_cached(&format!("{JOB} WHERE job = ?1"))
        .map_err(sql)?
        .query_row([job], read_job)
        .optional()
        .map_err(sql)
}

fn read_job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        job: row.get(0)?,
        key: row.get(1)?,
        action: row.get(2)?,
        generation: uint(row.get(3)?),
        pid: small(row.get(4)?),
        pid_start: uint(row.get(5)?),
        claimed_ms: uint(row.get(6)?),
        timeout_ms: uint(row.get(7)?),
        chain: parsed(&row.get::<_, String>(8)?),
        cause_root: row.get(9)?,
    })
}
