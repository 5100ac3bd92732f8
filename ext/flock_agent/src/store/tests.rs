use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
};

use flock_core::ErrorKind;
use tempfile::TempDir;

use super::*;

/// The whole schema in memory, for tests of the pure functions.
pub(crate) fn memory() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "foreign_keys", "ON").unwrap();
    schema::migrate(&mut connection, Path::new("memory"), &schema::STEPS).unwrap();
    connection
}

/// A store in a directory of its own, which lives as long as the first value.
pub(crate) fn temporary() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&dir.path().join("state.db")).unwrap();
    (dir, store)
}

async fn put(store: &Store, key: &str) -> Result<()> {
    let key = key.to_owned();
    store.write(move |conn| insert(conn, &key)).await
}

fn insert(conn: &Connection, key: &str) -> Result<()> {
    conn.execute("INSERT INTO meta (key, value) VALUES (?1, '')", [key])
        .map(drop)
        .map_err(sql)
}

async fn keys(store: &Store) -> Vec<String> {
    store.read(|conn| Ok(all_keys(conn))).await.unwrap()
}

fn all_keys(conn: &Connection) -> Vec<String> {
    let mut rows = conn.prepare("SELECT key FROM meta ORDER BY key").unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// Holds the writer thread inside a write until the sender is dropped; returns once the write has begun.
async fn hold(store: &Store) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<()>>) {
    let (release, wait) = mpsc::channel::<()>();
    let (begun, begin) = tokio::sync::oneshot::channel();
    let store = store.clone();
    let held = tokio::spawn(async move {
        let job = move |_: &Connection| {
            let _ = begun.send(());
            let _ = wait.recv();
            Ok(())
        };
        store.write(job).await
    });
    begin.await.unwrap();
    (release, held)
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_for_a_commit_share_the_next_one() {
    let (_dir, store) = temporary();
    let commits = store.commits();
    let before = *commits.borrow();
    let (release, held) = hold(&store).await;
    let mut writes = tokio::task::JoinSet::new();
    let mut started = Vec::new();
    for n in 0..50 {
        // Polled once here, so that it stands in the queue before the writer goes on.
        let mut write = Box::pin({
            let store = store.clone();
            async move { put(&store, &n.to_string()).await }
        });
        assert!(futures_poll(write.as_mut()).is_pending());
        started.push(write);
    }
    drop(release);
    held.await.unwrap().unwrap();
    for write in started {
        writes.spawn(write);
    }
    assert!(writes.join_all().await.into_iter().all(|done| done.is_ok()));
    assert_eq!(*commits.borrow() - before, 2);
    assert_eq!(keys(&store).await.len(), 50);
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_or_panics_takes_nothing_of_its_neighbours() {
    let (_dir, store) = temporary();
    let (release, held) = hold(&store).await;
    let failing = store.write(|conn| {
        insert(conn, "half")?;
        Err::<(), _>(Error::configuration("no"))
    });
    let panicking = store.write(|conn| -> Result<()> {
        insert(conn, "torn")?;
        panic!("a test");
    });
    let (a, failed, panicked, b, _) = tokio::join!(put(&store, "a"), failing, panicking, put(&store, "b"), async {
        drop(release);
    });
    held.await.unwrap().unwrap();
    a.unwrap();
    b.unwrap();
    assert_eq!(failed.unwrap_err().message(), "no");
    assert_eq!(panicked.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(keys(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn a_write_that_fails_alone_leaves_nothing_and_counts_for_no_commit() {
    let (_dir, store) = temporary();
    let before = *store.commits().borrow();
    let failing = |conn: &Connection| {
        insert(conn, "half")?;
        Err::<(), _>(Error::configuration("no"))
    };
    assert_eq!(store.write(failing).await.unwrap_err().message(), "no");
    assert_eq!(*store.commits().borrow(), before);
    put(&store, "whole").await.unwrap();
    assert_eq!(keys(&store).await, ["whole"]);
}

fn impatient(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    connection
}

#[tokio::test]
async fn a_transaction_that_cannot_begin_says_why() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("state.db");
    let patient = open::writer(&path, &schema::STEPS).unwrap();
    patient.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writer = Writer::spawn(impatient(&path)).unwrap();
    let error = writer.run(|_| Ok(()), |()| ()).await.unwrap_err();
    assert_eq!(error.code(), "store");
    assert!(error.message().contains("locked"), "{error}");
    patient.execute_batch("ROLLBACK").unwrap();
    writer.run(|_| Ok(()), |()| ()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_passes() {
    let (_dir, store) = temporary();
    let fill = |conn: &Connection| {
        let pages: u32 = conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
        insert(conn, &"x".repeat(64 * 1024))
    };
    let (release, held) = hold(&store).await;
    let (full, _) = tokio::join!(store.write(fill), async { drop(release) });
    held.await.unwrap().unwrap();
    let full = full.unwrap_err();
    assert_eq!((full.kind(), full.code()), (ErrorKind::Rejected, "disk_full"));
    assert!(full.message().contains("free space"), "{full}");
    let room = |conn: &Connection| {
        conn.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(()))
            .map_err(sql)?;
        insert(conn, "after")
    };
    store.write(room).await.unwrap();
    assert_eq!(keys(&store).await, ["after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_close_still_waits_for_its_place() {
    let (dir, store) = temporary();
    let (release, held) = hold(&store).await;
    let mut waiting = Vec::new();
    for n in 0..flock_core::limits::STORE_QUEUE {
        let store = store.clone();
        let mut write = Box::pin(async move { put(&store, &n.to_string()).await });
        assert!(futures_poll(write.as_mut()).is_pending());
        waiting.push(write);
    }
    assert_eq!(put(&store, "late").await.unwrap_err().code(), "store_busy");
    let closing = tokio::spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    drop(release);
    held.await.unwrap().unwrap();
    closing.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    assert_eq!(put(&store, "later").await.unwrap_err().kind(), ErrorKind::NotStarted);
    let again = Store::open(&dir.path().join("state.db")).unwrap();
    assert_eq!(keys(&again).await.len(), flock_core::limits::STORE_QUEUE);
}

#[tokio::test]
async fn the_files_are_private_even_when_they_were_not() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("state.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&path).unwrap();
    put(&store, "a").await.unwrap();
    let files: Vec<PathBuf> = fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert!(files.len() >= 2, "no write-ahead log among {files:?}");
    for file in files {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

fn refused(path: &Path) -> Error {
    match Store::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_newer_store_is_refused_and_left_untouched() {
    let (dir, store) = temporary();
    put(&store, "theirs").await.unwrap();
    store.close().await;
    drop(store);
    let path = dir.path().join("state.db");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 999)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = refused(&path);
    assert_eq!(error.code(), "store_newer");
    assert!(error.message().contains("999"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_store_is_refused() {
    let (dir, store) = temporary();
    for n in 0..500 {
        put(&store, &format!("{n:0100}")).await.unwrap();
    }
    store.close().await;
    drop(store);
    let path = dir.path().join("state.db");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(refused(&path).code(), "store_damaged");
    fs::write(&path, "this is no database, whatever its name says".repeat(100)).unwrap();
    assert_eq!(refused(&path).code(), "store_damaged");
}

#[test]
fn a_store_that_cannot_be_reached_is_a_question_of_configuration() {
    let dir = TempDir::new().unwrap();
    let error = refused(&dir.path().join("absent/state.db"));
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Configuration, "store_unreadable")
    );
}

#[test]
fn an_incarnation_lasts_as_long_as_its_store() {
    let first = memory();
    assert_eq!(meta::incarnation(&first, 1_000).unwrap(), 1_000);
    assert_eq!(meta::incarnation(&first, 9_000).unwrap(), 1_000);
    assert_eq!(meta::incarnation(&memory(), 9_000).unwrap(), 9_000);
    assert_eq!(meta::renew(&first, 500).unwrap(), 1_001);
    assert_eq!(meta::incarnation(&first, 9_000).unwrap(), 1_001);
}

const CRASH_DIR: &str = "FLOCK_TEST_CRASH_DIR";

/// The process that the next test kills: writes for ever, and says what was acknowledged.
#[test]
#[ignore = "a child of what_was_acknowledged_survives_a_kill"]
fn crash_child() {
    let Ok(dir) = std::env::var(CRASH_DIR) else { return };
    let store = Store::open(&Path::new(&dir).join("state.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for n in 0.. {
        runtime.block_on(put(&store, &format!("{n:08}"))).unwrap();
        println!("acknowledged {n:08}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::crash_child", "--ignored", "--nocapture"])
        .env(CRASH_DIR, dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(|line| line.unwrap());
    let acknowledged = |line: String| Some(line.split_once("acknowledged ")?.1.to_owned());
    let mut known: Vec<String> = lines.by_ref().filter_map(acknowledged).take(200).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    known.extend(lines.filter_map(acknowledged));
    assert!(known.len() >= 200);
    let found = keys(&Store::open(&dir.path().join("state.db")).unwrap()).await;
    // One more may have been committed and not yet acknowledged.
    assert!(
        found.starts_with(&known) && found.len() <= known.len() + 1,
        "{} of {}",
        found.len(),
        known.len()
    );
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state.db")).unwrap();
    store
        .write(|conn| conn.execute_batch("CREATE TABLE t (a)").map_err(sql))
        .await
        .unwrap();
    store
        .read(|conn| conn.execute_batch("SELECT * FROM t").map_err(sql))
        .await
        .unwrap();
    store.close().await;
    let files: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert_eq!(files, ["state.db"]);
    assert_eq!(store.read(|_| Ok(())).await.unwrap_err().code(), "store_closed");
}
