use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use flock_core::{Result, notification::State};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    agent::DataDirLock,
    config::Config,
    draft::tests::{draft, id},
    fixtures::{NOW_MS, envelope, uuid},
    identity::Identity,
    pb,
    registry::{Embedded, Expect, Op, Registry},
    setup,
    store::{
        self,
        inbox::{self, Arrival, Claim},
        meta, outbox, sql,
    },
};

/// A hub that was founded and has never run.
struct Node(TempDir);

impl Node {
    fn new() -> Self {
        let node = Self(tempfile::tempdir().unwrap());
        let text = format!(
            "name = \"hub1\"\ndata_dir = {:?}\nsocket = {:?}\nlisten = \"127.0.0.1:0\"\n[registry]\nurl = \"embedded\"\n",
            node.path("data"),
            node.path("agent.sock"),
        );
        fs::write(node.path("agent.toml"), text).unwrap();
        setup::init(json!({"config": node.path("agent.toml")})).unwrap();
        drop(node.state());
        node.with_registry(async |_| ());
        node
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.path("data")
    }

    fn file(&self) -> PathBuf {
        self.path("backup.tar")
    }

    fn config(&self) -> Config {
        Config::load(Some(&self.path("agent.toml"))).unwrap()
    }

    fn state(&self) -> Connection {
        store::open_file(&self.path("data/state.db")).unwrap()
    }

    fn back_up(&self) -> Result<pb::BackupReport> {
        let identity = Identity::load(&self.config()).unwrap();
        back_up(&setup::subject(self.config(), &identity), &self.file(), NOW_MS)
    }

    fn restore(&self, replace: bool) -> Result<Restored> {
        self.restore_with(RestoreOptions {
            replace,
            ..Default::default()
        })
    }

    fn restore_with(&self, options: RestoreOptions) -> Result<Restored> {
        let options = RestoreOptions {
            config: self.path("agent.toml"),
            file: self.file(),
            ..options
        };
        restore(&options, NOW_MS + 60_000)
    }

    fn code(&self, replace: bool) -> String {
        self.restore(replace).unwrap_err().code().to_owned()
    }

    /// Runs something on the registry as an agent would.
    fn with_registry<T>(&self, work: impl AsyncFnOnce(&Embedded) -> T) -> T {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let registry = Embedded::open(&self.path("data/registry.db"), crate::clock::Clock::system()).unwrap();
            let done = work(&registry).await;
            registry.close().await;
            done
        })
    }
}

fn put(key: &str, value: Value) -> Op {
    Op::Put {
        key: key.to_owned(),
        value: value.to_string().into_bytes(),
        expect: Expect::Any,
        session: None,
    }
}

fn take(conn: &Connection, n: u32, retry: u32) {
    let envelope = pb::Envelope {
        retry,
        ..envelope("sender", n)
    };
    let arrival = Arrival {
        envelope: &envelope,
        arrived_run: 7,
        now_ms: NOW_MS,
    };
    inbox::admit(conn, &arrival).unwrap();
}

fn claim(conn: &Connection, job: &str, n: u32) {
    let row: i64 = conn
        .query_row("SELECT row FROM inbox WHERE id = ?1", [uuid(n)], |row| row.get(0))
        .unwrap();
    let claim = Claim {
        job,
        key: "execute[x]",
        action: "run",
        generation: 7,
        pid: u32::MAX,
        pid_start: 1,
        timeout_ms: 1000,
        chain: &[],
        cause_root: "",
        now_ms: NOW_MS,
    };
    assert_eq!(inbox::claim(conn, &claim, &[row]).unwrap(), 1);
}

