use flock_core::holder::Holder;
use sha2::{Digest, Sha256};

use super::{super::testing::*, *};
use crate::{
    identity::enrol::{TOKENS, TokenRecord as Token},
    registry::{Expect, Op, Registry},
};

async fn put(flock: &Flock, key: &str, value: &str) {
    let put = Op::Put {
        key: key.into(),
        value: value.into(),
        expect: Expect::Any,
        session: None,
    };
    flock.registry.txn("test", vec![put]).await.unwrap();
}

#[tokio::test]
async fn a_token_is_kept_as_a_hash_and_dead_ones_go() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    operator.connected().await;
    put(
        &flock,
        "tokens/old",
        r#"{"hash":"","expires_ms":1,"uses_left":1,"node_glob":"*"}"#,
    )
    .await;
    let request = pb::HubTokenRequest {
        ttl_ms: 60_000,
        uses: 3,
        node_glob: "web*".into(),
        ..Default::default()
    };
    let token = operator.link.token_create(request).await.unwrap();
    let entries = flock.registry.list(TOKENS).await.unwrap().entries;
    assert_eq!(
        entries.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>(),
        [format!("tokens/{}", token.id)]
    );
    let kept: Token = serde_json::from_slice(&entries[0].value).unwrap();
    let hash: String = Sha256::digest(token.secret.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        kept,
        Token {
            hash,
            expires_ms: token.expires_ms,
            uses_left: 3,
            node_glob: "web*".into(),
            operator: String::new()
        }
    );
    let again = operator
        .link
        .token_create(pb::HubTokenRequest::default())
        .await
        .unwrap();
    assert_ne!(again.secret, token.secret);
}

#[tokio::test]
async fn tokens_have_limits() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    operator.connected().await;
    let long = pb::HubTokenRequest {
        ttl_ms: u64::MAX,
        ..Default::default()
    };
    assert_eq!(operator.link.token_create(long).await.unwrap_err().code(), "bad_token");
    let glob = pb::HubTokenRequest {
        node_glob: "x".repeat(300),
        ..Default::default()
    };
    assert_eq!(operator.link.token_create(glob).await.unwrap_err().code(), "bad_token");
    for n in 0..limits::TOKENS {
        put(
            &flock,
            &format!("tokens/{n}"),
            &format!(
                r#"{{"hash":"","expires_ms":{},"uses_left":1,"node_glob":"*"}}"#,
                u64::MAX
            ),
        )
        .await;
    }
    let full = operator
        .link
        .token_create(pb::HubTokenRequest::default())
        .await
        .unwrap_err();
    assert_eq!(full.code(), "tokens");
}

#[tokio::test]
async fn only_hubs_may_create_tokens_and_remove_nodes() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let member = flock.member("a", &[&hub]);
    member.connected().await;
    let refused = member
        .link
        .token_create(pb::HubTokenRequest::default())
        .await
        .unwrap_err();
    assert_eq!((refused.kind().code(), refused.code()), ("denied", "hub_only"));
    assert_eq!(member.link.node_remove("a").await.unwrap_err().code(), "hub_only");
}

#[tokio::test]
async fn a_removed_node_is_fenced_denied_and_forgotten_everywhere() {
    let flock = Flock::new(600_000);
    let (one, two) = (flock.hub("one"), flock.hub("two"));
    let operator = flock.operator(&one);
    operator.connected().await;
    let (other, evil) = (flock.member("other", &[&two]), flock.member("evil", &[&two]));
    other.connected().await;
    evil.connected().await;
    other.sees("evil", "alive").await;
    operator.sees("evil", "alive").await;
    operator.link.node_remove("evil").await.unwrap();
    operator.link.node_remove("evil").await.unwrap();
    let problem = evil.refused("removed").await;
    assert!(problem.message().contains("--replace"), "{problem}");
    other.sees("evil", "unknown").await;
    let evil_name = name("evil");
    for deny in [&one.deny, &two.deny, &other.deny, &operator.deny] {
        eventually(|| async { deny.denies(&evil_name).then_some(()) }).await;
    }
    for key in ["nodes/evil", "live/evil"] {
        assert_eq!(flock.registry.get(key).await.unwrap(), None, "{key}");
    }
    let fenced = Raw::fenced(&flock, &one, hello("evil")).await;
    assert_eq!(fenced.code, "removed");
    let late = flock.member("late", &[&one]);
    late.connected().await;
    eventually(|| async { late.deny.denies(&evil_name).then_some(()) }).await;
}

