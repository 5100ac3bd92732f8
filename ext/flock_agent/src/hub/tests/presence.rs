use super::{super::testing::*, *};

#[tokio::test]
async fn silent_for_one_lease_is_suspect_and_for_two_gone() {
    let flock = Flock::new(300);
    let hub = flock.hub("hub");
    let watcher = flock.member("watcher", &[&hub]);
    watcher.connected().await;
    let mut events = watcher.link.events();
    watcher.link.watch_names(set(&["quiet"]));
    let (_quiet, _) = Raw::welcomed(&flock, &hub, "quiet").await;
    let mut seen = Vec::new();
    while seen.last().map(String::as_str) != Some("gone") || seen.len() < 2 {
        if let crate::link::LinkEvent::Presence(node) = soon(events.recv()).await.unwrap() {
            assert_eq!(node.name, "quiet");
            seen.push(node.presence);
        }
    }
    seen.dedup();
    let tail = &seen[seen.len() - 3..];
    assert_eq!(tail, ["alive", "suspect", "gone"], "{seen:?}");
    eventually(|| async { (hub.hub.members() == 1).then_some(()) }).await;
}

#[tokio::test]
async fn silence_before_a_restart_does_not_count() {
    let flock = Flock::new(400);
    let hub = flock.hub("hub");
    let (_quiet, _) = Raw::welcomed(&flock, &hub, "quiet").await;
    hub.crash();
    let restarted = std::time::Instant::now();
    let hub = flock.hub("hub");
    flock.member("watcher", &[&hub]).sees("quiet", "suspect").await;
    assert!(
        restarted.elapsed() >= std::time::Duration::from_millis(800),
        "one lease of grace, one of silence"
    );
}

#[tokio::test]
async fn a_heartbeat_need_not_wait_for_the_next_sweep() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (raw, _) = Raw::welcomed(&flock, &hub, "a").await;
    let slot = hub.hub.0.sessions.get("a").unwrap();
    *slot.told.lock().await = flock_core::lease::Presence::Suspect;
    raw.say(up::Body::Heartbeat(pb::Heartbeat::default())).await;
    eventually(|| async { (*slot.told.lock().await == flock_core::lease::Presence::Alive).then_some(()) }).await;
}

#[tokio::test]
async fn a_heartbeat_ends_suspicion() {
    let flock = Flock::new(400);
    let hub = flock.hub("hub");
    let (mut watcher, _) = Raw::welcomed(&flock, &hub, "watcher").await;
    let beating = watcher.say.clone();
    let beats = tokio::spawn(async move {
        loop {
            let beat = pb::Up {
                body: Some(up::Body::Heartbeat(pb::Heartbeat::default())),
            };
            if beating.send(beat).await.is_err() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    let (quiet, _) = Raw::welcomed(&flock, &hub, "quiet").await;
    watcher.watch(&["quiet"]).await;
    watcher.hears_presence("quiet", "suspect").await;
    quiet.say(up::Body::Heartbeat(pb::Heartbeat::default())).await;
    watcher.hears_presence("quiet", "alive").await;
    beats.abort();
}

#[tokio::test]
async fn who_says_good_bye_is_gone_at_once() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (stays, leaves) = (flock.member("stays", &[&hub]), flock.member("leaves", &[&hub]));
    stays.connected().await;
    leaves.connected().await;
    stays.sees("leaves", "alive").await;
    leaves.stop().await;
    // During the grace after a hub's start, nobody is called gone: suspect is what a missing session looks like.
    stays.sees("leaves", "suspect").await;
    eventually(|| async { (hub.hub.members() == 1).then_some(()) }).await;
}

#[tokio::test]
async fn a_restarted_hub_calls_nobody_gone_who_comes_back() {
    let flock = Flock::new(2_000);
    let hub = flock.hub("hub");
    let (a, b) = (flock.member("a", &[&hub]), flock.member("b", &[&hub]));
    a.link.watch_names(set(&["b"]));
    let (epoch_a, epoch_b) = (a.connected().await, b.connected().await);
    a.sees("b", "alive").await;
    let mut events = a.link.events();
    hub.crash();
    let hub = flock.hub("hub");
    a.reconnected(epoch_a).await;
    b.reconnected(epoch_b).await;
    a.sees("b", "alive").await;
    while let Ok(event) = events.try_recv() {
        assert!(
            !matches!(&event, crate::link::LinkEvent::Presence(node) if node.presence == "gone"),
            "{event:?}"
        );
    }
    drop(hub);
}

#[tokio::test]
async fn a_restarted_hub_gives_one_lease_of_grace_even_when_the_registry_forgot_all_sessions() {
    let flock = Flock::new(1_500);
    let hub = flock.hub("hub");
    let (_quiet, _) = Raw::welcomed(&flock, &hub, "quiet").await;
    hub.crash();
    flock.registry.expire_all();
    let hub = flock.hub("hub");
    let (mut watcher, _) = Raw::welcomed(&flock, &hub, "watcher").await;
    eventually(|| async { hub.hub.0.directory().is_loaded().then_some(()) }).await;
    watcher.watch(&["quiet"]).await;
    assert_eq!(watcher.hears_of().await, ("quiet".into(), "suspect".into()));
    watcher.hears_presence("quiet", "gone").await;
}

#[tokio::test]
async fn members_that_never_come_back_to_a_restarted_hub_go_in_the_end() {
    let flock = Flock::new(300);
    let hub = flock.hub("hub");
    let (_quiet, _) = Raw::welcomed(&flock, &hub, "quiet").await;
    hub.crash();
    let hub = flock.hub("hub");
    let watcher = flock.member("watcher", &[&hub]);
    watcher.sees("quiet", "gone").await;
}

#[tokio::test]
async fn watched_names_are_told_at_once_and_others_never() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (_a, _) = Raw::welcomed(&flock, &hub, "a").await;
    let (_b, _) = Raw::welcomed(&flock, &hub, "b").await;
    let (mut watcher, _) = Raw::welcomed(&flock, &hub, "watcher").await;
    eventually(|| async { (hub.hub.0.directory().node("b").presence == "alive").then_some(()) }).await;
    watcher.watch(&["a", "nobody"]).await;
    assert_eq!(watcher.hears_of().await, ("a".into(), "alive".into()));
    assert_eq!(watcher.hears_of().await, ("nobody".into(), "unknown".into()));
    watcher.watch(&["nobody"]).await;
    assert_eq!(watcher.hears_of().await, ("nobody".into(), "unknown".into()));
    let (a, _) = Raw::welcomed(&flock, &hub, "a").await;
    a.say(up::Body::Bye(pb::Bye {})).await;
    eventually(|| async { (hub.hub.0.directory().node("a").presence == "suspect").then_some(()) }).await;
    let (_nobody, _) = Raw::welcomed(&flock, &hub, "nobody").await;
    let (name, presence) = watcher.hears_of().await;
    assert_eq!(
        (name.as_str(), presence.as_str()),
        ("nobody", "alive"),
        "a is not watched any more"
    );
}

#[tokio::test]
async fn what_changed_unseen_is_found_by_a_resync() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let member = flock.member("a", &[&hub]);
    member.sees("a", "alive").await;
    let value = crate::hub::keys::encode_node(&node("unseen")).unwrap();
    flock.registry.put_unseen("nodes/unseen", Some(value));
    flock.registry.put_unseen("nodes/a", None);
    let known = member.link.resolve(named(&["unseen"]), "id").await.unwrap();
    assert_eq!(known.nodes[0].presence, "unknown");
    flock.registry.resync();
    member.sees("unseen", "suspect").await;
    member.sees("a", "unknown").await;
}
