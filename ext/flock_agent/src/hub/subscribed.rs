//! Telling a member which subscriptions concern it as their source.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use flock_core::limits;
use prost::Message;

use super::{
    directory::Directory,
    sessions::Sessions,
    slot::Slot,
    stream::{End, MemberStream},
    subscriptions::{Held, Key},
};
use crate::{
    pb::{self, down},
    subscription::parts,
};

/// What a member was not yet told. Keys only: what they stand for is looked up when it is sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Subscribed {
    all: bool,
    keys: BTreeSet<Key>,
    /// With these it knows all up to there, and no further: what is newer may be in the directory and not yet among the keys.
    revision: u64,
}

impl Subscribed {
    /// It is to be told of all.
    pub(super) fn all(&mut self) {
        self.all = true;
        self.keys.clear();
    }

    /// It is to be told of these, after which it knows all up to `revision`. A member that lets too many gather is told of all instead.
    pub(super) fn some(&mut self, keys: &BTreeSet<Key>, revision: u64) {
        self.revision = revision;
        if self.all {
            return;
        }
        self.keys.extend(keys.iter().cloned());
        if self.keys.len() > limits::SUBSCRIBED_NEWS {
            self.all();
        }
    }
}

impl Sessions {
    /// Tells the sources of what changed up to `revision`, or all members of all.
    pub(super) fn tell_subscribed(&self, changed: BTreeMap<String, BTreeSet<Key>>, everyone: bool, revision: u64) {
        if everyone {
            let slots = self.all();
            return slots.iter().for_each(|slot| slot.tell(|news| news.subscribed.all()));
        }
        for (name, keys) in changed {
            if let Some(slot) = self.get(&name) {
                slot.tell(|news| news.subscribed.some(&keys, revision));
            }
        }
    }
}

impl MemberStream {
    pub(super) async fn tell_subscribed(&self, news: Subscribed) -> Result<(), End> {
        if !news.all && news.keys.is_empty() {
            return Ok(());
        }
        for part in self.compose(&news) {
            self.send(down::Body::Subscribed(part)).await?;
        }
        Ok(())
    }

    /// All of it waits for what the member has just said of itself: selectors may mean it since.
    fn compose(&self, news: &Subscribed) -> Vec<pb::Subscribed> {
        let (known, now_ms) = (self.hub.directory().nodes_revision(), self.hub.elapsed_ms());
        if news.all && self.slot.is_ahead_of(known, now_ms, self.hub.options.lease_ms) {
            self.slot.later(|news| news.subscribed.all());
            return Vec::new();
        }
        compose(&self.hub.directory(), &self.slot, news)
    }
}

/// All parts of one moment; none while the registry was not read: then everyone is told afterwards.
fn compose(directory: &Directory, slot: &Slot, news: &Subscribed) -> Vec<pb::Subscribed> {
    if !directory.is_loaded() {
        return Vec::new();
    }
    let name = slot.name.as_str();
    if news.all {
        let revision = directory.subscriptions.revision();
        slot.knows_all(revision);
        return cut(true, revision, directory.subscribed(name), Vec::new());
    }
    let (put, removed) = directory.subscribed_among(name, &news.keys);
    cut(false, slot.knows(news.revision), put, removed)
}

fn cut(reset: bool, revision: u64, put: Vec<Arc<Held>>, removed: Vec<pb::SubscriptionKey>) -> Vec<pb::Subscribed> {
    let put = parts(put, |held| held.subscription.encoded_len());
    let removed = parts(removed, Message::encoded_len);
    let part = |put, removed| pb::Subscribed {
        reset,
        put,
        removed,
        revision,
        more: true,
    };
    let subscriptions = |held: Vec<Arc<Held>>| held.iter().map(|held| held.subscription.clone()).collect();
    let removals = removed.into_iter().filter(|keys| !keys.is_empty());
    let mut all: Vec<_> = removals.map(|keys| part(Vec::new(), keys)).collect();
    all.extend(put.into_iter().map(|held| part(subscriptions(held), Vec::new())));
    if let Some(last) = all.last_mut() {
        last.more = false;
    }
    all
}

#[cfg(test)]
mod tests {
    use flock_core::id::NodeName;

    use super::*;
    use crate::{
        hub::keys::{LIVE, NODES, REMOVED, SUBSCRIPTIONS, encode},
        registry::Session,
        subscription::tests::subscription,
    };

    fn slot() -> Arc<Slot> {
        let session = Session {
            owner: "a".into(),
            epoch: 1,
        };
        Arc::new(Slot::new(NodeName::parse("a").unwrap(), session, 0))
    }

    /// Takes number `n` in and answers whom to tell.
    fn made(directory: &mut Directory, n: u32, revision: u64) -> BTreeMap<String, BTreeSet<Key>> {
        let one = subscription(n, "a");
        let value = encode(&one).unwrap();
        let key = format!("{SUBSCRIPTIONS}b/{}", one.id);
        directory.change(&key, Some(&value), revision).subscribed
    }

    #[test]
    fn news_say_no_more_than_they_hold() {
        let mut directory = Directory::default();
        for prefix in [NODES, LIVE, REMOVED, SUBSCRIPTIONS] {
            directory.reset(prefix, &[], 5);
        }
        let (sessions, slot) = (Sessions::default(), slot());
        sessions.enter(slot.clone()).unwrap();
        let told = |directory: &Directory| {
            let parts = compose(directory, &slot, &slot.news().subscribed);
            parts
                .iter()
                .map(|part| (part.put.len(), part.revision))
                .collect::<Vec<_>>()
        };
        slot.tell(|news| news.subscribed.all());
        assert_eq!(told(&directory), [(0, 5)]);
        sessions.tell_subscribed(made(&mut directory, 1, 10), false, 10);
        let untold = made(&mut directory, 2, 12);
        assert_eq!(told(&directory), [(1, 10)], "the second is to come");
        sessions.tell_subscribed(untold, false, 12);
        assert_eq!(told(&directory), [(1, 12)]);
        // It is told of all before what it holds comes as news.
        slot.tell(|news| news.subscribed.all());
        let untold = made(&mut directory, 3, 14);
        made(&mut directory, 4, 15);
        assert_eq!(told(&directory), [(4, 15)]);
        sessions.tell_subscribed(untold, false, 14);
        assert_eq!(told(&directory), [(1, 15)], "what is known is not forgotten");
        directory.reset(SUBSCRIPTIONS, &[], 3);
        slot.tell(|news| news.subscribed.all());
        assert_eq!(told(&directory), [(0, 3)], "the registry went back");
    }
}
