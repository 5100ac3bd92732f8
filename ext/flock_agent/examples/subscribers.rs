//! Many subscriptions to one node: subscribers with identities of their own, each with a session, a port, and a share of them.
//!
//! ```text
//! subscribers SOURCE ADDRESS SOURCE_KEY SUBSCRIBERS COUNT JOIN_STRING
//! ```
//! Prints `{"declared":…,"seconds":…}` when the hub has all of them. Every notification that comes of one is stored in memory, and its
//! source is told that it is done; when all have come, it prints `{"served":…,"repeated":…,"seconds":…}`: how many subscriptions were
//! served, how many notifications came beyond one for each, and how long after the first.

mod simulated;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use flock_agent::{
    link::{Declaration, Link, Subscribing},
    pb::{self, peer_client::PeerClient, peer_server, receipt::Verdict},
    transport::{DenyList, Dialer, Expect, serve_peers},
    wire,
};
use flock_core::{Result, id::NodeName, limits};
use serde_json::json;
use simulated::{Enrolled, connected, failed, raise_descriptors};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc, watch},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

/// Bounds a failure.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Clone)]
struct Source {
    name: NodeName,
    address: String,
    key: String,
}

/// What came in, by subscription, and when the first did.
#[derive(Clone)]
struct Served {
    by_subscription: Arc<Mutex<BTreeMap<String, u64>>>,
    seen: watch::Sender<usize>,
    done: mpsc::UnboundedSender<pb::Outcome>,
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    raise_descriptors(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, address, key, subscribers, count, token] = arguments.as_slice() else {
        return Err("usage: subscribers SOURCE ADDRESS SOURCE_KEY SUBSCRIBERS COUNT JOIN_STRING".into());
    };
    let source = Source {
        name: NodeName::parse(name)?,
        address: address.clone(),
        key: key.clone(),
    };
    let run = run(source, subscribers.parse()?, count.parse()?, token);
    Ok(runtime.block_on(async { tokio::time::timeout(PATIENCE, run).await })??)
}

async fn run(source: Source, subscribers: usize, count: usize, token: &str) -> Result<()> {
    let cancel = CancellationToken::new();
    let (by_subscription, seen) = (Arc::default(), watch::Sender::new(0));
    let begun = Instant::now();
    let mut links = Vec::new();
    for number in 0..subscribers {
        let share = (number..count).step_by(subscribers).count();
        let served = (Arc::clone(&by_subscription), seen.clone());
        links.push(subscriber(number, share, &source, token, served, &cancel).await?);
    }
    println!(
        "{}",
        json!({"declared": count, "seconds": begun.elapsed().as_secs_f64()})
    );
    let mut came = seen.subscribe();
    came.wait_for(|seen| *seen > 0).await.map_err(|e| failed(&e))?;
    let first = Instant::now();
    came.wait_for(|seen| *seen >= count).await.map_err(|e| failed(&e))?;
    let seconds = first.elapsed().as_secs_f64();
    let by_subscription = by_subscription.lock().await;
    let repeated: u64 = by_subscription.values().map(|times| times - 1).sum();
    println!(
        "{}",
        json!({"served": by_subscription.len(), "repeated": repeated, "seconds": seconds})
    );
    // The outcomes are on their way; who started this says when it is enough.
    let line = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    line.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
    cancel.cancel();
    for link in &links {
        link.stopped().await;
    }
    Ok(())
}

