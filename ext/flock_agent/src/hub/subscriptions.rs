//! All subscriptions of the flock, in memory: kept by watching the registry, like the directory that they belong to.
//!
//! Which of them concern a node as their source is found from its name and from what it has, not by looking at all of them: a
//! subscription costs the nodes that it means, and a node that announces something costs the subscriptions that ask for what changed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use super::{
    directory::{Changes, Directory},
    index::{Term, terms_of_node, terms_of_targets},
    keys::{self, SUBSCRIPTIONS},
};
use crate::{pb, registry::Entry, subscription};

/// `<escaped subscriber>/<id>`.
pub(super) type Key = Arc<str>;

/// One subscription.
#[derive(Debug)]
pub(super) struct Held {
    pub subscription: pb::Subscription,
    terms: Vec<Term>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    all: BTreeMap<Key, Arc<Held>>,
    by_name: HashMap<String, BTreeSet<Key>>,
    by_term: HashMap<Term, BTreeSet<Key>>,
    revision: u64,
}

impl Held {
    fn read(key: &str, value: &[u8], revision: u64) -> Option<Self> {
        let of = keys::subscription_in(key)?;
        let read = serde_json::from_slice(value).ok().and_then(subscription::parse);
        let Some(found) = read else {
            tracing::warn!(key, "a subscription in the registry cannot be read");
            return None;
        };
        let terms = terms_of_targets(&found.sources.clone().unwrap_or_default());
        let subscription = pb::Subscription {
            subscriber: of.subscriber,
            id: of.id,
            revision,
            ..found
        };
        Some(Self { subscription, terms })
    }

    fn nodes(&self) -> &[String] {
        self.subscription.sources.as_ref().map_or(&[], |sources| &sources.nodes)
    }

    /// Whether it asks for nothing that is not among `terms`, which are sorted.
    fn is_met(&self, terms: &[Term]) -> bool {
        self.terms.iter().all(|term| terms.binary_search(term).is_ok())
    }

    fn means(&self, name: &str, terms: &[Term]) -> bool {
        let nodes = self.nodes();
        (nodes.is_empty() || nodes.iter().any(|node| node == name)) && self.is_met(terms)
    }
}

impl Subscriptions {
    /// Those whose id begins with `id`, by subscriber, `most` of them.
    pub(super) fn find(&self, id: &str, most: usize) -> Vec<pb::Subscription> {
        let found = self.all.values().map(|held| &held.subscription);
        found.filter(|one| one.id.starts_with(id)).take(most).cloned().collect()
    }

    /// Up to there all are known.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Those that begin or cease to concern a node which had these terms and has those.
    pub(super) fn moved(&self, name: &str, had: &[Term], has: &[Term]) -> BTreeSet<Key> {
        let gone = had.iter().filter(|term| has.binary_search(term).is_err());
        let new = has.iter().filter(|term| had.binary_search(term).is_err());
        let asked = gone.chain(new).filter_map(|term| self.by_term.get(term)).flatten();
        let moves = |key: &&Key| {
            let held = self.all.get(*key);
            held.is_some_and(|held| held.means(name, had) != held.means(name, has))
        };
        asked.filter(moves).cloned().collect()
    }

    /// Those that may concern a node: the caller looks at each.
    fn candidates(&self, name: &str, terms: &[Term]) -> BTreeSet<Key> {
        let named = self.by_name.get(name).into_iter().flatten();
        let asked = terms.iter().filter_map(|term| self.by_term.get(term)).flatten();
        named.chain(asked).cloned().collect()
    }

    fn put(&mut self, key: Key, held: Held) {
        self.remove(&key);
        for name in held.nodes() {
            self.by_name.entry(name.clone()).or_default().insert(key.clone());
        }
        for term in &held.terms {
            self.by_term.entry(term.clone()).or_default().insert(key.clone());
        }
        self.all.insert(key, Arc::new(held));
    }

    fn remove(&mut self, key: &str) -> Option<Arc<Held>> {
        let held = self.all.remove(key)?;
        held.nodes().iter().for_each(|name| take(&mut self.by_name, name, key));
        held.terms.iter().for_each(|term| take(&mut self.by_term, term, key));
        Some(held)
    }
}

