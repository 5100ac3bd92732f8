//! What this node and its hub know of another: why that can be reached, or why not.

use flock_core::{Result, id::NodeName};

use super::inquiries::Answers;
use crate::{pb, store::outbox};

/// All of it; what the hub does not say is told with its reason.
///
/// # Errors
/// `configuration` when that is no name of a node; `internal` when the store refuses.
pub(super) async fn why(answers: &Answers, asked: &pb::WhyRequest) -> Result<pb::WhyReport> {
    let name = NodeName::parse(&asked.node)?;
    let target = name.to_string();
    let (waiting, code, message) = answers
        .store
        .read(move |conn| outbox::waiting_for(conn, &target))
        .await?;
    let hub = answers.parts.ways.link.about(name.as_str()).await;
    let (info, stale) = info(answers, &name, hub.as_ref().ok()).await;
    Ok(pb::WhyReport {
        node: name.to_string(),
        asked: answers.identity.name().to_string(),
        now_ms: answers.clock.now_ms(),
        info,
        stale,
        hub_problem: hub.as_ref().err().map_or_else(String::new, ToString::to_string),
        hub: hub.ok(),
        here: answers.identity.tls().encounters().of(name.as_str()),
        denied: answers.deny.denies(&name),
        waiting,
        waiting_code: code,
        waiting_message: message,
    })
}

/// As the hub says; without one, as it is remembered.
async fn info(answers: &Answers, name: &NodeName, hub: Option<&pb::HubKnowledge>) -> (Option<pb::NodeInfo>, bool) {
    if let Some(hub) = hub {
        return (hub.node.clone(), false);
    }
    let targets = pb::Targets {
        nodes: vec![name.to_string()],
        ..Default::default()
    };
    let found = answers.parts.ways.link.resolve(targets, "").await.ok();
    (found.and_then(|found| found.nodes.into_iter().next()), true)
}
