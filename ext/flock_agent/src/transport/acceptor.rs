//! The peer port: accepts, shakes hands within limits, and hands over connections that are known.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use flock_core::{Error, Result, limits};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use rustls::ServerConfig;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DenyList, PeerInfo, ServerLimits, Shown, Tls,
    connection::{Connection, Held},
    net::{TcpListener, TcpStream},
    refusal,
};
use crate::identity::cert::CertInfo;

pub(super) struct Acceptor {
    tls: Arc<Tls>,
    config: ArcSwap<(u64, Arc<ServerConfig>)>,
    deny: DenyList,
    limits: ServerLimits,
    places: Places,
    refusals: DefaultDirectRateLimiter,
    /// Cut when the server has waited long enough for its connections to end.
    pub cut: CancellationToken,
}

struct Places {
    all: Arc<Semaphore>,
    handshaking: Arc<Semaphore>,
    unauthenticated: Arc<Semaphore>,
}

impl Acceptor {
    pub fn new(tls: Arc<Tls>, deny: DenyList, limits: ServerLimits) -> Result<Self> {
        let places = |n| Arc::new(Semaphore::new(n));
        let per_second = NonZeroU32::new(limits::REFUSALS_LOGGED).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            config: ArcSwap::from_pointee((tls.generation(), tls.server_config(&deny)?)),
            places: Places {
                all: places(limits.connections),
                handshaking: places(limits.handshaking),
                unauthenticated: places(limits.unauthenticated),
            },
            refusals: RateLimiter::direct(Quota::per_second(per_second)),
            cut: CancellationToken::new(),
            tls,
            deny,
            limits,
        })
    }

    /// Accepts until `cancel`; handshakes run beside one another.
    pub async fn run(
        self: Arc<Self>,
        listener: TcpListener,
        ready: mpsc::Sender<std::io::Result<Connection>>,
        cancel: CancellationToken,
    ) {
        let handshakes = TaskTracker::new();
        while let Some(accepted) = cancel.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, address)) => self.begin(&handshakes, stream, address, &ready, &cancel),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    }

    fn begin(
        self: &Arc<Self>,
        handshakes: &TaskTracker,
        stream: TcpStream,
        address: SocketAddr,
        ready: &mpsc::Sender<std::io::Result<Connection>>,
        cancel: &CancellationToken,
    ) {
        let (Some(place), Some(handshake)) = (take(&self.places.all), take(&self.places.handshaking)) else {
            return self.refused(address, &full("too many connections"));
        };
        let (this, ready, cancel) = (Arc::clone(self), ready.clone(), cancel.clone());
        handshakes.spawn(async move {
            let made = cancel.run_until_cancelled(this.handshake(stream, address, place)).await;
            drop(handshake);
            match made {
                Some(Ok(connection)) => drop(ready.send(Ok(connection)).await),
                Some(Err(error)) => this.refused(address, &error),
                None => {}
            }
        });
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Result<Connection> {
        let other = address.to_string();
        let failed = |e: &std::io::Error| refusal::explain(&other, e, self.tls.clock().now_ms());
        stream.set_nodelay(true).map_err(|e| failed(&e))?;
        let accept = TlsAcceptor::from(self.config()?).accept(stream);
        match timeout(Duration::from_millis(self.limits.handshake_ms), accept).await {
            Ok(Ok(stream)) => self.admit(stream, address, place),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => {
                Err(Error::timeout(format!("{other} did not finish its handshake in time")).with_code("handshake"))
            }
        }
    }

    fn admit(
        &self,
        stream: TlsStream<TcpStream>,
        address: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Result<Connection> {
        let certificates = stream.get_ref().1.peer_certificates();
        let info = certificates
            .and_then(<[_]>::first)
            .map(|leaf| CertInfo::parse(leaf))
            .transpose()?;
        let cut = self.cut.child_token();
        let mut held = Held::default();
        held.permits.push(place);
        let lasts_ms = match &info {
            Some(info) => {
                if let Some(name) = info.subject.holder.node() {
                    self.tls.encounters().met(name, self.tls.clock().now_ms());
                    self.tls.encounters().showed(name, info.not_after_ms);
                }
                held.registration = Some(self.deny.register(&Shown::from(info), cut.clone()));
                info.not_after_ms.saturating_sub(self.tls.clock().now_ms())
            }
            None => {
                let place = take(&self.places.unauthenticated);
                held.permits
                    .push(place.ok_or_else(|| full("too many connections without a certificate"))?);
                self.limits.unauthenticated_ms
            }
        };
        let peer = PeerInfo {
            identity: info.as_ref().map(Shown::from),
            address,
            not_after_ms: info.map_or(0, |info| info.not_after_ms),
            places: Arc::new(Semaphore::new(limits::CALLS_UNAUTHENTICATED)),
        };
        Ok(Connection::new(stream.into(), cut, Some(lasts_ms), peer, held))
    }

    /// The configuration in force; made again after the credentials were replaced.
    fn config(&self) -> Result<Arc<ServerConfig>> {
        let generation = self.tls.generation();
        let current = self.config.load();
        if current.0 == generation {
            return Ok(Arc::clone(&current.1));
        }
        let config = self.tls.server_config(&self.deny)?;
        self.config.store(Arc::new((generation, Arc::clone(&config))));
        Ok(config)
    }

    /// Strangers decide how often this happens: the log has a limit too.
    fn refused(&self, address: SocketAddr, error: &Error) {
        if self.refusals.check().is_ok() {
            tracing::warn!(%address, code = error.code(), "connection refused: {error}");
        }
    }
}

fn take(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(places).try_acquire_owned().ok()
}

fn full(what: &str) -> Error {
    Error::rejected(what).with_code("connections")
}
