use std::sync::atomic::Ordering;

use flock_core::{Error, ErrorKind, id::NodeName, limits};

use crate::{
    identity::{
        Identity, ca, join_string,
        testing::{DAY, MINUTE, Machine, TestHub, dialer, whoami},
    },
    pb::{self, enrol_client::EnrolClient},
    registry::Registry,
    transport::{Expect, Target, dial_once},
    wire,
};

async fn refused(machine: &Machine, join_string: &str) -> (String, String) {
    let error = machine.join(join_string).await.err().expect("it joined");
    assert!(!machine.config.data_dir.exists(), "nothing is left behind");
    (error.code().to_owned(), error.message().to_owned())
}

async fn uses_left(hub: &TestHub, token: &pb::HubToken) -> u64 {
    let entry = hub
        .registry
        .get(&format!("tokens/{}", token.id))
        .await
        .unwrap()
        .unwrap();
    serde_json::from_slice::<serde_json::Value>(&entry.value).unwrap()["uses_left"]
        .as_u64()
        .unwrap()
}

#[tokio::test]
async fn a_token_lets_a_node_in() {
    let hub = TestHub::start().await;
    let token = hub.token(0, 2, "bender*").await;
    let machine = Machine::new("bender 1".replace(' ', "-").as_str());
    let identity = machine.join(&hub.join_string(&token)).await.unwrap();
    assert_eq!(
        (identity.flock_id(), identity.is_hub()),
        (hub.identity.flock_id(), false)
    );
    assert_eq!(identity.hubs(), std::slice::from_ref(&hub.address));
    let answer = whoami(&dialer(&identity), &Expect::Hub, &hub.address).await.unwrap();
    assert!(answer.starts_with("bender-1 "), "{answer}");
    assert_eq!(uses_left(&hub, &token).await, 1);
    let again = Identity::load(&machine.config).unwrap();
    assert_eq!(again.tls().current().info(), identity.tls().current().info());
}

#[tokio::test]
async fn the_secret_goes_to_nobody_but_the_pinned_flock() {
    let (ours, theirs) = (TestHub::start().await, TestHub::start().await);
    let token = theirs.token(0, 1, "").await;
    let wrong = join_string(
        std::slice::from_ref(&theirs.address),
        &ours.identity.pin().unwrap(),
        &token.id,
        &token.secret,
        "",
    );
    let (code, message) = refused(&Machine::new("bender1"), &wrong).await;
    assert_eq!(code, "wrong_pin", "{message}");
    assert_eq!(uses_left(&theirs, &token).await, 1);
}

#[tokio::test]
async fn a_member_of_the_right_flock_is_no_hub_to_join_at() {
    let hub = TestHub::start().await;
    let (_machine, identity) = hub.joined("mallory").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let cancel = tokio_util::sync::CancellationToken::new();
    let routes = hub.echo.clone().routes(tonic::service::Routes::default());
    let serving = tokio::spawn(crate::transport::serve_peers(
        listener,
        identity.tls(),
        hub.deny.clone(),
        routes,
        cancel,
    ));
    let token = hub.token(0, 1, "").await;
    let to_member = join_string(&[address], &hub.identity.pin().unwrap(), &token.id, &token.secret, "");
    assert_eq!(refused(&Machine::new("bender1"), &to_member).await.0, "wrong_name");
    serving.abort();
}

#[tokio::test]
async fn tokens_that_do_not_open() {
    let hub = TestHub::start().await;
    let machine = Machine::new("bender1");
    let mut token = hub.token(60_000, 1, "fry*").await;
    assert_eq!(refused(&machine, &hub.join_string(&token)).await.0, "token_name");
    hub.skew.set(2 * MINUTE);
    assert_eq!(refused(&machine, &hub.join_string(&token)).await.0, "token_expired");
    token.secret.push('x');
    let wrong_secret = refused(&machine, &hub.join_string(&token)).await;
    token.id = "000000000000".into();
    assert_eq!(
        refused(&machine, &hub.join_string(&token)).await,
        wrong_secret,
        "neither is told from the other"
    );
    assert_eq!(wrong_secret.0, "token_unknown");
    token.id = "../x".into();
    assert_eq!(refused(&machine, &hub.join_string(&token)).await, wrong_secret);
    let once = hub.invite().await;
    Machine::new("fry").join(&once).await.unwrap();
    assert_eq!(refused(&machine, &once).await.0, "token_used_up");
}

