//! A store of the first released schema, opened by this version.

use std::{fs, path::Path};

use flock_core::ErrorKind;
use prost::Message;
use rusqlite::Connection;
use rusqlite_migration::M;
use tempfile::TempDir;

use super::{Store, outbox, schema};
use crate::{draft, pb};

/// Migrations of the first release; they are never edited.
const FIRST: usize = 4;
const ROWS: &str = include_str!("fixtures/first.sql");
const TABLES: [&str; 6] = ["meta", "outbox", "delivery", "run", "inbox", "inbox_job"];

fn first(dir: &TempDir) -> std::path::PathBuf {
    let path = dir.path().join("state.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(ROWS).unwrap();
    conn.pragma_update(None, "user_version", FIRST).unwrap();
    path
}

/// All rows, by the columns that the first release had.
fn rows(path: &Path, columns: &[(String, String)]) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let mut found = Vec::new();
    for (table, columns) in columns {
        let query = format!("SELECT json_array({columns}) FROM {table} ORDER BY 1");
        let mut statement = conn.prepare(&query).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        found.extend(rows.map(|row| format!("{table} {}", row.unwrap())));
    }
    found
}

fn columns(path: &Path) -> Vec<(String, String)> {
    let conn = Connection::open(path).unwrap();
    let of = |table: &str| {
        let query = "SELECT group_concat(CASE type WHEN 'BLOB' THEN 'hex(' || name || ')' ELSE name END, ', ') FROM pragma_table_info(?1)";
        conn.query_row(query, [table], |row| row.get(0)).unwrap()
    };
    TABLES.map(|table| (table.to_owned(), of(table))).to_vec()
}

#[test]
fn the_fixture_is_what_the_first_release_made() {
    let dir = TempDir::new().unwrap();
    let fixture = columns(&first(&dir));
    let made = dir.path().join("made.db");
    let mut conn = Connection::open(&made).unwrap();
    rusqlite_migration::Migrations::from_slice(&schema::STEPS)
        .to_version(&mut conn, FIRST)
        .unwrap();
    assert_eq!(columns(&made), fixture);
}

#[tokio::test]
async fn every_row_is_kept_from_the_first_schema_to_this_one() {
    let dir = TempDir::new().unwrap();
    let path = first(&dir);
    let columns = columns(&path);
    let before = rows(&path, &columns);
    assert_eq!(before.len(), 11);
    let store = Store::open(&path).unwrap();
    store.close().await;
    assert_eq!(rows(&path, &columns), before);
    let version = schema::version(&Connection::open(&path).unwrap()).unwrap();
    assert_eq!(version, schema::STEPS.len());
    let copy = dir.path().join(format!("state.schema{FIRST}.db"));
    assert_eq!(
        copy.exists(),
        schema::STEPS.len() > FIRST,
        "a copy is made where something changes"
    );
    Store::open(&path).unwrap().close().await;
    assert_eq!(rows(&path, &columns), before);
}

#[tokio::test]
async fn chains_of_older_drafts_are_found_as_new_ones_are() {
    let dir = TempDir::new().unwrap();
    let path = first(&dir);
    let root = draft::tests::id(9);
    let caused = pb::Draft {
        cause_root: root.clone(),
        ..draft::tests::draft(7, "bender1")
    };
    let old = Connection::open(&path).unwrap();
    let values = rusqlite::params![caused.id, caused.encode_to_vec()];
    old.execute("INSERT INTO outbox VALUES (3, ?1, x'02', ?2, 1)", values)
        .unwrap();
    let delivery = "INSERT INTO delivery VALUES (3, 'bender1', x'ad', 'queued', '', '', 0, 0, 1, 1, 1)";
    old.execute(delivery, []).unwrap();
    std::mem::drop(old);
    let store = Store::open(&path).unwrap();
    let asked = root.clone();
    let found = store.read(move |conn| outbox::chain(conn, &asked)).await.unwrap();
    assert_eq!(
        found.iter().map(|one| (&one.id, &one.cause_root)).collect::<Vec<_>>(),
        [(&caused.id, &root)]
    );
    store.close().await;
}

#[tokio::test]
async fn a_migration_that_was_cut_off_is_made_again_from_what_was_there() {
    let dir = TempDir::new().unwrap();
    let path = first(&dir);
    let columns = columns(&path);
    let before = rows(&path, &columns);
    let more = |last: &'static str| {
        [
            &schema::STEPS[..],
            &[
                M::up("CREATE TABLE extra (a TEXT) STRICT; DELETE FROM run;"),
                M::up(last),
            ],
        ]
        .concat()
    };
    let cut = Store::open_with(&path, &more("CREATE TABLE other (a TEXT); SELECT no_such_function();"));
    assert_eq!(cut.err().unwrap().kind(), ErrorKind::Internal);
    assert_eq!(rows(&path, &columns), before, "all or nothing");
    let copy = dir.path().join(format!("state.schema{FIRST}.db"));
    assert_eq!(rows(&copy, &columns), before);
    // A copy that was cut off, too.
    fs::write(&copy, "half").unwrap();
    let store = Store::open_with(&path, &more("CREATE TABLE other (a TEXT) STRICT;")).unwrap();
    store.close().await;
    assert_eq!(rows(&copy, &columns), before);
    assert_eq!(rows(&path, &columns).len(), before.len() - 2, "the new steps were made");
}

#[tokio::test]
async fn the_write_ahead_log_stays_short() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&dir.path().join("state.db")).unwrap();
    let text = "x".repeat(1024 * 1024);
    for n in 0..60 {
        let text = text.clone();
        let put = move |conn: &Connection| {
            let insert = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
            conn.execute(insert, (n.to_string(), text))
                .map(drop)
                .map_err(super::sql)
        };
        store.write(put).await.unwrap();
    }
    let wal = fs::metadata(dir.path().join("state.db-wal")).unwrap().len();
    assert!(wal <= 20 * 1024 * 1024, "{wal} bytes after 60 MiB of writes");
}
