//! What the local door asks of the rest of the agent.

use flock_core::{Error, Result};
use rusqlite::Connection;

use crate::{calls::Blocked, pb};

/// The operations that the store alone cannot answer. Each is given [`flock_core::limits::LOCAL_CALL_MS`].
#[tonic::async_trait]
pub trait Inquiries: Send + Sync + 'static {
    /// Who this agent is.
    ///
    /// # Errors
    /// `protocol` when the caller's range of versions does not meet ours.
    async fn hello(&self, request: pb::HelloRequest) -> Result<pb::AgentInfo>;
    /// A Chef run changed its phase; it is in the journal already. Must not wait.
    fn run_changed(&self, change: &pb::RunChange);
    /// The nodes of a selector.
    ///
    /// # Errors
    /// `connection` when no hub answers and nothing is cached.
    async fn resolve(&self, targets: pb::Targets) -> Result<pb::Nodes>;
    /// The nodes of the flock, or the one that is named.
    ///
    /// # Errors
    /// `node_not_found`; `connection` as above.
    async fn nodes(&self, request: pb::NodesRequest) -> Result<pb::Nodes>;
    /// The cards of a node, this one when none is named.
    ///
    /// # Errors
    /// `denied` by that node's policy; `connection` when it cannot be reached.
    async fn resources(&self, request: pb::ResourcesRequest) -> Result<pb::Resources>;
    /// How this agent is.
    ///
    /// # Errors
    /// `internal` when the store refuses.
    async fn status(&self) -> Result<pb::StatusReport>;
    /// What is wrong, and how to mend it.
    ///
    /// # Errors
    /// `internal` when a check itself fails.
    async fn doctor(&self) -> Result<pb::DoctorReport>;
    /// The subscriptions of this node, and those of others to it.
    ///
    /// # Errors
    /// `internal` when the store refuses.
    async fn subscriptions(&self, request: pb::SubscriptionsRequest) -> Result<pb::SubscriptionRecords>;
    /// All subscriptions of the flock; only a hub knows them.
    ///
    /// # Errors
    /// `denied` with code `hub_only`.
    async fn subscriptions_of_flock(&self, _request: pb::SubscriptionsRequest) -> Result<pb::SubscriptionRecords> {
        Err(Error::denied("this node is no hub").with_code("hub_only"))
    }
    /// Who asks this hub without an agent; only hubs know them.
    ///
    /// # Errors
    /// `denied` with code `hub_only`; the registry's.
    async fn operators(&self) -> Result<pb::OperatorRecords> {
        Err(Error::denied("this node is no hub").with_code("hub_only"))
    }
    /// A join string.
    ///
    /// # Errors
    /// `connection` when no hub answers.
    async fn token_create(&self, request: pb::TokenRequest) -> Result<pb::Token>;
    /// Removes a node from the flock.
    ///
    /// # Errors
    /// `node_not_found`; `connection` when no hub answers.
    async fn node_remove(&self, request: pb::NodeRemoveRequest) -> Result<()>;
    /// Has this node leave its flock; the agent stops afterwards.
    ///
    /// # Errors
    /// `rejected` with code `unfinished` or `last_hub`.
    async fn leave(&self, request: pb::LeaveRequest) -> Result<pb::LeaveReport>;
    /// Calls a method of a node within the call's own time.
    ///
    /// # Errors
    /// See [`crate::calls::Caller::call`].
    async fn call(&self, call: pb::CallRequest) -> Result<pb::CallReply>;
    /// Waits for changes, for the time that the request says.
    ///
    /// # Errors
    /// See [`crate::calls::Caller::observe`].
    async fn observe(&self, asked: pb::ObserveRequest) -> Result<pb::Observed>;
    /// The wait of a Chef run for something that this node's store tells of.
    ///
    /// # Errors
    /// See [`crate::calls::Caller::blocked`].
    fn blocked(&self, _waiter: Option<pb::Waiter>) -> Result<Blocked<'_>> {
        Ok(Blocked::nobody())
    }
    /// What this node and its hub know of one node.
    ///
    /// # Errors
    /// `configuration` when that is no name of a node; `internal` when the store refuses.
    async fn why(&self, _: pb::WhyRequest) -> Result<pb::WhyReport> {
        Err(not_here())
    }
    /// The numbers of this agent in Prometheus' text format.
    ///
    /// # Errors
    /// `internal` when the store refuses.
    async fn metrics(&self) -> Result<String> {
        Err(not_here())
    }
    /// Changes what the agent logs, until it ends; `""` only asks.
    ///
    /// # Errors
    /// `configuration` when that is no level.
    fn log_level(&self, _level: &str) -> Result<String> {
        Err(not_here())
    }
    /// Takes a backup of this node; given [`flock_core::limits::BACKUP_MS`].
    ///
    /// # Errors
    /// `configuration` when the file cannot be written or is something else.
    async fn backup(&self, request: pb::BackupRequest) -> Result<pb::BackupReport>;
}

fn not_here() -> Error {
    Error::internal("nobody answers this here")
}

/// The inbox as the local door sees it; on the same connection as the outbox, so that one answer shows one moment.
pub trait InboxView: Send + Sync + 'static {
    /// Records of direction `"in"`, newest first; `request.id` may be a prefix, `request.direction` is not looked at.
    ///
    /// # Errors
    /// `internal` when the store refuses.
    fn list(&self, conn: &Connection, request: &pb::ListRequest) -> Result<Vec<pb::Record>>;

    /// Retries or drops what this node received under `request.id`, which is complete.
    ///
    /// # Errors
    /// `resource_not_found`, `rejected` when its state does not allow it.
    fn steer(&self, conn: &Connection, request: &pb::SteerRequest, now_ms: u64) -> Result<Vec<pb::Record>>;
}
