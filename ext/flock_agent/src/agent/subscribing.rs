//! How subscriptions stand: this node's own, and those of others to it.

use std::collections::HashMap;

use flock_core::{Error, Result, limits};
use prost::Message;

use super::inquiries::Answers;
use crate::{hub::UNKNOWN, pb, store::subscribed, subscriptions::Published};

/// The sources that are known for a selector; asked once for all subscriptions that have it.
type Sources = HashMap<Vec<u8>, Result<Vec<pb::NodeInfo>>>;

/// What `flockctl subscriptions` shows.
///
/// # Errors
/// `configuration` for an unknown direction; `internal` when the store refuses.
pub(super) async fn records(answers: &Answers, asked: &pb::SubscriptionsRequest) -> Result<pb::SubscriptionRecords> {
    if !["", "in", "out"].contains(&asked.direction.as_str()) {
        let message = format!("{:?} is no direction; give in, out or none", asked.direction);
        return Err(Error::configuration(message).with_code("bad_direction"));
    }
    let limit = limits::list_rows(asked.limit);
    let mut records = Vec::new();
    if asked.direction != "in" {
        records = own(answers, &asked.id, limit).await?;
    }
    if asked.direction != "out" {
        let left = limit.saturating_sub(u32::try_from(records.len()).unwrap_or(u32::MAX));
        records.extend(others(answers, &asked.id, left).await?);
    }
    Ok(pb::SubscriptionRecords { records })
}

/// This node's own, in the order of their declaration.
///
/// # Errors
/// `internal` when the store refuses.
pub(super) async fn own(answers: &Answers, id: &str, limit: u32) -> Result<Vec<pb::SubscriptionRecord>> {
    let published = answers.parts.subscriptions.published();
    let Some(declared) = &published.declared else {
        return Ok(Vec::new());
    };
    let heard = answers.store.read(subscribed::heard).await?;
    let meant = declared.subscriptions.iter().filter(|one| one.id.starts_with(id));
    let (mut records, mut sources) = (Vec::new(), Sources::new());
    for one in meant.take(limit as usize) {
        let heard = heard.get(&one.id).copied().unwrap_or_default();
        let mut record = record(one.clone(), "out", heard);
        record.subscription.get_or_insert_default().subscriber = answers.identity.name().to_string();
        match unpublished(&published) {
            Some((code, message)) => judge(&mut record, "unpublished", &code, message),
            None => look_up(answers, &mut record, one, &mut sources).await,
        }
        records.push(record);
    }
    Ok(records)
}

async fn others(answers: &Answers, id: &str, limit: u32) -> Result<Vec<pb::SubscriptionRecord>> {
    let id = id.to_owned();
    let listed = answers
        .store
        .read(move |conn| subscribed::list(conn, &id, limit))
        .await?;
    let armed = |(one, heard)| pb::SubscriptionRecord {
        state: "armed".to_owned(),
        ..record(one, "in", heard)
    };
    Ok(listed.into_iter().map(armed).collect())
}

/// Those of all nodes, as this hub has them; each from its subscriber's side.
///
/// # Errors
/// `denied` with code `hub_only` on a member.
pub(super) async fn of_flock(answers: &Answers, asked: &pb::SubscriptionsRequest) -> Result<pb::SubscriptionRecords> {
    let hub = answers.parts.hub.as_ref();
    let hub = hub.ok_or_else(|| Error::denied("this node is no hub").with_code("hub_only"))?;
    let (mut records, mut sources) = (Vec::new(), Sources::new());
    for one in hub.subscriptions(&asked.id, limits::list_rows(asked.limit) as usize) {
        let mut record = record(one.clone(), "out", subscribed::Heard::default());
        look_up(answers, &mut record, &one, &mut sources).await;
        records.push(record);
    }
    Ok(pb::SubscriptionRecords { records })
}

fn record(one: pb::Subscription, direction: &str, heard: subscribed::Heard) -> pb::SubscriptionRecord {
    pb::SubscriptionRecord {
        subscription: Some(one),
        direction: direction.to_owned(),
        fired: heard.fired,
        last_fired_ms: heard.last_fired_ms,
        ..Default::default()
    }
}

fn judge(record: &mut pb::SubscriptionRecord, state: &str, code: &str, message: String) {
    record.state = state.to_owned();
    record.code = code.to_owned();
    record.message = message;
}

/// Why no hub has this node's subscriptions; `None` = one has.
fn unpublished(published: &Published) -> Option<(String, String)> {
    match &published.answer {
        None => Some(("not_published".into(), "no hub has taken it yet".into())),
        Some(answer) if answer.code.is_empty() => None,
        Some(answer) => Some((
            answer.code.clone(),
            format!("the hub did not take it: {}", answer.message),
        )),
    }
}

async fn look_up(
    answers: &Answers,
    record: &mut pb::SubscriptionRecord,
    one: &pb::Subscription,
    sources: &mut Sources,
) {
    let asked = one.sources.clone().unwrap_or_default();
    let key = asked.encode_to_vec();
    if !sources.contains_key(&key) && sources.len() < limits::SOURCE_SELECTORS {
        let found = answers.parts.ways.link.resolve(asked, "").await;
        sources.insert(key.clone(), found.map(|nodes| nodes.nodes));
    }
    match sources.get(&key) {
        Some(Ok(nodes)) => known(record, nodes),
        Some(Err(error)) => judge(record, "pending", error.code(), error.message().to_owned()),
        None => judge(record, "armed", "", String::new()),
    }
    record.sources.truncate(limits::SOURCES_SHOWN);
}

fn known(record: &mut pb::SubscriptionRecord, nodes: &[pb::NodeInfo]) {
    let unknown: Vec<_> = nodes.iter().filter(|node| node.presence == UNKNOWN).collect();
    let state = if unknown.len() < nodes.len() {
        "armed"
    } else {
        "pending"
    };
    let names: Vec<_> = unknown
        .iter()
        .take(limits::SOURCES_SHOWN)
        .map(|node| node.name.as_str())
        .collect();
    let (code, message) = match (nodes.is_empty(), names.is_empty()) {
        (true, _) => ("no_source", "no node has what it asks for".to_owned()),
        (false, true) => ("", String::new()),
        (false, false) => ("never_seen", format!("the flock never saw {}", names.join(", "))),
    };
    judge(record, state, code, message);
    record.sources = nodes.to_vec();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(nodes: &[(&str, &str)]) -> (String, String) {
        let node = |(name, presence): &(&str, &str)| pb::NodeInfo {
            name: (*name).into(),
            presence: (*presence).into(),
            ..Default::default()
        };
        let nodes: Vec<_> = nodes.iter().map(node).collect();
        let mut record = pb::SubscriptionRecord::default();
        known(&mut record, &nodes);
        (record.state, record.code)
    }

    #[test]
    fn one_source_that_is_known_arms_it() {
        let of = |state: &str, code: &str| (state.to_owned(), code.to_owned());
        assert_eq!(judged(&[]), of("pending", "no_source"));
        assert_eq!(judged(&[("a", "unknown")]), of("pending", "never_seen"));
        assert_eq!(judged(&[("a", "gone")]), of("armed", ""));
        assert_eq!(judged(&[("a", "alive"), ("b", "unknown")]), of("armed", "never_seen"));
    }
}