#[tokio::test]
async fn a_removed_operator_is_denied_everywhere_and_the_node_of_that_name_is_not() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    operator.connected().await;
    let member = flock.member("alice", &[&hub]);
    member.connected().await;
    let unknown = operator.link.node_remove("operator/alice").await.unwrap_err();
    assert_eq!(unknown.kind().code(), "node_not_found");
    put(&flock, "enrolled/operator%2Falice", "{}").await;
    operator.link.node_remove("operator/alice").await.unwrap();
    let alice = Holder::parse("operator/alice").unwrap();
    for deny in [&hub.deny, &member.deny] {
        eventually(|| async { deny.denies(&alice).then_some(()) }).await;
        assert!(!deny.denies(&name("alice")));
    }
    member.connected().await;
}

#[tokio::test]
async fn operators_are_listed_until_they_are_removed_or_can_renew_no_more() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    operator.connected().await;
    let now_ms = hub.hub.0.options.clock.now_ms();
    let enrolled = |at_ms: u64| format!(r#"{{"machine_id":"","serial":"1","at_ms":{at_ms}}}"#);
    let long_ago = now_ms - limits::LEAF_MS - limits::RENEW_GRACE_MS;
    for (key, at_ms) in [
        ("operator%2Fbob", now_ms),
        ("operator%2Falice", 60_000 + long_ago),
        ("web1", now_ms),
    ] {
        put(&flock, &format!("enrolled/{key}"), &enrolled(at_ms)).await;
    }
    put(&flock, "enrolled/operator%2Fcarol", &enrolled(long_ago)).await;
    let listed = async || {
        let records = hub.hub.operators().await.unwrap();
        records
            .into_iter()
            .map(|one| (one.name, one.expires_ms))
            .collect::<Vec<_>>()
    };
    let bob = ("bob".to_owned(), now_ms + limits::LEAF_MS);
    assert_eq!(listed().await.last(), Some(&bob));
    assert!(!listed().await.iter().any(|(name, _)| name == "carol" || name == "web1"));
    operator.link.node_remove("operator/bob").await.unwrap();
    assert!(!listed().await.contains(&bob));
}

#[tokio::test]
async fn tokens_of_a_removed_operator_are_void_and_those_of_others_are_not() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    operator.connected().await;
    put(&flock, "enrolled/operator%2Falice", "{}").await;
    let token = async |operator_of: &str| {
        let asked = pb::HubTokenRequest {
            operator: operator_of.into(),
            ..Default::default()
        };
        operator.link.token_create(asked).await.unwrap().id
    };
    let (bobs, nodes) = (token("bob").await, token("").await);
    for _ in 0..limits::OLD_AT_ONCE + 2 {
        token("alice").await;
    }
    operator.link.node_remove("operator/alice").await.unwrap();
    let left = async || {
        let entries = flock.registry.list(TOKENS).await.unwrap().entries;
        entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
    };
    let mut others = [format!("tokens/{bobs}"), format!("tokens/{nodes}")];
    others.sort();
    assert_eq!(left().await, others);
    let after = token("alice").await;
    assert!(
        left().await.contains(&format!("tokens/{after}")),
        "a new one brings her back"
    );
}

#[tokio::test]
async fn a_removed_node_may_not_ask_while_its_connection_is_still_open() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    put(&flock, "removed/a", "{}").await;
    eventually(|| async { hub.hub.0.directory().removed().contains("a").then_some(()) }).await;
    let identity = PeerIdentity {
        name: name("a"),
        hub: true,
        serial: "1".into(),
        enrolment: "e1".into(),
    };
    let mut client = HubClient::new(Wire(flock.net.clone(), identity).hub(&hub.address).await.unwrap());
    let resolved = soon(client.resolve(pb::ResolveRequest::default())).await.unwrap_err();
    assert_eq!(crate::wire::error(resolved).code(), "removed");
    let token = soon(client.token_create(pb::HubTokenRequest::default()))
        .await
        .unwrap_err();
    assert_eq!(crate::wire::error(token).code(), "removed");
}

