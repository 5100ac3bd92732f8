//! The registry's rows: what the core's decisions read, and what they write.

use flock_core::{
    Error, Result,
    registry::{Committed, Effect, Entry, Head, Listing, Record, Session, View, Write},
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::store::sql;

/// The rows as the core sees them.
pub(super) struct Rows<'c>(pub(super) &'c Connection);

impl Rows<'_> {
    fn number(&self, query: &str, params: impl Params) -> Result<Option<u64>> {
        one(self.0, query, params, |row| uint(row, 0))
    }
}

impl View for Rows<'_> {
    fn head(&self) -> Result<Head> {
        head(self.0)
    }

    fn revision_of(&self, key: &str) -> Result<Option<u64>> {
        self.number("SELECT revision FROM kv WHERE key = ?1", [key])
    }

    fn epoch_of(&self, owner: &str) -> Result<Option<u64>> {
        self.number("SELECT epoch FROM sessions WHERE owner = ?1", [owner])
    }

    fn keys_of(&self, session: &Session) -> Result<Vec<String>> {
        let query = "SELECT key FROM kv WHERE owner = ?1 AND epoch = ?2 ORDER BY key";
        all(self.0, query, params![session.owner, int(session.epoch)], |row| {
            row.get(0)
        })
    }

    fn sequence(&self, name: &str) -> Result<u64> {
        let last = self.number("SELECT value FROM sequences WHERE name = ?1", [name])?;
        Ok(last.unwrap_or(0))
    }

    fn answer_to(&self, id: &str) -> Result<Option<Committed>> {
        let query = "SELECT revision, sequences FROM commands WHERE id = ?1";
        let found = one(self.0, query, [id], |row| Ok((uint(row, 0)?, row.get::<_, String>(1)?)))?;
        found
            .map(|(revision, json)| {
                Ok(Committed {
                    revision,
                    sequences: from_json(&json)?,
                })
            })
            .transpose()
    }
}

/// The entry of a key.
pub(super) fn entry(db: &Connection, key: &str) -> Result<Option<Entry>> {
    one(
        db,
        "SELECT key, value, revision FROM kv WHERE key = ?1",
        [key],
        read_entry,
    )
}

/// The entries of a prefix and the revision, both of the same moment.
pub(super) fn listing(db: &Connection, prefix: &str) -> Result<Listing> {
    let moment = db.unchecked_transaction().map_err(sql)?;
    let query = "SELECT key, value, revision FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key";
    let entries = all(&moment, query, [prefix, &after(prefix)], read_entry)?;
    Ok(Listing {
        entries,
        revision: head(&moment)?.revision,
    })
}

/// The open sessions and their leases.
pub(super) fn sessions(db: &Connection) -> Result<Vec<(Session, u64)>> {
    all(
        db,
        "SELECT owner, epoch, lease_ms FROM sessions ORDER BY owner",
        [],
        |row| {
            let session = Session {
                owner: row.get(0)?,
                epoch: uint(row, 1)?,
            };
            Ok((session, uint(row, 2)?))
        },
    )
}

/// Writes what was decided.
pub(super) fn write(db: &Connection, effect: &Effect) -> Result<()> {
    effect.writes.iter().try_for_each(|write| write_one(db, write))
}

fn write_one(db: &Connection, write: &Write) -> Result<()> {
    match write {
        Write::Put { key, record } => put(db, key, record),
        Write::Delete { key } => run(db, "DELETE FROM kv WHERE key = ?1", [key]),
        Write::Open { session, lease_ms } => run(
            db,
            "INSERT OR REPLACE INTO sessions (owner, epoch, lease_ms) VALUES (?1, ?2, ?3)",
            params![session.owner, int(session.epoch), int(*lease_ms)],
        ),
        Write::End(session) => run(db, "DELETE FROM sessions WHERE owner = ?1", [&session.owner]),
        Write::Sequence { name, value } => run(
            db,
            "INSERT OR REPLACE INTO sequences (name, value) VALUES (?1, ?2)",
            params![name, int(*value)],
        ),
        Write::Remember { id, answer } => run(
            db,
            "INSERT INTO commands (revision, id, sequences) VALUES (?1, ?2, ?3)",
            params![int(answer.revision), id, to_json(&answer.sequences)?],
        ),
        Write::Forget { revision } => run(db, "DELETE FROM commands WHERE revision <= ?1", [int(*revision)]),
        Write::Head(head) => run(
            db,
            "UPDATE head SET revision = ?1, keys = ?2, sessions = ?3, sequences = ?4",
            [head.revision, head.keys, head.sessions, head.sequences].map(int),
        ),
    }
}

fn put(db: &Connection, key: &str, record: &Record) -> Result<()> {
    let session = record.session.as_ref();
    run(
        db,
        "INSERT OR REPLACE INTO kv (key, value, revision, owner, epoch) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            key,
            record.value,
            int(record.revision),
            session.map(|session| &session.owner),
            session.map(|session| int(session.epoch)),
        ],
    )
}

fn head(db: &Connection) -> Result<Head> {
    let found = one(db, "SELECT revision, keys, sessions, sequences FROM head", [], |row| {
        Ok(Head {
            revision: uint(row, 0)?,
            keys: uint(row, 1)?,
            sessions: uint(row, 2)?,
            sequences: uint(row, 3)?,
        })
    })?;
    found.ok_or_else(headless)
}

pub(super) fn headless() -> Error {
    Error::internal("registry.db has lost its head row; put a backup back (`flockctl restore FILE --replace`)")
        .with_code("store")
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        key: row.get(0)?,
        value: row.get(1)?,
        revision: uint(row, 2)?,
    })
}

/// The first text after all that start with `prefix`; keys are ASCII without DEL.
pub(super) fn after(prefix: &str) -> String {
    format!("{prefix}\x7f")
}

pub(super) fn run(db: &Connection, statement: &str, params: impl Params) -> Result<()> {
    let mut statement = db.prepare_cached(statement).map_err(sql)?;
    statement.execute(params).map(drop).map_err(sql)
}

pub(super) fn one<T, P, F>(db: &Connection, query: &str, params: P, read: F) -> Result<Option<T>>
where
    P: Params,
    F: FnOnce(&Row<'_>) -> rusqlite::Result<T>,
{
    let mut statement = db.prepare_cached(query).map_err(sql)?;
    statement.query_row(params, read).optional().map_err(sql)
}

pub(super) fn all<T, P, F>(db: &Connection, query: &str, params: P, read: F) -> Result<Vec<T>>
where
    P: Params,
    F: FnMut(&Row<'_>) -> rusqlite::Result<T>,
{
    let mut statement = db.prepare_cached(query).map_err(sql)?;
    let rows = statement.query_map(params, read).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// SQLite's integers are signed; ours never come near the end.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn uint(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn to_json(sequences: &[u64]) -> Result<String> {
    serde_json::to_string(sequences).map_err(|e| Error::internal(format!("cannot keep an answer: {e}")))
}

fn from_json(json: &str) -> Result<Vec<u64>> {
    serde_json::from_str(json)
        .map_err(|e| Error::internal(format!("an answer is not readable: {e}")).with_code("store"))
}
