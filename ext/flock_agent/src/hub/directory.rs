//! Everyone the flock knows, in memory: kept by watching the registry, asked by selectors.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flock_core::lease::Presence;
use roaring::RoaringBitmap;

use super::{
    index::{Index, terms_of_node},
    keys::{self, LIVE, Live, NODES, REMOVED, SUBSCRIPTIONS},
    subscriptions::{Key, Subscriptions},
};
use crate::{
    pb,
    registry::Entry,
    transport::{PeerIdentity, denied_enrolment},
};

/// The presence of a name that nobody knows.
pub const UNKNOWN: &str = "unknown";

/// The prefixes that the directory is kept from.
const PREFIXES: usize = 4;

/// What a change of the registry meant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Nodes that came, went, moved or changed.
    pub names: BTreeSet<String>,
    /// Whether what selectors ask for changed anywhere.
    pub facts: bool,
    /// Whether the list of removed nodes changed.
    pub removed: bool,
    /// The subscriptions that came to concern a node as their source, or changed, or ceased to.
    pub subscribed: BTreeMap<String, BTreeSet<Key>>,
    /// Whether every node is to be told of all its subscriptions.
    pub all_subscribed: bool,
}

impl Changes {
    pub(super) fn merge(&mut self, other: Self) {
        self.names.extend(other.names);
        self.facts |= other.facts;
        self.removed |= other.removed;
        for (name, keys) in other.subscribed {
            self.subscribed.entry(name).or_default().extend(keys);
        }
        self.all_subscribed |= other.all_subscribed;
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The directory; see [`super::resolve`] for how it is asked.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) by_name: BTreeMap<String, u32>,
    pub(super) slots: Vec<Option<pb::NodeInfo>>,
    pub(super) index: Index,
    pub(super) all: RoaringBitmap,
    free: Vec<u32>,
    live: HashMap<String, Live>,
    removed: BTreeSet<String>,
    /// After a start, members are about to come back: until the grace ends, who has no session is suspect, not gone.
    grace: bool,
    revision: u64,
    /// Up to there all nodes are known.
    nodes_revision: u64,
    loaded: BTreeSet<&'static str>,
    pub(super) subscriptions: Subscriptions,
}

impl Directory {
    pub(super) fn in_grace() -> Self {
        Self {
            grace: true,
            ..Self::default()
        }
    }

    /// Ends the start-up grace.
    pub(super) fn end_grace(&mut self) -> Changes {
        self.grace = false;
        let names = self
            .by_name
            .keys()
            .filter(|name| !self.live.contains_key(*name))
            .cloned()
            .collect();
        Changes {
            names,
            ..Changes::default()
        }
    }

    /// Whether everything was read at least once.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded.len() == PREFIXES
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Up to there it knows what nodes say of themselves.
    pub(super) fn nodes_revision(&self) -> u64 {
        self.nodes_revision
    }

    /// Removed nodes by their names, and replaced enrolments as [`denied_enrolment`] writes them.
    pub(super) fn removed(&self) -> &BTreeSet<String> {
        &self.removed
    }

    /// The same for telling; `None` = not read yet, and an empty list would let everyone in again.
    pub(super) fn removed_if_loaded(&self) -> Option<Vec<String>> {
        self.is_loaded().then(|| self.removed.iter().cloned().collect())
    }

    pub(super) fn is_removed(&self, peer: &PeerIdentity) -> bool {
        self.removed.contains(peer.name.as_str()) || self.removed.contains(&denied_enrolment(&peer.enrolment))
    }

    /// What is known of a node, presence and all; of an unknown one its name.
    pub(super) fn node(&self, name: &str) -> pb::NodeInfo {
        match self.by_name.get(name).and_then(|id| self.slots.get(*id as usize)) {
            Some(Some(node)) => self.with_presence(node),
            _ => unknown(name),
        }
    }

    pub(super) fn presence(&self, name: &str) -> Presence {
        match self.live.get(name) {
            Some(live) => live.presence(),
            None if self.grace => Presence::Suspect,
            None => Presence::Gone,
        }
    }

    pub(super) fn with_presence(&self, node: &pb::NodeInfo) -> pb::NodeInfo {
        pb::NodeInfo {
            presence: self.presence(&node.name).as_str().to_owned(),
            epoch: self.live.get(&node.name).map_or(0, |live| live.epoch),
            ..node.clone()
        }
    }

    /// Sessions that the hub of this name held, as the registry says.
    pub(super) fn sessions_of(&self, hub: &str) -> Vec<(String, u64)> {
        let mine = self.live.iter().filter(|(_, live)| live.hub == hub);
        mine.map(|(name, live)| (name.clone(), live.epoch)).collect()
    }

