//! A storm: many senders, each with an identity of its own, notify one action of one node as fast as it takes them.
//!
//! ```text
//! storm TARGET ADDRESS KEY ACTION SENDERS COUNT JOIN_STRING
//! ```
//! Prints `{"ready":…}` when all senders have sessions; sends when a line comes; prints `{"stored":…,"busy":…,"seconds":…}` when the
//! target has all of them, and `{"outcomes":{…},"seconds":…}` when it has told all senders what became of each.

mod simulated;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use flock_agent::{
    link::Link,
    pb::{self, peer_client::PeerClient, peer_server, receipt::Verdict},
    transport::{DenyList, Dialer, Expect, serve_peers},
    wire,
};
use flock_core::{Result, id::NodeName, limits};
use serde_json::json;
use simulated::{Enrolled, connected, failed, raise_descriptors};
use tokio::{
    net::TcpListener,
    sync::{Mutex, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

/// Bounds a failure.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Clone)]
struct Aim {
    target: NodeName,
    address: String,
    key: String,
    action: String,
}

struct Sender {
    enrolled: Enrolled,
    dialer: Dialer,
    link: Link,
}

/// What the target said of the end of each notification, by its id.
#[derive(Clone)]
struct Outcomes(Arc<Mutex<BTreeMap<String, String>>>, watch::Sender<usize>);

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    raise_descriptors(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, address, key, action, senders, count, token] = arguments.as_slice() else {
        return Err("usage: storm TARGET ADDRESS KEY ACTION SENDERS COUNT JOIN_STRING".into());
    };
    let aim = Aim {
        target: NodeName::parse(target)?,
        address: address.clone(),
        key: key.clone(),
        action: action.clone(),
    };
    let storm = storm(aim, senders.parse()?, count.parse()?, token);
    Ok(runtime.block_on(async { tokio::time::timeout(PATIENCE, storm).await })??)
}

async fn storm(aim: Aim, senders: usize, count: usize, token: &str) -> Result<()> {
    let cancel = CancellationToken::new();
    let outcomes = Outcomes(Arc::default(), watch::Sender::new(0));
    let mut ready = Vec::new();
    for number in 0..senders {
        ready.push(Arc::new(sender(number, token, &outcomes, &cancel).await?));
    }
    println!("{}", json!({"ready": ready.len()}));
    let line = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    line.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
    let begun = Instant::now();
    let busy = send_all(&ready, &aim, count).await?;
    let stored = count;
    println!(
        "{}",
        json!({"stored": stored, "busy": busy, "seconds": begun.elapsed().as_secs_f64()})
    );
    let told = outcomes
        .1
        .subscribe()
        .wait_for(|told| *told >= count)
        .await
        .map(|told| *told);
    told.map_err(|e| failed(&e))?;
    println!(
        "{}",
        json!({"outcomes": outcomes.tally().await, "seconds": begun.elapsed().as_secs_f64()})
    );
    cancel.cancel();
    for sender in &ready {
        sender.link.stopped().await;
    }
    Ok(())
}

/// A node with a session and a port of its own, where it hears outcomes.
async fn sender(number: usize, token: &str, outcomes: &Outcomes, cancel: &CancellationToken) -> Result<Sender> {
    let enrolled = Enrolled::join(token, &format!("sender{number}")).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| failed(&e))?;
    let address = listener.local_addr().map_err(|e| failed(&e))?.to_string();
    let routes = Routes::new(peer_server::PeerServer::new(outcomes.clone()));
    let serving = serve_peers(
        listener,
        Arc::clone(&enrolled.tls),
        DenyList::default(),
        routes,
        cancel.clone(),
    );
    tokio::spawn(serving);
    let link = enrolled.link(&address, None, cancel);
    connected(&link).await?;
    let dialer = Dialer::new(Arc::clone(&enrolled.tls), DenyList::default());
    Ok(Sender { enrolled, dialer, link })
}

/// Answers how often the target was busy.
async fn send_all(senders: &[Arc<Sender>], aim: &Aim, count: usize) -> Result<u64> {
    let mut sending = JoinSet::new();
    for (number, sender) in senders.iter().enumerate() {
        let (sender, aim) = (Arc::clone(sender), aim.clone());
        let share = (number..count).step_by(senders.len()).count();
        sending.spawn(async move { sender.send(&aim, share).await });
    }
    let mut busy = 0;
    while let Some(sent) = sending.join_next().await {
        busy += sent.map_err(|e| failed(&e))??;
    }
    Ok(busy)
}

impl Sender {
    async fn send(&self, aim: &Aim, count: usize) -> Result<u64> {
        let mut busy = 0;
        for seq in 1..=count {
            let envelope = self.envelope(aim, seq);
            while let Some(pause_ms) = self.offer(aim, envelope.clone()).await? {
                busy += 1;
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
        }
        Ok(busy)
    }

    /// `Some` = busy, with the pause that the target asks for.
    async fn offer(&self, aim: &Aim, envelope: pb::Envelope) -> Result<Option<u64>> {
        let expect = Expect::Node(aim.target.clone());
        let channel = self.dialer.channel(&expect, &aim.address).await?;
        let mut client = PeerClient::new(channel);
        let call = client.offer(wire::request(envelope, limits::CALL_MS));
        let receipt = wire::within(limits::CALL_MS, "offer", call).await?;
        match receipt.verdict() {
            Verdict::Stored | Verdict::Duplicate => Ok(None),
            Verdict::Busy => Ok(Some(receipt.retry_after_ms)),
            _ => Err(failed(&format!("{}: {}", receipt.code, receipt.message))),
        }
    }

    fn envelope(&self, aim: &Aim, seq: usize) -> pb::Envelope {
        pb::Envelope {
            id: uuid::Uuid::now_v7().to_string(),
            sender: self.enrolled.name.to_string(),
            incarnation: 1,
            seq: seq as u64,
            target: aim.target.to_string(),
            key: aim.key.clone(),
            action: aim.action.clone(),
            timing: "immediately".to_owned(),
            ttl_ms: limits::TTL_DEFAULT_MS,
            attempt: 1,
            ..Default::default()
        }
    }
}

impl Outcomes {
    async fn tally(&self) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        for state in self.0.lock().await.values() {
            *tally.entry(state.clone()).or_default() += 1;
        }
        tally
    }
}

#[tonic::async_trait]
impl peer_server::Peer for Outcomes {
    async fn offer(&self, _: Request<pb::Envelope>) -> std::result::Result<Response<pb::Receipt>, Status> {
        Err(Status::unimplemented("this node only sends"))
    }

    async fn report_outcome(&self, request: Request<pb::Outcome>) -> std::result::Result<Response<pb::Ack>, Status> {
        let outcome = request.into_inner();
        let mut known = self.0.lock().await;
        known.insert(outcome.id, outcome.state);
        self.1.send_replace(known.len());
        Ok(Response::new(pb::Ack {}))
    }

    async fn resources(
        &self,
        _: Request<pb::ResourcesRequest>,
    ) -> std::result::Result<Response<pb::Resources>, Status> {
        Err(Status::unimplemented("this node only sends"))
    }
}