fn take<K: Hash + Eq>(map: &mut HashMap<K, BTreeSet<Key>>, at: &K, key: &str) {
    if let Some(keys) = map.get_mut(at) {
        keys.remove(key);
        if keys.is_empty() {
            map.remove(at);
        }
    }
}

impl Directory {
    /// Takes in one change of a subscription; `key` without the prefix.
    pub(super) fn change_subscription(&mut self, key: &str, value: Option<&[u8]>, revision: u64) -> Changes {
        let mut changes = Changes::default();
        let key: Key = key.into();
        if let Some(before) = self.subscriptions.remove(&key) {
            self.tell_sources(&key, &before, &mut changes);
        }
        if let Some(held) = value.and_then(|value| Held::read(&key, value, revision)) {
            self.subscriptions.put(key.clone(), held);
            if let Some(held) = self.subscriptions.all.get(&key).cloned() {
                self.tell_sources(&key, &held, &mut changes);
            }
        }
        self.subscriptions.revision = self.subscriptions.revision.max(revision);
        changes
    }

    /// Takes in all there are.
    pub(super) fn reset_subscriptions(&mut self, entries: &[Entry], revision: u64) -> Changes {
        let mut changes = Changes::default();
        let listed: BTreeMap<&str, &Entry> = entries
            .iter()
            .filter_map(|entry| Some((entry.key.strip_prefix(SUBSCRIPTIONS)?, entry)))
            .collect();
        let held: Vec<Key> = self.subscriptions.all.keys().cloned().collect();
        for key in held.iter().filter(|key| !listed.contains_key(&***key)) {
            changes.merge(self.change_subscription(key, None, 0));
        }
        for (key, entry) in listed {
            let known = self.subscriptions.all.get(key);
            if known.is_none_or(|known| known.subscription.revision != entry.revision) {
                changes.merge(self.change_subscription(key, Some(&entry.value), entry.revision));
            }
        }
        // It may have gone back: then the listing is what counts.
        self.subscriptions.revision = revision;
        changes
    }

    /// All that concern a node as their source.
    pub(super) fn subscribed(&self, name: &str) -> Vec<Arc<Held>> {
        let terms = self.terms(name);
        let candidates = self.subscriptions.candidates(name, &terms);
        let held = candidates.iter().filter_map(|key| self.subscriptions.all.get(key));
        held.filter(|held| held.means(name, &terms)).cloned().collect()
    }

    /// Of these the ones that concern a node now, and the keys of the others.
    pub(super) fn subscribed_among(
        &self,
        name: &str,
        keys: &BTreeSet<Key>,
    ) -> (Vec<Arc<Held>>, Vec<pb::SubscriptionKey>) {
        let terms = self.terms(name);
        let (mut put, mut removed) = (Vec::new(), Vec::new());
        for key in keys {
            match self.subscriptions.all.get(key).filter(|held| held.means(name, &terms)) {
                Some(held) => put.push(held.clone()),
                None => removed.extend(keys::subscription_in(key)),
            }
        }
        (put, removed)
    }

    /// Removed nodes that still subscribe to something.
    pub(super) fn orphans(&self) -> BTreeSet<String> {
        let subscribers = self
            .subscriptions
            .all
            .values()
            .map(|held| &held.subscription.subscriber);
        subscribers
            .filter(|name| self.removed().contains(*name))
            .cloned()
            .collect()
    }

    fn terms(&self, name: &str) -> Vec<Term> {
        let node = self.by_name.get(name).and_then(|id| self.slots.get(*id as usize));
        node.and_then(Option::as_ref).map(terms_of_node).unwrap_or_default()
    }

