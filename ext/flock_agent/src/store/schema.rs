//! The schema and its history. A migration is never edited once released; a new one is appended.

use std::{path::Path, sync::LazyLock};

use flock_core::{Error, Result};
use rusqlite::{Connection, Transaction};
use rusqlite_migration::{M, Migrations};

use super::{inbox, journal, meta, open, outbox, sql, subscribed};

pub(super) static STEPS: LazyLock<Vec<M<'static>>> = LazyLock::new(|| {
    vec![
        M::up(meta::SCHEMA),
        M::up(outbox::SCHEMA),
        M::up(journal::SCHEMA),
        M::up(inbox::SCHEMA),
        M::up(subscribed::SCHEMA),
        M::up_with_hook(inbox::OPERATORS, |upgraded: &Transaction<'_>| {
            Ok(outbox::upgrade(upgraded)?)
        }),
    ]
});

/// Refuses a file that a newer version wrote, before anything is changed in it.
pub(super) fn refuse_newer(found: usize, path: &Path, steps: &[M<'_>]) -> Result<()> {
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
    let found = version(connection).map_err(sql)?;
    if found > 0 && found < steps.len() {
        back_up(connection, &path.with_extension(format!("schema{found}.db")))?;
    }
    Migrations::from_slice(steps).to_latest(connection).map_err(|e| {
        Error::internal(format!(
            "the store could not be migrated: {e}; the copy beside it is unchanged"
        ))
    })
}

/// How many steps the file has seen.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
        .map(|found| found as usize)
}

fn back_up(connection: &Connection, copy: &Path) -> Result<()> {
    let _ = std::fs::remove_file(copy);
    // VACUUM INTO accepts an empty file and keeps its permissions.
    open::make_private(copy)?;
    connection
        .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
        .map(drop)
        .map_err(sql)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_steps_apply() {
        Migrations::from_slice(&STEPS).validate().unwrap();
    }

    #[test]
    fn a_copy_is_kept_before_an_old_store_is_migrated() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("state.db");
        let mut old = Connection::open(&path).unwrap();
        Migrations::from_slice(&STEPS).to_version(&mut old, 1).unwrap();
        old.execute("INSERT INTO meta (key, value) VALUES ('a', 'kept')", [])
            .unwrap();
        drop(old);
        let store = crate::store::Store::open(&path).unwrap();
        let copy = dir.path().join("state.schema1.db");
        let read = |path: &Path| -> String {
            let connection = Connection::open(path).unwrap();
            connection
                .query_row("SELECT value FROM meta", [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!((read(&copy), read(&path)), ("kept".into(), "kept".into()));
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(version(&Connection::open(&copy).unwrap()).unwrap(), 1);
        drop(store);
    }

    #[test]
    fn what_waits_in_a_store_of_the_first_version_is_kept() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("state.db");
        let mut old = Connection::open(&path).unwrap();
        Migrations::from_slice(&STEPS).to_version(&mut old, 4).unwrap();
        old.execute_batch(
            "INSERT INTO inbox (sender, id, digest, seq, key, action, timing, sources, chain, cause_root, retry, attempt,
               arrived_run, state, created_ms, updated_ms, expires_ms)
             VALUES ('a', 'x', x'', 1, 'file[/a]', 'create', 'delayed', '[]', '[]', '', 0, 1, 1, 'stored', 1, 1, 9)",
        )
        .unwrap();
        drop(old);
        let store = crate::store::Store::open(&path).unwrap();
        assert!(dir.path().join("state.schema4.db").exists());
        let records = store.read_now(|conn| inbox::list(conn, &Default::default())).unwrap();
        assert_eq!(
            (records.len(), records[0].subscription.as_str(), records[0].late),
            (1, "", false)
        );
    }
}
