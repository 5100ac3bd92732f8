use flock_core::policy::{Policy, Rule};
use pb::{peer_server::Peer as _, receipt::Verdict};
use serde_json::json;
use tonic::Code;

use super::*;
use crate::fixtures::{Target, callee, card, envelope, name, with, write_snapshot};

fn peer(target: &Target) -> Peer {
    Peer {
        receiver: target.receiver.clone(),
        runs: target.runs.clone(),
        callee: callee(target),
    }
}

/// A target whose snapshot is there from the start.
fn target(policy: Policy) -> Target {
    let dir = tempfile::tempdir().unwrap();
    let secret = with(card("file[/etc/secret]"), json!({"sensitive": true}));
    write_snapshot(dir.path(), 5, &[card("execute[x]"), card("service[y]"), secret]);
    Target::on(dir, policy)
}

fn from<T>(who: &str, message: T) -> Request<T> {
    let mut request = wire::request(message, 1000);
    request.extensions_mut().insert(PeerIdentity {
        name: name(who),
        hub: false,
        serial: "1".into(),
        enrolment: "e".into(),
    });
    request
}

#[tokio::test]
async fn without_a_certificate_nothing_is_answered() {
    let target = target(Policy::default());
    let peer = peer(&target);
    let nobody = peer.offer(wire::request(envelope("a", 1), 1000)).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    let nobody = peer
        .report_outcome(wire::request(pb::Outcome::default(), 1000))
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    let nobody = peer
        .resources(wire::request(pb::ResourcesRequest::default(), 1000))
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_call_without_a_protocol_version_is_refused() {
    let target = target(Policy::default());
    let mut request = from("a", envelope("a", 1));
    request.metadata_mut().remove(limits::PROTOCOL_HEADER);
    let error = wire::error(peer(&target).offer(request).await.unwrap_err());
    assert_eq!(error.kind(), flock_core::ErrorKind::Protocol);
}

#[tokio::test]
async fn the_certificate_is_the_sender() {
    let target = target(Policy::default());
    let receipt = peer(&target)
        .offer(from("a", envelope("a", 1)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(receipt.verdict(), Verdict::Stored);
    let receipt = peer(&target)
        .offer(from("b", envelope("a", 2)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(receipt.verdict(), Verdict::Denied);
}

#[tokio::test]
async fn any_member_sees_the_cards_but_not_the_secrets() {
    let target = target(Policy::default());
    let answer = peer(&target)
        .resources(from("a", pb::ResourcesRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((answer.node.as_str(), answer.generation), ("target", 5));
    let keys: Vec<&str> = answer.cards.iter().map(|card| card.key.as_str()).collect();
    assert_eq!(keys, ["execute[x]", "file[\"sha256:be4b468ced3294ae\"]", "service[y]"]);
    assert!(answer.cards[1].sensitive);
}

#[tokio::test]
async fn an_allow_table_shows_each_caller_only_what_it_may_use() {
    let rule = Rule {
        from: "web*".into(),
        resource: "service[*]".into(),
        actions: vec!["reload".into()],
        call: Vec::new(),
    };
    let target = target(Policy::new(vec![rule]));
    let peer = peer(&target);
    let keys = |who: &str| {
        peer.cards(&name(who).into(), "")
            .map(|r| r.cards.into_iter().map(|c| c.key).collect::<Vec<_>>())
    };
    assert_eq!(keys("web1").unwrap(), ["service[y]"]);
    assert_eq!(keys("db1").unwrap_err().code(), "policy");
    assert_eq!(keys("target").unwrap().len(), 3, "the node itself sees all");
}

#[tokio::test]
async fn only_a_hub_speaks_for_operators() {
    let target = target(Policy::default());
    let peer = peer(&target);
    let asked = |hub| {
        let mut request = from(
            "a",
            pb::ResourcesRequest {
                operator: "alice".into(),
                ..Default::default()
            },
        );
        request.extensions_mut().get_mut::<PeerIdentity>().unwrap().hub = hub;
        request
    };
    let refused = wire::error(peer.resources(asked(false)).await.unwrap_err());
    assert_eq!(refused.code(), "not_a_hub");
    let cards = peer.resources(asked(true)).await.unwrap().into_inner().cards;
    assert_eq!(cards.len(), 3, "an operator may read");
    let mut offer = from(
        "a",
        pb::Envelope {
            operator: "alice".into(),
            ..envelope("a", 1)
        },
    );
    let refused = wire::error(peer.offer(offer).await.unwrap_err());
    assert_eq!(refused.code(), "not_a_hub");
    let call = |operator: &str| pb::CallRequest {
        node: "target".into(),
        api: "flock_api".into(),
        method: "run_chef".into(),
        arguments: b"[]".to_vec(),
        timeout_ms: 1_000,
        operator: operator.into(),
        ..Default::default()
    };
    offer = from("a", pb::Envelope::default());
    let hub = offer.extensions_mut().get_mut::<PeerIdentity>().unwrap();
    hub.hub = true;
    let speaker = Speaker::from(&*hub);
    let method = "call".parse::<Method>().unwrap();
    let denied = peer
        .answer(&speaker, method, &call("alice").encode_to_vec())
        .await
        .unwrap_err();
    assert_eq!(denied.code(), "policy", "{denied}");
    assert!(denied.message().starts_with("operator/alice may not call"), "{denied}");
}

#[tokio::test]
async fn it_answers_for_no_other_node() {
    let target = target(Policy::default());
    let request = pb::ResourcesRequest {
        node: "other".into(),
        ..Default::default()
    };
    let error = wire::error(peer(&target).resources(from("a", request)).await.unwrap_err());
    assert_eq!(error.kind(), flock_core::ErrorKind::NodeNotFound);
}

#[tokio::test]
async fn before_the_first_run_there_are_no_cards() {
    let target = Target::new(Policy::default());
    let cards = peer(&target).cards(&name("a").into(), "target").unwrap();
    assert_eq!((cards.generation, cards.cards.len()), (0, 0));
}
