//! Serving the peer port.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, Result, limits};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};

use super::{DenyList, Tls, acceptor::Acceptor, guard::Guard, net::TcpListener};

/// What others may use of this agent; the defaults are [`flock_core::limits`].
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections in all.
    pub connections: usize,
    /// Connections in the middle of a handshake.
    pub handshaking: usize,
    /// Time that a handshake may take.
    pub handshake_ms: u64,
    /// Connections without a certificate.
    pub unauthenticated: usize,
    /// How long a connection without a certificate may last.
    pub unauthenticated_ms: u64,
    /// Concurrent calls on one connection.
    pub calls: usize,
    /// What connections may take to end when the server stops.
    pub stop_ms: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS,
            handshaking: limits::CONNECTIONS_HANDSHAKING,
            handshake_ms: limits::HANDSHAKE_MS,
            unauthenticated: limits::CONNECTIONS_UNAUTHENTICATED,
            unauthenticated_ms: limits::UNAUTHENTICATED_MS,
            calls: limits::CALLS_PER_CONNECTION,
            stop_ms: limits::STOP_MS,
        }
    }
}

/// Serves `routes` until `cancel`, then lets calls in flight end for [`limits::STOP_MS`] and cuts what is left.
///
/// Every request carries a [`super::PeerInfo`], and a [`super::PeerIdentity`] unless it is for Enrol and came without a certificate.
///
/// # Errors
/// `configuration` when the credentials cannot be used.
pub async fn serve_peers(
    listener: TcpListener,
    tls: Arc<Tls>,
    deny: DenyList,
    routes: Routes,
    cancel: CancellationToken,
) -> Result<()> {
    serve_peers_within(ServerLimits::default(), listener, tls, deny, routes, cancel).await
}

/// [`serve_peers`] with other limits.
///
/// # Errors
/// As [`serve_peers`].
pub async fn serve_peers_within(
    limits: ServerLimits,
    listener: TcpListener,
    tls: Arc<Tls>,
    deny: DenyList,
    routes: Routes,
    cancel: CancellationToken,
) -> Result<()> {
    let guard = Guard {
        deny: deny.clone(),
        clock: tls.clock().clone(),
    };
    let acceptor = Arc::new(Acceptor::new(tls, deny, limits)?);
    let cut = acceptor.cut.clone();
    let (ready, connections) = mpsc::channel(limits::CONNECTIONS_READY);
    let accepting = tokio::spawn(acceptor.run(listener, ready, cancel.clone()));
    let served = server(&limits)
        .layer(guard)
        .add_routes(routes)
        .serve_with_incoming_shutdown(ReceiverStream::new(connections), cancel.clone().cancelled_owned());
    let result = tokio::select! {
        result = served => result.map_err(|e| Error::internal(format!("the peer port failed: {e}"))),
        () = stop(&cancel, &cut, limits.stop_ms) => Ok(()),
    };
    cut.cancel();
    accepting.abort();
    result
}

fn server(limits: &ServerLimits) -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(Duration::from_millis(limits::KEEPALIVE_MS)))
        .http2_keepalive_timeout(Some(Duration::from_millis(limits::KEEPALIVE_TIMEOUT_MS)))
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(u32::try_from(limits.calls).unwrap_or(u32::MAX))
}

/// The end of patience with peers that do not let go.
async fn stop(cancel: &CancellationToken, cut: &CancellationToken, stop_ms: u64) {
    cancel.cancelled().await;
    tokio::time::sleep(Duration::from_millis(stop_ms)).await;
    cut.cancel();
    tokio::time::sleep(Duration::from_millis(limits::SERVERS_CUT_MS)).await;
}
