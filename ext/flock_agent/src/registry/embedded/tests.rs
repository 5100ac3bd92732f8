use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::*;
use crate::registry::{
    Expect,
    conformance::{Harness, LEASE_MS, conformance, event},
};

/// A registry on a real file, with clocks that stand still until they are moved.
struct OnFile {
    registry: Option<Arc<Embedded>>,
    clock: Clock,
    wall: Arc<AtomicI64>,
    monotonic: Arc<AtomicU64>,
    folder: tempfile::TempDir,
}

impl OnFile {
    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("registry.db")
    }

    fn embedded(&self) -> Arc<Embedded> {
        Arc::clone(self.registry.as_ref().unwrap())
    }

    fn open(&mut self) {
        self.registry = Some(Embedded::open(&self.path(), self.clock.clone()).unwrap());
    }
}

impl Harness for OnFile {
    async fn start() -> Self {
        let (wall, monotonic) = (Arc::new(AtomicI64::new(1_800_000_000_000)), Arc::new(AtomicU64::new(0)));
        let (w, m) = (Arc::clone(&wall), Arc::clone(&monotonic));
        let clock = Clock::from_fn(move || w.load(Ordering::SeqCst).unsigned_abs())
            .with_monotonic(move || m.load(Ordering::SeqCst));
        let folder = tempfile::tempdir().unwrap();
        let mut harness = Self {
            registry: None,
            clock,
            wall,
            monotonic,
            folder,
        };
        harness.open();
        harness
    }

    fn registry(&self) -> Arc<dyn Registry> {
        self.embedded()
    }

    async fn restart(&mut self) {
        self.embedded().close().await;
        self.open();
    }

    async fn pass(&self, ms: u64) {
        self.monotonic.fetch_add(ms, Ordering::SeqCst);
    }

    fn jump(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
    }
}

conformance!(OnFile);

fn put(key: &str) -> Op {
    Op::Put {
        key: key.into(),
        value: b"v".to_vec(),
        expect: Expect::Any,
        session: None,
    }
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_answer_leaves_no_gap() {
    let harness = OnFile::start().await;
    let registry = harness.embedded();
    let mut watch = registry.watch("", 0).await.unwrap();
    {
        // Polled once, it has handed the command over; dropped, it takes no answer.
        let mut abandoned = std::pin::pin!(registry.txn("1", vec![put("a")]));
        std::future::poll_fn(|cx| std::task::Poll::Ready(abandoned.as_mut().poll(cx).is_ready())).await;
    }
    registry.txn("2", vec![put("b")]).await.unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|key| key != "b") {
        match event(&mut watch).await {
            WatchEvent::Change { key, .. } => seen.push(key),
            WatchEvent::Resync { .. } => panic!("nothing was missed"),
        }
    }
    assert_eq!(seen, ["a", "b"]);
}

#[tokio::test]
async fn the_log_keeps_to_its_limit_and_resumes_at_its_edge() {
    let harness = OnFile::start().await;
    let registry = harness.embedded();
    let step = limits::REGISTRY_TXN_OPS as u64;
    let txns = limits::REGISTRY_CHANGES / step + 2;
    for n in 1..=txns {
        let ops = (0..step).map(|key| put(&format!("k{key}"))).collect();
        assert_eq!(registry.txn(&n.to_string(), ops).await.unwrap().revision, n);
    }
    let inner = &registry.inner;
    let kept: u64 = inner
        .store
        .read(|db| {
            Ok(db
                .query_row("SELECT count(*) FROM changes", [], |r| rows::uint(r, 0))
                .unwrap())
        })
        .await
        .unwrap();
    assert_eq!(kept, limits::REGISTRY_CHANGES);
    // The oldest revision of which something is gone can be resumed from, but not the one before it.
    let edge = (txns * step - limits::REGISTRY_CHANGES).div_ceil(step);
    let since = move |revision| inner.store.read(move |db| changes::since(db, "k0", revision));
    assert!(
        matches!(since(edge).await.unwrap()[..], [WatchEvent::Change { revision, .. }, ..] if revision == edge + 1)
    );
    assert!(matches!(since(edge - 1).await.unwrap()[..], [WatchEvent::Resync { revision }] if revision == txns));
}

#[tokio::test]
async fn the_log_keeps_to_its_bytes() {
    let harness = OnFile::start().await;
    let registry = harness.embedded();
    let value = vec![0; limits::REGISTRY_VALUE_BYTES];
    let fits = limits::REGISTRY_CHANGES_BYTES / limits::REGISTRY_VALUE_BYTES as u64;
    for n in 0..fits + 5 {
        let op = Op::Put {
            key: "k".into(),
            value: value.clone(),
            expect: Expect::Any,
            session: None,
        };
        registry.txn(&n.to_string(), vec![op]).await.unwrap();
    }
    let query = "SELECT change_bytes, (SELECT sum(length(key) + length(value)) FROM changes) FROM head";
    let read = move |db: &Connection| {
        Ok(db
            .query_row(query, [], |r| Ok((rows::uint(r, 0)?, rows::uint(r, 1)?)))
            .unwrap())
    };
    let (counted, there) = registry.inner.store.read(read).await.unwrap();
    assert_eq!(counted, there);
    assert!(counted <= limits::REGISTRY_CHANGES_BYTES && counted > limits::REGISTRY_CHANGES_BYTES / 2);
}

