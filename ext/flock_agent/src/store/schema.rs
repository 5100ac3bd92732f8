//! The schema and its history. A migration is never edited once released; a new one is appended.

use std::path::Path;

use flock_core::{Error, Result};
use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::sql;

pub(super) const STEPS: &[M<'static>] = &[M::up(META)];

const META: &str = "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;";

/// Refuses a file that a newer version wrote, before anything is changed in it.
pub(super) fn refuse_newer(connection: &Connection, path: &Path, steps: &[M<'_>]) -> Result<()> {
    let found = version(connection)?;
    if found <= steps.len() {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "the store {} has schema {found}, this version knows up to {}; it was left untouched: install the newer flock_of_chefs again",
        path.display(),
        steps.len()
    ))
    .with_code("store_newer"))
}

/// Brings the file to the newest schema; a copy of what was there is kept beside it first.
pub(super) fn migrate(connection: &mut Connection, path: &Path, steps: &[M<'_>]) -> Result<()> {
    let found = version(connection)?;
    if found > 0 && found < steps.len() {
        back_up(connection, &path.with_extension(format!("schema{found}.db")))?;
    }
    Migrations::from_slice(steps).to_latest(connection).map_err(|e| {
        Error::internal(format!(
            "the store could not be migrated: {e}; the copy beside it is unchanged"
        ))
    })
}

fn back_up(connection: &Connection, copy: &Path) -> Result<()> {
    let _ = std::fs::remove_file(copy);
    connection
        .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
        .map(drop)
        .map_err(sql)
}

fn version(connection: &Connection) -> Result<usize> {
    let found: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(sql)?;
    Ok(found as usize)
}
