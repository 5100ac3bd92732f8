use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use flock_core::{Error, Result, limits};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, service::Routes};

use crate::{
    hub::testing::*,
    identity::testing::{TestHub as RealHub, dialer},
    link::{Link, LinkOptions, Relayed},
    pb::{self, down, hub_server},
    relay::Method,
    transport::{DenyList, ServerLimits, serve_peers_within},
};

/// Counts what it is asked.
#[derive(Default)]
struct Counting(AtomicUsize);

#[tonic::async_trait]
impl Relayed for Counting {
    async fn answer(&self, _: pb::ServeDown) -> Result<Vec<u8>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Vec::new())
    }
}

/// Welcomes everyone and relays a forged call to everyone.
#[derive(Clone, Default)]
struct Forger(Arc<AtomicUsize>);

type Sent<T> = ReceiverStream<Result<T, Status>>;

/// A stream that says one thing and goes on.
fn says<T: Send + 'static>(message: T) -> Response<Sent<T>> {
    let (sender, queue) = mpsc::channel(1);
    tokio::spawn(async move {
        let _ = sender.send(Ok(message)).await;
        sender.closed().await;
    });
    Response::new(ReceiverStream::new(queue))
}

#[tonic::async_trait]
impl hub_server::Hub for Forger {
    type SessionStream = Sent<pb::Down>;
    type ServeStream = Sent<pb::ServeDown>;

    async fn session(&self, _: Request<Streaming<pb::Up>>) -> Result<Response<Self::SessionStream>, Status> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let welcome = pb::Welcome {
            epoch: 1,
            lease_ms: 30_000,
            ..Default::default()
        };
        Ok(says(pb::Down {
            body: Some(down::Body::Welcome(welcome)),
        }))
    }

    async fn serve(&self, _: Request<Streaming<pb::ServeUp>>) -> Result<Response<Self::ServeStream>, Status> {
        Ok(says(pb::ServeDown {
            rpc_id: 1,
            from: "boss".into(),
            method: "offer".into(),
            timeout_ms: 1_000,
            ..Default::default()
        }))
    }

    async fn forward(&self, _: Request<pb::RelayCall>) -> Result<Response<pb::RelayReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn resolve(&self, _: Request<pb::ResolveRequest>) -> Result<Response<pb::Resolved>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn token_create(&self, _: Request<pb::HubTokenRequest>) -> Result<Response<pb::HubToken>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn node_remove(&self, _: Request<pb::HubNodeRemove>) -> Result<Response<pb::Ack>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn leave(&self, _: Request<pb::HubLeave>) -> Result<Response<pb::Ack>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn about(&self, _: Request<pb::HubAbout>) -> Result<Response<pb::HubKnowledge>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Serves the forger with the certificate of `identity`, and answers with the address.
async fn forge(identity: &crate::identity::Identity, forger: Forger, cancel: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let routes = Routes::new(hub_server::HubServer::new(forger));
    let (tls, deny, limits) = (identity.tls(), DenyList::default(), ServerLimits::default());
    tokio::spawn(serve_peers_within(limits, listener, tls, deny, routes, cancel.clone()));
    address
}

fn link_to(
    address: String,
    identity: &crate::identity::Identity,
    relayed: Arc<dyn Relayed>,
) -> (Link, CancellationToken) {
    let cancel = CancellationToken::new();
    let link = Link::spawn(LinkOptions {
        name: identity.name().clone(),
        flock_id: identity.flock_id().to_owned(),
        incarnation: 1,
        hubs: vec![address],
        connect: Arc::new(dialer(identity)),
        deny: DenyList::default(),
        relayed: Some(relayed),
        facts: tokio::sync::watch::channel(node(identity.name().as_str())).1,
        clock: crate::clock::Clock::system(),
        data_dir: None,
        cancel: cancel.clone(),
    });
    (link, cancel)
}

#[tokio::test]
async fn only_a_hubs_certificate_may_relay() {
    let hub = RealHub::start().await;
    let (_victims, victim) = hub.joined("victim").await;
    let (_forgers, member) = hub.joined("forger").await;
    let (stop, forger, asked) = (
        CancellationToken::new(),
        Forger::default(),
        Arc::new(Counting::default()),
    );
    let address = forge(&member, forger.clone(), &stop).await;
    let (link, cancel) = link_to(address, &victim, asked.clone());
    let mut states = link.states();
    let refused = |state: &crate::link::LinkState| state.problem.as_ref().is_some_and(|why| why.code() == "wrong_name");
    soon(states.wait_for(refused)).await.unwrap();
    assert_eq!(
        (forger.0.load(Ordering::SeqCst), asked.0.load(Ordering::SeqCst)),
        (0, 0)
    );
    cancel.cancel();
    // The same words with a hub's certificate are believed: it is the certificate that counts.
    let address = forge(&hub.identity, forger, &stop).await;
    let (_link, cancel) = link_to(address, &victim, asked.clone());
    eventually(|| async { (asked.0.load(Ordering::SeqCst) == 1).then_some(()) }).await;
    cancel.cancel();
    stop.cancel();
}

struct Slow;

#[tonic::async_trait]
impl Relayed for Slow {
    async fn answer(&self, call: pb::ServeDown) -> Result<Vec<u8>> {
        match call.from.as_str() {
            "a" => std::future::pending().await,
            _ => Err(Error::rejected("not now")),
        }
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_answered_by_its_deadline() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let b = flock.member_with(node("b"), &[&hub], |options| options.relayed = Some(Arc::new(Slow)));
    soon(b.link.states().wait_for(|state| state.served)).await.unwrap();
    let (a, c) = (flock.member("a", &[&hub]), flock.member("c", &[&hub]));
    a.connected().await;
    c.connected().await;
    let late = tokio::time::timeout(
        Duration::from_millis(limits::CALL_MS + 10_000),
        a.link.forward("b", Method::Resources, Vec::new()),
    );
    assert_eq!(late.await.unwrap().unwrap_err().kind(), flock_core::ErrorKind::Timeout);
    let other = c.link.forward("b", Method::Resources, Vec::new()).await.unwrap_err();
    assert_eq!(other.message(), "not now", "the stream goes on");
}

#[tokio::test]
async fn a_link_without_a_session_serves_nothing() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let b = flock.member_with(node("b"), &[&hub], |options| options.relayed = Some(Arc::new(Slow)));
    soon(b.link.states().wait_for(|state| state.served)).await.unwrap();
    hub.crash();
    let mut states = b.link.states();
    let state = soon(states.wait_for(|state| !state.connected)).await.unwrap();
    assert!(!state.served);
}