#[tokio::test]
async fn a_watch_too_many_is_refused() {
    let harness = OnFile::start().await;
    let registry = harness.embedded();
    let mut open = Vec::new();
    for _ in 0..limits::REGISTRY_WATCHERS {
        open.push(registry.watch("", 0).await.unwrap());
    }
    assert_eq!(registry.watch("", 0).await.unwrap_err().code(), "too_many_watches");
    open.pop();
    assert!(registry.watch("", 0).await.is_ok());
}

#[tokio::test]
async fn closing_ends_the_watches_and_refuses_more() {
    let harness = OnFile::start().await;
    let registry = harness.embedded();
    let mut watch = registry.watch("", 0).await.unwrap();
    registry.close().await;
    assert_eq!(watch.recv().await, None);
    assert_eq!(
        registry.txn("1", vec![put("a")]).await.unwrap_err().code(),
        "store_closed"
    );
}

#[tokio::test]
async fn a_newer_file_is_left_untouched() {
    let harness = OnFile::start().await;
    harness.embedded().close().await;
    let raw = Connection::open(harness.path()).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let error = Embedded::open(&harness.path(), Clock::system()).err().unwrap();
    assert_eq!(error.code(), "store_newer");
    let raw = Connection::open(harness.path()).unwrap();
    let version: i64 = raw.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn outside_a_runtime_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Embedded::open(&folder.path().join("registry.db"), Clock::system())
        .err()
        .unwrap();
    assert_eq!(error.code(), "not_started");
}

#[tokio::test]
async fn a_session_that_the_busy_store_had_no_room_for_is_ended_later() {
    let harness = OnFile::start().await;
    let registry = harness.embedded();
    let session = registry.open_session("a", LEASE_MS).await.unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let mut writes = tokio::task::JoinSet::new();
    let store = registry.inner.store.clone();
    let (taken, stands_still) = tokio::sync::oneshot::channel();
    let first = move |_: &rusqlite::Connection| {
        let _ = taken.send(());
        Ok(held.recv().is_err())
    };
    writes.spawn(async move { store.write(first).await.map(drop) });
    stands_still.await.unwrap();
    for _ in 0..=limits::STORE_QUEUE {
        let store = registry.inner.store.clone();
        writes.spawn(async move { store.write(|_| Ok(())).await });
    }
    // The writer stands still at the first, so one of them found the queue full.
    assert!(writes.join_next().await.unwrap().unwrap().is_err());
    let left = sweeper::end(&registry.inner, vec![session.clone()]).await;
    assert_eq!(left, std::slice::from_ref(&session));
    drop(release);
    writes.join_all().await;
    assert_eq!(sweeper::end(&registry.inner, vec![session.clone()]).await, []);
    assert_eq!(registry.renew(&session).await.unwrap_err().code(), "fenced");
}

mod twin {
    //! The rows and the core's state in memory are one machine: the same history gives the same answers and the same entries.

    use flock_core::registry::{State, apply};
    use proptest::prelude::*;
    use rusqlite_migration::Migrations;

    use super::*;

    fn op() -> impl Strategy<Value = Op> {
        let expect =
            prop_oneof![3 => Just(Expect::Any), 1 => Just(Expect::Absent), 1 => (1..20_u64).prop_map(Expect::Revision)];
        let session = prop::option::of(session());
        prop_oneof![
            4 => (0..5_u8, any::<Vec<u8>>(), expect, session).prop_map(|(key, value, expect, session)| Op::Put { key: format!("k/{key}"), value, expect, session }),
            2 => (0..5_u8).prop_map(|key| Op::Delete { key: format!("k/{key}"), expect: Expect::Any }),
            1 => (0..2_u8).prop_map(|n| Op::Next { sequence: format!("s{n}") }),
        ]
    }

    fn session() -> impl Strategy<Value = Session> {
        (0..2_u8, 1..8_u64).prop_map(|(owner, epoch)| Session {
            owner: format!("o{owner}"),
            epoch,
        })
    }

    fn command() -> impl Strategy<Value = Command> {
        prop_oneof![
            5 => (0..40_u8, prop::collection::vec(op(), 0..3)).prop_map(|(id, ops)| Command::Txn { id: id.to_string(), ops }),
            2 => (0..2_u8).prop_map(|owner| Command::OpenSession { owner: format!("o{owner}"), lease_ms: LEASE_MS }),
            1 => session().prop_map(Command::EndSession),
        ]
    }

    fn rows_of(db: &Connection) -> Vec<(String, Vec<u8>, u64)> {
        let entries = rows::listing(db, "").unwrap().entries.into_iter();
        entries.map(|entry| (entry.key, entry.value, entry.revision)).collect()
    }

    fn entries_of(state: &State) -> Vec<(String, Vec<u8>, u64)> {
        let records = state.records().iter();
        records
            .map(|(key, record)| (key.clone(), record.value.clone(), record.revision))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn rows_and_state_agree(commands in prop::collection::vec(command(), 0..40)) {
            let mut db = Connection::open_in_memory().unwrap();
            Migrations::from_slice(schema::STEPS).to_latest(&mut db).unwrap();
            let mut state = State::default();
            for command in commands {
                prop_assert_eq!(carry_out(&db, command.clone()), apply(&mut state, command));
                prop_assert_eq!(rows_of(&db), entries_of(&state));
            }
            prop_assert_eq!(rows::sessions(&db).unwrap(), state.sessions().collect::<Vec<_>>());
        }
    }
}
