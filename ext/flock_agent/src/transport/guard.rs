//! What is asked of every request before a service sees it.

use std::{
    future::ready,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use flock_core::{Error, Result, holder::Holder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{
    body::Body,
    codegen::http::{Request, Response},
};
use tower::{Layer, Service};

use super::{DenyList, OperatorIdentity, PeerIdentity, Shown};
use crate::{clock::Clock, wire};

/// The only service that a caller without a certificate may use.
const ENROL: &str = "/flock.v1.Enrol/";
/// The only service that an operator may use besides.
const LOCAL: &str = "/flock.v1.Local/";

/// What is known of the other end of a connection; in the extensions of every request.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// Its certificate, if it showed one.
    pub identity: Option<Shown>,
    /// Where it connected from, or where it was dialled.
    pub address: SocketAddr,
    /// When its certificate ends, Unix time; connections may outlast it.
    pub not_after_ms: u64,
    /// The calls that it may have under way before it shows a certificate.
    pub(super) places: Arc<Semaphore>,
}

/// Puts [`PeerIdentity`] or [`OperatorIdentity`] into the extensions, and refuses what the other end may not ask.
#[derive(Clone)]
pub(super) struct Guard {
    pub deny: DenyList,
    pub clock: Clock,
}

impl Guard {
    /// The place of the call, if places are counted.
    fn admit<B>(&self, request: &mut Request<B>) -> Result<Option<OwnedSemaphorePermit>> {
        let info = request.extensions().get::<PeerInfo>().cloned();
        let info = info.ok_or_else(|| Error::internal("a request without a connection"))?;
        match info.identity {
            None if request.uri().path().starts_with(ENROL) => match info.places.try_acquire_owned() {
                Ok(place) => Ok(Some(place)),
                Err(_) => Err(Error::rejected("too many calls at a time without a certificate").with_code("calls")),
            },
            None => Err(
                Error::denied("this call needs a certificate of the flock; `flockctl join STRING` gets one")
                    .with_code("no_certificate"),
            ),
            Some(peer) if self.deny.denies_peer(&peer) => {
                Err(Error::denied(format!("{} was removed from the flock", peer.holder)).with_code("removed"))
            }
            Some(peer) if info.not_after_ms <= self.clock.now_ms() => {
                Err(Error::denied(format!("the certificate of {} has expired", peer.holder))
                    .with_code("certificate_expired"))
            }
            Some(peer) => introduce(peer, request).map(|()| None),
        }
    }
}

/// Says in the request who calls. Nodes and operators have nothing in common but Enrol: each finds the services of the other shut.
fn introduce<B>(peer: Shown, request: &mut Request<B>) -> Result<()> {
    let path = request.uri().path();
    let (enrols, as_operator) = (path.starts_with(ENROL), path.starts_with(LOCAL));
    match peer.holder {
        Holder::Node(_) if as_operator => Err(Error::denied(
            "nodes use the socket of their own agent; this is for operators",
        )
        .with_code("not_an_operator")),
        Holder::Node(name) => {
            request.extensions_mut().insert(PeerIdentity {
                name,
                hub: peer.hub,
                serial: peer.serial,
                enrolment: peer.enrolment,
            });
            Ok(())
        }
        Holder::Operator(name) if as_operator || enrols => {
            request.extensions_mut().insert(OperatorIdentity(name));
            Ok(())
        }
        Holder::Operator(name) => {
            Err(Error::denied(format!("{name} is no node, and this call is for nodes")).with_code("not_a_node"))
        }
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded {
            guard: self.clone(),
            inner,
        }
    }
}

#[derive(Clone)]
pub(super) struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.guard.admit(&mut request) {
            Ok(place) => {
                let call = self.inner.call(request);
                Box::pin(async move {
                    let _place = place;
                    call.await
                })
            }
            Err(error) => Box::pin(ready(Ok(wire::status(error).into_http()))),
        }
    }
}
