//! Opening the file: the settings that make a commit durable, the checks that keep a damaged or newer file from being touched.

use std::{os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use flock_core::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::M;

use super::{schema, sql};

/// SQLite 3.51.3 is the first version without the WAL-reset corruption bug (<https://sqlite.org/wal.html#walresetbug>).
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Prepared statements that a connection keeps: all that this crate prepares.
const STATEMENTS: usize = 128;

/// The one connection that writes.
pub(super) fn writer(path: &Path, steps: &[M<'_>]) -> Result<Connection> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(Error::internal(
            "the SQLite linked in is older than 3.51.3; build with the bundled one",
        ));
    }
    create_private(path)?;
    let mut connection = Connection::open(path).map_err(|e| unreadable(path, &e))?;
    schema::refuse_newer(&connection, path, steps)?;
    configure(&connection).map_err(|e| unreadable(path, &e))?;
    check(&connection, path)?;
    schema::migrate(&mut connection, path, steps)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(sql)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(sql)?;
    Ok(connection)
}

/// Makes the file 0600 before SQLite does it with the process's umask.
fn create_private(path: &Path) -> Result<()> {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|e| {
            Error::configuration(format!(
                "cannot open the store {}: {e}; check data_dir and who owns it",
                path.display()
            ))
        })
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)
}

fn check(connection: &Connection, path: &Path) -> Result<()> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|e| unreadable(path, &e))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(unreadable(path, &verdict))
    }
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::configuration(format!(
        "the store {} cannot be used: {why}; move it away and restore a backup (`flockctl restore FILE`), or start anew without it",
        path.display()
    ))
    .with_code("store_damaged")
}
