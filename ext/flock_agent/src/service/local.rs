//! What this node's own processes ask of its agent: recipes, flockctl, knife.

mod door;
mod history;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use flock_core::Result;
use tokio::sync::Notify;
use tonic::{Request, Response, Status, service::interceptor::InterceptedService};

pub use door::{LocalDoor, serve};

use crate::{
    clock::Clock,
    pb::{self, local_server::LocalServer},
    run_state::RunWatch,
    store::{Store, journal, outbox},
    wire,
};

/// What the local service asks of the rest of the agent.
#[tonic::async_trait]
pub trait Inquiries: Send + Sync + 'static {
    /// Who this agent is.
    fn info(&self) -> pb::AgentInfo;

    /// The nodes that targets mean, as the hub sees it.
    ///
    /// # Errors
    /// `connection` when no hub answers and the cache does not know.
    async fn resolve(&self, targets: pb::Targets) -> Result<pb::Nodes>;

    /// All nodes, or the one of that name.
    ///
    /// # Errors
    /// `node_not_found`; as [`Inquiries::resolve`].
    async fn nodes(&self, name: &str) -> Result<pb::Nodes>;

    /// The cards of this node (`""`) or another one.
    ///
    /// # Errors
    /// `node_not_found`, `connection`, `denied`.
    async fn resources(&self, node: &str) -> Result<pb::Resources>;

    /// The numbers of `flockctl status`.
    ///
    /// # Errors
    /// `internal` when the store refuses.
    async fn status(&self) -> Result<pb::StatusReport>;

    /// What `flockctl doctor` finds.
    ///
    /// # Errors
    /// `internal` when the store refuses.
    async fn doctor(&self) -> Result<pb::DoctorReport>;

    /// A new join string; on hubs.
    ///
    /// # Errors
    /// `denied` on other nodes, `configuration` for limits.
    async fn token_create(&self, request: pb::TokenRequest) -> Result<pb::Token>;

    /// Removes a node from the flock; on hubs.
    ///
    /// # Errors
    /// `denied` on other nodes, `node_not_found`.
    async fn node_remove(&self, name: &str) -> Result<()>;
}

/// The Local service.
pub struct Local {
    store: Store,
    clock: Clock,
    runs: RunWatch,
    /// The dispatcher's: a retried inbox row waits for it.
    wake: Arc<Notify>,
    inquiries: Arc<dyn Inquiries>,
}

/// The service as it is served: only for callers of our protocol version.
pub type Served = InterceptedService<LocalServer<Local>, fn(Request<()>) -> Result<Request<()>, Status>>;

impl Local {
    /// The service, ready to be served.
    pub fn server(
        store: Store,
        clock: Clock,
        runs: RunWatch,
        wake: Arc<Notify>,
        inquiries: Arc<dyn Inquiries>,
    ) -> Served {
        let local = Self {
            store,
            clock,
            runs,
            wake,
            inquiries,
        };
        let server = LocalServer::new(local)
            .max_decoding_message_size(flock_core::limits::MESSAGE_BYTES)
            .max_encoding_message_size(flock_core::limits::LOCAL_ANSWER_BYTES);
        InterceptedService::new(server, wire::check_protocol)
    }
}

#[allow(clippy::result_large_err, reason = "tonic's own error type")]
fn answer<T>(result: Result<T>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(wire::status)
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl pb::local_server::Local for Local {
    async fn hello(&self, request: Request<pb::HelloRequest>) -> Answer<pb::AgentInfo> {
        let hello = request.into_inner();
        answer(
            wire::agree(hello.protocol_min, hello.protocol_max).map(|protocol| pb::AgentInfo {
                protocol,
                ..self.inquiries.info()
            }),
        )
    }

    async fn append(&self, request: Request<pb::Draft>) -> Answer<pb::Stored> {
        let (draft, now_ms) = (request.into_inner(), self.clock.now_ms());
        let appended = self.store.write(move |conn| outbox::append(conn, &draft, now_ms)).await;
        answer(appended.map(|appended| pb::Stored {
            seq: appended.seq,
            duplicate: appended.duplicate,
        }))
    }

    async fn run_changed(&self, request: Request<pb::RunChange>) -> Answer<pb::Ack> {
        let (change, now_ms) = (request.into_inner(), self.clock.now_ms());
        self.runs.poke();
        let recorded = self
            .store
            .write(move |conn| journal::record(conn, &change, now_ms))
            .await;
        answer(recorded.map(|()| pb::Ack {}))
    }

    async fn resolve(&self, request: Request<pb::Targets>) -> Answer<pb::Nodes> {
        answer(self.inquiries.resolve(request.into_inner()).await)
    }

    async fn nodes(&self, request: Request<pb::NodesRequest>) -> Answer<pb::Nodes> {
        answer(self.inquiries.nodes(&request.into_inner().name).await)
    }

    async fn resources(&self, request: Request<pb::ResourcesRequest>) -> Answer<pb::Resources> {
        answer(self.inquiries.resources(&request.into_inner().node).await)
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Answer<pb::Records> {
        answer(history::list(&self.store, request.into_inner()).await)
    }

    async fn steer(&self, request: Request<pb::SteerRequest>) -> Answer<pb::Records> {
        let steered = history::steer(&self.store, request.into_inner(), self.clock.now_ms()).await;
        self.wake.notify_one();
        answer(steered)
    }

    async fn r#await(&self, request: Request<pb::AwaitRequest>) -> Answer<pb::Records> {
        answer(history::wait(&self.store, request.into_inner()).await)
    }

    async fn status(&self, _: Request<pb::StatusRequest>) -> Answer<pb::StatusReport> {
        answer(self.inquiries.status().await)
    }

    async fn doctor(&self, _: Request<pb::DoctorRequest>) -> Answer<pb::DoctorReport> {
        answer(self.inquiries.doctor().await)
    }

    async fn token_create(&self, request: Request<pb::TokenRequest>) -> Answer<pb::Token> {
        answer(self.inquiries.token_create(request.into_inner()).await)
    }

    async fn node_remove(&self, request: Request<pb::NodeRemoveRequest>) -> Answer<pb::Ack> {
        answer(
            self.inquiries
                .node_remove(&request.into_inner().name)
                .await
                .map(|()| pb::Ack {}),
        )
    }
}
