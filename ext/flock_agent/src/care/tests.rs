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

mod again;
mod whole;

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
    // Cut off half-way: there is no identity, so that nothing starts; the next try is as good as the first.
    fs::remove_dir_all(node.path("data/identity")).unwrap();
    assert_eq!(Identity::load(&node.config()).err().unwrap().code(), "not_joined");
    assert_eq!(node.code(false), "data_exists");
    assert_ne!(node.restore(true).unwrap().put_aside, restored.put_aside);
    Identity::load(&node.config()).unwrap();
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
