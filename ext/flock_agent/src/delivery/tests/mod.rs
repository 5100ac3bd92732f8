//! The sender against a network, a directory and an inbox that the test scripts; the store is a real one.

mod offering;
mod reporting;
mod resolving;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result, limits};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    ports::{Courier, Directory, LocalInbox, Reports},
    send::{Sender, SenderParts},
};
use crate::{
    clock::Clock,
    draft::tests::{draft, id, tagged},
    pb::{self, receipt::Verdict},
    store::{Store, outbox, tests::temporary},
};

/// What a peer does with the next offers; when the script is over, it stores them.
struct Script {
    answers: HashMap<String, VecDeque<Result<pb::Receipt>>>,
    down: BTreeSet<String>,
    /// The id of a notification that no target can take in.
    poison: String,
    offered: Vec<pb::Envelope>,
    reported: Vec<(String, pb::Outcome)>,
    to_report: Vec<(String, pb::Outcome)>,
    admitted: Vec<pb::Envelope>,
    nodes: Result<pb::Nodes>,
    asked: usize,
    watched: BTreeSet<String>,
    skewed: bool,
}

struct World(Mutex<Script>);

impl Default for Script {
    fn default() -> Self {
        Self {
            answers: HashMap::new(),
            down: BTreeSet::new(),
            poison: String::new(),
            offered: Vec::new(),
            reported: Vec::new(),
            to_report: Vec::new(),
            admitted: Vec::new(),
            nodes: Ok(pb::Nodes::default()),
            asked: 0,
            watched: BTreeSet::new(),
            skewed: false,
        }
    }
}

impl World {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }
}

fn receipt(verdict: Verdict) -> pb::Receipt {
    pb::Receipt {
        verdict: verdict.into(),
        code: "why".into(),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl Courier for World {
    async fn offer(&self, target: &str, envelope: pb::Envelope) -> Result<pb::Receipt> {
        let mut script = self.script();
        if script.down.contains(target) {
            return Err(Error::connection("no way"));
        }
        if script.poison == envelope.id {
            return Err(Error::internal("always"));
        }
        script.offered.push(envelope);
        let next = script.answers.get_mut(target).and_then(VecDeque::pop_front);
        next.unwrap_or_else(|| Ok(receipt(Verdict::Stored)))
    }

    async fn report(&self, sender: &str, outcome: pb::Outcome) -> Result<()> {
        let mut script = self.script();
        if script.down.contains(sender) {
            return Err(Error::connection("no way"));
        }
        script.reported.push((sender.into(), outcome));
        Ok(())
    }
}

#[tonic::async_trait]
impl Directory for World {
    async fn resolve(&self, _id: &str, _targets: &pb::Targets) -> Result<pb::Nodes> {
        let mut script = self.script();
        script.asked += 1;
        script.nodes.clone()
    }

    fn watch(&self, names: BTreeSet<String>) {
        self.script().watched = names;
    }

    fn clock_skewed(&self) -> bool {
        self.script().skewed
    }
}

#[tonic::async_trait]
impl LocalInbox for World {
    async fn admit(&self, envelope: pb::Envelope) -> Result<pb::Receipt> {
        self.script().admitted.push(envelope);
        Ok(receipt(Verdict::Stored))
    }
}

#[tonic::async_trait]
impl Reports for World {
    async fn due(&self, except: &BTreeSet<String>, limit: usize) -> Result<Vec<(String, pb::Outcome)>> {
        let script = self.script();
        let due = script.to_report.iter().filter(|(sender, _)| !except.contains(sender));
        Ok(due.take(limit).cloned().collect())
    }

    async fn reported(&self, sender: &str, outcomes: Vec<pb::Outcome>) -> Result<()> {
        let told = |one: &(String, pb::Outcome)| one.0 == sender && outcomes.contains(&one.1);
        self.script().to_report.retain(|one| !told(one));
        Ok(())
    }
}

struct Bench {
    _dir: TempDir,
    store: Store,
    world: Arc<World>,
    sender: Sender,
    cancel: CancellationToken,
}

impl Bench {
    async fn new(prepare: impl FnOnce(&mut Script)) -> Self {
        let (dir, store) = temporary();
        let world = Arc::new(World(Mutex::new(Script::default())));
        prepare(&mut world.script());
        let (sender, cancel) = start(&store, &world).await;
        Self {
            _dir: dir,
            store,
            world,
            sender,
            cancel,
        }
    }

    async fn append(&self, draft: pb::Draft) {
        let now_ms = Clock::system().now_ms();
        self.store
            .write(move |conn| outbox::append(conn, &draft, now_ms))
            .await
            .unwrap();
    }

    async fn record(&self, n: u32) -> Vec<pb::Record> {
        self.store
            .read(move |conn| outbox::records(conn, &id(n)))
            .await
            .unwrap()
    }

    /// Waits until all deliveries of notification `n` are in `state`.
    async fn reaches(&self, n: u32, state: &str) -> Vec<pb::Record> {
        let mut commits = self.store.commits();
        let found = async {
            loop {
                let records = self.record(n).await;
                if !records.is_empty() && records.iter().all(|record| record.state == state) {
                    return records;
                }
                commits.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found)
            .await
            .unwrap_or_else(|_| panic!("notification {n} never became {state}"))
    }

    async fn until(&self, what: &str, holds: impl Fn(&Script) -> bool) {
        let wait = async {
            while !holds(&self.world.script()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("never: {what}"));
    }
}

async fn start(store: &Store, world: &Arc<World>) -> (Sender, CancellationToken) {
    start_at(store, world, Clock::system()).await
}

async fn start_at(store: &Store, world: &Arc<World>, clock: Clock) -> (Sender, CancellationToken) {
    let cancel = CancellationToken::new();
    let parts = SenderParts {
        store: store.clone(),
        own_name: "self".into(),
        clock,
        directory: world.clone(),
        courier: world.clone(),
        local: world.clone(),
        reports: world.clone(),
        cancel: cancel.clone(),
    };
    (Sender::spawn(parts).await.unwrap(), cancel)
}

fn nodes(names: &[(&str, &str)]) -> pb::Nodes {
    let node = |(name, presence): &(&str, &str)| pb::NodeInfo {
        name: (*name).into(),
        presence: (*presence).into(),
        ..Default::default()
    };
    pb::Nodes {
        nodes: names.iter().map(node).collect(),
        ..Default::default()
    }
}

fn numbered(n: u32, node: &str) -> pb::Draft {
    pb::Draft {
        action: format!("act{n}"),
        ..draft(n, node)
    }
}
