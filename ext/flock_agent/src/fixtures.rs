//! What several test modules need: envelopes, folders as a Chef run leaves them, processes to watch.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    sync::Arc,
    time::Duration,
};

use flock_core::{Result, id::NodeName, policy::Policy};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    apis::{Apis, NoApis},
    calls::{Callee, CalleeParts, ChefRequests, Waits},
    clock::Clock,
    delivery::{
        gate::Gate,
        receive::{OutcomeSink, Receiver},
    },
    dispatch::Errands,
    pb, process,
    run_state::RunWatch,
    store::{Store, inbox},
};

/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Long enough to be likely to see what should not happen.
pub const GLANCE: Duration = Duration::from_millis(400);
/// The time that tests start at.
pub const NOW_MS: u64 = 1_700_000_000_000;

pub fn name(text: &str) -> NodeName {
    NodeName::parse(text).unwrap()
}

pub fn uuid(n: u32) -> String {
    format!("0190a000-0000-7000-8000-{n:012x}")
}

/// `run` of `execute[x]` on `target`, asked by `sender`.
pub fn envelope(sender: &str, n: u32) -> pb::Envelope {
    pb::Envelope {
        id: uuid(n),
        sender: sender.into(),
        target: "target".into(),
        key: "execute[x]".into(),
        action: "run".into(),
        timing: "delayed".into(),
        attempt: 1,
        sources: vec![pb::Source {
            key: format!("file[/{sender}]"),
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub fn card(key: &str) -> Value {
    let (kind, name) = flock_core::id::split_key(key).unwrap();
    json!({"key": key, "type": kind, "name": name, "sensitive": false, "cookbook": "cb", "recipe": "default", "line": 7,
           "allowed_actions": ["nothing", "run", "reload", "delete"], "declared_actions": ["nothing"], "default_action": ["run"],
           "duplicate": false, "nested": false})
}

/// The card with other fields.
pub fn with(mut card: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        card[name] = value.clone();
    }
    card
}

/// What a successful run `generation` leaves behind.
pub fn write_snapshot(data_dir: &Path, generation: u64, cards: &[Value]) {
    let dir = data_dir.join("snapshots").join(generation.to_string());
    fs::create_dir_all(&dir).unwrap();
    let cards = json!({"generation": generation, "run_number": generation, "node": "target", "cards": cards});
    fs::write(dir.join("cards.json"), cards.to_string()).unwrap();
    let facts = json!({"generation": generation, "run_number": generation, "node": "target", "environment": "prod",
        "roles": ["web"], "recipes": ["cb::default"], "policy": {"name": null, "group": "blue", "revision": null},
        "attributes": {"normal": {"tags": ["canary"]}, "automatic": {"large": [1, 2, 3]}},
        "ruby": {"path": "/usr/bin/ruby"}});
    fs::write(dir.join("snapshot.json"), facts.to_string()).unwrap();
    let current = data_dir.join("snapshots");
    fs::write(current.join("current.tmp"), format!("{generation}\n")).unwrap();
    fs::rename(current.join("current.tmp"), current.join("current")).unwrap();
}

pub fn write_run(data_dir: &Path, number: u64, phase: &str, pid: u32) {
    let run = json!({"number": number, "run_id": "r", "phase": phase, "pid": pid,
        "pid_start": process::start_of(pid).unwrap_or(1), "started_ms": NOW_MS, "ended_ms": null});
    fs::write(data_dir.join("run.tmp"), run.to_string()).unwrap();
    fs::rename(data_dir.join("run.tmp"), data_dir.join("run.json")).unwrap();
}

/// A process that does nothing until it is killed, at the latest when dropped.
pub struct Sleeper(Child);

impl Sleeper {
    pub fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn pid_start(&self) -> u64 {
        process::start_of(self.pid()).unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Until someone else ends it.
    pub fn wait(&mut self) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.is_running() {
            assert!(std::time::Instant::now() < deadline, "nobody ended it");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What others may call on `target`: its own API only.
pub fn callee(target: &Target) -> Callee {
    callee_with(target, Arc::new(NoApis::default()))
}

pub fn callee_with(target: &Target, apis: Arc<dyn Apis>) -> Callee {
    Callee::new(CalleeParts {
        gate: target.gate.clone(),
        runs: target.runs.clone(),
        requests: Arc::clone(&target.requests),
        errands: target.errands.clone(),
        attributes: vec!["*".into()],
        apis,
        waits: Arc::clone(&target.waits),
        store: target.store.clone(),
    })
}

/// What Ruby was asked to do besides jobs.
pub fn errands(target: &Target) -> Vec<Value> {
    std::iter::from_fn(|| target.errands.take()).collect()
}

struct NoOutbox;

#[tonic::async_trait]
impl OutcomeSink for NoOutbox {
    async fn outcome(&self, _: &NodeName, _: pb::Outcome) -> Result<()> {
        Ok(())
    }
}

/// The target's side on a folder of its own; its clock stands still.
pub struct Target {
    pub dir: TempDir,
    pub store: Store,
    pub gate: Gate,
    pub runs: RunWatch,
    pub wake: Arc<Notify>,
    pub receiver: Receiver,
    pub cancel: CancellationToken,
    pub errands: Errands,
    pub requests: Arc<ChefRequests>,
    pub waits: Arc<Waits>,
}

impl Target {
    pub fn new(policy: Policy) -> Self {
        Self::on(tempfile::tempdir().unwrap(), policy)
    }

    pub fn on(dir: TempDir, policy: Policy) -> Self {
        Self::named("target", dir, policy)
    }

    pub fn named(own: &str, dir: TempDir, policy: Policy) -> Self {
        let cancel = CancellationToken::new();
        let store = Store::open(&dir.path().join("state.db")).unwrap();
        let runs = RunWatch::spawn(dir.path(), cancel.clone());
        let gate = Gate::new(name(own), policy);
        let wake = Arc::new(Notify::new());
        let receiver = Receiver::new(
            store.clone(),
            gate.clone(),
            runs.clone(),
            clock(),
            Arc::clone(&wake),
            Arc::new(NoOutbox),
        );
        Self {
            dir,
            store,
            gate,
            runs,
            wake,
            receiver,
            cancel,
            errands: Errands::default(),
            requests: Arc::default(),
            waits: Arc::default(),
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Offers it as its sender.
    pub async fn admit(&self, envelope: pb::Envelope) -> pb::Receipt {
        let from = name(&envelope.sender);
        self.receiver.admit(&from, envelope).await.unwrap()
    }

    /// The one notification with this number.
    pub async fn record(&self, n: u32) -> pb::Record {
        let request = pb::ListRequest {
            id: uuid(n),
            ..Default::default()
        };
        let list = self.store.read(move |conn| inbox::list(conn, &request)).await.unwrap();
        list.into_iter().next().unwrap()
    }

    /// Waits until the notification is in this state.
    pub async fn reaches(&self, n: u32, state: &str) -> pb::Record {
        self.until(n, |record| record.state == state).await
    }

    /// Waits until the notification is as wanted.
    pub async fn until(&self, n: u32, wanted: impl Fn(&pb::Record) -> bool) -> pb::Record {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let record = self.record(n).await;
            if wanted(&record) {
                return record;
            }
            assert!(tokio::time::Instant::now() < deadline, "it stays {record:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

pub fn clock() -> Clock {
    Clock::from_fn(|| NOW_MS)
}
