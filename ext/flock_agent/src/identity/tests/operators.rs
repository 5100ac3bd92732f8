use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::Client,
    identity::{
        Identity, JoinOptions, Operator, renew,
        testing::{DAY, Machine, PATIENCE, Skewed, TestHub, dialer, whoami},
    },
    transport::{Dialer, Expect},
};

/// A person's folder.
struct Home {
    dir: TempDir,
    skew: Skewed,
}

impl Home {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            skew: Skewed::default(),
        }
    }

    async fn join(&self, join_string: &str, replace: bool) -> flock_core::Result<Operator> {
        Operator::join(self.dir.path(), join_string, JoinOptions { replace }, self.skew.clock()).await
    }
}

async fn alice(hub: &TestHub) -> (Home, Operator) {
    let home = Home::new();
    let operator = home.join(&hub.invite_operator("alice").await, false).await.unwrap();
    (home, operator)
}

async fn hello(operator: &Operator) -> flock_core::Result<Value> {
    Client::of_operator(operator.clone())
        .call("hello", json!({"protocol_min": 1, "protocol_max": 1}), PATIENCE)
        .await
}

#[tokio::test]
async fn a_token_for_an_operator_gives_that_one_a_certificate_and_no_node() {
    let hub = TestHub::start().await;
    let invitation = hub.invite_operator("alice").await;
    let as_node = Machine::new("alice").join(&invitation).await.err().unwrap();
    assert_eq!(as_node.code(), "bad_join_string", "{as_node}");
    let home = Home::new();
    let of_nodes = home.join(&hub.invite().await, false).await.err().unwrap();
    assert!(of_nodes.message().contains("--operator"), "{of_nodes}");

    let operator = home.join(&invitation, false).await.unwrap();
    assert_eq!(operator.name().as_str(), "operator/alice");
    let uris = operator.tls().current().info().subject.uris();
    assert!(
        uris[0].ends_with("/operator/alice") && !uris.iter().any(|uri| uri.contains("/node/")),
        "{uris:?}"
    );
    let key = home.dir.path().join("identity/node.pem");
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Operator::load(home.dir.path()).unwrap().name(), operator.name());

    let again = home.join(&hub.invite_operator("bob").await, false).await.err().unwrap();
    assert_eq!(again.code(), "already_joined");
    let taken = Home::new()
        .join(&hub.invite_operator("alice").await, false)
        .await
        .err()
        .unwrap();
    assert_eq!(taken.code(), "name_taken");
    assert!(
        taken.message().contains("flockctl join --operator STRING --replace"),
        "{taken}"
    );
    // The node of that name is somebody else.
    hub.joined("alice").await;
}

#[tokio::test]
async fn a_folder_is_an_operators_or_a_nodes() {
    let hub = TestHub::start().await;
    let none = Operator::load(Home::new().dir.path()).err().unwrap();
    assert_eq!(none.code(), "no_operator");
    let (machine, _) = hub.joined("bender1").await;
    assert_eq!(
        Operator::load(&machine.config.data_dir).err().unwrap().code(),
        "no_operator"
    );
    let (home, _operator) = alice(&hub).await;
    let mut config = machine.config.clone();
    config.data_dir = home.dir.path().to_owned();
    assert_eq!(Identity::load(&config).err().unwrap().code(), "not_joined");
}

#[tokio::test]
async fn what_serves_nodes_serves_no_operator_and_the_other_way_round() {
    let hub = TestHub::start().await;
    let (_home, operator) = alice(&hub).await;
    let as_node = Dialer::new(operator.tls(), crate::transport::DenyList::default());
    let refused = whoami(&as_node, &Expect::Hub, &hub.address).await.unwrap_err();
    assert_eq!(refused.code(), "not_a_node", "{refused}");
    let (_machine, node) = hub.joined("bender1").await;
    let channel = dialer(&node).channel(&Expect::Hub, &hub.address).await.unwrap();
    let asked = crate::wire::request(crate::pb::StatusRequest {}, 10_000);
    let status = crate::pb::local_client::LocalClient::new(channel)
        .status(asked)
        .await
        .unwrap_err();
    assert_eq!(crate::wire::error(status).code(), "not_an_operator");
    // Its own door is there for the operator: this hub of the tests has none behind it.
    assert_eq!(
        hello(&operator).await.unwrap_err().kind(),
        flock_core::ErrorKind::Protocol
    );
}

#[tokio::test]
async fn a_removed_operator_is_refused_and_told_the_way_back() {
    let hub = TestHub::start().await;
    let (home, operator) = alice(&hub).await;
    let open = Client::of_operator(operator.clone());
    let _ = open.call("hello", Value::Null, PATIENCE).await;
    hub.remove("operator/alice").await;
    for client in [open, Client::of_operator(operator)] {
        let mut removed = client.call("nodes", Value::Null, PATIENCE).await.unwrap_err();
        while removed.kind() == flock_core::ErrorKind::Connection {
            // The call met the end of its connection.
            removed = client.call("nodes", Value::Null, PATIENCE).await.unwrap_err();
        }
        assert_eq!(
            (removed.kind().code(), removed.code()),
            ("denied", "removed"),
            "{removed}"
        );
        assert!(removed.message().contains("--replace"), "{removed}");
    }
    let still = home.join(&hub.invite_operator("alice").await, true).await;
    assert_eq!(still.unwrap().name().name(), "alice");
}

