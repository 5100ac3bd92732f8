//! What the local door asks of the rest of the agent.

use std::path::Path;

use flock_core::{Error, Result, limits};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{metrics, report, subscribing, ways::Ways, why};
use crate::{
    apis::Hosts,
    calls::{Blocked, Caller},
    care,
    clock::Clock,
    config::Config,
    delivery::receive::Receiver,
    dispatch::{Dispatcher, Errands},
    hub::{Hub, UNKNOWN},
    identity::{self, Identity},
    logging, pb,
    run_state::RunWatch,
    service::{local::Inquiries, peer::Peer, speaker::Speaker},
    setup,
    store::Store,
    subscriptions::Subscriptions,
    transport::DenyList,
    wire,
};

/// The parts that answer at the local door, besides the ground.
pub(super) struct Answering {
    pub ways: Ways,
    pub caller: Caller,
    pub peer: Peer,
    pub receiver: Receiver,
    pub hub: Option<Hub>,
    pub dispatcher: Dispatcher,
    pub hosts: Hosts,
    pub subscriptions: Subscriptions,
    pub errands: Errands,
}

/// The ground, as far as answers stand on it, and the parts.
pub(super) struct Answers {
    pub config: Config,
    pub identity: Identity,
    pub store: Store,
    pub clock: Clock,
    pub deny: DenyList,
    pub runs: RunWatch,
    pub parts: Answering,
    pub started_ms: u64,
    /// Cancelled when this node left its flock: the agent stops, and puts its identity away when the store is closed.
    pub left: CancellationToken,
}

impl Answers {
    pub(super) fn info(&self) -> pb::AgentInfo {
        pb::AgentInfo {
            name: self.identity.name().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            flock_id: self.identity.flock_id().to_owned(),
            hub: self.identity.is_hub(),
            protocol: limits::PROTOCOL_MAX,
            listen: self.config.public_address().unwrap_or_default(),
            pid: std::process::id(),
        }
    }

    /// Tells a hub; a hub itself has nobody to tell.
    async fn tell_leaving(&self) -> Result<()> {
        match self.identity.is_hub() {
            true => Ok(()),
            false => self.parts.ways.link.leave().await,
        }
    }

    fn hub_only<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| match error.code() {
            "hub_only" => Error::denied(format!(
                "this node is no hub; run the command on one ({})",
                self.identity.hubs().join(", ")
            ))
            .with_code("hub_only"),
            _ => error,
        })
    }
}

#[tonic::async_trait]
impl Inquiries for Answers {
    async fn hello(&self, request: pb::HelloRequest) -> Result<pb::AgentInfo> {
        let protocol = wire::agree(request.protocol_min, request.protocol_max)?;
        Ok(pb::AgentInfo {
            protocol,
            ..self.info()
        })
    }

    fn run_changed(&self, _: &pb::RunChange) {
        self.runs.poke();
        self.parts.subscriptions.poke();
    }

    async fn resolve(&self, targets: pb::Targets) -> Result<pb::Nodes> {
        self.parts.ways.link.resolve(targets, "").await
    }

    async fn nodes(&self, request: pb::NodesRequest) -> Result<pb::Nodes> {
        let nodes: Vec<_> = Some(request.name).filter(|name| !name.is_empty()).into_iter().collect();
        let found = self
            .resolve(pb::Targets {
                nodes,
                ..Default::default()
            })
            .await?;
        match found.nodes.iter().find(|node| node.presence == UNKNOWN) {
            Some(unknown) if found.stale => Err(Error::connection(format!(
                "the hub is away, and {} was not seen from here before; `flockctl doctor` tells why it is away",
                unknown.name
            ))
            .with_code("hub_away")),
            Some(unknown) => Err(Error::node_not_found(format!(
                "no node called {} has joined the flock; `flockctl nodes` lists those that have",
                unknown.name
            ))),
            None => Ok(found),
        }
    }

    async fn resources(&self, request: pb::ResourcesRequest) -> Result<pb::Resources> {
        let own = self.identity.name();
        if request.node.is_empty() || request.node == own.as_str() {
            let itself = Speaker {
                node: own.clone(),
                hub: self.identity.is_hub(),
            };
            return self.parts.peer.cards(&itself.asker(&request.operator)?, own.as_str());
        }
        self.parts.ways.resources(request).await
    }

