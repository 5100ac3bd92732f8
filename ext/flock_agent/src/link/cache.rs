//! What a member remembers of the flock for the time without a hub.

use std::collections::{BTreeMap, HashMap};

use flock_core::{
    Error, Result,
    lease::Presence,
    limits,
    target::{Candidate, Match, choose},
};
use serde::{Deserialize, Serialize};

use crate::{draft, hub::unknown, pb};

/// Nodes by name, the last answer to each selector, and who was removed.
#[derive(Debug, Default)]
pub(super) struct Cache {
    nodes: Aging<pb::NodeInfo>,
    queries: Aging<Vec<String>>,
    denied: Vec<String>,
}

/// What of it is written to disk.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Of the flock that this was learned of.
    pub flock_id: String,
    /// Values of [`pb::NodeInfo`].
    pub nodes: Vec<serde_json::Value>,
    /// From a selector, as JSON, to the names that it meant.
    pub queries: BTreeMap<String, Vec<String>>,
    /// The removed nodes.
    pub denied: Vec<String>,
}

impl Cache {
    pub(super) fn node(&mut self, name: &str) -> Option<&pb::NodeInfo> {
        self.nodes.get(name)
    }

    pub(super) fn denied(&self) -> &[String] {
        &self.denied
    }

    pub(super) fn set_denied(&mut self, names: Vec<String>) {
        for name in &names {
            self.nodes.entries.remove(name);
        }
        self.denied = names;
    }

    /// Remembers one node; what nobody knows is forgotten.
    pub(super) fn put_node(&mut self, node: pb::NodeInfo) {
        if node.presence == crate::hub::UNKNOWN {
            self.nodes.entries.remove(&node.name);
        } else {
            self.nodes.put(node.name.clone(), node, limits::LINK_CACHE_NODES);
        }
    }

    /// Remembers the answer to a selector.
    pub(super) fn put_answer(&mut self, targets: &pb::Targets, nodes: &[pb::NodeInfo]) {
        nodes.iter().for_each(|node| self.put_node(node.clone()));
        if let (false, Some(key)) = (
            only_names(targets),
            key(targets).filter(|_| nodes.len() <= limits::TARGETS),
        ) {
            let names = nodes.iter().map(|node| node.name.clone()).collect();
            self.queries.put(key, names, limits::LINK_CACHE_QUERIES);
        }
    }

    /// Forgets the answers to selectors: the registry is not the one that gave them.
    pub(super) fn forget_answers(&mut self) {
        self.queries = Aging::default();
    }

    /// What a selector meant when a hub was last asked. Names alone need no earlier answer.
    ///
    /// # Errors
    /// `connection` with code `hub_away` when this selector was never answered here.
    pub(super) fn answer(&mut self, targets: &pb::Targets, id: &str) -> Result<Vec<pb::NodeInfo>> {
        let names = match key(targets).and_then(|key| self.queries.get(&key).cloned()) {
            Some(names) => names,
            None if only_names(targets) => self.choose_among(targets, id)?,
            None => {
                let message = "no hub can be reached, and what this selector means was never asked before; it is resolved when a hub is back";
                return Err(Error::connection(message).with_code("hub_away"));
            }
        };
        Ok(names
            .iter()
            .map(|name| self.nodes.get(name).cloned().unwrap_or_else(|| unknown(name)))
            .collect())
    }

    fn choose_among(&self, targets: &pb::Targets, id: &str) -> Result<Vec<String>> {
        let select: Match = targets.r#match.parse()?;
        let live = |name: &str| {
            self.nodes
                .entries
                .get(name)
                .is_some_and(|(_, node)| node.presence == Presence::Alive.as_str())
        };
        let mut names: Vec<&String> = targets.nodes.iter().collect();
        names.sort_unstable();
        names.dedup();
        let candidates: Vec<_> = names
            .into_iter()
            .map(|name| Candidate { name, live: live(name) })
            .collect();
        Ok(choose(&candidates, select, id))
    }

    pub(super) fn keep(&self, flock_id: &str) -> Kept {
        let nodes = self
            .nodes
            .entries
            .values()
            .filter_map(|(_, node)| serde_json::to_value(node).ok());
        Kept {
            flock_id: flock_id.to_owned(),
            nodes: nodes.collect(),
            queries: self
                .queries
                .entries
                .iter()
                .map(|(key, (_, names))| (key.clone(), names.clone()))
                .collect(),
            denied: self.denied.clone(),
        }
    }

