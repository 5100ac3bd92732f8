//! Opening the file: the settings that make a commit durable, the checks that keep a damaged or newer file from being touched.

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use flock_core::{Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::M;

use super::{schema, sql};

/// SQLite 3.51.3 is the first version without the WAL-reset corruption bug (<https://sqlite.org/wal.html#walresetbug>).
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a connection waits for another one's lock. Only a backup or a checkpoint ever holds one.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// The WAL file is cut to this many bytes after a checkpoint.
const WAL_BYTES: u32 = 16 * 1024 * 1024;
/// The WAL is moved into the file when a commit leaves it longer than so many pages.
const WAL_PAGES: u32 = 1000;
/// Prepared statements that a connection keeps: more than the whole crate has.
const STATEMENTS: usize = 256;

/// The one connection that writes.
pub(super) fn writer(path: &Path, steps: &[M<'_>]) -> Result<Connection> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(Error::internal(
            "the SQLite linked in is older than 3.51.3; build with the bundled one",
        ));
    }
    refuse_newer(path, steps)?;
    make_private(path)?;
    let mut connection = Connection::open(path).map_err(|e| unusable(path, &e))?;
    configure(&connection, path)?;
    check(&connection, path)?;
    schema::migrate(&mut connection, path, steps)?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path) -> Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(sql)?;
    connection.busy_timeout(LOCK_WAIT).map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Makes the file 0600: a new one before SQLite creates it with the process's umask, an old one that was copied here with wider permissions.
/// SQLite gives its `-wal` and `-shm` files the same.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    let private = || {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
    };
    private().map_err(|e| {
        Error::configuration(format!(
            "cannot open the store {}: {e}; check data_dir and who owns it",
            path.display()
        ))
        .with_code("store_unreadable")
    })
}

/// Looks at the version without the right to write, for even opening a file otherwise may move its WAL into it.
fn refuse_newer(path: &Path, steps: &[M<'_>]) -> Result<()> {
    if fs::metadata(path).map_or(true, |file| file.len() == 0) {
        return Ok(());
    }
    let connection = reader(path)?;
    let found = schema::version(&connection).map_err(|e| unusable(path, &e))?;
    schema::refuse_newer(found, path, steps)
}

fn configure(connection: &Connection, path: &Path) -> Result<()> {
    let mode = settings(connection).map_err(|e| unusable(path, &e))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "the store {} cannot use a write-ahead log (its journal mode stays {mode}): data_dir must be on a local file system, not NFS",
        path.display()
    ))
    .with_code("store_not_local"))
}

fn settings(connection: &Connection) -> rusqlite::Result<String> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES, |_| Ok(()))?;
    Ok(mode)
}

pub(crate) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|e| unusable(path, &e))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(damaged(path, &verdict))
    }
}

/// SQLite's error while the file is opened: a damaged file, or one that cannot be reached.
fn unusable(path: &Path, error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(path, error),
        Some(ErrorCode::DiskFull) => sql(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
            None,
        )),
        _ => Error::configuration(format!(
            "the store {} cannot be opened: {error}; check data_dir, who owns it and whether another agent runs",
            path.display()
        ))
        .with_code("store_unreadable"),
    }
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::configuration(format!(
        "the store {} is damaged: {why}; put a backup back (`flockctl restore FILE --replace`), or move it away to start anew",
        path.display()
    ))
    .with_code("store_damaged")
}
