//! Declaring subscriptions, and telling their sources.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::*;
use crate::{
    hub::testing::{TestMember, eventually, named},
    link::{Declaration, Subscribing},
    registry::Registry,
    subscription::tests::subscription,
};

/// What a source has heard, put together.
struct Source {
    member: TestMember,
    heard: mpsc::Receiver<Subscribing>,
    known: BTreeMap<String, pb::Subscription>,
    revision: u64,
    resets: usize,
    /// The last part was not the last of its set.
    amid: bool,
    parts: usize,
}

impl Source {
    fn of(member: TestMember) -> Self {
        Self {
            heard: member.link.subscribing().unwrap(),
            member,
            known: BTreeMap::new(),
            revision: 0,
            resets: 0,
            amid: false,
            parts: 0,
        }
    }

    fn take(&mut self, part: pb::Subscribed) {
        self.parts += 1;
        if part.reset && !self.amid {
            self.known.clear();
        }
        self.amid = part.more;
        if part.reset && !part.more {
            self.resets += 1;
        }
        let id = |subscriber: &str, id: &str| format!("{subscriber}/{id}");
        for key in part.removed {
            self.known.remove(&id(&key.subscriber, &key.id));
        }
        for one in part.put {
            assert!(one.revision <= part.revision, "a set must hold all up to its revision");
            self.known.insert(id(&one.subscriber, &one.id), one);
        }
        self.revision = part.revision;
    }

    /// Listens until it knows so many.
    async fn knows(&mut self, count: usize) {
        self.hears(|known| known.len() == count).await;
    }

    /// Listens until these are what it knows.
    async fn knows_of(&mut self, keys: &[&str]) {
        self.hears(|known| known.values().map(|one| one.key.as_str()).eq(keys.iter().copied()))
            .await;
    }

    async fn hears(&mut self, enough: impl Fn(&BTreeMap<String, pb::Subscription>) -> bool) {
        while self.resets == 0 || !enough(&self.known) {
            match soon(self.heard.recv()).await.unwrap() {
                Subscribing::Subscribed(part) => self.take(part),
                Subscribing::Disconnected { .. } => (self.known, self.resets) = (BTreeMap::new(), 0),
                Subscribing::Declared(_) => {}
            }
        }
    }
}

/// A member that declares, and hears the answer.
struct Subscriber {
    member: TestMember,
    heard: mpsc::Receiver<Subscribing>,
    generation: u64,
}

impl Subscriber {
    async fn of(flock: &Flock, hub: &TestHub, called: &str) -> Self {
        let member = flock.member(called, &[hub]);
        let heard = member.link.subscribing().unwrap();
        member.connected().await;
        Self {
            member,
            heard,
            generation: 0,
        }
    }

    fn say(&mut self, subscriptions: Vec<pb::Subscription>) {
        self.generation += 1;
        self.member.link.declare(Declaration {
            generation: self.generation,
            subscriptions: subscriptions.into(),
        });
    }

    async fn answer(&mut self) -> pb::Declared {
        loop {
            if let Subscribing::Declared(answer) = soon(self.heard.recv()).await.unwrap()
                && answer.generation == self.generation
            {
                return answer;
            }
        }
    }

    async fn declare(&mut self, subscriptions: Vec<pb::Subscription>) -> pb::Declared {
        self.say(subscriptions);
        self.answer().await
    }
}

fn many(n: std::ops::Range<u32>, source: &str) -> Vec<pb::Subscription> {
    n.map(|n| subscription(n, source)).collect()
}

#[tokio::test]
async fn a_source_hears_of_all_at_first_and_then_of_changes() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let mut b = Subscriber::of(&flock, &hub, "b").await;
    let first = b.declare(many(0..2, "a")).await;
    assert_eq!(first.code, "");
    let mut a = Source::of(flock.member("a", &[&hub]));
    a.knows(2).await;
    assert!(a.revision >= first.revision);
    let mut wanted = many(1..3, "a");
    wanted.extend(many(3..4, "elsewhere"));
    let second = b.declare(wanted.clone()).await;
    assert_eq!(second.code, "");
    a.knows_of(&["file[/1]", "file[/2]"]).await;
    assert!(a.known.values().all(|one| one.subscriber == "b"));
    let kept = a.known.values().find(|one| one.key == "file[/1]").unwrap();
    assert!(kept.revision <= first.revision, "what stays keeps its revision");
    let again = b.declare(wanted).await;
    assert_eq!(again.revision, second.revision, "the same set changes nothing");
    b.declare(Vec::new()).await;
    a.knows(0).await;
}