    pub(super) fn restore(kept: Kept) -> Self {
        let mut cache = Self {
            denied: kept.denied,
            ..Self::default()
        };
        for node in kept.nodes {
            if let Some(node) = crate::hub::keys::decode_node(node.to_string().as_bytes()) {
                cache.put_node(node);
            }
        }
        for (key, names) in kept.queries {
            cache.queries.put(key, names, limits::LINK_CACHE_QUERIES);
        }
        cache
    }
}

/// Whether the names alone say who is meant.
fn only_names(targets: &pb::Targets) -> bool {
    draft::targets(targets).is_ok_and(|targets| targets.names_only())
}

fn key(targets: &pb::Targets) -> Option<String> {
    serde_json::to_string(&pb::Targets {
        when_none: String::new(),
        ..targets.clone()
    })
    .ok()
}

/// A map that drops what was not used for longest, a quarter at a time, when it is full.
#[derive(Debug)]
struct Aging<T> {
    entries: HashMap<String, (u64, T)>,
    turn: u64,
}

impl<T> Default for Aging<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            turn: 0,
        }
    }
}

impl<T> Aging<T> {
    fn get(&mut self, key: &str) -> Option<&T> {
        self.turn += 1;
        let entry = self.entries.get_mut(key)?;
        entry.0 = self.turn;
        Some(&entry.1)
    }

    fn put(&mut self, key: String, value: T, most: usize) {
        self.turn += 1;
        self.entries.insert(key, (self.turn, value));
        if self.entries.len() > most {
            let mut used: Vec<u64> = self.entries.values().map(|(used, _)| *used).collect();
            let (_, limit, _) = used.select_nth_unstable(most / 4);
            let limit = *limit;
            self.entries.retain(|_, (used, _)| *used > limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, address: &str) -> pb::NodeInfo {
        pb::NodeInfo {
            name: name.into(),
            address: address.into(),
            presence: "alive".into(),
            ..Default::default()
        }
    }

    fn roles(role: &str) -> pb::Targets {
        pb::Targets {
            roles: vec![role.into()],
            ..Default::default()
        }
    }

    #[test]
    fn a_selector_is_answered_only_if_it_was_before() {
        let mut cache = Cache::default();
        cache.put_answer(&roles("web"), &[node("a", "a:1")]);
        assert_eq!(cache.answer(&roles("web"), "id").unwrap()[0].address, "a:1");
        assert_eq!(cache.answer(&roles("db"), "id").unwrap_err().code(), "hub_away");
    }

    #[test]
    fn names_need_no_earlier_answer() {
        let mut cache = Cache::default();
        cache.put_node(node("a", "a:1"));
        let targets = pb::Targets {
            nodes: vec!["b".into(), "a".into(), "a".into()],
            ..Default::default()
        };
        let found = cache.answer(&targets, "id").unwrap();
        assert_eq!(
            found.iter().map(|node| node.presence.as_str()).collect::<Vec<_>>(),
            ["alive", "unknown"]
        );
        let any = pb::Targets {
            r#match: "any".into(),
            ..targets
        };
        assert_eq!(
            cache.answer(&any, "id").unwrap()[0].name,
            "a",
            "the one that was alive comes first"
        );
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut cache = Cache::default();
        cache.put_answer(&roles("web"), &[node("a", "a:1")]);
        cache.set_denied(vec!["evil".into()]);
        let text = serde_json::to_string(&cache.keep("f")).unwrap();
        let mut again = Cache::restore(serde_json::from_str(&text).unwrap());
        assert_eq!(again.answer(&roles("web"), "id").unwrap()[0].address, "a:1");
        assert_eq!(again.denied(), ["evil"]);
    }

    #[test]
    fn a_full_map_drops_what_was_not_used() {
        let mut aging = Aging::default();
        for n in 0..8 {
            aging.put(n.to_string(), n, 8);
        }
        assert_eq!(aging.get("0"), Some(&0));
        aging.put("8".into(), 8, 8);
        assert!(aging.entries.len() <= 8 && aging.entries.contains_key("0") && aging.entries.contains_key("8"));
        assert!(!aging.entries.contains_key("1"));
    }
}
