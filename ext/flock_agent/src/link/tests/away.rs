use crate::{
    hub::testing::*,
    link::LinkEvent,
    pb::{self, Targets},
    registry::fake::Fake,
};

fn web() -> Targets {
    Targets {
        roles: vec!["web".into()],
        ..Default::default()
    }
}

fn web_node(name: &str) -> pb::NodeInfo {
    pb::NodeInfo {
        roles: vec!["web".into()],
        ..node(name)
    }
}

#[tokio::test]
async fn what_was_asked_before_is_answered_as_stale_without_a_hub() {
    let flock = Flock::new(2_000);
    let hub = flock.hub("hub");
    let a = flock.member_with(web_node("a"), &[&hub], |_| {});
    assert_eq!(a.resolves(&web(), |names| !names.is_empty()).await, ["a"]);
    hub.crash();
    soon(a.link.states().wait_for(|state| !state.connected)).await.unwrap();
    let found = a.link.resolve(web(), "id").await.unwrap();
    assert!(found.stale);
    assert_eq!(found.nodes[0].address, "a:22222");
    assert_eq!(a.link.address_of("a").as_deref(), Some("a:22222"));
    let never = a
        .link
        .resolve(
            Targets {
                roles: vec!["db".into()],
                ..Default::default()
            },
            "id",
        )
        .await
        .unwrap_err();
    assert_eq!((never.code(), never.retryable()), ("hub_away", true));
    let named = a.link.resolve(named(&["a", "b"]), "id").await.unwrap();
    assert!(named.stale);
    assert_eq!(
        named.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(
        a.link
            .token_create(pb::HubTokenRequest::default())
            .await
            .unwrap_err()
            .code(),
        "hub_away"
    );
}

#[tokio::test]
async fn what_was_learned_outlives_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let flock = Flock::new(2_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    let (_evil, keep) = (flock.member("evil", &[&hub]), Some(dir.path().to_path_buf()));
    let a = flock.member_with(web_node("a"), &[&hub], |options| options.data_dir = keep.clone());
    operator.sees("evil", "alive").await;
    operator.link.node_remove("evil").await.unwrap();
    eventually(|| async { a.deny.denies(&name("evil")).then_some(()) }).await;
    a.resolves(&web(), |names| !names.is_empty()).await;
    a.stop().await;
    let again = flock.member_with(web_node("a"), &[], |options| options.data_dir = keep.clone());
    assert!(
        again.deny.denies(&name("evil")),
        "who was removed stays removed, hub or no hub"
    );
    assert!(again.link.resolve(web(), "id").await.unwrap().stale);
    assert_eq!(again.link.address_of("a").as_deref(), Some("a:22222"));
    again.refused("no_hubs").await;
}

#[tokio::test]
async fn a_cut_connection_is_dialled_again_and_everything_said_again() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let a = flock.member("a", &[&hub]);
    let mut events = a.link.events();
    a.link.watch_names(set(&["b"]));
    let epoch = a.connected().await;
    let (mut seen, mut told) = (Vec::new(), 0);
    // The watch is said again too: its answer comes with each session.
    while seen.len() < 3 || told < 2 {
        match soon(events.recv()).await.unwrap() {
            LinkEvent::Presence(node) if node.name == "b" => {
                told += 1;
                if told == 1 {
                    flock.net.cut("a");
                    a.reconnected(epoch).await;
                }
            }
            LinkEvent::Presence(_) | LinkEvent::Changed => {}
            event => seen.push(event),
        }
    }
    assert_eq!(
        seen,
        [LinkEvent::Connected, LinkEvent::Disconnected, LinkEvent::Connected]
    );
}

#[tokio::test]
async fn another_hub_takes_over() {
    let flock = Flock::new(600_000);
    let (one, two) = (flock.hub("one"), flock.hub("two"));
    let a = flock.member("a", &[&one, &two]);
    a.connected().await;
    let (held, other) = if a.link.state().hub == one.address {
        (one, two)
    } else {
        (two, one)
    };
    held.crash();
    soon(
        a.link
            .states()
            .wait_for(|state| state.connected && state.hub == other.address),
    )
    .await
    .unwrap();
    a.sees("a", "alive").await;
}

#[tokio::test]
async fn a_registry_that_went_back_is_told_everything_again() {
    let mut flock = Flock::new(2_000);
    flock.registry = std::sync::Arc::new(Fake::at(1_000));
    let hub = flock.hub("hub");
    let a = flock.member_with(web_node("a"), &[&hub], |_| {});
    a.link.watch_names(set(&["a"]));
    a.resolves(&web(), |names| !names.is_empty()).await;
    assert!(a.link.state().revision > 1_000);
    let mut events = a.link.events();
    hub.crash();
    soon(a.link.states().wait_for(|state| !state.connected)).await.unwrap();
    // Restored from an empty backup: lower revisions, lower epochs, nobody known.
    flock.registry = std::sync::Arc::new(Fake::default());
    let hub = flock.hub("hub");
    soon(
        a.link
            .states()
            .wait_for(|state| state.connected && state.revision < 1_000),
    )
    .await
    .unwrap();
    assert_eq!(a.resolves(&web(), |names| !names.is_empty()).await, ["a"]);
    let mut changed = false;
    while let Ok(event) = events.try_recv() {
        changed |= event == LinkEvent::Changed;
    }
    assert!(changed, "those who wait for a selector must ask again");
    drop(hub);
}

#[tokio::test]
async fn a_registry_that_went_back_makes_old_answers_worthless() {
    let mut flock = Flock::new(2_000);
    flock.registry = std::sync::Arc::new(Fake::at(1_000));
    let hub = flock.hub("hub");
    let a = flock.member_with(web_node("a"), &[&hub], |_| {});
    a.resolves(&web(), |names| !names.is_empty()).await;
    hub.crash();
    flock.registry = std::sync::Arc::new(Fake::default());
    let hub = flock.hub("hub");
    soon(
        a.link
            .states()
            .wait_for(|state| state.connected && state.revision < 1_000),
    )
    .await
    .unwrap();
    hub.crash();
    soon(a.link.states().wait_for(|state| !state.connected)).await.unwrap();
    assert_eq!(a.link.resolve(web(), "id").await.unwrap_err().code(), "hub_away");
}