/// A node whose subscriptions the hub has when this returns.
async fn subscriber(
    number: usize,
    share: usize,
    source: &Source,
    token: &str,
    (by_subscription, seen): (Arc<Mutex<BTreeMap<String, u64>>>, watch::Sender<usize>),
    cancel: &CancellationToken,
) -> Result<Link> {
    let enrolled = Enrolled::join(token, &format!("subscriber{number}")).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| failed(&e))?;
    let address = listener.local_addr().map_err(|e| failed(&e))?.to_string();
    let (done, outcomes) = mpsc::unbounded_channel();
    let served = Served {
        by_subscription,
        seen,
        done,
    };
    let routes = Routes::new(peer_server::PeerServer::new(served));
    let (tls, deny) = (Arc::clone(&enrolled.tls), DenyList::default());
    tokio::spawn(serve_peers(listener, tls, deny, routes, cancel.clone()));
    let dialer = Dialer::new(Arc::clone(&enrolled.tls), DenyList::default());
    tokio::spawn(report(dialer, source.clone(), outcomes));
    let link = enrolled.link(&address, None, cancel);
    let heard = link.subscribing().ok_or_else(|| failed(&"the link is taken"))?;
    connected(&link).await?;
    declare(&link, heard, subscriptions(number, share, source)).await?;
    Ok(link)
}

fn subscriptions(number: usize, share: usize, source: &Source) -> Vec<pb::Subscription> {
    let one = |index: usize| pb::Subscription {
        id: format!("{:032x}", (number << 32) + index),
        source_key: source.key.clone(),
        key: format!("execute[{index}]"),
        action: "run".to_owned(),
        timing: "immediately".to_owned(),
        sources: Some(pb::Targets {
            nodes: vec![source.name.to_string()],
            ..Default::default()
        }),
        ttl_ms: limits::TTL_DEFAULT_MS,
        recipe: "simulated::default".to_owned(),
        line: 1,
        ..Default::default()
    };
    (0..share).map(one).collect()
}

async fn declare(link: &Link, mut heard: mpsc::Receiver<Subscribing>, all: Vec<pb::Subscription>) -> Result<()> {
    link.declare(Declaration {
        generation: 1,
        subscriptions: all.into(),
    });
    while let Some(said) = heard.recv().await {
        if let Subscribing::Declared(declared) = said {
            tokio::spawn(async move { while heard.recv().await.is_some() {} });
            return match declared.code.as_str() {
                "" => Ok(()),
                code => Err(failed(&format!("{code}: {}", declared.message))),
            };
        }
    }
    Err(failed(&"the link ended"))
}

/// Tells the source what became of each.
async fn report(dialer: Dialer, source: Source, mut outcomes: mpsc::UnboundedReceiver<pb::Outcome>) {
    while let Some(outcome) = outcomes.recv().await {
        if let Err(error) = tell(&dialer, &source, outcome).await {
            eprintln!("an outcome was not taken: {error}");
        }
    }
}

async fn tell(dialer: &Dialer, source: &Source, outcome: pb::Outcome) -> Result<()> {
    let channel = dialer
        .channel(&Expect::Node(source.name.clone()), &source.address)
        .await?;
    let mut client = PeerClient::new(channel);
    let call = client.report_outcome(wire::request(outcome, limits::CALL_MS));
    wire::within(limits::CALL_MS, "the outcome", call)
        .await
        .map(|_: pb::Ack| ())
}

#[tonic::async_trait]
impl peer_server::Peer for Served {
    async fn offer(&self, request: Request<pb::Envelope>) -> std::result::Result<Response<pb::Receipt>, Status> {
        let envelope = request.into_inner();
        let mut known = self.by_subscription.lock().await;
        // An id is given by each subscriber; together with it, it is one of the flock.
        *known
            .entry(format!("{}/{}", envelope.target, envelope.subscription))
            .or_default() += 1;
        self.seen.send_replace(known.len());
        let outcome = pb::Outcome {
            id: envelope.id,
            target: envelope.target,
            state: "done".to_owned(),
            attempt: envelope.attempt,
            ..Default::default()
        };
        let _ = self.done.send(outcome);
        Ok(Response::new(pb::Receipt {
            verdict: Verdict::Stored as i32,
            ..Default::default()
        }))
    }

    async fn report_outcome(&self, _: Request<pb::Outcome>) -> std::result::Result<Response<pb::Ack>, Status> {
        Err(Status::unimplemented("this node only hears"))
    }

    async fn resources(
        &self,
        _: Request<pb::ResourcesRequest>,
    ) -> std::result::Result<Response<pb::Resources>, Status> {
        Err(Status::unimplemented("this node only hears"))
    }
}