#[tokio::test]
async fn it_is_renewed_by_use_after_two_thirds_and_for_ninety_days_after_its_end() {
    let hub = TestHub::start().await;
    let (home, operator) = alice(&hub).await;
    let serial = || operator.tls().current().info().serial.clone();
    let first = serial();
    operator.keep_fresh().await.unwrap();
    assert_eq!(serial(), first, "it is fresh");
    for days in [21, 60] {
        for skew in [&hub.skew, &home.skew] {
            skew.set(days * DAY);
        }
        renew::renew(&hub.identity).await.unwrap();
        let before = serial();
        operator.keep_fresh().await.unwrap();
        assert_ne!(serial(), before, "after {days} days");
    }
    assert_eq!(
        Operator::load(home.dir.path()).unwrap().tls().current().info().serial,
        serial(),
        "it is on disk"
    );
    for skew in [&hub.skew, &home.skew] {
        skew.set(200 * DAY);
    }
    renew::renew(&hub.identity).await.unwrap();
    let late = operator.keep_fresh().await.unwrap_err();
    assert_eq!(late.code(), "certificate_expired");
    assert!(
        late.message().contains("flockctl token create --operator alice"),
        "{late}"
    );
}

#[tokio::test]
async fn the_first_hub_that_answers_is_asked_and_without_one_it_says_so() {
    let hub = TestHub::start().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let (home, _) = alice(&hub).await;
    let file = home.dir.path().join("identity/identity.json");
    let with = |hubs: &[&str]| {
        let mut meta: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        meta["hubs"] = json!(hubs);
        std::fs::write(&file, meta.to_string()).unwrap();
        Operator::load(home.dir.path()).unwrap()
    };
    let reached = hello(&with(&[&gone, &hub.address])).await.unwrap_err();
    assert_eq!(reached.kind(), flock_core::ErrorKind::Protocol, "{reached}");
    let away = hello(&with(&[&gone])).await.unwrap_err();
    assert_eq!((away.kind().code(), away.code()), ("connection", "hub_away"));
    assert!(away.message().contains(&gone), "{away}");
}

#[tokio::test]
async fn a_nodes_identity_is_never_given_up_for_a_persons() {
    let hub = TestHub::start().await;
    let (machine, _) = hub.joined("bender1").await;
    let left = tempfile::tempdir().unwrap();
    std::fs::write(left.path().join("state.db"), "").unwrap();
    let invitation = hub.invite_operator("alice").await;
    for dir in [&machine.config.data_dir, &hub.config.data_dir, left.path()] {
        for replace in [false, true] {
            let options = JoinOptions { replace };
            let joined = Operator::join(dir, &invitation, options, Skewed::default().clock()).await;
            let refused = joined.err().unwrap();
            assert_eq!(refused.code(), "nodes_folder", "{refused}");
            assert!(!refused.message().contains("--replace"), "{refused}");
            assert!(refused.message().contains("FLOCK_OPERATOR_DIR"), "{refused}");
        }
    }
    Identity::load(&machine.config).unwrap();
    Identity::load(&hub.config).unwrap();
    let (home, _) = alice(&hub).await;
    // Nothing of the first token was used.
    let second = Home::new().join(&invitation, true).await.unwrap();
    assert_eq!(second.name().name(), "alice");
    drop(home);
}

#[tokio::test]
async fn of_two_commands_at_once_one_renews_and_the_other_takes_it_up() {
    let hub = TestHub::start().await;
    let (home, one) = alice(&hub).await;
    let serial = |operator: &Operator| operator.tls().current().info().serial.clone();
    let first = serial(&one);
    let long = Operator::load_with(home.dir.path(), home.skew.clock()).unwrap();
    for days in [21, 60] {
        let two = Operator::load_with(home.dir.path(), home.skew.clock()).unwrap();
        for skew in [&hub.skew, &home.skew] {
            skew.set(days * DAY);
        }
        renew::renew(&hub.identity).await.unwrap();
        let (a, b) = tokio::join!(one.keep_fresh(), two.keep_fresh());
        a.unwrap();
        b.unwrap();
        assert_eq!(serial(&one), serial(&two), "after {days} days");
        assert_ne!(serial(&one), first);
    }
    // It ended in the memory of a command that has been running all the time.
    assert_eq!(serial(&long), first);
    long.keep_fresh().await.unwrap();
    assert_eq!(serial(&long), serial(&one));
    let on_disk = Operator::load(home.dir.path()).unwrap();
    assert_eq!(serial(&on_disk), serial(&one), "key and certificate belong together");
}

#[tokio::test]
async fn a_damaged_identity_names_the_remedy_of_a_person() {
    let hub = TestHub::start().await;
    let (home, _) = alice(&hub).await;
    std::fs::write(home.dir.path().join("identity/identity.json"), "{").unwrap();
    let damaged = Operator::load(home.dir.path()).err().unwrap();
    assert_eq!(damaged.code(), "identity_damaged");
    assert!(
        damaged.message().contains("flockctl join --operator STRING --replace"),
        "{damaged}"
    );
    assert!(
        !damaged.message().contains("restore") && !damaged.message().contains("data_dir"),
        "{damaged}"
    );
    let back = home.join(&hub.invite_operator("alice").await, true).await.unwrap();
    assert_eq!(back.name().name(), "alice");
}
