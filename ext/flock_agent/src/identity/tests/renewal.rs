use flock_core::limits;

use crate::{
    identity::{
        Identity, ca,
        enrol::REMOVED,
        renew::{self, due_ms, renew, signed_part},
        testing::{DAY, Machine, TestHub, dialer, whoami},
    },
    pb::{self, enrol_client::EnrolClient},
    registry::{Expect as Any, Op, Registry},
    transport::{Expect, Target, dial_once},
    wire,
};

fn serial(identity: &Identity) -> String {
    identity.tls().current().info().serial.clone()
}

#[tokio::test]
async fn new_connections_use_the_renewed_leaf() {
    let hub = TestHub::start().await;
    let (machine, identity) = hub.joined("bender1").await;
    let dialer = dialer(&identity);
    let before = whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap();
    assert_eq!(before, format!("bender1 {}", serial(&identity)));
    renew(&identity).await.unwrap();
    let after = whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap();
    assert_eq!(after, format!("bender1 {}", serial(&identity)));
    assert_ne!(before, after);
    assert_eq!(
        serial(&Identity::load(&machine.config).unwrap()),
        serial(&identity),
        "it is on disk"
    );
}

#[tokio::test]
async fn the_hub_renews_its_own_and_serves_it() {
    let hub = TestHub::start().await;
    let (machine, identity) = hub.joined("bender1").await;
    let later = 25 * DAY;
    hub.skew.set(later);
    machine.skew.set(later);
    renew(&hub.identity).await.unwrap();
    renew(&identity).await.unwrap();
    let ended = 31 * DAY;
    hub.skew.set(ended);
    machine.skew.set(ended);
    whoami(&dialer(&identity), &Expect::Hub, &hub.address).await.unwrap();
}

#[tokio::test]
async fn an_expired_leaf_may_renew_and_nothing_else() {
    let hub = TestHub::start().await;
    let (machine, identity) = hub.joined("bender1").await;
    let open = dialer(&identity);
    whoami(&open, &Expect::Hub, &hub.address).await.unwrap();
    for skew in [&hub.skew, &machine.skew] {
        skew.set(31 * DAY);
    }
    renew(&hub.identity).await.unwrap();
    let on_the_open_one = whoami(&open, &Expect::Hub, &hub.address).await.unwrap_err();
    assert_eq!(on_the_open_one.code(), "certificate_expired");
    let on_a_new_one = whoami(&dialer(&identity), &Expect::Hub, &hub.address)
        .await
        .unwrap_err();
    assert_eq!(on_a_new_one.code(), "certificate_expired", "{on_a_new_one}");
    renew(&identity).await.unwrap();
    whoami(&open, &Expect::Hub, &hub.address).await.unwrap();
}

#[tokio::test]
async fn ninety_days_after_its_end_it_is_too_late() {
    let hub = TestHub::start().await;
    let (machine, identity) = hub.joined("bender1").await;
    for skew in [&hub.skew, &machine.skew] {
        skew.set(121 * DAY);
    }
    renew(&hub.identity).await.unwrap();
    let late = renew(&identity).await.unwrap_err();
    assert_eq!(late.code(), "certificate_expired");
    assert!(late.message().contains("--replace"), "{late}");
}

#[tokio::test]
async fn the_renewal_task_waits_until_two_thirds() {
    let hub = TestHub::start().await;
    let (machine, identity) = hub.joined("bender1").await;
    let before = serial(&identity);
    let due = due_ms(identity.tls().current().info()).abs_diff(machine.skew.clock().now_ms());
    assert!(due.abs_diff(limits::LEAF_MS / 3 * 2) < 60_000, "{due}");
    for skew in [&hub.skew, &machine.skew] {
        skew.set(20 * DAY + 60_000);
    }
    let cancel = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn(renew::run(identity.clone(), cancel.clone()));
    for _ in 0..500 {
        if serial(&identity) != before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_ne!(serial(&identity), before);
    cancel.cancel();
    task.await.unwrap();
}

async fn ask(hub: &TestHub, forge: impl FnOnce(&mut pb::RenewRequest), identity: &Identity) -> String {
    let target = Target::Anonymous(hub.identity.tls());
    let mut client = EnrolClient::new(dial_once(target, &hub.address).await.unwrap());
    let nonce = client
        .challenge(pb::ChallengeRequest {})
        .await
        .unwrap()
        .into_inner()
        .nonce;
    let csr = ca::request(&ca::key().unwrap()).unwrap();
    let signature = identity.sign(&signed_part(&nonce, &csr)).unwrap();
    let chain = identity
        .tls()
        .current()
        .chain()
        .iter()
        .map(|der| der.to_vec())
        .collect();
    let mut request = pb::RenewRequest {
        chain,
        nonce,
        signature,
        csr,
        machine_id: String::new(),
        rebind: false,
    };
    forge(&mut request);
    match client.renew(request).await {
        Ok(_) => "renewed".to_owned(),
        Err(status) => wire::error(status).code().to_owned(),
    }
}

#[tokio::test]
async fn forged_renewals_are_refused() {
    let (hub, other) = (TestHub::start().await, TestHub::start().await);
    let (_a, identity) = hub.joined("bender1").await;
    let (_b, fry) = hub.joined("fry").await;
    assert_eq!(ask(&hub, |_| {}, &identity).await, "renewed");
    let csr = ca::request(&ca::key().unwrap()).unwrap();
    assert_eq!(ask(&hub, |r| r.csr = csr, &identity).await, "bad_signature");
    assert_eq!(ask(&hub, |r| r.nonce[0] ^= 1, &identity).await, "bad_nonce");
    let chain: Vec<_> = fry.tls().current().chain().iter().map(|der| der.to_vec()).collect();
    assert_eq!(ask(&hub, |r| r.chain = chain, &identity).await, "bad_signature");
    assert_eq!(ask(&hub, |r| r.chain.clear(), &identity).await, "bad_certificate");
    assert_eq!(ask(&hub, |r| r.chain.truncate(1), &identity).await, "other_flock");
    assert_eq!(ask(&other, |_| {}, &identity).await, "other_flock");
    if !crate::identity::machine::id_hash().is_empty() {
        assert_eq!(ask(&hub, |r| r.machine_id = "copy".into(), &fry).await, "cloned");
    }
}

#[tokio::test]
async fn a_registry_that_went_back_takes_the_newer_machine_of_a_name_and_denies_the_older() {
    let hub = TestHub::start().await;
    let (old_machine, old) = hub.joined("bender1").await;
    let before = hub.registry.get("enrolled/bender1").await.unwrap().unwrap();
    for skew in [&hub.skew, &old_machine.skew] {
        skew.set(2 * crate::identity::testing::MINUTE);
    }
    let new_machine = Machine::new("bender1");
    new_machine.skew.set(2 * crate::identity::testing::MINUTE);
    let new = new_machine.replace(&hub.invite().await).await.unwrap();
    assert_eq!(renew(&old).await.unwrap_err().code(), "replaced");

    let denial = hub.registry.list(REMOVED).await.unwrap().entries.remove(0).key;
    let back = Op::Put {
        key: before.key,
        value: before.value,
        expect: Any::Any,
        session: None,
    };
    let forget = Op::Delete {
        key: denial.clone(),
        expect: Any::Any,
    };
    hub.registry.txn("back", vec![back, forget]).await.unwrap();
    renew(&new).await.unwrap();
    assert_eq!(hub.registry.list(REMOVED).await.unwrap().entries[0].key, denial);
    assert_eq!(renew(&old).await.unwrap_err().code(), "replaced");
    renew(&new).await.unwrap();
}