#[tokio::test]
async fn a_name_that_becomes_secret_is_shown_no_longer() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let mut b = Subscriber::of(&flock, &hub, "b").await;
    let first = b.declare(many(1..3, "a")).await;
    let mut a = Source::of(flock.member("a", &[&hub]));
    a.knows(2).await;
    let moved = |key: &str| {
        let mut set = many(1..3, "a");
        (set[0].key, set[0].line, set[1].line) = (key.to_owned(), 7, 7);
        set
    };
    let hashed = crate::run_state::shown_key("file[/1]");
    let second = b.declare(moved(&hashed)).await;
    assert_eq!(second.code, "");
    a.knows_of(&[hashed.as_str(), "file[/2]"]).await;
    let kept = a.known.values().find(|one| one.key == "file[/2]").unwrap();
    assert!(kept.revision <= first.revision, "another line is nothing new");
    b.declare(moved("file[/1]")).await;
    a.knows_of(&["file[/1]", "file[/2]"]).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_node_whose_removal_was_cut_short() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    for called in ["b", "c"] {
        let mut one = Subscriber::of(&flock, &hub, called).await;
        assert_eq!(one.declare(many(0..3, "a")).await.code, "");
    }
    let removed = serde_json::to_vec(&crate::hub::keys::Removed {
        removed_ms: 1,
        by: "operator".into(),
    });
    let put = crate::registry::Op::Put {
        key: "removed/b".into(),
        value: removed.unwrap(),
        expect: crate::registry::Expect::Any,
        session: None,
    };
    hub.crash();
    flock.registry.txn("cut short", vec![put]).await.unwrap();
    let _hub = flock.hub("hub1");
    let left = || async {
        let held = flock.registry.list("subscriptions/").await.unwrap().entries;
        let of_c = held.iter().all(|entry| entry.key.starts_with("subscriptions/c/"));
        (of_c && held.len() == 3).then_some(())
    };
    eventually(left).await;
}

#[tokio::test]
async fn a_large_set_comes_in_parts_and_a_few_more_as_a_few() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let long = |n: u32| pb::Subscription {
        source_key: format!("execute[{}]", "x".repeat(3_000)),
        ..subscription(n, "a")
    };
    for k in 0..5_u32 {
        let mut one = Subscriber::of(&flock, &hub, &format!("b{k}")).await;
        let set = if k == 0 {
            (0..1_000).map(long).collect()
        } else {
            many(0..1_000, "a")
        };
        assert_eq!(one.declare(set).await.code, "");
    }
    let mut a = Source::of(flock.member("a", &[&hub]));
    a.knows(5_000).await;
    assert!(a.parts > 5, "3 MB in one message");
    let parts = a.parts;
    let mut late = Subscriber::of(&flock, &hub, "late").await;
    late.declare(many(0..1, "a")).await;
    a.knows(5_001).await;
    assert_eq!(a.parts, parts + 1);
}

#[tokio::test]
async fn a_follower_that_falls_behind_holds_up_nothing_else() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let long = |n: u32| pb::Subscription {
        source_key: format!("execute[{}]", "x".repeat(3_500)),
        ..subscription(n, "a")
    };
    for called in ["b", "c"] {
        let mut one = Subscriber::of(&flock, &hub, called).await;
        assert_eq!(one.declare((0..1_000).map(long).collect()).await.code, "");
    }
    let mut a = Source::of(flock.member("a", &[&hub]));
    eventually(|| async { (a.heard.len() == limits::SUBSCRIBED_QUEUE).then_some(()) }).await;
    let tagged = || pb::Targets {
        tags: vec!["new".into()],
        ..Default::default()
    };
    a.member.facts.send_modify(|facts| facts.tags = vec!["new".into()]);
    let asked = flock.member("d", &[&hub]);
    asked.connected().await;
    eventually(|| async { (asked.link.resolve(tagged(), "id").await.ok()?.nodes.len() == 1).then_some(()) }).await;
    a.knows(2_000).await;
}

