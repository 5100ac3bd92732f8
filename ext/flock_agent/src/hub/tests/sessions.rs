use super::{super::testing::*, *};

#[tokio::test]
async fn a_newer_session_fences_the_older_and_closes_it() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (mut old, first) = Raw::welcomed(&flock, &hub, "a").await;
    let (mut new, second) = Raw::welcomed(&flock, &hub, "a").await;
    assert!(second.epoch > first.epoch);
    let fenced = old.hears_fence().await;
    assert_eq!(fenced.code, "newer_session");
    assert!(
        fenced.message.contains("two agents share one name"),
        "{}",
        fenced.message
    );
    assert_eq!(old.hear().await, None);
    new.say(up::Body::Heartbeat(pb::Heartbeat { sent_ms: 7 })).await;
    let answer = loop {
        match new.hear().await {
            // What its own announcement changed may be told before.
            Some(down::Body::Changed(_)) => {}
            other => break other,
        }
    };
    assert!(
        matches!(&answer, Some(down::Body::Beat(beat)) if beat.sent_ms == 7),
        "{answer:?}"
    );
    assert_eq!(hub.hub.members(), 1);
}

#[tokio::test]
async fn a_session_that_another_hub_took_over_is_fenced_at_its_next_heartbeat() {
    let flock = Flock::new(600_000);
    let (one, two) = (flock.hub("one"), flock.hub("two"));
    let (mut old, _) = Raw::welcomed(&flock, &one, "a").await;
    let (_new, _) = Raw::welcomed(&flock, &two, "a").await;
    old.say(up::Body::Heartbeat(pb::Heartbeat::default())).await;
    assert_eq!(old.hears_fence().await.code, "newer_session");
    assert_eq!((one.hub.members(), two.hub.members()), (0, 1));
}

#[tokio::test]
async fn two_agents_of_one_name_are_told_so_and_do_not_race() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let first = flock.member("a", &[&hub]);
    let epoch = first.connected().await;
    let second = flock.member("a", &[&hub]);
    assert!(second.connected().await > epoch);
    let problem = first.refused("newer_session").await;
    assert!(problem.message().contains("two agents share one name"), "{problem}");
    assert!(second.link.state().connected);
}

#[tokio::test]
async fn other_flocks_are_turned_away() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let fenced = Raw::fenced(
        &flock,
        &hub,
        pb::SessionHello {
            flock_id: "flock-2".into(),
            ..hello("a")
        },
    )
    .await;
    assert_eq!(fenced.code, "other_flock");
    assert!(
        fenced.message.contains("flock-1") && fenced.message.contains("flock-2"),
        "{}",
        fenced.message
    );
    let member = flock.member_with(node("b"), &[&hub], |options| options.flock_id = "flock-2".into());
    member.refused("other_flock").await;
    assert_eq!(hub.hub.members(), 0);
}

#[tokio::test]
async fn other_protocols_are_turned_away_and_told_who_is_older() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let newer = pb::SessionHello {
        protocol_min: limits::PROTOCOL_MAX + 1,
        protocol_max: limits::PROTOCOL_MAX + 2,
        ..hello("a")
    };
    let fenced = Raw::fenced(&flock, &hub, newer).await;
    assert_eq!(fenced.code, "protocol");
    assert!(fenced.message.ends_with("on the hub"), "{}", fenced.message);
    let older = pb::SessionHello {
        protocol_min: 0,
        protocol_max: limits::PROTOCOL_MIN - 1,
        ..hello("a")
    };
    assert!(Raw::fenced(&flock, &hub, older).await.message.ends_with("on the agent"));
}

#[tokio::test]
async fn the_certificate_decides_who_one_is() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let refused = Raw::open(&flock, &hub, "a", up::Body::Hello(hello("b")))
        .await
        .err()
        .unwrap();
    assert_eq!(crate::wire::error(refused).code(), "wrong_name");
    let claim = pb::SessionHello {
        announce: Some(pb::NodeInfo {
            hub: true,
            presence: "x".into(),
            ..node("a")
        }),
        ..hello("a")
    };
    let _raw = Raw::open(&flock, &hub, "a", up::Body::Hello(claim)).await.unwrap();
    let member = flock.member("b", &[&hub]);
    assert!(
        !member.sees("a", "alive").await.hub,
        "a node does not become a hub by saying so"
    );
}

#[tokio::test]
async fn the_first_message_must_be_hello_and_only_the_first() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let refused = Raw::open(&flock, &hub, "a", up::Body::Bye(pb::Bye {}))
        .await
        .err()
        .unwrap();
    assert_eq!(crate::wire::error(refused).code(), "no_hello");
    let (mut raw, _) = Raw::welcomed(&flock, &hub, "a").await;
    raw.say(up::Body::Hello(hello("a"))).await;
    let ended = soon(async {
        loop {
            if let Err(status) = raw.hears.message().await {
                return status;
            }
        }
    })
    .await;
    assert_eq!(crate::wire::error(ended).code(), "protocol");
}

#[tokio::test]
async fn facts_have_a_limit() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let mut big = node("a");
    big.tags = (0..10_000).map(|n| format!("tag-{n}")).collect();
    let refused = Raw::open(
        &flock,
        &hub,
        "a",
        up::Body::Hello(pb::SessionHello {
            announce: Some(big),
            ..hello("a")
        }),
    )
    .await;
    assert_eq!(crate::wire::error(refused.err().unwrap()).code(), "facts_too_large");
}

#[tokio::test]
async fn a_member_that_does_not_read_is_disconnected() {
    let flock = Flock::new(500);
    let hub = flock.hub("hub");
    let (mut raw, _) = Raw::welcomed(&flock, &hub, "a").await;
    let slot = hub.hub.0.sessions.get("a").unwrap();
    // Each heartbeat is answered; the answers fill the window, the pipe and the queue, for nobody takes them.
    let say = raw.say.clone();
    let beats = tokio::spawn(async move {
        let beat = || pb::Up {
            body: Some(up::Body::Heartbeat(pb::Heartbeat { sent_ms: u64::MAX })),
        };
        while say.send(beat()).await.is_ok() {}
    });
    soon(slot.ended.cancelled()).await;
    assert!(slot.slow.load(std::sync::atomic::Ordering::Relaxed));
    let reason = soon(async {
        loop {
            match raw.hears.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("ended without a reason"),
                Err(status) => return crate::wire::error(status),
            }
        }
    })
    .await;
    assert_eq!(reason.code(), "slow_member");
    beats.abort();
}

#[tokio::test]
async fn a_registry_that_is_away_for_a_while_costs_no_session() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (mut raw, _) = Raw::welcomed(&flock, &hub, "a").await;
    flock.registry.set_away(true);
    raw.say(up::Body::Heartbeat(pb::Heartbeat { sent_ms: 1 })).await;
    assert!(matches!(raw.hear().await, Some(down::Body::Beat(_))));
    let refused = Raw::open(&flock, &hub, "b", up::Body::Hello(hello("b")))
        .await
        .err()
        .unwrap();
    assert!(crate::wire::error(refused).retryable());
    flock.registry.set_away(false);
    raw.say(up::Body::Heartbeat(pb::Heartbeat { sent_ms: 2 })).await;
    let answered = loop {
        match raw.hear().await.unwrap() {
            down::Body::Beat(beat) => break beat.sent_ms,
            // The hub reads the registry anew.
            down::Body::Changed(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answered, 2);
}