#[tokio::test]
async fn one_use_is_one_node_even_when_two_ask_at_once() {
    let hub = TestHub::start().await;
    let once = hub.invite().await;
    let (a, b) = (Machine::new("a"), Machine::new("b"));
    let (one, other) = tokio::join!(a.join(&once), b.join(&once));
    let refused: Vec<Error> = [one.err(), other.err()].into_iter().flatten().collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code(), "token_used_up");
}

#[tokio::test]
async fn a_taken_name_needs_replace_and_the_replaced_machine_is_denied() {
    let hub = TestHub::start().await;
    let (_old_machine, old) = hub.joined("bender1").await;
    let machine = Machine::new("bender1");
    let token = hub.token(0, 5, "").await;
    let invitation = hub.join_string(&token);
    let (code, message) = refused(&machine, &invitation).await;
    assert_eq!(code, "name_taken");
    assert!(message.contains("--replace"), "{message}");
    assert_eq!(uses_left(&hub, &token).await, 5);

    let old_dialer = dialer(&old);
    whoami(&old_dialer, &Expect::Hub, &hub.address).await.unwrap();
    let new = machine.replace(&invitation).await.unwrap();
    hub.update_deny().await;
    whoami(&dialer(&new), &Expect::Hub, &hub.address).await.unwrap();
    let denied = whoami(&dialer(&old), &Expect::Hub, &hub.address).await.unwrap_err();
    assert_eq!(denied.code(), "removed", "{denied}");
    assert_eq!(super::super::renew::renew(&old).await.unwrap_err().code(), "replaced");
}

#[tokio::test]
async fn a_hubs_name_is_not_to_be_had() {
    let hub = TestHub::start().await;
    let error = Machine::new("hub1").replace(&hub.invite().await).await.err().unwrap();
    assert_eq!(error.code(), "name_taken");
}

#[tokio::test]
async fn a_removed_node_comes_back_only_with_replace() {
    let hub = TestHub::start().await;
    let (machine, identity) = hub.joined("bender1").await;
    hub.remove("bender1").await;
    let denied = whoami(&dialer(&identity), &Expect::Hub, &hub.address)
        .await
        .unwrap_err();
    assert_eq!((denied.kind(), denied.code()), (ErrorKind::Denied, "removed"));
    assert_eq!(
        super::super::renew::renew(&identity).await.unwrap_err().code(),
        "removed"
    );
    let invitation = hub.invite().await;
    assert_eq!(
        machine.join(&invitation).await.err().unwrap().code(),
        "already_initialised"
    );
    assert_eq!(refused(&Machine::new("bender1"), &invitation).await.0, "removed");
    let back = machine.replace(&invitation).await.unwrap();
    hub.update_deny().await;
    assert!(!hub.deny.denies(&NodeName::parse("bender1").unwrap()));
    whoami(&dialer(&back), &Expect::Hub, &hub.address).await.unwrap();
    let old = whoami(&dialer(&identity), &Expect::Hub, &hub.address)
        .await
        .unwrap_err();
    assert_eq!(old.code(), "removed", "what was removed stays removed");
}

#[tokio::test]
async fn clocks_that_differ_are_told_before_they_do_harm() {
    let hub = TestHub::start().await;
    let machine = Machine::new("bender1");
    // Within the validity of the hub's certificate: the hub compares.
    machine.skew.set(6 * MINUTE);
    let (code, message) = refused(&machine, &hub.invite().await).await;
    assert_eq!(code, "clock_skew");
    assert!(message.contains("the clock of the joining node says"), "{message}");
    // Before it: the handshake already fails.
    machine.skew.set(-20 * MINUTE);
    let (code, message) = refused(&machine, &hub.invite().await).await;
    assert_eq!(code, "clock_skew", "{message}");
    machine.skew.set(-4 * MINUTE);
    machine.join(&hub.invite().await).await.unwrap();
}

fn request(token: &pb::HubToken, key: &rcgen::KeyPair) -> pb::JoinRequest {
    pb::JoinRequest {
        token_id: token.id.clone(),
        secret: token.secret.clone(),
        name: "bender1".into(),
        csr: ca::request(key).unwrap(),
        now_ms: crate::clock::Clock::system().now_ms(),
        protocol_min: limits::PROTOCOL_MIN,
        protocol_max: limits::PROTOCOL_MAX,
        ..pb::JoinRequest::default()
    }
}

async fn ask(hub: &TestHub, request: pb::JoinRequest) -> Result<pb::Leaf, Error> {
    let target = Target::Pinned(hub.identity.pin().unwrap(), hub.skew.clock());
    let channel = dial_once(target, &hub.address).await.unwrap();
    let call = EnrolClient::new(channel).join(wire::request(request, 5_000)).await;
    call.map(tonic::Response::into_inner).map_err(wire::error)
}

