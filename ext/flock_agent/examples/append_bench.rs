//! How long a durable append through the local socket takes, beside the floor that the disk and SQLite set, in the same run.
//!
//! ```text
//! cargo run --release -p flock_agent --example append_bench [-- DIRECTORY [COUNT]]
//! ```
//! The directory decides which disk is measured; the default is the current one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use flock_agent::{
    client::{Client, Where},
    clock::Clock,
    pb,
    service::local::{self, InboxView, Inquiries, LocalService, Socket},
    store::{Store, outbox},
};
use flock_core::{Error, Result};
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

const WARM_UP: usize = 200;
const BATCH: usize = 500;

/// The agent has a runtime of its own, as in life: the caller is another process.
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let agent = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let caller = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    caller.block_on(measure(agent.handle()))
}

async fn measure(agent: &Handle) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let on = arguments.next().unwrap_or_else(|| ".".into());
    let count = arguments.next().map_or(Ok(5_000), |text| text.parse())?;
    let dir = tempfile::TempDir::new_in(on)?;
    let floor = raw(&dir.path().join("raw.db"))?;
    let cancel = CancellationToken::new();
    let client = agent.spawn(serve(dir.path().to_owned(), cancel.clone())).await??;
    let store = Store::open(&dir.path().join("direct.db"))?;
    let (mut commits, mut writes, mut appends) = (Vec::new(), Vec::new(), Vec::new());
    // Turn and turn about, so that all see the same moods of the disk.
    for first in (0..WARM_UP + count).step_by(BATCH) {
        for n in first..first + BATCH {
            commits.push(commit(&floor, n)?);
        }
        for n in first..first + BATCH {
            writes.push(write(&store, n).await?);
        }
        for n in first..first + BATCH {
            appends.push(append(&client, n).await?);
        }
    }
    let commit = report(
        "raw SQLite commit, one row of 512 bytes (WAL, FULL)",
        commits.split_off(WARM_UP),
    );
    report("the append's own commit, without the socket", writes.split_off(WARM_UP));
    let append = report("durable append through the socket", appends.split_off(WARM_UP));
    println!(
        "ratio of the medians: {:.2}",
        append.as_secs_f64() / commit.as_secs_f64()
    );
    cancel.cancel();
    Ok(())
}

fn raw(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")?;
    Ok(connection)
}

fn commit(connection: &Connection, n: usize) -> rusqlite::Result<Duration> {
    let begun = Instant::now();
    let mut insert = connection.prepare_cached("INSERT INTO t VALUES (?1, ?2)")?;
    insert.execute((n, [7_u8; 512].as_slice()))?;
    Ok(begun.elapsed())
}

async fn write(store: &Store, n: usize) -> Result<Duration> {
    let draft = draft(n);
    let begun = Instant::now();
    store.write(move |conn| outbox::append(conn, &draft, 1)).await?;
    Ok(begun.elapsed())
}

async fn append(client: &Client, n: usize) -> Result<Duration> {
    let draft = draft(n);
    let begun = Instant::now();
    match client.append(draft, Duration::from_secs(5)).await? {
        Where::Outbox { .. } => Ok(begun.elapsed()),
        Where::Spool => Err(Error::internal("an append went to the spool")),
    }
}

fn draft(n: usize) -> pb::Draft {
    let source = pb::Source {
        key: "file[/etc/nginx/nginx.conf]".into(),
        action: "create".into(),
        recipe: "web::default".into(),
        line: 12,
        run_id: "0f8e7a3c-1f0e-4f0e-9f0e-0f8e7a3c1f0e".into(),
    };
    pb::Draft {
        id: format!("01900000-0000-7000-8000-{n:012x}"),
        key: format!("service[nginx{n}]"),
        action: "reload".into(),
        timing: "delayed".into(),
        targets: Some(pb::Targets {
            nodes: vec![format!("node{n}")],
            ..Default::default()
        }),
        sources: vec![source],
        ..Default::default()
    }
}

fn report(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = |share: f64| {
        times
            .get((times.len() as f64 * share) as usize)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{what}: p50 {:?}  p90 {:?}  p99 {:?}  n {}",
        at(0.5),
        at(0.9),
        at(0.99),
        times.len()
    );
    at(0.5)
}

async fn serve(dir: PathBuf, cancel: CancellationToken) -> Result<Client> {
    let service = LocalService {
        hosts: flock_agent::apis::Hosts::default(),
        store: Store::open(&dir.join("state.db"))?,
        clock: Clock::system(),
        inbox: Arc::new(Nothing),
        inquiries: Arc::new(Nothing),
        nudge: Arc::new(|| {}),
        cancel,
    };
    let path = dir.join("agent.sock");
    tokio::spawn(local::serve(Socket::bind(&path).await?, service));
    Ok(Client::new(path, dir))
}

/// Nothing but appends is measured.
struct Nothing;

fn absent<T>() -> Result<T> {
    Err(Error::not_started("not part of the measurement"))
}

#[tonic::async_trait]
impl Inquiries for Nothing {
    async fn hello(&self, _: pb::HelloRequest) -> Result<pb::AgentInfo> {
        absent()
    }
    fn run_changed(&self, _: &pb::RunChange) {}
    async fn resolve(&self, _: pb::Targets) -> Result<pb::Nodes> {
        absent()
    }
    async fn nodes(&self, _: pb::NodesRequest) -> Result<pb::Nodes> {
        absent()
    }
    async fn resources(&self, _: pb::ResourcesRequest) -> Result<pb::Resources> {
        absent()
    }
    async fn call(&self, _: pb::CallRequest) -> Result<pb::CallReply> {
        absent()
    }
    async fn observe(&self, _: pb::ObserveRequest) -> Result<pb::Observed> {
        absent()
    }
    async fn status(&self) -> Result<pb::StatusReport> {
        absent()
    }
    async fn doctor(&self) -> Result<pb::DoctorReport> {
        absent()
    }
    async fn subscriptions(&self, _: pb::SubscriptionsRequest) -> Result<pb::SubscriptionRecords> {
        Ok(pb::SubscriptionRecords::default())
    }

    async fn token_create(&self, _: pb::TokenRequest) -> Result<pb::Token> {
        absent()
    }
    async fn leave(&self, _: pb::LeaveRequest) -> Result<pb::LeaveReport> {
        absent()
    }
    async fn backup(&self, _: pb::BackupRequest) -> Result<pb::BackupReport> {
        absent()
    }
    async fn node_remove(&self, _: pb::NodeRemoveRequest) -> Result<()> {
        absent()
    }
}

impl InboxView for Nothing {
    fn list(&self, _: &rusqlite::Connection, _: &pb::ListRequest) -> Result<Vec<pb::Record>> {
        absent()
    }
    fn steer(&self, _: &rusqlite::Connection, _: &pb::SteerRequest, _: u64) -> Result<Vec<pb::Record>> {
        absent()
    }
}
