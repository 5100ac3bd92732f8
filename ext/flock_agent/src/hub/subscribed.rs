//! Telling a member which subscriptions concern it as their source.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use flock_core::limits;
use prost::Message;

use super::{
    sessions::Sessions,
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
}

impl Subscribed {
    /// It is to be told of all.
    pub(super) fn all(&mut self) {
        self.all = true;
        self.keys.clear();
    }

    /// It is to be told of these. A member that lets too many gather is told of all instead.
    pub(super) fn some(&mut self, keys: &BTreeSet<Key>) {
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
    /// Tells the sources of what changed, or all members of all.
    pub(super) fn tell_subscribed(&self, changed: BTreeMap<String, BTreeSet<Key>>, everyone: bool) {
        if everyone {
            let slots = self.all();
            return slots.iter().for_each(|slot| slot.tell(|news| news.subscribed.all()));
        }
        for (name, keys) in changed {
            if let Some(slot) = self.get(&name) {
                slot.tell(|news| news.subscribed.some(&keys));
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

    /// All parts of one moment; none while the registry was not read: then everyone is told afterwards.
    fn compose(&self, news: &Subscribed) -> Vec<pb::Subscribed> {
        let directory = self.hub.directory();
        if !directory.is_loaded() {
            return Vec::new();
        }
        let (name, revision) = (self.slot.name.as_str(), directory.subscriptions.revision());
        let (put, removed) = match news.all {
            true => (directory.subscribed(name), Vec::new()),
            false => directory.subscribed_among(name, &news.keys),
        };
        drop(directory);
        cut(news.all, revision, put, removed)
    }
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
