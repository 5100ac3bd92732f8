use std::{sync::Arc, time::Duration};

use flock_core::Result;
use tonic::transport::Channel;

use crate::{
    hub::testing::*,
    link::{Connect, LinkEvent},
    pb::Targets,
};

#[tokio::test]
async fn changed_facts_are_announced_and_everyone_hears_that_something_changed() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (a, b) = (flock.member("a", &[&hub]), flock.member("b", &[&hub]));
    a.sees("b", "alive").await;
    a.connected().await;
    let mut events = a.link.events();
    b.facts.send_modify(|facts| facts.tags = vec!["new".into()]);
    let tagged = Targets {
        tags: vec!["new".into()],
        ..Default::default()
    };
    // A burst before this change may be told first; the last notice comes after the change.
    soon(async {
        loop {
            if events.recv().await.unwrap() == LinkEvent::Changed
                && !a.link.resolve(tagged.clone(), "id").await.unwrap().nodes.is_empty()
            {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_announces_may_go_and_the_last_word_stands() {
    let flock = Flock::new(400);
    let hub = flock.hub("hub");
    let mut a = flock.member("a", &[&hub]);
    a.connected().await;
    a.facts = tokio::sync::watch::Sender::default();
    let mut beats = a.link.states();
    let before = a.link.state().epoch;
    flock.net.cut("a");
    soon(beats.wait_for(|state| state.connected && state.epoch > before))
        .await
        .unwrap();
    a.sees("a", "alive").await;
}

#[tokio::test]
async fn the_clocks_difference_is_measured() {
    let mut flock = Flock::new(600_000);
    flock.ahead_ms = 3_600_000;
    let hub = flock.hub("hub");
    let a = flock.member("a", &[&hub]);
    a.connected().await;
    let offset = a.link.state().clock_offset_ms.unwrap();
    assert!((3_540_000..3_660_000).contains(&offset), "{offset}");
}

struct Never;

#[tonic::async_trait]
impl Connect for Never {
    async fn hub(&self, _address: &str) -> Result<Channel> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_hub_that_never_answers_is_given_up_and_the_link_can_be_stopped() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let a = flock.member_with(node("a"), &[&hub], |options| options.connect = Arc::new(Never));
    a.refused("timeout").await;
    tokio::time::timeout(Duration::from_secs(10), a.stop()).await.unwrap();
}

#[tokio::test]
async fn names_watched_before_the_link_is_up_are_not_forgotten() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let a = flock.member("a", &[&hub]);
    let mut events = a.link.events();
    a.link.watch_names(set(&["a", "nobody"]));
    let mut told = std::collections::BTreeMap::new();
    while told.get("a").map(String::as_str) != Some("alive") || told.len() < 2 {
        if let LinkEvent::Presence(node) = soon(events.recv()).await.unwrap() {
            told.insert(node.name, node.presence);
        }
    }
    assert_eq!(told["nobody"], "unknown");
}