    /// Takes one change in.
    pub(super) fn change(&mut self, key: &str, value: Option<&[u8]>, revision: u64) -> Changes {
        self.revision = self.revision.max(revision);
        if let Some(rest) = key.strip_prefix(SUBSCRIPTIONS) {
            return self.change_subscription(rest, value, revision);
        }
        if let Some(name) = keys::name_in(NODES, key) {
            self.nodes_revision = self.nodes_revision.max(revision);
            return self.change_node(name, value.and_then(keys::decode_node));
        }
        if let Some(name) = keys::name_in(LIVE, key) {
            return self.change_live(name, value.and_then(|value| keys::decode(key, value)));
        }
        if let Some(name) = keys::name_in(REMOVED, key) {
            return self.change_removed(name, value.is_some());
        }
        Changes::default()
    }

    /// Takes in all there is under a prefix; what is not among it has gone.
    pub(super) fn reset(&mut self, prefix: &'static str, entries: &[Entry], revision: u64) -> Changes {
        if prefix == SUBSCRIPTIONS {
            let changes = self.reset_subscriptions(entries, revision);
            self.revision = self.revision.max(revision);
            self.loaded.insert(prefix);
            return changes;
        }
        if prefix == NODES {
            self.nodes_revision = revision;
        }
        let listed: BTreeSet<_> = entries
            .iter()
            .filter_map(|entry| keys::name_in(prefix, &entry.key))
            .collect();
        let mut changes = Changes::default();
        for name in self
            .names_under(prefix)
            .into_iter()
            .filter(|name| !listed.contains(name))
        {
            changes.merge(match prefix {
                NODES => self.change_node(name, None),
                LIVE => self.change_live(name, None),
                _ => self.change_removed(name, false),
            });
        }
        for entry in entries {
            changes.merge(self.change(&entry.key, Some(&entry.value), entry.revision));
        }
        self.revision = self.revision.max(revision);
        self.loaded.insert(prefix);
        changes
    }

    fn names_under(&self, prefix: &str) -> Vec<String> {
        match prefix {
            NODES => self.by_name.keys().cloned().collect(),
            LIVE => self.live.keys().cloned().collect(),
            _ => self.removed.iter().cloned().collect(),
        }
    }

    fn change_node(&mut self, name: String, node: Option<pb::NodeInfo>) -> Changes {
        let before = self.take(&name);
        let facts = |node: &Option<pb::NodeInfo>| node.as_ref().map(terms_of_node);
        let (had, has) = (facts(&before), facts(&node));
        let changed = had != has;
        let same = before == node;
        let concerned = self
            .subscriptions
            .moved(&name, &had.unwrap_or_default(), &has.unwrap_or_default());
        if let Some(node) = node {
            self.put(
                &name,
                pb::NodeInfo {
                    name: name.clone(),
                    ..node
                },
            );
        }
        if same {
            return Changes::default();
        }
        let mut changes = Changes {
            names: BTreeSet::from([name.clone()]),
            facts: changed,
            ..Changes::default()
        };
        if !concerned.is_empty() {
            changes.subscribed.insert(name, concerned);
        }
        changes
    }

    fn change_live(&mut self, name: String, live: Option<Live>) -> Changes {
        let before = self.live.get(&name);
        if before == live.as_ref() {
            return Changes::default();
        }
        match live {
            Some(live) => self.live.insert(name.clone(), live),
            None => self.live.remove(&name),
        };
        Changes {
            names: BTreeSet::from([name]),
            ..Changes::default()
        }
    }

    fn change_removed(&mut self, name: String, removed: bool) -> Changes {
        let changed = if removed {
            self.removed.insert(name)
        } else {
            self.removed.remove(&name)
        };
        Changes {
            removed: changed,
            ..Changes::default()
        }
    }

    fn take(&mut self, name: &str) -> Option<pb::NodeInfo> {
        let id = self.by_name.remove(name)?;
        self.all.remove(id);
        self.free.push(id);
        let node = self.slots.get_mut(id as usize)?.take()?;
        self.index.remove(id, terms_of_node(&node));
        Some(node)
    }

    fn put(&mut self, name: &str, node: pb::NodeInfo) {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.index.add(id, terms_of_node(&node));
        self.all.insert(id);
        self.by_name.insert(name.to_owned(), id);
        if let Some(slot) = self.slots.get_mut(id as usize) {
            *slot = Some(node);
        }
    }
}

/// All that can be said of a name that nobody knows.
pub(crate) fn unknown(name: &str) -> pb::NodeInfo {
    pb::NodeInfo {
        name: name.to_owned(),
        presence: UNKNOWN.to_owned(),
        ..Default::default()
    }
}
