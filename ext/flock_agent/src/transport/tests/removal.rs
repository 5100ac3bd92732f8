use std::time::Duration;

use flock_core::id::NodeName;
use tokio_stream::StreamExt;

use crate::{
    identity::testing::{TestHub, dialer, whoami},
    pb,
    transport::{DenyList, Dialer, Expect, ServerLimits},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a session that neither end has anything to say in.
async fn session(dialer: &Dialer, hub: &TestHub) -> tonic::Streaming<pb::Down> {
    let channel = dialer.channel(&Expect::Hub, &hub.address).await.unwrap();
    let mut client = pb::hub_client::HubClient::new(channel);
    client.session(tokio_stream::pending()).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_removed_nodes_open_connection_closes_and_its_calls_fail() {
    let hub = TestHub::start().await;
    let (_a, bender) = hub.joined("bender1").await;
    let (_b, fry) = hub.joined("fry").await;
    let (to_hub, frys) = (dialer(&bender), dialer(&fry));
    let mut benders_session = session(&to_hub, &hub).await;
    let mut frys_session = session(&frys, &hub).await;
    hub.remove("bender1").await;
    let end = tokio::time::timeout(PATIENCE, benders_session.next())
        .await
        .expect("the session goes on");
    assert!(end.is_none_or(|item| item.is_err()));
    let denied = whoami(&to_hub, &Expect::Hub, &hub.address).await.unwrap_err();
    assert_eq!(denied.code(), "removed", "{denied}");
    assert!(denied.message().contains("--replace"), "{denied}");
    let known = hub.identity.tls().encounters().of("bender1").unwrap();
    assert_eq!(known.code, "removed", "the hub remembers whom it turned away");
    whoami(&frys, &Expect::Hub, &hub.address).await.unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(20), frys_session.next())
            .await
            .is_err(),
        "fry's goes on"
    );
}

#[tokio::test]
async fn a_removed_node_is_not_dialled_and_what_was_dialled_closes() {
    let hub = TestHub::start().await;
    let (_machine, identity) = hub.joined("bender1").await;
    let deny = DenyList::default();
    let dialer = Dialer::new(identity.tls(), deny.clone());
    let mut session = session(&dialer, &hub).await;
    deny.set(vec!["hub1".into()]);
    let end = tokio::time::timeout(PATIENCE, session.next())
        .await
        .expect("the session goes on");
    assert!(end.is_none_or(|item| item.is_err()));
    let by_role = whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap_err();
    assert_eq!(by_role.code(), "removed", "{by_role}");
    let by_name = Expect::Node(NodeName::parse("hub1").unwrap());
    assert_eq!(
        whoami(&dialer, &by_name, &hub.address).await.unwrap_err().code(),
        "removed"
    );
}

#[tokio::test]
async fn stopping_waits_for_nobody_who_does_not_let_go() {
    let limits = ServerLimits {
        stop_ms: 50,
        ..ServerLimits::default()
    };
    let mut hub = TestHub::start_within(limits).await;
    let (_machine, identity) = hub.joined("bender1").await;
    let mut session = session(&dialer(&identity), &hub).await;
    hub.cancel.cancel();
    let stopped = tokio::time::timeout(PATIENCE, hub.serving.take().unwrap())
        .await
        .expect("it hangs");
    stopped.unwrap().unwrap();
    let end = tokio::time::timeout(PATIENCE, session.next())
        .await
        .expect("the session goes on");
    assert!(end.is_none_or(|item| item.is_err()));
    assert_eq!(hub.deny.open_connections(), 0);
}
