//! One connection to another node: TCP, TLS, and its first word, within one deadline.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use flock_core::{Error, Result, limits};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::{
    DenyList, Expect, PeerInfo, Shown, Tls,
    connection::{Connection, Held},
    net::TcpStream,
    refusal, tls,
};
use crate::{clock::Clock, identity::cert::CertInfo, wire};

/// How a dialled node is told to be the right one.
#[derive(Clone)]
pub enum Target {
    /// By the trust bundle; with our certificate.
    Member(Arc<Tls>, Expect),
    /// A hub by the trust bundle; without a certificate of ours, which may have expired.
    Anonymous(Arc<Tls>),
    /// A hub whose root has this SPKI hash; without a certificate, which is what the call is for.
    Pinned(String, Clock),
}

impl Target {
    fn clock(&self) -> &Clock {
        match self {
            Self::Member(tls, _) | Self::Anonymous(tls) => tls.clock(),
            Self::Pinned(_, clock) => clock,
        }
    }

    fn config(&self, deny: &DenyList) -> Result<ClientConfig> {
        match self {
            Self::Member(tls, expect) => tls.client_config(expect, deny, true),
            Self::Anonymous(tls) => tls.client_config(&Expect::Hub, deny, false),
            Self::Pinned(pin, clock) => tls::pinned_config(pin, clock),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Member(_, expect) => expect.fmt(f),
            _ => Expect::Hub.fmt(f),
        }
    }
}

/// One address and what is expected there; makes connections as often as the channel over it asks.
pub(super) struct Way {
    pub target: Target,
    pub address: String,
    pub deny: DenyList,
    /// True while the newest connection lives.
    pub alive: Arc<AtomicBool>,
    /// Ends all connections of this way.
    pub cut: CancellationToken,
}

impl Way {
    pub fn new(target: Target, address: &str, deny: DenyList) -> Self {
        Self {
            target,
            address: address.to_owned(),
            deny,
            alive: Arc::new(AtomicBool::new(false)),
            cut: CancellationToken::new(),
        }
    }

    /// A channel whose first connection is made.
    ///
    /// # Errors
    /// `connection`, `denied`, `protocol`: why there is none, and what to do about it.
    pub async fn channel(self: &Arc<Self>) -> Result<Channel> {
        let this = Arc::clone(self);
        let connector = service_fn(move |_| {
            let this = Arc::clone(&this);
            async move { this.connect().await.map(TokioIo::new) }
        });
        endpoint().connect_with_connector(connector).await.map_err(|e| {
            wire::source(&e).unwrap_or_else(|| Error::connection(format!("no connection with {}: {e}", self.other())))
        })
    }

    fn other(&self) -> String {
        format!("{} at {}", self.target, self.address)
    }

    async fn connect(&self) -> Result<Connection> {
        let within = Duration::from_millis(limits::CONNECT_MS);
        let made = timeout(within, self.attempt())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        made.map_err(|e| refusal::explain(&self.other(), &e, self.target.clock().now_ms()))
    }

    async fn attempt(&self) -> io::Result<Connection> {
        let config = self.target.config(&self.deny).map_err(io::Error::other)?;
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let address = stream.peer_addr()?;
        // Only a form: there is no server name indication, and the verifier looks at URIs.
        let name = ServerName::IpAddress(address.ip().into());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let info = CertInfo::parse(leaf.map(|leaf| leaf.as_ref()).unwrap_or_default()).map_err(io::Error::other)?;
        if let (Target::Member(tls, _), Some(name)) = (&self.target, info.subject.holder.node()) {
            tls.encounters().showed(name, info.not_after_ms);
        }
        let peer = Shown::from(&info);
        let cut = self.cut.child_token();
        let held = Held {
            permits: Vec::new(),
            registration: Some(self.deny.register(&peer, cut.clone())),
            alive: Some(Arc::clone(&self.alive)),
        };
        let peer = PeerInfo {
            identity: Some(peer),
            address,
            not_after_ms: info.not_after_ms,
            places: Arc::new(Semaphore::new(0)),
        };
        let mut connection = Connection::new(stream.into(), cut, None, peer, held);
        connection.hear().await?;
        self.alive.store(true, std::sync::atomic::Ordering::Release);
        Ok(connection)
    }
}

/// A channel for a few calls that is not kept.
///
/// # Errors
/// As [`super::Dialer::channel`].
pub async fn dial_once(target: Target, address: &str) -> Result<Channel> {
    Arc::new(Way::new(target, address, DenyList::default())).channel().await
}

/// A connection to a hub at `address`, with these credentials.
///
/// # Errors
/// As [`super::Dialer::channel`].
pub(crate) async fn connect_hub(
    tls: Arc<Tls>,
    address: &str,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
    let target = Target::Member(tls, Expect::Hub);
    Way::new(target, address, DenyList::default()).connect().await
}

fn endpoint() -> Endpoint {
    kept_alive()
        // A safety net only: the caller's own deadline, which comes first, knows how to call a late answer.
        .timeout(Duration::from_millis(limits::CALL_MS + limits::DEADLINE_MARGIN_MS))
}

/// How connections between machines are kept, without a deadline for their calls.
pub(crate) fn kept_alive() -> Endpoint {
    // The address is the connector's business; gRPC only wants a name in its headers.
    Endpoint::from_static("http://flock")
        .http2_keep_alive_interval(Duration::from_millis(limits::KEEPALIVE_MS))
        .keep_alive_timeout(Duration::from_millis(limits::KEEPALIVE_TIMEOUT_MS))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
}
