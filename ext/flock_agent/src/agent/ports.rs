//! What delivery needs, made of the parts that have it: the link as directory, inbox and outbox as themselves.

use std::collections::BTreeSet;

use flock_core::{Result, id::NodeName, limits};
use rusqlite::Connection;

use crate::{
    clock::Clock,
    delivery::{
        ports::{Directory, LocalInbox, Reports},
        receive::{OutcomeSink, Receiver},
    },
    link::{Link, LinkState},
    pb,
    service::local::InboxView,
    store::{Store, inbox, outbox},
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