#[tokio::test]
async fn a_replaced_enrolment_is_as_good_as_removed() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    put(&flock, "removed/enrolment%2Fe1", "{}").await;
    eventually(|| async { (!hub.hub.0.directory().removed().is_empty()).then_some(()) }).await;
    assert_eq!(Raw::fenced(&flock, &hub, hello("a")).await.code, "removed");
}

#[tokio::test]
async fn a_long_list_of_removed_nodes_comes_in_parts() {
    let flock = Flock::new(600_000);
    let count = limits::DENIED_PART * 2 + 1;
    for n in 0..count {
        put(&flock, &format!("removed/n{n:06}"), "{}").await;
    }
    let hub = flock.hub("hub");
    let member = flock.member("a", &[&hub]);
    for last in [0, count - 1] {
        eventually(|| async { member.deny.denies(&name(&format!("n{last:06}"))).then_some(()) }).await;
    }
}

#[tokio::test]
async fn a_hub_that_does_not_know_who_was_removed_lets_nobody_in_again() {
    let flock = Flock::new(600_000);
    put(&flock, "removed/evil", "{}").await;
    flock.registry.hide(Some("removed/"));
    let hub = flock.hub("hub");
    let (mut raw, _) = Raw::welcomed(&flock, &hub, "a").await;
    raw.watch(&["b"]).await;
    let first = soon(raw.hears.message()).await.unwrap().unwrap().body.unwrap();
    assert!(matches!(first, down::Body::Presence(_)), "{first:?}");
    flock.registry.hide(None);
    loop {
        if let Some(down::Body::Denied(denied)) = soon(raw.hears.message()).await.unwrap().unwrap().body {
            return assert_eq!(denied.names, ["evil"]);
        }
    }
}

#[tokio::test]
async fn who_was_removed_long_ago_is_forgotten() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    operator.connected().await;
    put(&flock, "removed/long-ago", r#"{"removed_ms":1,"by":"hub"}"#).await;
    put(&flock, "removed/enrolment%2Fx", r#"{"name":"x","expires_ms":1}"#).await;
    put(&flock, "enrolled/now", "{}").await;
    operator.link.node_remove("now").await.unwrap();
    let left = flock.registry.list("removed/").await.unwrap().entries;
    let keys: Vec<_> = left.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["removed/enrolment%2Fx", "removed/now"]);
}

#[tokio::test]
async fn only_known_nodes_can_be_removed_and_not_the_hub_itself() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    operator.connected().await;
    assert_eq!(
        operator.link.node_remove("nobody").await.unwrap_err().code(),
        "node_not_found"
    );
    assert_eq!(operator.link.node_remove("hub").await.unwrap_err().code(), "own_hub");
    put(&flock, "enrolled/never-seen", "{}").await;
    operator.link.node_remove("never-seen").await.unwrap();
    assert!(flock.registry.get("removed/never-seen").await.unwrap().is_some());
}

#[tokio::test]
async fn a_node_that_leaves_is_denied_and_its_subscriptions_go_with_it() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (operator, member) = (flock.operator(&hub), flock.member("a", &[&hub]));
    operator.connected().await;
    member.connected().await;
    operator.sees("a", "alive").await;
    for n in 0..flock_core::limits::REGISTRY_TXN_OPS + 3 {
        put(&flock, &format!("subscriptions/a/{n}"), "{}").await;
    }
    put(&flock, "subscriptions/ab/1", "{}").await;
    let refused = operator.link.leave().await.unwrap_err();
    assert_eq!(refused.code(), "own_hub");
    member.link.leave().await.unwrap();
    member.refused("removed").await;
    operator.sees("a", "unknown").await;
    let left = flock.registry.list("subscriptions/").await.unwrap().entries;
    assert_eq!(
        left.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
        ["subscriptions/ab/1"]
    );
    assert!(flock.registry.get("removed/a").await.unwrap().is_some());
}

#[tokio::test]
async fn a_registry_that_forgot_a_member_enters_its_name_again() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    flock.member("a", &[&hub]).connected().await;
    let entry = flock.registry.get("enrolled/a").await.unwrap().unwrap();
    let record: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
    assert_eq!(record["hub"], false);
    put(&flock, "enrolled/b", "{\"kept\":true}").await;
    flock.member("b", &[&hub]).connected().await;
    let entry = flock.registry.get("enrolled/b").await.unwrap().unwrap();
    assert_eq!(entry.value, b"{\"kept\":true}");
}
