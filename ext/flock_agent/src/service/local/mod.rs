//! The local door: chef-client, flockctl and knife talk to the agent of their own node.

mod connection;
mod follow;
mod inquiries;
mod operators;
mod rpc;
mod socket;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use flock_core::{Error, Result, limits};
use tokio_util::sync::CancellationToken;
use tonic::{service::interceptor::InterceptedService, transport::Server};

use crate::{apis::Hosts, clock::Clock, pb::local_server::LocalServer, store::Store, wire};

pub use inquiries::{InboxView, Inquiries};
pub use operators::Operators;
pub use socket::Socket;

/// What the local service is made of; cheap to clone.
#[derive(Clone)]
pub struct LocalService {
    /// Holds outbox, inbox and journal.
    pub store: Store,
    /// The time of day.
    pub clock: Clock,
    /// The inbox's half of list, steer and await.
    pub inbox: Arc<dyn InboxView>,
    /// What the rest of the agent answers.
    pub inquiries: Arc<dyn Inquiries>,
    /// The processes in which APIs live.
    pub hosts: Hosts,
    /// Called after an operator asked for a new attempt: whatever pauses is tried at once.
    pub nudge: Arc<dyn Fn() + Send + Sync>,
    /// Ends waiting calls when the agent stops.
    pub cancel: CancellationToken,
}

/// Serves the local socket until the service's token is cancelled and the calls under way have ended, or took
/// [`limits::SERVERS_STOP_MS`].
///
/// # Errors
/// `internal` when the server fails.
pub async fn serve(socket: Socket, service: LocalService) -> Result<()> {
    let cancel = service.cancel.clone();
    let server = LocalServer::new(service)
        .max_decoding_message_size(limits::CALL_MESSAGE_BYTES)
        .max_encoding_message_size(limits::LOCAL_ANSWER_BYTES);
    let served = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_millis(limits::KEEPALIVE_MS)))
        .http2_keepalive_timeout(Some(Duration::from_millis(limits::KEEPALIVE_TIMEOUT_MS)))
        .concurrency_limit_per_connection(limits::CALLS_PER_CONNECTION)
        .add_service(InterceptedService::new(server, wire::check_protocol))
        .serve_with_incoming_shutdown(socket.incoming(cancel.clone()), cancel.clone().cancelled_owned());
    let patience_ends = async {
        cancel.cancelled().await;
        tokio::time::sleep(Duration::from_millis(limits::SERVERS_STOP_MS)).await;
    };
    tokio::select! {
        result = served => result.map_err(|e| Error::internal(format!("the local socket failed: {e}"))),
        () = patience_ends => Ok(()),
    }
}