#[tokio::test]
async fn requests_that_are_not_right() {
    let hub = TestHub::start().await;
    let token = hub.token(0, 1, "").await;
    let key = ca::key().unwrap();
    let good = request(&token, &key);
    let newer = pb::JoinRequest {
        protocol_min: 98,
        protocol_max: 99,
        ..good.clone()
    };
    assert_eq!(ask(&hub, newer).await.unwrap_err().code(), "protocol");
    let mut forged = good.clone();
    *forged.csr.last_mut().unwrap() ^= 1;
    assert_eq!(ask(&hub, forged).await.unwrap_err().code(), "bad_csr");
    let other_curve = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    assert_eq!(
        ask(&hub, request(&token, &other_curve)).await.unwrap_err().code(),
        "bad_csr"
    );
    let large = pb::JoinRequest {
        csr: vec![0; limits::CERTIFICATE_BYTES + 1],
        ..good.clone()
    };
    assert_eq!(ask(&hub, large).await.unwrap_err().code(), "bad_csr");
    let larger = pb::JoinRequest {
        csr: vec![0; limits::ENROL_BYTES],
        ..good.clone()
    };
    assert_eq!(ask(&hub, larger).await.unwrap_err().kind(), ErrorKind::Protocol);
    let nameless = pb::JoinRequest {
        name: "a/b".into(),
        ..good.clone()
    };
    assert_eq!(ask(&hub, nameless).await.unwrap_err().code(), "bad_node_name");
    let as_hub = pb::JoinRequest {
        hub: true,
        ..good.clone()
    };
    assert_eq!(ask(&hub, as_hub).await.unwrap_err().code(), "hub_join");
    ask(&hub, good).await.unwrap();
}

#[tokio::test]
async fn the_same_request_again_is_answered_again_and_counted_once() {
    let hub = TestHub::start().await;
    let token = hub.token(0, 1, "").await;
    let key = ca::key().unwrap();
    ask(&hub, request(&token, &key)).await.unwrap();
    ask(&hub, request(&token, &key)).await.unwrap();
    assert_eq!(uses_left(&hub, &token).await, 0);
    let another = request(&token, &ca::key().unwrap());
    assert_eq!(ask(&hub, another).await.unwrap_err().code(), "name_taken");
}

#[tokio::test]
async fn the_next_hub_is_asked_when_one_is_away() {
    let hub = TestHub::start().await;
    let away = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = away.local_addr().unwrap().to_string();
    drop(away);
    let token = hub.token(0, 1, "").await;
    let pin = hub.identity.pin().unwrap();
    let only_gone = join_string(std::slice::from_ref(&gone), &pin, &token.id, &token.secret, "");
    assert_eq!(refused(&Machine::new("bender1"), &only_gone).await.0, "refused");
    let both = join_string(&[gone, hub.address.clone()], &pin, &token.id, &token.secret, "");
    let identity = Machine::new("bender1").join(&both).await.unwrap();
    assert_eq!(identity.hubs()[0], hub.address);
}

#[tokio::test]
async fn without_a_certificate_only_enrol_answers() {
    let hub = TestHub::start().await;
    let target = Target::Pinned(hub.identity.pin().unwrap(), hub.skew.clock());
    let channel = dial_once(target, &hub.address).await.unwrap();
    EnrolClient::new(channel.clone())
        .challenge(pb::ChallengeRequest {})
        .await
        .unwrap();
    let call = pb::peer_client::PeerClient::new(channel)
        .resources(pb::ResourcesRequest::default())
        .await;
    assert_eq!(wire::error(call.unwrap_err()).code(), "no_certificate");
    assert_eq!(hub.echo.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_has_ended_is_swept_when_a_token_is_made() {
    let hub = TestHub::start().await;
    let (_machine, _) = hub.joined("bender1").await;
    Machine::new("bender1").replace(&hub.invite().await).await.unwrap();
    let count = async |prefix: &str| hub.registry.list(prefix).await.unwrap().entries.len();
    assert_eq!((count("tokens/").await, count("removed/").await), (2, 1));
    hub.skew.set(3 * DAY);
    hub.token(0, 1, "").await;
    assert_eq!(
        (count("tokens/").await, count("removed/").await),
        (1, 1),
        "its certificates are still valid"
    );
    hub.skew.set(31 * DAY);
    hub.token(0, 1, "").await;
    assert_eq!((count("tokens/").await, count("removed/").await), (1, 0));
    hub.remove("bender1").await;
    hub.token(0, 1, "").await;
    assert_eq!(count("removed/").await, 1, "a removed name stays removed");
}