    fn tell_sources(&self, key: &Key, held: &Held, changes: &mut Changes) {
        let mut tell = |name: &str| {
            changes
                .subscribed
                .entry(name.to_owned())
                .or_default()
                .insert(key.clone());
        };
        if held.nodes().is_empty() {
            let sources = held.subscription.sources.clone().unwrap_or_default();
            let found = self.found(&sources);
            let nodes = found.iter().filter_map(|id| self.slots.get(id as usize)?.as_ref());
            nodes.for_each(|node| tell(&node.name));
        } else {
            held.nodes().iter().for_each(|name| tell(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        hub::{
            keys::{LIVE, NODES, REMOVED, encode, encode_node},
            testing::node,
        },
        subscription::tests::subscription,
    };

    fn entry(subscriber: &str, one: &pb::Subscription, revision: u64) -> Entry {
        Entry {
            key: format!("{SUBSCRIPTIONS}{subscriber}/{}", one.id),
            value: encode(one).unwrap(),
            revision,
        }
    }

    fn by_tag(n: u32, tag: &str) -> pb::Subscription {
        pb::Subscription {
            sources: Some(pb::Targets {
                tags: vec![tag.into()],
                ..Default::default()
            }),
            ..subscription(n, "x")
        }
    }

    fn announced(directory: &mut Directory, tags: &[&str], generation: u64) -> Changes {
        let facts = pb::NodeInfo {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            generation,
            ..node("a")
        };
        directory.change(&format!("{NODES}a"), Some(&encode_node(&facts).unwrap()), generation)
    }

    fn told(changes: &Changes) -> usize {
        changes.subscribed.values().map(BTreeSet::len).sum()
    }

    #[test]
    fn an_announcement_costs_only_what_asks_for_what_changed() {
        let mut directory = Directory::default();
        let entries: Vec<Entry> = (0..50_000)
            .map(|n| entry(&format!("n{n}"), &by_tag(n, &format!("t{n}")), 5))
            .collect();
        directory.reset(SUBSCRIPTIONS, &entries, 9);
        assert_eq!(told(&announced(&mut directory, &["t7"], 1)), 1);
        assert_eq!(
            told(&announced(&mut directory, &["t7"], 2)),
            0,
            "a new generation alone"
        );
        assert_eq!(told(&announced(&mut directory, &["t7", "nobody"], 3)), 0);
        assert_eq!(told(&announced(&mut directory, &["t8"], 4)), 2);
        let held = directory.subscribed("a");
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].subscription.subscriber, "n8");
    }

    #[test]
    fn a_listing_tells_only_what_is_new_and_what_has_gone() {
        let mut directory = Directory::default();
        let of = |n: u32, revision| entry("b", &subscription(n, "a"), revision);
        directory.reset(SUBSCRIPTIONS, &[of(1, 5), of(2, 6), of(3, 7)], 9);
        let changes = directory.reset(SUBSCRIPTIONS, &[of(1, 5), of(3, 11), of(4, 12)], 14);
        let (put, removed) = directory.subscribed_among("a", &changes.subscribed["a"]);
        let keys: Vec<_> = put.iter().map(|held| held.subscription.key.as_str()).collect();
        assert_eq!((keys, removed.len()), (vec!["file[/3]", "file[/4]"], 1));
        assert_eq!(directory.subscriptions.revision(), 14);
        directory.reset(SUBSCRIPTIONS, &[], 3);
        assert_eq!(directory.subscriptions.revision(), 3, "the registry went back");
        assert!(directory.subscriptions.by_name.is_empty() && directory.subscriptions.by_term.is_empty());
    }

    #[test]
    fn nothing_is_told_before_everything_was_read() {
        let mut directory = Directory::default();
        for prefix in [NODES, LIVE, REMOVED] {
            directory.reset(prefix, &[], 1);
        }
        assert!(!directory.is_loaded());
        directory.reset(SUBSCRIPTIONS, &[], 1);
        assert!(directory.is_loaded());
    }

    #[test]
    fn what_cannot_be_read_is_not_there() {
        let mut directory = Directory::default();
        let mut odd = entry("b", &subscription(1, "a"), 5);
        odd.value = b"{".to_vec();
        directory.reset(SUBSCRIPTIONS, &[odd], 5);
        assert!(directory.subscribed("a").is_empty());
    }
}