    async fn status(&self) -> Result<pb::StatusReport> {
        report::status(self).await
    }

    async fn doctor(&self) -> Result<pb::DoctorReport> {
        report::doctor(self).await
    }

    async fn subscriptions(&self, request: pb::SubscriptionsRequest) -> Result<pb::SubscriptionRecords> {
        subscribing::records(self, &request).await
    }

    async fn subscriptions_of_flock(&self, request: pb::SubscriptionsRequest) -> Result<pb::SubscriptionRecords> {
        subscribing::of_flock(self, &request).await
    }

    async fn operators(&self) -> Result<pb::OperatorRecords> {
        let none = Err(Error::denied("this node is no hub").with_code("hub_only"));
        let hub = self.hub_only(self.parts.hub.as_ref().map_or(none, Ok))?;
        Ok(pb::OperatorRecords {
            records: hub.operators().await?,
        })
    }

    async fn token_create(&self, request: pb::TokenRequest) -> Result<pb::Token> {
        let pin = self.identity.pin()?;
        let operator = request.operator;
        let asked = pb::HubTokenRequest {
            ttl_ms: request.ttl_ms,
            uses: request.uses,
            node_glob: request.node_glob,
            operator: operator.clone(),
        };
        let token = self.hub_only(self.parts.ways.link.token_create(asked).await)?;
        Ok(pb::Token {
            join_string: identity::join_string(&self.identity.hubs(), &pin, &token.id, &token.secret, &operator),
            id: token.id,
            expires_ms: token.expires_ms,
        })
    }

    async fn node_remove(&self, request: pb::NodeRemoveRequest) -> Result<()> {
        self.hub_only(self.parts.ways.link.node_remove(&request.name).await)
    }

    async fn leave(&self, request: pb::LeaveRequest) -> Result<pb::LeaveReport> {
        let data_dir = self.config.data_dir.clone();
        let unfinished = self.store.read(move |conn| care::unfinished(conn, &data_dir)).await?;
        care::refuse_unfinished(&unfinished, request.force)?;
        if self.identity.is_hub() {
            care::refuse_last_hub(&self.config.data_dir, self.identity.name())?;
        }
        let told = self.tell_leaving().await;
        tracing::warn!(told = told.is_ok(), "this node leaves its flock; the agent stops");
        self.left.cancel();
        Ok(pb::LeaveReport {
            name: self.identity.name().to_string(),
            flock_id: self.identity.flock_id().to_owned(),
            told: told.is_ok(),
            problem: told.err().map_or_else(String::new, |error| error.to_string()),
            put_away: self.config.data_dir.display().to_string(),
            unfinished: unfinished.count,
        })
    }

    async fn call(&self, call: pb::CallRequest) -> Result<pb::CallReply> {
        self.parts.caller.call(call).await
    }

    async fn observe(&self, asked: pb::ObserveRequest) -> Result<pb::Observed> {
        self.parts.caller.observe(asked).await
    }

    fn blocked(&self, waiter: Option<pb::Waiter>) -> Result<Blocked<'_>> {
        self.parts.caller.blocked(waiter)
    }

    async fn why(&self, request: pb::WhyRequest) -> Result<pb::WhyReport> {
        why::why(self, &request).await
    }

    async fn metrics(&self) -> Result<String> {
        metrics::text(self).await
    }

    fn log_level(&self, level: &str) -> Result<String> {
        if !level.is_empty() {
            logging::set_level(level)?;
            self.parts.errands.add(json!({"type": "log_level", "level": level}))?;
            tracing::warn!(level, "the level of this log was changed");
        }
        Ok(logging::level())
    }

    async fn backup(&self, request: pb::BackupRequest) -> Result<pb::BackupReport> {
        let (subject, now_ms) = (setup::subject(self.config.clone(), &self.identity), self.clock.now_ms());
        let copied = tokio::task::spawn_blocking(move || care::back_up(&subject, Path::new(&request.path), now_ms));
        copied
            .await
            .unwrap_or_else(|_| Err(Error::internal("taking the backup panicked")))
    }
}
