//! What delivery needs, made of the parts that have it: the link as directory, the dialer as courier, inbox and outbox as themselves.

use std::{collections::BTreeSet, time::Duration};

use flock_core::{Error, ErrorKind, Result, id::NodeName, limits};
use rusqlite::Connection;
use tonic::transport::Channel;

use crate::{
    clock::Clock,
    delivery::{
        ports::{Courier, Directory, LocalInbox, Reports},
        receive::{OutcomeSink, Receiver},
    },
    link::{Link, LinkState},
    pb::{self, peer_client::PeerClient},
    service::local::InboxView,
    store::{Store, inbox, outbox},
    transport::{Dialer, Expect},
    wire,
};

/// Whether the clocks of this node and the hub are too far apart to let anything expire.
pub(super) fn skewed(state: &LinkState) -> bool {
    state
        .clock_offset_ms
        .is_some_and(|offset| offset.unsigned_abs() > limits::CLOCK_SKEW_EXPIRY_MS)
}

#[tonic::async_trait]
impl Directory for Link {
    async fn resolve(&self, id: &str, targets: &pb::Targets) -> Result<pb::Nodes> {
        Link::resolve(self, targets.clone(), id).await
    }

    fn watch(&self, names: BTreeSet<String>) {
        self.watch_names(names);
    }

    fn clock_skewed(&self) -> bool {
        skewed(&self.state())
    }
}

/// Dials other nodes directly.
#[derive(Clone)]
pub(super) struct Direct {
    pub link: Link,
    pub dialer: Dialer,
}

impl Direct {
    /// Asks `node` for its cards.
    ///
    /// # Errors
    /// `node_not_found`; why it cannot be reached; its own refusal.
    pub async fn resources(&self, node: &str) -> Result<pb::Resources> {
        let request = pb::ResourcesRequest { node: node.to_owned() };
        let mut peer = self.reach(node).await?;
        wire::within(
            limits::CALL_MS,
            node,
            peer.resources(wire::request(request, limits::CALL_MS)),
        )
        .await
    }

    /// A client of `node`, within [`limits::REACH_MS`]: no call has been made yet when that is over.
    async fn reach(&self, node: &str) -> Result<PeerClient<Channel>> {
        let limit = Duration::from_millis(limits::REACH_MS);
        tokio::time::timeout(limit, self.peer(node)).await.unwrap_or_else(|_| {
            Err(Error::connection(format!("{node} could not be found and dialled in time")).with_code("unreachable"))
        })
    }

    async fn peer(&self, node: &str) -> Result<PeerClient<Channel>> {
        let channel = match self.link.address_of(node) {
            Some(known) => match self.dial(node, &known).await {
                Ok(channel) => channel,
                // It may have moved since.
                Err(failed) => match self.look_up(node).await {
                    Ok(newer) if newer != known => self.dial(node, &newer).await?,
                    _ => return Err(failed),
                },
            },
            None => self.dial(node, &self.look_up(node).await?).await?,
        };
        Ok(PeerClient::new(channel).max_decoding_message_size(limits::MESSAGE_BYTES))
    }

    async fn dial(&self, node: &str, address: &str) -> Result<Channel> {
        self.dialer
            .channel(&Expect::Node(NodeName::parse(node)?), address)
            .await
    }

    async fn look_up(&self, node: &str) -> Result<String> {
        let targets = pb::Targets {
            nodes: vec![node.to_owned()],
            ..Default::default()
        };
        let found = self
            .link
            .resolve(targets, "")
            .await?
            .nodes
            .into_iter()
            .find(|found| found.name == node);
        match found {
            Some(found) if !found.address.is_empty() => Ok(found.address),
            Some(found) if found.presence != crate::hub::UNKNOWN => Err(no_way(node)),
            _ => Err(Error::node_not_found(format!(
                "no node called {node} has joined the flock"
            ))),
        }
    }
}

fn no_way(node: &str) -> Error {
    Error::connection(format!(
        "{node} only dials out (listen = \"\") and cannot be reached from here"
    ))
    .with_code("dials_out_only")
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
        ErrorKind::Connection => Error::new(ErrorKind::OutcomeUnknown, error.message()).with_code(error.code()),
        _ => error,
    }
}

#[tonic::async_trait]
impl Courier for Direct {
    async fn offer(&self, target: &str, envelope: pb::Envelope) -> Result<pb::Receipt> {
        let mut peer = self.reach(target).await.map_err(not_arrived)?;
        let call = peer.offer(wire::request(envelope, limits::CALL_MS));
        wire::within(limits::CALL_MS, target, call)
            .await
            .map_err(perhaps_arrived)
    }

    async fn report(&self, sender: &str, outcome: pb::Outcome) -> Result<()> {
        let mut peer = self.reach(sender).await?;
        let call = peer.report_outcome(wire::request(outcome, limits::CALL_MS));
        wire::within(limits::CALL_MS, sender, call).await.map(|_: pb::Ack| ())
    }
}

/// This node's own inbox, for what it sends itself.
pub(super) struct Own {
    pub receiver: Receiver,
    pub name: NodeName,
}

#[tonic::async_trait]
impl LocalInbox for Own {
    async fn admit(&self, envelope: pb::Envelope) -> Result<pb::Receipt> {
        self.receiver.admit(&self.name, envelope).await
    }
}

/// The store's two sides as delivery and the local door see them.
#[derive(Clone)]
pub(super) struct Books {
    pub store: Store,
    pub clock: Clock,
}

#[tonic::async_trait]
impl OutcomeSink for Books {
    async fn outcome(&self, from: &NodeName, outcome: pb::Outcome) -> Result<()> {
        let (from, now_ms) = (from.to_string(), self.clock.now_ms());
        self.store
            .write(move |conn| outbox::apply_outcome(conn, &from, &outcome, now_ms).map(drop))
            .await
    }
}

#[tonic::async_trait]
impl Reports for Books {
    async fn due(&self, except: &BTreeSet<String>, limit: usize) -> Result<Vec<(String, pb::Outcome)>> {
        let (except, limit) = (except.clone(), u32::try_from(limit).unwrap_or(u32::MAX));
        let due = self
            .store
            .read(move |conn| inbox::unreported(conn, &except, limit))
            .await?;
        Ok(due.into_iter().map(|due| (due.sender, due.outcome)).collect())
    }

    async fn reported(&self, sender: &str, outcomes: Vec<pb::Outcome>) -> Result<()> {
        let (sender, now_ms) = (sender.to_owned(), self.clock.now_ms());
        let mark = move |conn: &Connection| {
            outcomes
                .iter()
                .try_for_each(|outcome| inbox::mark_reported(conn, &sender, outcome, now_ms).map(drop))
        };
        self.store.write(mark).await
    }
}

impl InboxView for Books {
    fn list(&self, conn: &Connection, request: &pb::ListRequest) -> Result<Vec<pb::Record>> {
        inbox::list(conn, request)
    }

    fn steer(&self, conn: &Connection, request: &pb::SteerRequest, now_ms: u64) -> Result<Vec<pb::Record>> {
        inbox::steer(conn, request, now_ms)
    }
}
