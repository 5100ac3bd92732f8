//! The local service and its client, over a real socket and a real store.

mod append;
mod door;
mod following;
mod hosting;
mod operators;

use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use flock_core::ErrorKind;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    client::{Client, Where},
    draft::tests::{draft, id},
    pb, spool,
    store::outbox,
};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Rest {
    runs: Mutex<Vec<pb::RunChange>>,
}

#[tonic::async_trait]
impl Inquiries for Rest {
    async fn hello(&self, _: pb::HelloRequest) -> Result<pb::AgentInfo> {
        Ok(pb::AgentInfo {
            name: "bender1".into(),
            ..Default::default()
        })
    }
    fn run_changed(&self, change: &pb::RunChange) {
        self.runs.lock().unwrap().push(change.clone());
    }
    async fn resolve(&self, targets: pb::Targets) -> Result<pb::Nodes> {
        let node = pb::NodeInfo {
            tags: targets.tags,
            ..Default::default()
        };
        Ok(pb::Nodes {
            nodes: vec![node],
            ..Default::default()
        })
    }
    async fn nodes(&self, request: pb::NodesRequest) -> Result<pb::Nodes> {
        if request.name.is_empty() {
            let node = pb::NodeInfo {
                recipes: vec!["cookbook::recipe".into(); 100],
                ..Default::default()
            };
            let nodes = vec![node; limits::RESOLVE_PAGE];
            return Ok(pb::Nodes {
                nodes,
                ..Default::default()
            });
        }
        Err(Error::node_not_found(format!("no node {}", request.name)))
    }
    async fn resources(&self, _: pb::ResourcesRequest) -> Result<pb::Resources> {
        Err(Error::denied("bender2 shows you nothing").with_code("policy"))
    }
    async fn call(&self, call: pb::CallRequest) -> Result<pb::CallReply> {
        Ok(pb::CallReply {
            result: call.arguments,
            ..Default::default()
        })
    }
    async fn observe(&self, _: pb::ObserveRequest) -> Result<pb::Observed> {
        std::future::pending().await
    }
    async fn status(&self) -> Result<pb::StatusReport> {
        Ok(pb::StatusReport::default())
    }
    async fn doctor(&self) -> Result<pb::DoctorReport> {
        Ok(pb::DoctorReport::default())
    }
    async fn subscriptions(&self, _: pb::SubscriptionsRequest) -> Result<pb::SubscriptionRecords> {
        Ok(pb::SubscriptionRecords::default())
    }

    async fn token_create(&self, _: pb::TokenRequest) -> Result<pb::Token> {
        Ok(pb::Token::default())
    }
    async fn node_remove(&self, _: pb::NodeRemoveRequest) -> Result<()> {
        Ok(())
    }
    async fn leave(&self, _: pb::LeaveRequest) -> Result<pb::LeaveReport> {
        Ok(pb::LeaveReport::default())
    }
    async fn backup(&self, request: pb::BackupRequest) -> Result<pb::BackupReport> {
        Ok(pb::BackupReport {
            path: request.path,
            ..Default::default()
        })
    }
}

/// An inbox of one record, whose id is that of draft 99.
struct OneReceived;

impl InboxView for OneReceived {
    fn list(&self, _: &Connection, request: &pb::ListRequest) -> Result<Vec<pb::Record>> {
        let record = pb::Record {
            id: id(99),
            direction: "in".into(),
            state: "done".into(),
            created_ms: 1,
            ..Default::default()
        };
        Ok(Vec::from_iter(
            Some(record).filter(|record| record.id.starts_with(&request.id)),
        ))
    }

    fn steer(&self, _: &Connection, request: &pb::SteerRequest, _: u64) -> Result<Vec<pb::Record>> {
        Err(Error::rejected(format!("{} {}", request.verb, request.id)))
    }
}

struct Agent {
    dir: TempDir,
    store: Store,
    rest: Arc<Rest>,
    hosts: Hosts,
    nudges: Arc<AtomicU32>,
    cancel: CancellationToken,
    service: LocalService,
    serving: JoinHandle<Result<()>>,
}

impl Agent {
    async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&dir.path().join("state.db")).unwrap();
        Self::serve(dir, store).await
    }

    async fn serve(dir: TempDir, store: Store) -> Self {
        let (rest, nudges, cancel) = (
            Arc::new(Rest::default()),
            Arc::new(AtomicU32::new(0)),
            CancellationToken::new(),
        );
        let socket = Socket::bind(&dir.path().join("agent.sock")).await.unwrap();
        let (counter, hosts) = (nudges.clone(), Hosts::default());
        let service = LocalService {
            store: store.clone(),
            clock: Clock::system(),
            inbox: Arc::new(OneReceived),
            inquiries: rest.clone(),
            hosts: hosts.clone(),
            nudge: Arc::new(move || {
                counter.fetch_add(1, Ordering::SeqCst);
            }),
            cancel: cancel.clone(),
        };
        let serving = tokio::spawn(serve(socket, service.clone()));
        Self {
            dir,
            store,
            rest,
            hosts,
            nudges,
            cancel,
            service,
            serving,
        }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    fn client(&self) -> Client {
        Client::new(self.socket(), self.dir.path())
    }

    async fn call(&self, op: &str, arguments: Value) -> Result<Value> {
        self.client().call(op, arguments, PATIENCE).await
    }

    /// Stops serving as an agent that ends does; the folder and the store stay.
    async fn stop(self) -> (TempDir, Store) {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        (self.dir, self.store)
    }

    async fn done(&self, n: u32) {
        let outcome = pb::Outcome {
            id: id(n),
            state: "done".into(),
            attempt: 1,
            ..Default::default()
        };
        let job = move |conn: &Connection| outbox::apply_outcome(conn, "a", &outcome, 1);
        assert!(self.store.write(job).await.unwrap());
    }
}
