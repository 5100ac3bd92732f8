//! The registry keys and values that hubs write and read.

use flock_core::{
    Error, Result,
    id::{NodeName, unescape},
    lease::Presence,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::pb;

pub(super) use crate::identity::enrol::{ENROLLED, REMOVED};

/// What a node said of itself: `nodes/<name>`.
pub(crate) const NODES: &str = "nodes/";
/// Which members live, bound to their sessions: `live/<name>`.
pub(crate) const LIVE: &str = "live/";

/// What nodes want to hear of: `subscriptions/<name>/<id>`.
pub(super) const SUBSCRIPTIONS: &str = "subscriptions/";

/// What the keys of a node's subscriptions begin with.
pub(super) fn subscriptions_of(name: &NodeName) -> String {
    format!("{}/", key(SUBSCRIPTIONS, name))
}

/// The subscriber and the id in what follows [`SUBSCRIPTIONS`] in a key.
pub(super) fn subscription_in(rest: &str) -> Option<pb::SubscriptionKey> {
    let (name, id) = rest.split_once('/')?;
    Some(pb::SubscriptionKey {
        subscriber: unescape(name)?,
        id: id.to_owned(),
    })
}

/// The key of `name` under `prefix`.
pub(crate) fn key(prefix: &str, name: &NodeName) -> String {
    format!("{prefix}{}", name.escaped())
}

/// The name in a key under `prefix`.
pub(crate) fn name_in(prefix: &str, key: &str) -> Option<String> {
    unescape(key.strip_prefix(prefix)?)
}

/// That a member lives, as its hub sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Live {
    /// `"alive"` or `"suspect"`; one that is gone has no entry.
    pub presence: String,
    /// Of the member's session.
    pub epoch: u64,
    /// The name of the hub that holds the session.
    pub hub: String,
}

impl Live {
    pub(crate) fn presence(&self) -> Presence {
        Presence::parse(&self.presence).unwrap_or(Presence::Suspect)
    }
}

/// That a node was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removed {
    /// When, by the clock of the hub that did it.
    pub removed_ms: u64,
    /// On whose word.
    pub by: String,
}

/// A value as it is stored.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::internal(format!("a registry value cannot be written: {e}")))
}

/// A value as it was stored; `None` when it is not one of ours, which is logged and otherwise treated as absent.
pub(super) fn decode<T: DeserializeOwned>(key: &str, value: &[u8]) -> Option<T> {
    serde_json::from_slice(value)
        .inspect_err(|error| tracing::warn!(key, %error, "a registry value cannot be read"))
        .ok()
}

/// What a node announced, without what its session adds (presence, epoch), so that the same facts are the same bytes.
pub(super) fn encode_node(node: &pb::NodeInfo) -> Result<Vec<u8>> {
    encode(&pb::NodeInfo {
        presence: String::new(),
        epoch: 0,
        ..node.clone()
    })
}

/// Undoes [`encode_node`]. Fields that a newer hub wrote are left out: the protobuf types refuse what they do not know.
pub(crate) fn decode_node(value: &[u8]) -> Option<pb::NodeInfo> {
    let mut fields: Map<String, Value> = serde_json::from_slice(value).ok()?;
    let known = serde_json::to_value(pb::NodeInfo::default()).ok()?;
    fields.retain(|name, _| known.get(name).is_some());
    serde_json::from_value(Value::Object(fields)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_of_a_newer_version_can_be_read() {
        let node = pb::NodeInfo {
            name: "a b%".into(),
            roles: vec!["web".into()],
            ..Default::default()
        };
        let mut value: Value = serde_json::from_slice(&encode_node(&node).unwrap()).unwrap();
        value["from_the_future"] = Value::from(1);
        assert_eq!(decode_node(value.to_string().as_bytes()), Some(node));
        assert_eq!(decode_node(b"[]"), None);
    }

    #[test]
    fn keys_hold_escaped_names() {
        let name = NodeName::parse("web#1").unwrap();
        assert_eq!(key(NODES, &name), "nodes/web%231");
        assert_eq!(name_in(NODES, "nodes/web%231").as_deref(), Some("web#1"));
        assert_eq!(name_in(NODES, "live/web"), None);
        let held = subscriptions_of(&name) + "1f";
        let key = subscription_in(held.strip_prefix(SUBSCRIPTIONS).unwrap()).unwrap();
        assert_eq!((key.subscriber.as_str(), key.id.as_str()), ("web#1", "1f"));
    }
}
