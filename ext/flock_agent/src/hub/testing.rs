//! A flock in one process: hubs and members joined by in-memory pipes that tests can cut.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use flock_core::{Error, Result, id::NodeName, limits};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    sync::{mpsc, watch},
    task::AbortHandle,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint, Server, server::Connected};

use super::{Hub, HubOptions};
use crate::{
    clock::Clock,
    link::{Connect, Link, LinkOptions},
    pb,
    registry::{Registry, fake::Fake},
    transport::{DenyList, PeerIdentity},
};

pub(crate) const FLOCK: &str = "flock-1";

pub(crate) fn name(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

pub(crate) fn node(name: &str) -> pb::NodeInfo {
    pb::NodeInfo {
        name: name.into(),
        address: format!("{name}:22222"),
        environment: "prod".into(),
        ..Default::default()
    }
}

pub(crate) fn named(names: &[&str]) -> pb::Targets {
    pb::Targets {
        nodes: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    }
}

pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// One end of a pipe; the server's end says whose certificate was shown.
pub(crate) struct Pipe(DuplexStream, PeerIdentity);

impl Connected for Pipe {
    type ConnectInfo = PeerIdentity;

    fn connect_info(&self) -> PeerIdentity {
        self.1.clone()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

type Door = mpsc::UnboundedSender<io::Result<Pipe>>;

/// All addresses of the flock, and all pipes between them.
#[derive(Clone, Default)]
pub(crate) struct Net {
    doors: Arc<Mutex<HashMap<String, Door>>>,
    pipes: Arc<Mutex<Vec<(String, AbortHandle)>>>,
}

impl Net {
    /// Cuts every pipe of this member; it may dial again.
    pub(crate) fn cut(&self, member: &str) {
        self.pipes.lock().unwrap().retain(|(owner, pump)| {
            if owner == member {
                pump.abort();
            }
            owner != member
        });
    }

    fn close(&self, address: &str) {
        self.doors.lock().unwrap().remove(address);
        self.pipes.lock().unwrap().drain(..).for_each(|(_, pump)| pump.abort());
    }

    fn dial(&self, who: &PeerIdentity, address: &str) -> io::Result<DuplexStream> {
        let doors = self.doors.lock().unwrap();
        let door = doors.get(address).ok_or(io::ErrorKind::ConnectionRefused)?;
        let (near, mut middle) = tokio::io::duplex(16 * 1024);
        let (far, mut other) = tokio::io::duplex(16 * 1024);
        let pump = tokio::spawn(async move { tokio::io::copy_bidirectional(&mut middle, &mut other).await });
        self.pipes
            .lock()
            .unwrap()
            .push((who.name.to_string(), pump.abort_handle()));
        door.send(Ok(Pipe(far, who.clone())))
            .map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(near)
    }
}

/// What a member dials with.
#[derive(Clone)]
pub(crate) struct Wire(pub Net, pub PeerIdentity);

#[tonic::async_trait]
impl Connect for Wire {
    async fn hub(&self, address: &str) -> Result<Channel> {
        let (wire, to) = (self.clone(), address.to_owned());
        let connector = tower::service_fn(move |_| {
            let io = wire.0.dial(&wire.1, &to);
            async move { io.map(TokioIo::new) }
        });
        let connected = Endpoint::from_static("http://hub")
            .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
            .connect_with_connector(connector)
            .await;
        connected.map_err(|error| Error::connection(error.to_string()))
    }
}

/// A running hub; it ends when this is dropped.
pub(crate) struct TestHub {
    pub hub: Hub,
    pub deny: DenyList,
    pub address: String,
    net: Net,
    cancel: DropGuard,
}

impl TestHub {
    /// Ends the hub and cuts all pipes, as a crash would.
    pub(crate) fn crash(self) {
        self.net.close(&self.address);
        drop(self.cancel);
    }
}

/// A flock around one registry.
#[derive(Clone)]
pub(crate) struct Flock {
    pub net: Net,
    pub registry: Arc<Fake>,
    pub lease_ms: u64,
    /// What the hubs' clocks are ahead of the members'.
    pub ahead_ms: u64,
}

impl Flock {
    pub(crate) fn new(lease_ms: u64) -> Self {
        Self {
            net: Net::default(),
            registry: Arc::default(),
            lease_ms,
            ahead_ms: 0,
        }
    }

    pub(crate) fn hub(&self, called: &str) -> TestHub {
        let (cancel, deny, ahead) = (CancellationToken::new(), DenyList::default(), self.ahead_ms);
        let hub = Hub::start(HubOptions {
            name: name(called),
            flock_id: FLOCK.into(),
            lease_ms: self.lease_ms,
            registry: self.registry.clone() as Arc<dyn Registry>,
            deny: deny.clone(),
            encounters: Default::default(),
            clock: Clock::from_fn(move || Clock::system().now_ms() + ahead),
            cancel: cancel.clone(),
        });
        let address = format!("{called}:22222");
        let (door, incoming) = mpsc::unbounded_channel();
        self.net.doors.lock().unwrap().insert(address.clone(), door);
        let serving = Server::builder()
            .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
            .add_service(hub.service())
            .serve_with_incoming(UnboundedReceiverStream::new(incoming));
        let stop = cancel.clone();
        tokio::spawn(async move { stop.run_until_cancelled(serving).await });
        TestHub {
            hub,
            deny,
            address,
            net: self.net.clone(),
            cancel: cancel.drop_guard(),
        }
    }

    pub(crate) fn member(&self, called: &str, hubs: &[&TestHub]) -> TestMember {
        self.member_with(node(called), hubs, |_| {})
    }

    pub(crate) fn member_with(
        &self,
        info: pb::NodeInfo,
        hubs: &[&TestHub],
        change: impl FnOnce(&mut LinkOptions),
    ) -> TestMember {
        let identity = PeerIdentity {
            name: name(&info.name),
            hub: false,
            serial: "1".into(),
            enrolment: "e1".into(),
        };
        self.link(identity, info, hubs, change)
    }

    /// The link of a hub's own agent.
    pub(crate) fn operator(&self, hub: &TestHub) -> TestMember {
        let called = hub.address.split(':').next().unwrap().to_owned();
        let identity = PeerIdentity {
            name: name(&called),
            hub: true,
            serial: "1".into(),
            enrolment: "e1".into(),
        };
        self.link(identity, node(&called), &[hub], |_| {})
    }

    fn link(
        &self,
        identity: PeerIdentity,
        info: pb::NodeInfo,
        hubs: &[&TestHub],
        change: impl FnOnce(&mut LinkOptions),
    ) -> TestMember {
        let (facts, receiver) = watch::channel(info);
        let cancel = CancellationToken::new();
        let mut options = LinkOptions {
            name: identity.name.clone(),
            flock_id: FLOCK.into(),
            incarnation: 1,
            hubs: hubs.iter().map(|hub| hub.address.clone()).collect(),
            connect: Arc::new(Wire(self.net.clone(), identity)),
            deny: DenyList::default(),
            relayed: None,
            facts: receiver,
            clock: Clock::system(),
            data_dir: None,
            cancel: cancel.clone(),
        };
        change(&mut options);
        let deny = options.deny.clone();
        TestMember {
            link: Link::spawn(options),
            facts,
            deny,
            cancel: cancel.drop_guard(),
        }
    }
}

/// A member; it says good-bye when this is dropped.
pub(crate) struct TestMember {
    pub link: Link,
    pub facts: watch::Sender<pb::NodeInfo>,
    pub deny: DenyList,
    cancel: DropGuard,
}

impl TestMember {
    pub(crate) async fn connected(&self) -> u64 {
        let mut states = self.link.states();
        let state = soon(states.wait_for(|state| state.connected)).await.unwrap().clone();
        state.epoch
    }

    /// Waits for a session newer than this one.
    pub(crate) async fn reconnected(&self, epoch: u64) {
        let mut states = self.link.states();
        soon(states.wait_for(|state| state.connected && state.epoch > epoch))
            .await
            .unwrap();
    }

    /// Says good-bye and waits until that is said.
    pub(crate) async fn stop(self) {
        drop(self.cancel);
        soon(self.link.stopped()).await;
    }

    /// Waits until the link gives this reason for having no session.
    pub(crate) async fn refused(&self, code: &str) -> Error {
        let mut states = self.link.states();
        let is = |state: &crate::link::LinkState| state.problem.as_ref().is_some_and(|problem| problem.code() == code);
        soon(states.wait_for(is)).await.unwrap().problem.clone().unwrap()
    }

    /// The names that a selector means, once a hub answers and `done` is content with them.
    pub(crate) async fn resolves(&self, targets: &pb::Targets, done: impl Fn(&[String]) -> bool) -> Vec<String> {
        eventually(|| async {
            let found = self
                .link
                .resolve(targets.clone(), "id")
                .await
                .ok()
                .filter(|nodes| !nodes.stale)?;
            let names: Vec<String> = found.nodes.into_iter().map(|node| node.name).collect();
            done(&names).then_some(names)
        })
        .await
    }

    /// Waits until this member's hub gives a node this presence.
    pub(crate) async fn sees(&self, name: &str, presence: &str) -> pb::NodeInfo {
        eventually(|| async {
            let found = self
                .link
                .resolve(named(&[name]), "id")
                .await
                .ok()
                .filter(|nodes| !nodes.stale)?;
            found
                .nodes
                .into_iter()
                .find(|node| node.name == name && node.presence == presence)
        })
        .await
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

/// Fails a test that would hang.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("nothing happened for 30 s")
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    soon(async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
