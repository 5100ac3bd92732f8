//! Promises on watches: every change in order, or a `Resync`; never a silent gap.

use std::collections::BTreeMap;

use flock_core::limits;

use super::*;

/// Waits for `key` among the events, past a `Resync` and whatever else comes before it.
async fn until_change(watch: &mut mpsc::Receiver<WatchEvent>, wanted: &str) {
    loop {
        if matches!(event(watch).await, WatchEvent::Change { key, .. } if key == wanted) {
            return;
        }
    }
}

/// More changes than `count`, as few transactions as can be; answers the last revision.
async fn flood(registry: &Arc<dyn Registry>, count: u64) -> u64 {
    let step = limits::REGISTRY_TXN_OPS as u64;
    let mut revision = 0;
    for n in 0..=count / step {
        let ops = (0..step)
            .map(|key| put(&format!("flood/{key}"), &n.to_string()))
            .collect();
        revision = run(registry, ops).await.unwrap().revision;
    }
    revision
}

pub(crate) async fn a_watch_tells_every_change_of_its_prefix_in_order(h: impl Harness) {
    let registry = h.registry();
    let start = registry.list("").await.unwrap().revision;
    let mut watch = registry.watch("nodes/", start).await.unwrap();
    let first = run(
        &registry,
        vec![put("nodes/a", "1"), put("other", "x"), put("nodes/b", "2")],
    )
    .await
    .unwrap();
    run(&registry, vec![put("nodesx", "x")]).await.unwrap();
    let second = run(&registry, vec![put("nodes/a", "3")]).await.unwrap();
    let third = run(&registry, vec![delete("nodes/a"), delete("nodes/none")])
        .await
        .unwrap();
    for expected in [
        change("nodes/a", Some("1"), first.revision),
        change("nodes/b", Some("2"), first.revision),
        change("nodes/a", Some("3"), second.revision),
        change("nodes/a", None, third.revision),
    ] {
        assert_eq!(event(&mut watch).await, expected);
    }
}

pub(crate) async fn a_watch_resumes_or_says_resync(mut h: impl Harness) {
    let first = run(&h.registry(), vec![put("a", "1")]).await.unwrap();
    let second = run(&h.registry(), vec![put("b", "2")]).await.unwrap();
    let third = run(&h.registry(), vec![delete("a")]).await.unwrap();
    h.restart().await;
    let registry = h.registry();
    let mut watch = registry.watch("", first.revision).await.unwrap();
    if !registry.capabilities().gapless_watch {
        assert!(matches!(event(&mut watch).await, WatchEvent::Resync { revision } if revision >= third.revision));
        return;
    }
    assert_eq!(event(&mut watch).await, change("b", Some("2"), second.revision));
    assert_eq!(event(&mut watch).await, change("a", None, third.revision));
    let live = run(&registry, vec![put("c", "4")]).await.unwrap();
    assert_eq!(event(&mut watch).await, change("c", Some("4"), live.revision));
}

pub(crate) async fn a_compacted_revision_is_answered_with_resync(h: impl Harness) {
    let registry = h.registry();
    let early = run(&registry, vec![put("a", "1")]).await.unwrap();
    let last = flood(&registry, limits::REGISTRY_CHANGES).await;
    let mut watch = registry.watch("", early.revision).await.unwrap();
    assert!(matches!(event(&mut watch).await, WatchEvent::Resync { revision } if revision >= last));
    run(&registry, vec![put("after", "")]).await.unwrap();
    until_change(&mut watch, "after").await;
}

pub(crate) async fn a_revision_ahead_is_answered_with_resync(h: impl Harness) {
    let registry = h.registry();
    let now = run(&registry, vec![put("a", "1")]).await.unwrap().revision;
    let mut watch = registry.watch("", now + 1000).await.unwrap();
    assert!(matches!(event(&mut watch).await, WatchEvent::Resync { revision } if revision >= now));
    run(&registry, vec![put("after", "")]).await.unwrap();
    until_change(&mut watch, "after").await;
}