#[tokio::test]
async fn selectors_follow_what_nodes_are() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let mut b = Subscriber::of(&flock, &hub, "b").await;
    let by_tag = |n: u32, tags: &[&str], nodes: &[&str]| pb::Subscription {
        sources: Some(pb::Targets {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..named(nodes)
        }),
        ..subscription(n, "x")
    };
    let set = vec![
        by_tag(1, &["web"], &[]),
        by_tag(2, &["web", "canary"], &[]),
        by_tag(3, &["web"], &["a", "c"]),
        by_tag(4, &["web"], &["c"]),
    ];
    b.declare(set).await;
    let mut a = Source::of(flock.member("a", &[&hub]));
    a.knows(0).await;
    let tagged = |tags: &[&str]| pb::NodeInfo {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..node("a")
    };
    a.member.facts.send_replace(tagged(&["web"]));
    a.knows(2).await;
    a.member.facts.send_replace(tagged(&["web", "canary"]));
    a.knows(3).await;
    a.member.facts.send_replace(tagged(&["canary"]));
    a.knows(0).await;
    a.member.facts.send_replace(tagged(&["web"]));
    a.knows(2).await;
    // A hub that has just started may tell of all twice.
    assert!(a.resets <= 2, "what changed comes as changes");
    b.declare(vec![by_tag(5, &["web"], &[])]).await;
    a.knows(1).await;
}

#[tokio::test]
async fn the_first_set_knows_what_its_member_has_just_said() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let mut b = Subscriber::of(&flock, &hub, "b").await;
    let by_tag = pb::Subscription {
        sources: Some(pb::Targets {
            tags: vec!["web".into()],
            ..Default::default()
        }),
        ..subscription(1, "x")
    };
    b.declare(vec![by_tag]).await;
    for n in 0..30 {
        let facts = pb::NodeInfo {
            tags: vec!["web".into()],
            ..node(&format!("a{n}"))
        };
        let mut a = Source::of(flock.member_with(facts, &[&hub], |_| {}));
        a.hears(|_| true).await;
        assert_eq!(a.known.len(), 1, "the first set of a{n}");
    }
}

#[tokio::test]
async fn whoever_is_removed_subscribes_to_nothing() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let mut a = Source::of(flock.member("a", &[&hub]));
    let mut b = Subscriber::of(&flock, &hub, "b").await;
    b.declare(many(0..200, "a")).await;
    a.knows(200).await;
    let operator = flock.operator(&hub);
    operator.connected().await;
    operator.link.node_remove("b").await.unwrap();
    a.knows(0).await;
    assert!(flock.registry.list("subscriptions/").await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn a_hub_that_comes_back_tells_of_all_again() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let mut a = Source::of(flock.member("a", &[&hub]));
    let mut b = Subscriber::of(&flock, &hub, "b").await;
    let before = b.declare(many(0..3, "a")).await;
    a.knows(3).await;
    let epoch = b.member.connected().await;
    hub.crash();
    let _hub = flock.hub("hub1");
    b.member.reconnected(epoch).await;
    assert_eq!(b.answer().await.code, "", "every session declares");
    a.known.clear();
    a.resets = 0;
    a.knows(3).await;
    assert!(
        a.known.values().all(|one| one.revision <= before.revision),
        "nothing was made anew"
    );
}

#[tokio::test]
async fn what_cannot_be_taken_is_answered_with_the_reason() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let mut b = Subscriber::of(&flock, &hub, "b").await;
    b.declare(many(0..1, "a")).await;
    let refused = b.declare(many(0..1_001, "a")).await;
    assert_eq!(refused.code, "too_many_subscriptions");
    let mut odd = subscription(7, "a");
    odd.timing = "before".into();
    assert_eq!(b.declare(vec![odd]).await.code, "bad_subscription");
    let held = flock.registry.list("subscriptions/b/").await.unwrap().entries;
    assert_eq!(held.len(), 1, "the earlier set stands");
}

#[tokio::test]
async fn of_two_declarations_in_a_row_the_last_counts() {
    let flock = Flock::new(30_000);
    let hub = flock.hub("hub1");
    let mut b = Subscriber::of(&flock, &hub, "b").await;
    for n in 1..20 {
        b.say(many(n..n + 5, "a"));
    }
    assert_eq!(b.answer().await.code, "");
    let keys = || async {
        let held = flock.registry.list("subscriptions/b/").await.unwrap().entries;
        let wanted: Vec<_> = many(19..24, "a")
            .iter()
            .map(|one| format!("subscriptions/b/{}", one.id))
            .collect();
        (held.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>() == wanted).then_some(())
    };
    eventually(keys).await;
}
