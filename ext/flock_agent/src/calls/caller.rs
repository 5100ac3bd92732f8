//! The calling end: the way from a process of this node to the node that is meant, which may be this one.

use std::sync::Arc;

use flock_core::{Result, holder::Holder, id::NodeName, limits};

use super::{callee::Callee, check, waits::Waits};
use crate::{pb, tally::Tally};

/// The ways to other nodes.
#[tonic::async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// Calls a method there, once: what may have arrived is not sent again.
    ///
    /// # Errors
    /// `node_not_found`; `connection` when it surely did not arrive; `outcome_unknown` when it may have; `timeout`; the node's own.
    async fn call(&self, node: &str, call: pb::CallRequest) -> Result<pb::CallReply>;
    /// Observes topics there; `false` beside the answer: it could not be held, for it went through a hub.
    ///
    /// # Errors
    /// As above.
    async fn observe(&self, node: &str, asked: pb::ObserveRequest) -> Result<(pb::Observed, bool)>;
    /// What the flock knows of it, once that is no longer `known`.
    async fn presence_after(&self, node: &str, known: &str) -> String;
    /// What its runs wait for, unless there is news of what was `read` of it.
    ///
    /// # Errors
    /// As above.
    async fn waiting(&self, node: &str, read: Vec<pb::Topic>) -> Result<pb::Waiting>;
}

/// Calls for processes of this node; cheap to clone.
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

struct Inner {
    own: NodeName,
    callee: Callee,
    nodes: Arc<dyn Nodes>,
    waits: Arc<Waits>,
    made: Tally,
}

impl Caller {
    /// For the node `own`, whose own answers `callee` gives.
    pub fn new(own: NodeName, callee: Callee, nodes: Arc<dyn Nodes>, waits: Arc<Waits>) -> Self {
        Self(Arc::new(Inner {
            own,
            callee,
            nodes,
            waits,
            made: Tally::default(),
        }))
    }

    /// For whom this node asks itself: what an operator asks of a hub is judged there as everywhere.
    fn asker(&self, operator: &str) -> Result<Holder> {
        Holder::of(self.0.own.as_str(), operator)
    }

    pub(super) fn own(&self) -> &NodeName {
        &self.0.own
    }

    pub(super) fn waits(&self) -> &Waits {
        &self.0.waits
    }

    /// Calls a method of a node within the call's own time, [`limits::CALL_MS`] where it says none.
    ///
    /// # Errors
    /// `protocol` for a call that is none; as [`Nodes::call`].
    pub async fn call(&self, mut call: pb::CallRequest) -> Result<pb::CallReply> {
        if call.timeout_ms == 0 {
            call.timeout_ms = limits::CALL_MS;
        }
        check::call(&call)?;
        let answer = match call.node == self.0.own.as_str() {
            true => self.0.callee.call(self.asker(&call.operator)?, call).await,
            false => {
                let node = call.node.clone();
                self.0.nodes.call(&node, call).await
            }
        };
        self.0.made.ended(&answer);
        answer
    }

    /// Calls that processes of this node made, by how they ended.
    pub fn made(&self) -> &Tally {
        &self.0.made
    }

    /// Calls that this node answered, by how.
    pub fn answered(&self) -> &Tally {
        self.0.callee.answered()
    }

    pub(super) async fn ask(&self, node: &str, asked: pb::ObserveRequest) -> Result<(pb::Observed, bool)> {
        match node == self.0.own.as_str() {
            true => Ok((self.0.callee.observe(self.asker(&asked.operator)?, asked).await?, true)),
            false => self.0.nodes.observe(node, asked).await,
        }
    }

    pub(super) async fn presence_after(&self, topic: pb::Topic) -> pb::Topic {
        let version = self.0.nodes.presence_after(&topic.node, &topic.version).await;
        pb::Topic { version, ..topic }
    }

    pub(super) async fn waiting(&self, node: &str, read: Vec<pb::Topic>) -> Result<pb::Waiting> {
        match node == self.0.own.as_str() {
            true => Ok(self.0.callee.waiting(&read)),
            false => self.0.nodes.waiting(node, read).await,
        }
    }

    /// Whether a wait that is `on` these waits for a run of this node.
    pub(super) fn is_waited_for(&self, on: &[pb::Topic]) -> bool {
        let own = self.0.own.as_str();
        let read: Vec<pb::Topic> = on.iter().filter(|topic| topic.node == own).cloned().collect();
        !read.is_empty() && !self.0.callee.has_news(&read)
    }
}