fn received(conn: &Connection, n: u32) -> (String, String) {
    let query = "SELECT state, code FROM inbox WHERE id = ?1";
    conn.query_row(query, [uuid(n)], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
}

fn sent(conn: &Connection, n: u32) -> String {
    outbox::records(conn, &id(n)).unwrap()[0].state.clone()
}

/// All files with their digests, but for what even a reader of a database leaves.
fn all(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(all(&path)),
            path if path.ends_with("agent.lock")
                || path.to_string_lossy().ends_with(['l', 'm']) && path.to_string_lossy().contains("db-") => {}
            path => found.push((path.clone(), crate::text::sha256_hex(&fs::read(path).unwrap()))),
        }
    }
    found.sort();
    found
}

#[test]
fn a_backup_is_one_private_file_that_brings_everything_back() {
    let node = Node::new();
    let conn = node.state();
    meta::incarnation(&conn, NOW_MS).unwrap();
    outbox::append(&conn, &draft(1, "elsewhere"), NOW_MS).unwrap();
    crate::spool::write(&node.data(), &draft(2, "elsewhere")).unwrap();
    let report = node.back_up().unwrap();
    assert_eq!(fs::metadata(node.file()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(report.bytes, fs::metadata(node.file()).unwrap().len());
    assert_eq!(
        fs::read_dir(node.0.path()).unwrap().count(),
        3,
        "nothing is left beside it"
    );
    drop(conn);
    let identity = all(&node.path("data/identity"));

    fs::remove_dir_all(node.data()).unwrap();
    let restored = node.restore(false).unwrap();
    assert_eq!((restored.name.as_str(), restored.put_aside.as_str()), ("hub1", ""));
    assert_eq!(all(&node.path("data/identity")), identity);
    assert_eq!(fs::metadata(node.data()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(crate::spool::counts(&node.data()).new, 1);
    assert!(!node.path("data/restore.tmp").exists());
    let conn = node.state();
    assert_eq!(sent(&conn, 1), "offered", "it may have left since");
    assert!(
        meta::incarnation(&conn, 1).unwrap() > NOW_MS,
        "sequences may be given again"
    );
    Identity::load(&node.config()).unwrap();
}

#[test]
fn nothing_that_came_in_before_the_backup_is_run_again_in_silence() {
    let node = Node::new();
    let conn = node.state();
    for (n, retry) in [(1, 0), (2, 0), (3, 0), (4, 2), (5, 2)] {
        take(&conn, n, retry);
    }
    for (job, n) in [("without", 1), ("with", 2), ("again", 4)] {
        claim(&conn, job, n);
    }
    node.back_up().unwrap();
    drop(conn);
    fs::create_dir_all(node.path("data/results")).unwrap();
    fs::write(node.path("data/results/with.json"), r#"{"job":"with","status":"done"}"#).unwrap();
    let restored = node.restore(true).unwrap();
    assert_eq!(restored.unknown, 3);
    let conn = node.state();
    let unknown = ("unknown".to_owned(), "restored".to_owned());
    assert_eq!(
        received(&conn, 1),
        unknown,
        "claimed, and nothing is left of the worker"
    );
    assert_eq!(received(&conn, 2).0, "claimed", "the worker's result will be read");
    assert_eq!(received(&conn, 3), unknown, "stored, and perhaps run since");
    assert_eq!(received(&conn, 4).0, "stored", "its retry: allows another run");
    assert_eq!(received(&conn, 5).0, "stored");
    let arrived: i64 = conn
        .query_row("SELECT MAX(arrived_run) FROM inbox", [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        arrived, 0,
        "this machine has seen no run: the first one counts as later"
    );
    assert_eq!(
        inbox::unreported(&conn, &Default::default(), 10).unwrap().len(),
        2,
        "the sender is told"
    );
}

#[test]
fn what_a_target_had_is_asked_after_and_what_ended_stays() {
    let node = Node::new();
    let conn = node.state();
    for n in 1..=4 {
        outbox::append(&conn, &draft(n, &format!("node{n}")), NOW_MS).unwrap();
    }
    for (n, state) in [(2, State::Stored), (3, State::Done), (4, State::Offered)] {
        let set = "UPDATE delivery SET state = ?1 WHERE seq = ?2";
        conn.execute(set, (state.as_str(), n)).map_err(sql).unwrap();
    }
    node.back_up().unwrap();
    drop(conn);
    assert_eq!(node.restore(true).unwrap().asked_again, 2);
    let conn = node.state();
    let states: Vec<_> = (1..=4).map(|n| sent(&conn, n)).collect();
    assert_eq!(states, ["offered", "offered", "done", "offered"]);
    assert_eq!(outbox::due_targets(&conn).unwrap(), ["node1", "node2", "node4"]);
}

#[test]
fn data_that_is_there_is_kept_aside_and_only_on_request() {
    let node = Node::new();
    node.back_up().unwrap();
    let before = all(&node.data());
    assert_eq!(node.code(false), "data_exists");
    assert_eq!(all(&node.data()), before);
    let restored = node.restore(true).unwrap();
    let aside = PathBuf::from(&restored.put_aside);
    assert!(aside.join("identity/node.pem").exists() && aside.join("state.db").exists());
    node.restore(true).unwrap_err();
}

#[test]
fn an_agent_that_runs_keeps_its_data() {
    let node = Node::new();
    node.back_up().unwrap();
    let _agent = DataDirLock::acquire(&node.data(), 1).unwrap();
    assert_eq!(node.code(true), "already_running");
    let options = json!({"config": node.path("agent.toml"), "file": node.file()});
    assert_eq!(setup::back_up(options).unwrap_err().code(), "already_running");
}

#[test]
fn a_damaged_backup_touches_nothing() {
    let node = Node::new();
    node.back_up().unwrap();
    let whole = fs::read(node.file()).unwrap();
    let before = all(&node.data());
    for at in [whole.len() / 3, whole.len() / 2, whole.len() - 4096] {
        let mut file = fs::File::options().write(true).open(node.file()).unwrap();
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[!whole[at]]).unwrap();
        assert_eq!(node.code(true), "backup_damaged", "byte {at}");
        fs::write(node.file(), &whole[..at]).unwrap();
        assert_eq!(node.code(true), "backup_damaged", "cut at {at}");
        fs::write(node.file(), &whole).unwrap();
    }
    fs::write(node.file(), "hello").unwrap();
    assert_eq!(node.code(true), "backup_damaged");
    assert_eq!(node.back_up().unwrap_err().code(), "not_a_backup");
    assert_eq!(all(&node.data()), before);
}

/// The manifest is the first entry, right behind one header of 512 bytes; a text of the same length can stand in its place.
fn forge(node: &Node, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(node.file()).unwrap();
    let at = bytes
        .windows(from.len())
        .position(|some| some == from.as_bytes())
        .unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(node.file(), bytes).unwrap();
}

#[test]
fn a_backup_of_another_node_or_of_a_newer_version_is_refused_with_the_reason() {
    let node = Node::new();
    let before = all(&node.data());
    for (from, to, code) in [
        ("\"node\": \"hub1\"", "\"node\": \"hub2\"", "other_node"),
        ("\"state.db\": 4", "\"state.db\": 9", "backup_newer"),
        ("\"format\": 1", "\"format\": 2", "backup_newer"),
        ("\"identity/root.pem\"", "\"../../../etc/test\"", "backup_damaged"),
        ("\"identity/node.pem\"", "\"identity/root.pem\"", "backup_damaged"),
    ] {
        node.back_up().unwrap();
        let from = from.replace('4', &store::schema_known().to_string());
        forge(&node, &from, to);
        assert_eq!(node.code(true), code, "{to}");
        fs::remove_file(node.file()).unwrap();
    }
    assert_eq!(all(&node.data()), before);
}

#[test]
fn another_machine_becomes_the_node_and_its_configuration_comes_along() {
    let node = Node::new();
    let meta = node.path("data/identity/identity.json");
    let text = fs::read_to_string(&meta).unwrap();
    let mut told: Value = serde_json::from_str(&text).unwrap();
    let config = node.config();
    let identity = Identity::load(&config).unwrap();
    told["machine_id"] = json!("another machine's");
    fs::write(&meta, told.to_string()).unwrap();
    back_up(&setup::subject(config, &identity), &node.file(), NOW_MS).unwrap();
    fs::remove_dir_all(node.data()).unwrap();
    fs::remove_file(node.path("agent.toml")).unwrap();
    let restored = node.restore(false).unwrap();
    assert!(restored.rebound && restored.config_written);
    let identity = Identity::load(&node.config()).unwrap();
    assert!(identity.is_rebinding());
    assert!(node.restore(true).unwrap().rebound);
}

#[test]
fn a_restored_registry_denies_who_was_removed_since_and_repeats_no_revision() {
    let node = Node::new();
    node.with_registry(async |registry| {
        let known = ["a", "b", "c"].map(|name| put(&format!("enrolled/{name}"), json!({})));
        registry.txn("1", known.to_vec()).await.unwrap();
        registry
            .txn("2", vec![put("nodes/b", json!({})), put("tokens/x", json!({}))])
            .await
            .unwrap();
    });
    node.back_up().unwrap();
    let newest = node.with_registry(async |registry| {
        registry.txn("3", vec![put("removed/a", json!({}))]).await.unwrap();
        registry.open_session("c", 1000).await.unwrap().epoch
    });
    let restored = node
        .restore_with(RestoreOptions {
            replace: true,
            removed: vec!["b".into()],
            ..Default::default()
        })
        .unwrap();
    assert_eq!(restored.denied, ["a", "b"]);
    assert!(node.path("data").join(NOTE).exists());
    node.with_registry(async |registry| {
        let keys = |prefix: &'static str| async move {
            let entries = registry.list(prefix).await.unwrap().entries;
            entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
        };
        assert_eq!(keys("removed/").await, ["removed/a", "removed/b"]);
        assert_eq!(keys("enrolled/").await, ["enrolled/a", "enrolled/b", "enrolled/c"]);
        assert_eq!(keys("nodes/").await, [""; 0]);
        assert_eq!(keys("tokens/").await, [""; 0]);
        assert!(
            registry.open_session("c", 1000).await.unwrap().epoch > newest,
            "older sessions stay fenced"
        );
    });
}

#[test]
fn the_only_hub_stays_while_it_has_members() {
    let node = Node::new();
    let own = node.config().name;
    node.with_registry(async |registry| {
        let known = ["enrolled/hub1", "enrolled/a%20b", "enrolled/gone", "removed/gone"].map(|key| put(key, json!({})));
        registry.txn("1", known.to_vec()).await.unwrap();
    });
    let refusal = refuse_last_hub(&node.data(), &own).unwrap_err();
    assert_eq!(refusal.code(), "last_hub");
    assert!(
        refusal.message().contains("1 nodes") && refusal.message().contains("a b"),
        "{refusal}"
    );
    node.with_registry(async |registry| {
        registry.txn("2", vec![put("removed/a%20b", json!({}))]).await.unwrap();
    });
    refuse_last_hub(&node.data(), &own).unwrap();
}

#[test]
fn a_node_leaves_alone_once_all_it_asked_has_ended() {
    let node = Node::new();
    let conn = node.state();
    outbox::append(&conn, &draft(1, "elsewhere"), NOW_MS).unwrap();
    drop(conn);
    let leave = |force: bool| setup::leave(json!({"config": node.path("agent.toml"), "force": force}));
    let refusal = leave(false).unwrap_err();
    assert_eq!(refusal.code(), "unfinished");
    assert!(
        refusal.message().contains(&id(1)) && refusal.message().contains("elsewhere"),
        "{refusal}"
    );
    let left = leave(true).unwrap();
    assert_eq!(left["unfinished"], 1);
    assert!(Path::new(left["put_away"].as_str().unwrap()).join("state.db").exists());
    let out = Identity::load(&node.config()).err().unwrap();
    assert_eq!(out.code(), "not_joined");
    assert!(out.message().contains("flockctl join"), "{out}");
}
