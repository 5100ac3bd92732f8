//! Waiting for changes of nodes, on behalf of a process of this one: one question at a time to each node, held there until something differs.

use std::{collections::BTreeMap, future::pending, time::Duration};

use flock_core::{Error, ErrorKind, Result, limits};
use tokio::{task::JoinSet, time::Instant};

use super::{caller::Caller, check, versions};
use crate::{backoff, pb};

impl Caller {
    /// Answers when one of the topics is no longer what was read, when a node that answered does so no longer (its topics then have no
    /// version), or at the end of the time with nothing. Without topics it says that the waiter waits no longer, and is answered at once.
    ///
    /// # Errors
    /// `rejected` with code `wait_cycle` when the waiter's run waits in a circle; `denied`; `protocol`.
    pub async fn observe(&self, asked: pb::ObserveRequest) -> Result<pb::Observed> {
        check::observation(&asked)?;
        let end = Instant::now() + Duration::from_millis(asked.timeout_ms);
        let blocked = self.blocked(asked.waiter)?;
        if asked.topics.is_empty() {
            blocked.over();
            return Ok(pb::Observed::default());
        }
        blocked.on(ending_with_runs(&asked.topics));
        let changed = async {
            tokio::select! {
                changed = self.first_change(asked.topics, &asked.operator) => changed,
                () = tokio::time::sleep_until(end) => Ok(pb::Observed::default()),
            }
        };
        blocked.or_circle(changed).await
    }

    async fn first_change(&self, topics: Vec<pb::Topic>, operator: &str) -> Result<pb::Observed> {
        let mut watches = JoinSet::new();
        let (presences, topics): (Vec<_>, Vec<_>) =
            topics.into_iter().partition(|topic| topic.name == versions::PRESENCE);
        for topic in presences {
            let caller = self.clone();
            watches.spawn(async move { Ok(vec![caller.presence_after(topic).await]) });
        }
        for (node, topics) in by_node(topics) {
            let (caller, operator) = (self.clone(), operator.to_owned());
            watches.spawn(async move { caller.watch(&node, topics, operator).await });
        }
        match watches.join_next().await {
            Some(Ok(changed)) => changed.map(|changed| pb::Observed { changed }),
            Some(Err(_)) => Err(Error::internal("watching a node failed")),
            None => pending().await,
        }
    }

    async fn watch(&self, node: &str, topics: Vec<pb::Topic>, operator: String) -> Result<Vec<pb::Topic>> {
        let mut failures = 0;
        loop {
            let asked = pb::ObserveRequest {
                topics: topics.clone(),
                timeout_ms: limits::OBSERVE_MS,
                waiter: None,
                operator: operator.clone(),
            };
            match self.ask(node, asked).await {
                Ok((observed, _)) if !observed.changed.is_empty() => return Ok(observed.changed),
                Ok((_, true)) => failures = 0,
                // It was answered at once, for the hub holds nothing for long.
                Ok((_, false)) => tokio::time::sleep(Duration::from_millis(limits::OBSERVE_RELAYED_MS)).await,
                Err(error) if is_passing(&error) => {
                    if topics.iter().any(|topic| !topic.version.is_empty()) && error.kind() != ErrorKind::Rejected {
                        return Ok(topics.into_iter().map(unknown).collect());
                    }
                    tokio::time::sleep(Duration::from_millis(backoff::full_jitter(
                        failures,
                        limits::OBSERVE_RETRY_CAP_MS,
                    )))
                    .await;
                    failures = failures.saturating_add(1);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What runs of their nodes must bring about for the wait to end.
fn ending_with_runs(topics: &[pb::Topic]) -> Vec<pb::Topic> {
    let ends_with_a_run = |topic: &&pb::Topic| matches!(topic.name.as_str(), versions::RUN | versions::ATTRIBUTES);
    topics.iter().filter(ends_with_a_run).cloned().collect()
}

pub(super) fn by_node(topics: Vec<pb::Topic>) -> BTreeMap<String, Vec<pb::Topic>> {
    let mut nodes: BTreeMap<String, Vec<pb::Topic>> = BTreeMap::new();
    for topic in topics {
        nodes.entry(topic.node.clone()).or_default().push(topic);
    }
    nodes
}

fn unknown(topic: pb::Topic) -> pb::Topic {
    pb::Topic {
        version: String::new(),
        ..topic
    }
}

/// Whether the same question may be answered later: who waits for a node waits for it to come.
fn is_passing(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connection
            | ErrorKind::Timeout
            | ErrorKind::NodeNotFound
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Rejected
    )
}
