//! What the hub said and the store has not taken in yet. However long that takes, it is one set at most.

use std::collections::BTreeMap;

use flock_core::{id::NodeName, limits};

use crate::{pb, store::subscribed::Set, subscription};

type Key = (String, String);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The session before has ended, and its hub was last heard then (Unix time).
    pub disconnected: Option<u64>,
    reset: bool,
    put: BTreeMap<Key, pb::Subscription>,
    removed: BTreeMap<Key, ()>,
    /// The revision, once a last part has come.
    revision: Option<u64>,
    parts: Vec<pb::Subscribed>,
    held: usize,
    /// This session has told of all.
    whole: bool,
    /// What comes is the rest of a set that is void.
    skipping: bool,
}

impl Pending {
    /// Adds a part. A change before the first whole set means nothing: the set will hold it.
    pub(super) fn add(&mut self, part: pb::Subscribed) {
        let more = part.more;
        if self.skipping {
            self.skipping = more;
            return;
        }
        self.held += part.put.len();
        if self.held > limits::SUBSCRIBED {
            tracing::error!(
                limit = limits::SUBSCRIBED,
                "too many subscriptions concern this node; none is served"
            );
            self.void(more);
            return;
        }
        self.parts.push(part);
        if !more {
            self.held = 0;
            let parts = std::mem::take(&mut self.parts);
            self.merge(parts);
        }
    }

    /// The session is over: what did not come whole is void. Its hub was last heard at `heard_ms`.
    pub(super) fn disconnect(&mut self, heard_ms: u64) {
        *self = Self {
            disconnected: Some(self.disconnected.map_or(heard_ms, |before| before.min(heard_ms))),
            ..Self::default()
        };
    }

    /// There is more than can be served: nothing is, until another whole set comes.
    pub(super) fn refuse(&mut self) {
        self.void(!self.parts.is_empty());
    }

    fn void(&mut self, more: bool) {
        // It was heard all the time.
        self.disconnect(u64::MAX);
        self.skipping = more;
    }

    /// The set to take in next, if there is one.
    pub(super) fn set(&self) -> Option<Set> {
        let key = |(subscriber, id): &Key| pb::SubscriptionKey {
            subscriber: subscriber.clone(),
            id: id.clone(),
        };
        Some(Set {
            reset: self.reset,
            put: self.put.values().cloned().collect(),
            removed: self.removed.keys().map(key).collect(),
            revision: self.revision?,
        })
    }

    /// It was taken in.
    pub(super) fn taken(&mut self) {
        *self = Self {
            whole: self.whole,
            parts: std::mem::take(&mut self.parts),
            held: self.held,
            skipping: self.skipping,
            ..Self::default()
        };
    }

    fn merge(&mut self, parts: Vec<pb::Subscribed>) {
        if parts.first().is_some_and(|part| part.reset) {
            (self.whole, self.reset) = (true, true);
            self.put.clear();
            self.removed.clear();
        }
        if !self.whole {
            return;
        }
        for part in parts {
            self.revision = Some(part.revision);
            part.removed
                .into_iter()
                .for_each(|key| self.remove((key.subscriber, key.id)));
            part.put.into_iter().filter(is_usable).for_each(|one| self.insert(one));
        }
    }

    fn remove(&mut self, key: Key) {
        self.put.remove(&key);
        self.removed.insert(key, ());
    }

    fn insert(&mut self, one: pb::Subscription) {
        let key = (one.subscriber.clone(), one.id.clone());
        self.removed.remove(&key);
        self.put.insert(key, one);
    }
}

/// One that cannot be served (of a newer version, say) does not keep the others from it.
fn is_usable(one: &pb::Subscription) -> bool {
    let checked = NodeName::parse(&one.subscriber).and_then(|_| subscription::check(one));
    if let Err(error) = &checked {
        tracing::warn!(subscriber = one.subscriber, id = one.id, %error, "a subscription to this node cannot be served");
    }
    checked.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription::tests::subscription;

    fn part(reset: bool, put: &[u32], removed: &[u32], revision: u64, more: bool) -> pb::Subscribed {
        let of = |n: &u32| pb::Subscription {
            subscriber: "b".into(),
            ..subscription(*n, "here")
        };
        let key = |n: &u32| pb::SubscriptionKey {
            subscriber: "b".into(),
            id: of(n).id,
        };
        pb::Subscribed {
            reset,
            put: put.iter().map(of).collect(),
            removed: removed.iter().map(key).collect(),
            revision,
            more,
        }
    }

    fn sizes(pending: &Pending) -> Option<(bool, usize, usize, u64)> {
        let set = pending.set()?;
        Some((set.reset, set.put.len(), set.removed.len(), set.revision))
    }

    #[test]
    fn changes_that_the_store_could_not_take_join_the_set_before_them() {
        let mut pending = Pending::default();
        pending.add(part(true, &[1, 2], &[], 5, true));
        assert_eq!(sizes(&pending), None, "half a set is none");
        pending.add(part(true, &[3], &[], 5, false));
        pending.add(part(false, &[4], &[1], 7, false));
        assert_eq!(sizes(&pending), Some((true, 3, 1, 7)));
        pending.taken();
        assert_eq!(sizes(&pending), None);
        pending.add(part(false, &[1], &[], 8, false));
        assert_eq!(sizes(&pending), Some((false, 1, 0, 8)));
    }

    #[test]
    fn a_session_begins_with_a_whole_set() {
        let mut pending = Pending::default();
        pending.add(part(false, &[1], &[], 5, false));
        assert_eq!(sizes(&pending), None);
        pending.add(part(true, &[1], &[], 6, true));
        pending.disconnect(70);
        pending.disconnect(90);
        assert_eq!(pending.disconnected, Some(70));
        pending.add(part(true, &[], &[], 7, false));
        assert_eq!(
            sizes(&pending),
            Some((true, 0, 0, 7)),
            "what came of the session before is void"
        );
    }

    #[test]
    fn the_rest_of_a_set_that_is_too_large_is_no_set() {
        let many: Vec<u32> = (0..u32::try_from(limits::SUBSCRIBED).unwrap()).collect();
        let mut pending = Pending::default();
        pending.add(part(true, &many, &[], 5, true));
        pending.add(part(true, &[1], &[], 5, true));
        assert!(pending.disconnected.is_some());
        pending.add(part(true, &[2], &[], 5, true));
        pending.add(part(true, &[3], &[], 5, false));
        pending.add(part(false, &[4], &[], 6, false));
        assert_eq!(sizes(&pending), None);
        pending.add(part(true, &[5], &[], 7, false));
        assert_eq!(sizes(&pending), Some((true, 1, 0, 7)), "a smaller one is served again");
        pending.add(part(true, &[6], &[], 8, true));
        pending.refuse();
        pending.add(part(true, &[7], &[], 8, false));
        assert_eq!(sizes(&pending), None);
    }

    #[test]
    fn one_that_cannot_be_served_is_left_out() {
        let mut odd = part(true, &[1, 2], &[], 5, false);
        odd.put[0].timing = "someday".into();
        let mut pending = Pending::default();
        pending.add(odd);
        assert_eq!(sizes(&pending), Some((true, 1, 0, 5)));
    }
}
