//! The ways to another node: dialled where it has an address, else, and where dialling fails, relayed by the hub of this node's link.

#[cfg(test)]
mod tests;

use std::time::Duration;

use flock_core::{Error, ErrorKind, Result, id::NodeName, limits};
use prost::Message;
use tonic::transport::Channel;

use super::relay_first::RelayFirst;
#[cfg(feature = "simulation")]
use crate::simulation::tempted;
use crate::{
    apis::API_DOWN,
    calls::Nodes,
    delivery::ports::Courier,
    link::Link,
    pb::{self, calls_client::CallsClient, peer_client::PeerClient, receipt::Verdict},
    relay::{Method, RELAY_BUSY, carried_nothing},
    transport::{Dialer, Expect},
    wire,
};

/// Reaches other nodes; cheap to clone.
#[derive(Clone)]
pub(super) struct Ways {
    pub link: Link,
    pub dialer: Dialer,
    pub relay_first: RelayFirst,
}

/// How a node is reached now.
enum Way {
    Direct(Channel),
    /// Through the hub, since it only dials out, or since dialling it failed like this.
    Hub(Option<Error>),
}

impl Ways {
    /// Asks a node for its cards.
    ///
    /// # Errors
    /// `node_not_found`; why it cannot be reached; its own refusal.
    pub async fn resources(&self, request: pb::ResourcesRequest) -> Result<pb::Resources> {
        let node = request.node.clone();
        match self.way(&node).await? {
            Way::Direct(channel) => {
                let mut peer = peer(channel);
                let call = peer.resources(wire::request(request, limits::CALL_MS));
                wire::within(limits::CALL_MS, &node, call).await
            }
            Way::Hub(failed) => self.relayed(&node, Method::Resources, &request, failed).await,
        }
    }

    /// The way to `node`, within [`limits::REACH_MS`]: no call has been made yet when that is over.
    async fn way(&self, node: &str) -> Result<Way> {
        if self.relay_first.holds(node) || self.link.only_dials_out(node) {
            return Ok(Way::Hub(None));
        }
        let limit = Duration::from_millis(limits::REACH_MS);
        let reached = tokio::time::timeout(limit, self.dialled(node))
            .await
            .unwrap_or_else(|_| {
                Err(
                    Error::connection(format!("{node} could not be found and dialled in time"))
                        .with_code("unreachable"),
                )
            });
        match reached {
            Ok(way) => Ok(way),
            Err(failed) if is_elsewhere(&failed) => Ok(Way::Hub(Some(failed))),
            Err(failed) => Err(failed),
        }
    }

    async fn dialled(&self, node: &str) -> Result<Way> {
        let Some(known) = self.link.address_of(node) else {
            return match self.look_up(node).await? {
                address if address.is_empty() => Ok(Way::Hub(None)),
                address => self.dial(node, &address).await,
            };
        };
        match self.dial(node, &known).await {
            Ok(way) => Ok(way),
            // It may have moved since.
            Err(failed) => match self.look_up(node).await {
                Ok(newer) if newer.is_empty() => Ok(Way::Hub(Some(failed))),
                Ok(newer) if newer != known => self.dial(node, &newer).await,
                _ => Err(failed),
            },
        }
    }

    async fn dial(&self, node: &str, address: &str) -> Result<Way> {
        let expect = Expect::Node(NodeName::parse(node)?);
        let channel = self.dialer.channel(&expect, address).await?;
        Ok(Way::Direct(channel))
    }

    /// Where the flock says that `node` can be dialled; `""` = it only dials out.
    async fn look_up(&self, node: &str) -> Result<String> {
        let targets = pb::Targets {
            nodes: vec![node.to_owned()],
            ..Default::default()
        };
        let answer = self.link.resolve(targets, "").await?;
        match answer.nodes.into_iter().find(|found| found.name == node) {
            Some(found) if found.presence != crate::hub::UNKNOWN => Ok(found.address),
            // Only the hub knows that there is nobody of that name.
            _ if answer.stale => Err(Error::connection(format!(
                "the hub is away, and {node} was not seen from here before; `flockctl doctor` tells why it is away"
            ))
            .with_code("hub_away")),
            _ => Err(Error::node_not_found(format!(
                "no node called {node} has joined the flock; `flockctl nodes` lists those that have"
            ))),
        }
    }

    /// Has the hub carry a call; `failed` says why `node` was not dialled, if that was tried.
    ///
    /// # Errors
    /// The node's own; `connection`, or the code `relay_busy`, when the call surely went nowhere; `outcome_unknown` or `timeout` when it
    /// may have arrived.
    async fn relayed<R: Message + Default>(
        &self,
        node: &str,
        method: Method,
        message: &impl Message,
        failed: Option<Error>,
    ) -> Result<R> {
        self.relayed_within(limits::CALL_MS, node, method, message, failed)
            .await
    }

    async fn relayed_within<R: Message + Default>(
        &self,
        limit_ms: u64,
        node: &str,
        method: Method,
        message: &impl Message,
        failed: Option<Error>,
    ) -> Result<R> {
        match self
            .link
            .forward_within(limit_ms, node, method, message.encode_to_vec())
            .await
        {
            Ok(body) => {
                if failed.is_some() {
                    self.relay_first.note(node);
                }
                R::decode(body.as_slice())
                    .map_err(|e| Error::protocol(format!("the relayed answer of {node} cannot be read: {e}")))
            }
            Err(error) if error.code() == RELAY_BUSY => Err(error),
            Err(error) if carried_nothing(&error) => {
                self.relay_first.forget(node);
                Err(not_arrived(neither(failed, error)))
            }
            Err(error) => Err(perhaps_arrived(error)),
        }
    }
}

