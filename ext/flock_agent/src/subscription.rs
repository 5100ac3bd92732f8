//! What a subscription must look like; checked where it is read, where a hub takes it in, and where its source does.

use flock_core::{
    Error, Result,
    id::split_key,
    limits,
    subscription::{Timing, bad, check_id},
};
use prost::Message;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{draft, pb};

/// A subscription of JSON, without the fields that a newer version wrote.
pub(crate) fn parse(value: Value) -> Option<pb::Subscription> {
    let mut fields = known::<pb::Subscription>(value)?;
    if let Some(sources) = fields.remove("sources") {
        fields.insert("sources".into(), Value::Object(known::<pb::Targets>(sources)?));
    }
    serde_json::from_value(Value::Object(fields)).ok()
}

/// The fields that the message has and that say something.
fn known<T: Default + Serialize>(value: Value) -> Option<Map<String, Value>> {
    let mut fields: Map<String, Value> = serde_json::from_value(value).ok()?;
    let known = serde_json::to_value(T::default()).ok()?;
    fields.retain(|name, value| known.get(name).is_some() && !value.is_null());
    Some(fields)
}

/// Checks everything that one subscription says.
///
/// # Errors
/// `configuration` with code `bad_subscription` and what it may say instead.
pub fn check(one: &pb::Subscription) -> Result<()> {
    check_id(&one.id)?;
    for key in [&one.source_key, &one.key] {
        split_key(key).map_err(|e| bad(e.message()))?;
    }
    one.timing.parse::<Timing>()?;
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    if one.action.is_empty() || one.action.len() > limits::ACTION_BYTES || !one.action.bytes().all(word) {
        return Err(bad(&format!("{:?} is not an action, as in :reload", one.action)));
    }
    check_sources(one.sources.as_ref())?;
    at_most("ttl (ms)", one.ttl_ms, limits::TTL_MAX_MS)?;
    at_most("retry", one.retry.into(), limits::RETRY_MAX.into())?;
    at_most(
        "size (bytes)",
        one.encoded_len() as u64,
        limits::SUBSCRIPTION_BYTES as u64,
    )
}

/// Checks that one node may have all of these.
///
/// # Errors
/// `rejected` with code `too_many_subscriptions`.
pub fn check_all(all: &[pb::Subscription]) -> Result<()> {
    let bytes: usize = all.iter().map(Message::encoded_len).sum();
    if all.len() <= limits::SUBSCRIPTIONS && bytes <= limits::SUBSCRIPTIONS_BYTES {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "{} subscriptions of {bytes} bytes; one node may have {} of {} bytes: subscribe one resource and notify the others from it",
        all.len(),
        limits::SUBSCRIPTIONS,
        limits::SUBSCRIPTIONS_BYTES
    ))
    .with_code("too_many_subscriptions"))
}

/// Cuts a set into parts of [`limits::SUBSCRIPTIONS_PART_BYTES`]; there is at least one.
pub(crate) fn parts<T>(all: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut parts, mut held) = (vec![Vec::new()], 0);
    for one in all {
        let size = bytes(&one);
        if held > 0 && held + size > limits::SUBSCRIPTIONS_PART_BYTES {
            parts.push(Vec::new());
            held = 0;
        }
        held += size;
        if let Some(part) = parts.last_mut() {
            part.push(one);
        }
    }
    parts
}

fn check_sources(asked: Option<&pb::Targets>) -> Result<()> {
    let asked = asked.cloned().unwrap_or_default();
    if !(asked.r#match.is_empty() && asked.when_none.is_empty()) {
        return Err(bad(
            "match: and when_none: say whom to notify; a subscription hears all of its sources",
        ));
    }
    let checked = draft::targets(&asked).and_then(|targets| targets.validate());
    checked.map_err(|e| bad(e.message()))
}

fn at_most(what: &str, found: u64, limit: u64) -> Result<()> {
    match found <= limit {
        true => Ok(()),
        false => Err(bad(&format!("its {what} is {found}, at most {limit} is allowed"))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// Number `n`: when `execute[source]` changes on `source`, `file[/n]` is created.
    pub(crate) fn subscription(n: u32, source: &str) -> pb::Subscription {
        pb::Subscription {
            id: format!("{n:032x}"),
            source_key: "execute[source]".into(),
            key: format!("file[/{n}]"),
            action: "create".into(),
            timing: "immediately".into(),
            sources: Some(pb::Targets {
                nodes: vec![source.into()],
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(&subscription(1, "a")).unwrap();
        let refused = |spoil: fn(&mut pb::Subscription)| {
            let mut one = subscription(1, "a");
            spoil(&mut one);
            check(&one).unwrap_err().message().to_owned()
        };
        assert!(refused(|s| s.id = "x".into()).contains("hex"));
        assert!(refused(|s| s.source_key = "nginx".into()).contains("type[name]"));
        assert!(refused(|s| s.key.clear()).contains("type[name]"));
        assert!(refused(|s| s.action.clear()).contains("action"));
        assert!(refused(|s| s.timing = "before".into()).contains(":delayed"));
        assert!(refused(|s| s.sources = None).contains("no target"));
        assert!(refused(|s| s.sources.as_mut().unwrap().r#match = "any".into()).contains("match:"));
        assert!(refused(|s| s.ttl_ms = limits::TTL_MAX_MS + 1).contains("ttl"));
        assert!(refused(|s| s.retry = limits::RETRY_MAX + 1).contains("retry"));
        let many = vec![subscription(1, "a"); limits::SUBSCRIPTIONS + 1];
        assert_eq!(check_all(&many).unwrap_err().code(), "too_many_subscriptions");
        check_all(&many[1..]).unwrap();
    }

    #[test]
    fn fields_of_a_newer_version_are_left_out() {
        let mut value = serde_json::to_value(subscription(1, "a")).unwrap();
        value["from_the_future"] = json!(1);
        value["recipe"] = Value::Null;
        value["sources"]["cloud"] = Value::Null;
        value["sources"]["from_the_future"] = json!([]);
        assert_eq!(parse(value), Some(subscription(1, "a")));
        assert_eq!(parse(json!([1])), None);
    }

    #[test]
    fn a_large_set_is_cut() {
        let sizes = |all: Vec<usize>| parts(all, |n| *n).iter().map(Vec::len).collect::<Vec<_>>();
        let half = limits::SUBSCRIPTIONS_PART_BYTES / 2;
        assert_eq!(sizes(vec![]), [0]);
        assert_eq!(sizes(vec![half, half, 1]), [2, 1]);
        assert_eq!(sizes(vec![limits::SUBSCRIPTION_BYTES * 9, 1]), [1, 1]);
    }
}