pub(crate) async fn a_slow_watcher_is_told_to_list_again(h: impl Harness) {
    let registry = h.registry();
    let start = registry.list("").await.unwrap().revision;
    let mut slow = registry.watch("", start).await.unwrap();
    flood(&registry, 2 * limits::REGISTRY_WATCH_QUEUE as u64).await;
    let mut last = start;
    let resync = loop {
        match event(&mut slow).await {
            WatchEvent::Change { revision, .. } => {
                assert!(revision >= last, "revisions went backwards");
                last = revision;
            }
            WatchEvent::Resync { revision } => break revision,
        }
    };
    let listing = registry.list("").await.unwrap();
    assert!(resync > last && listing.revision >= resync);
    run(&registry, vec![put("after", "")]).await.unwrap();
    until_change(&mut slow, "after").await;
}

pub(crate) async fn an_ended_session_is_seen_by_watchers(h: impl Harness) {
    let registry = h.registry();
    let a = registry.open_session("a", LEASE_MS).await.unwrap();
    let b = registry.open_session("b", LEASE_MS).await.unwrap();
    let put = run(&registry, vec![ephemeral("live/a", &a), ephemeral("live/b", &b)])
        .await
        .unwrap();
    let mut watch = registry.watch("live/", put.revision).await.unwrap();
    registry.close_session(&a).await.unwrap();
    assert!(matches!(event(&mut watch).await, WatchEvent::Change { key, value: None, .. } if key == "live/a"));
    h.pass(2 * LEASE_MS).await;
    assert!(matches!(event(&mut watch).await, WatchEvent::Change { key, value: None, .. } if key == "live/b"));
}

pub(crate) async fn failed_and_repeated_commands_are_not_seen(h: impl Harness) {
    let registry = h.registry();
    let first = registry.txn("once", vec![put("a", "1")]).await.unwrap();
    let mut watch = registry.watch("", first.revision).await.unwrap();
    registry.txn("once", vec![put("a", "1")]).await.unwrap();
    code(&registry, vec![put("b", "1"), put_if("a", "2", Expect::Absent)]).await;
    let last = run(&registry, vec![put("c", "1")]).await.unwrap();
    assert_eq!(event(&mut watch).await, change("c", Some("1"), last.revision));
}

pub(crate) async fn a_watcher_that_left_harms_nobody(h: impl Harness) {
    let registry = h.registry();
    for _ in 0..limits::REGISTRY_WATCHERS + 1 {
        drop(registry.watch("", 0).await.unwrap());
    }
    let mut stays = registry.watch("", 0).await.unwrap();
    run(&registry, vec![put("a", "1")]).await.unwrap();
    until_change(&mut stays, "a").await;
}

/// The way that every cache goes: list, then watch from there, while others write.
pub(crate) async fn list_then_watch_misses_nothing(h: impl Harness) {
    const WRITERS: usize = 4;
    const WRITES: usize = 50;
    let registry = h.registry();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let registry = Arc::clone(&registry);
        writers.spawn(async move {
            for n in 0..WRITES {
                let ops = vec![
                    put(&format!("cache/{}", (writer + n) % 7), &format!("{writer}.{n}")),
                    delete(&format!("cache/{}", n % 5 + 7)),
                ];
                run(&registry, ops).await.unwrap();
            }
        });
    }
    let listing = registry.list("cache/").await.unwrap();
    let mut watch = registry.watch("cache/", listing.revision).await.unwrap();
    let mut cache: BTreeMap<_, _> = listing
        .entries
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect();
    writers.join_all().await;
    run(&registry, vec![put("cache/end", "")]).await.unwrap();
    while !cache.contains_key("cache/end") {
        match event(&mut watch).await {
            WatchEvent::Change {
                key,
                value: Some(value),
                ..
            } => drop(cache.insert(key, value)),
            WatchEvent::Change { key, value: None, .. } => drop(cache.remove(&key)),
            WatchEvent::Resync { .. } => {
                let again = registry.list("cache/").await.unwrap();
                cache = again
                    .entries
                    .into_iter()
                    .map(|entry| (entry.key, entry.value))
                    .collect();
            }
        }
    }
    let there = registry.list("cache/").await.unwrap();
    let there: BTreeMap<_, _> = there
        .entries
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect();
    assert_eq!(cache, there);
}