fn peer(channel: Channel) -> PeerClient<Channel> {
    PeerClient::new(channel).max_decoding_message_size(limits::MESSAGE_BYTES)
}

fn calls(channel: Channel) -> CallsClient<Channel> {
    CallsClient::new(channel).max_decoding_message_size(limits::CALL_MESSAGE_BYTES)
}

/// Whether what was dialled is not that node, or does not answer: then the hub may still know a way. Who was removed, or refuses this
/// node, is not gone round.
fn is_elsewhere(error: &Error) -> bool {
    error.kind() == ErrorKind::Connection || matches!(error.code(), "wrong_name" | "other_flock" | "not_flock" | "tls")
}

/// Of two failed ways the first one is what an operator can mend.
fn neither(dialling: Option<Error>, relaying: Error) -> Error {
    match dialling {
        None => relaying,
        Some(failed) => {
            Error::new(failed.kind(), format!("{failed}; nor through the hub: {relaying}")).with_code(failed.code())
        }
    }
}

/// A connection that was not made has carried nothing; one that broke may have.
fn not_arrived(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Connection => error,
        _ => Error::connection(error.message()).with_code(error.code()),
    }
}

fn perhaps_arrived(error: Error) -> Error {
    match error.kind() {
        // The node's own word: the call arrived, and nothing was done.
        ErrorKind::Connection if error.code() == API_DOWN => error,
        ErrorKind::Connection => Error::new(ErrorKind::OutcomeUnknown, error.message()).with_code(error.code()),
        _ => error,
    }
}

fn busy(error: &Error) -> pb::Receipt {
    pb::Receipt {
        verdict: Verdict::Busy as i32,
        retry_after_ms: limits::RELAY_RETRY_AFTER_MS,
        code: error.code().to_owned(),
        message: error.message().to_owned(),
    }
}

#[tonic::async_trait]
impl Courier for Ways {
    async fn offer(&self, target: &str, envelope: pb::Envelope) -> Result<pb::Receipt> {
        match self.way(target).await.map_err(not_arrived)? {
            Way::Direct(channel) => {
                #[cfg(feature = "simulation")]
                if tempted(peer(channel.clone()).offer(wire::request(envelope.clone(), limits::CALL_MS))).await {
                    return Err(Error::new(ErrorKind::OutcomeUnknown, "the answer was lost"));
                }
                let mut peer = peer(channel);
                let call = peer.offer(wire::request(envelope, limits::CALL_MS));
                wire::within(limits::CALL_MS, target, call)
                    .await
                    .map_err(perhaps_arrived)
            }
            Way::Hub(failed) => match self.relayed(target, Method::Offer, &envelope, failed).await {
                Err(error) if error.code() == RELAY_BUSY => Ok(busy(&error)),
                // The hub's word: no node could have answered this.
                Err(error) if error.kind() == ErrorKind::NodeNotFound => Err(not_arrived(error)),
                answer => answer,
            },
        }
    }

    async fn report(&self, sender: &str, outcome: pb::Outcome) -> Result<()> {
        match self.way(sender).await? {
            Way::Direct(channel) => {
                #[cfg(feature = "simulation")]
                if tempted(peer(channel.clone()).report_outcome(wire::request(outcome.clone(), limits::CALL_MS))).await
                {
                    return Err(Error::connection("the answer was lost"));
                }
                let mut peer = peer(channel);
                let call = peer.report_outcome(wire::request(outcome, limits::CALL_MS));
                wire::within(limits::CALL_MS, sender, call).await.map(|_: pb::Ack| ())
            }
            Way::Hub(failed) => {
                let told = self.relayed(sender, Method::ReportOutcome, &outcome, failed).await;
                told.map(|_: pb::Ack| ())
            }
        }
    }
}

#[tonic::async_trait]
impl Nodes for Ways {
    async fn call(&self, node: &str, call: pb::CallRequest) -> Result<pb::CallReply> {
        let limit_ms = call.timeout_ms;
        match self.way(node).await? {
            Way::Direct(channel) => {
                let mut calls = calls(channel);
                let called = calls.call(wire::request(call, limit_ms));
                wire::within(limit_ms, node, called).await.map_err(perhaps_arrived)
            }
            Way::Hub(failed) => self.relayed_within(limit_ms, node, Method::Call, &call, failed).await,
        }
    }

    async fn observe(&self, node: &str, asked: pb::ObserveRequest) -> Result<(pb::Observed, bool)> {
        match self.way(node).await? {
            Way::Direct(channel) => {
                let limit_ms = asked.timeout_ms.saturating_add(limits::DEADLINE_MARGIN_MS);
                let mut calls = calls(channel);
                let observed = calls.observe(wire::request(asked, limit_ms));
                let observed: pb::Observed = wire::within(limit_ms, node, observed).await?;
                Ok((observed, true))
            }
            Way::Hub(failed) => {
                let observed = self.relayed(node, Method::Observe, &asked, failed).await?;
                Ok((observed, false))
            }
        }
    }

    async fn presence_after(&self, node: &str, known: &str) -> String {
        self.link.presence_after(node, known).await
    }

    async fn waiting(&self, node: &str, read: Vec<pb::Topic>) -> Result<pb::Waiting> {
        let asked = pb::WaitingRequest { read };
        match self.way(node).await? {
            Way::Direct(channel) => {
                let mut calls = calls(channel);
                let told = calls.waiting(wire::request(asked, limits::WAITING_MS));
                wire::within(limits::WAITING_MS, node, told).await
            }
            Way::Hub(failed) => {
                self.relayed_within(limits::WAITING_MS, node, Method::Waiting, &asked, failed)
                    .await
            }
        }
    }
}
