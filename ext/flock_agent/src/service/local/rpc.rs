//! The rpcs: each is one call with a deadline, and errors become statuses here and nowhere else. Who comes through the socket speaks for
//! this node, never for an operator.

use std::{future::Future, pin::Pin, time::Duration};

use flock_core::{Error, Result, limits};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::LocalService;
use crate::{
    apis::Apis,
    pb::{self, local_server::Local},
    store::{journal, outbox},
    wire,
};

pub(super) type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl Local for LocalService {
    async fn hello(&self, request: Request<pb::HelloRequest>) -> Answer<pb::AgentInfo> {
        within(self.inquiries.hello(request.into_inner())).await
    }

    async fn append(&self, request: Request<pb::Draft>) -> Answer<pb::Stored> {
        let own = pb::Draft {
            operator: String::new(),
            ..request.into_inner()
        };
        within(self.keep(own)).await
    }

    async fn run_changed(&self, request: Request<pb::RunChange>) -> Answer<pb::Ack> {
        within(self.note_run(request.into_inner())).await
    }

    async fn resolve(&self, request: Request<pb::Targets>) -> Answer<pb::Nodes> {
        within(self.inquiries.resolve(request.into_inner())).await
    }

    async fn nodes(&self, request: Request<pb::NodesRequest>) -> Answer<pb::Nodes> {
        within(self.inquiries.nodes(request.into_inner())).await
    }

    async fn resources(&self, request: Request<pb::ResourcesRequest>) -> Answer<pb::Resources> {
        let own = pb::ResourcesRequest {
            operator: String::new(),
            ..request.into_inner()
        };
        within(self.inquiries.resources(own)).await
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Answer<pb::Records> {
        within(self.find(request.into_inner())).await
    }

    async fn steer(&self, request: Request<pb::SteerRequest>) -> Answer<pb::Records> {
        within(self.steer_one(request.into_inner())).await
    }

    async fn r#await(&self, request: Request<pb::AwaitRequest>) -> Answer<pb::Records> {
        // Bounded by its own deadline.
        answer(self.await_end(request.into_inner()).await)
    }

    async fn status(&self, _: Request<pb::StatusRequest>) -> Answer<pb::StatusReport> {
        within(self.inquiries.status()).await
    }

    async fn doctor(&self, _: Request<pb::DoctorRequest>) -> Answer<pb::DoctorReport> {
        within(self.inquiries.doctor()).await
    }

    async fn subscriptions(&self, request: Request<pb::SubscriptionsRequest>) -> Answer<pb::SubscriptionRecords> {
        within(self.inquiries.subscriptions(request.into_inner())).await
    }

    async fn token_create(&self, request: Request<pb::TokenRequest>) -> Answer<pb::Token> {
        within(self.inquiries.token_create(request.into_inner())).await
    }

    async fn node_remove(&self, request: Request<pb::NodeRemoveRequest>) -> Answer<pb::Ack> {
        let removed = async {
            self.inquiries
                .node_remove(request.into_inner())
                .await
                .map(|()| pb::Ack {})
        };
        within(removed).await
    }

    async fn call(&self, request: Request<pb::CallRequest>) -> Answer<pb::CallReply> {
        // Bounded by its own deadline, as the next one.
        let own = pb::CallRequest {
            operator: String::new(),
            ..request.into_inner()
        };
        answer(self.inquiries.call(own).await)
    }

    async fn observe(&self, request: Request<pb::ObserveRequest>) -> Answer<pb::Observed> {
        let own = pb::ObserveRequest {
            operator: String::new(),
            ..request.into_inner()
        };
        answer(self.watch(own).await)
    }

    async fn leave(&self, request: Request<pb::LeaveRequest>) -> Answer<pb::LeaveReport> {
        within(self.inquiries.leave(request.into_inner())).await
    }

    type HostStream = Pin<Box<dyn Stream<Item = std::result::Result<pb::HostDown, Status>> + Send>>;

    async fn host(&self, request: Request<Streaming<pb::HostUp>>) -> Answer<Self::HostStream> {
        let served = self.hosts.serve(request.into_inner(), self.cancel.clone()).await;
        answer(served.map(|downs| Box::pin(downs.map(Ok)) as Self::HostStream))
    }

    async fn api_changed(&self, request: Request<pb::ApiChange>) -> Answer<pb::Ack> {
        self.hosts.changed(&request.into_inner().api);
        answer(Ok(pb::Ack {}))
    }

    async fn why(&self, request: Request<pb::WhyRequest>) -> Answer<pb::WhyReport> {
        within(self.inquiries.why(request.into_inner())).await
    }

    async fn metrics(&self, _: Request<pb::MetricsRequest>) -> Answer<pb::MetricsReport> {
        let told = async { self.inquiries.metrics().await.map(|text| pb::MetricsReport { text }) };
        within(told).await
    }

    async fn log_level(&self, request: Request<pb::LogLevelRequest>) -> Answer<pb::LogLevelReport> {
        let level = self.inquiries.log_level(&request.into_inner().level);
        answer(level.map(|level| pb::LogLevelReport { level }))
    }

    async fn operators(&self, _: Request<pb::OperatorsRequest>) -> Answer<pb::OperatorRecords> {
        within(self.inquiries.operators()).await
    }

    async fn backup(&self, request: Request<pb::BackupRequest>) -> Answer<pb::BackupReport> {
        within_ms(limits::BACKUP_MS, self.inquiries.backup(request.into_inner())).await
    }
}

impl LocalService {
    /// Observes until the agent stops.
    pub(super) async fn watch(&self, asked: pb::ObserveRequest) -> Result<pb::Observed> {
        let stopping = self.cancel.cancelled();
        tokio::select! {
            observed = self.inquiries.observe(asked) => observed,
            () = stopping => Err(Error::connection("the agent is stopping; ask it again when it is back")),
        }
    }

    pub(super) async fn keep(&self, draft: pb::Draft) -> Result<pb::Stored> {
        self.store.room().refuse_low()?;
        let now_ms = self.clock.now_ms();
        let kept = self
            .store
            .write(move |conn| outbox::append(conn, &draft, now_ms))
            .await?;
        Ok(pb::Stored {
            seq: kept.seq,
            duplicate: kept.duplicate,
        })
    }

    /// The dispatcher hears of the run even when the journal cannot be written.
    async fn note_run(&self, change: pb::RunChange) -> Result<pb::Ack> {
        let now_ms = self.clock.now_ms();
        let row = change.clone();
        let noted = self.store.write(move |conn| journal::record(conn, &row, now_ms)).await;
        self.inquiries.run_changed(&change);
        noted.map(|()| pb::Ack {})
    }
}

pub(super) async fn within<T>(call: impl Future<Output = Result<T>> + Send) -> Answer<T> {
    within_ms(limits::LOCAL_CALL_MS, call).await
}

async fn within_ms<T>(limit_ms: u64, call: impl Future<Output = Result<T>> + Send) -> Answer<T> {
    let late = |_| {
        Err(Error::timeout(format!(
            "the agent did not manage that within {limit_ms} ms"
        )))
    };
    let done = tokio::time::timeout(Duration::from_millis(limit_ms), call).await;
    answer(done.unwrap_or_else(late))
}

#[allow(clippy::result_large_err, reason = "tonic's services answer with Status")]
pub(super) fn answer<T>(result: Result<T>) -> Answer<T> {
    result.map(Response::new).map_err(wire::status)
}
