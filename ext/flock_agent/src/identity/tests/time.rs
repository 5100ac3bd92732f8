//! What time does to certificates: short lives under traffic, clocks that jump, the end of an intermediate.

use std::{collections::BTreeSet, time::Duration};

use flock_core::limits;
use tokio_util::sync::CancellationToken;

use crate::{
    fixtures::PATIENCE,
    identity::{
        Identity,
        renew::{self, renew},
        testing::{DAY, TestHub, dialer, whoami},
    },
    transport::Expect,
};

fn serial(identity: &Identity) -> String {
    identity.tls().current().info().serial.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_that_live_for_seconds_are_renewed_under_traffic_without_a_failed_call() {
    let hub = TestHub::start().await;
    hub.identity.shorten_leaves(12_000);
    let (_machine, member) = hub.joined("bender1").await;
    renew(&hub.identity).await.unwrap();
    let cancel = CancellationToken::new();
    let tasks = [&hub.identity, &member].map(|one| tokio::spawn(renew::run(one.clone(), cancel.clone())));
    let dialer = dialer(&member);
    let (mut seen, mut hubs) = (BTreeSet::new(), BTreeSet::new());
    let traffic = async {
        while seen.len() < 3 || hubs.len() < 3 {
            seen.insert(whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap());
            hubs.insert(serial(&hub.identity));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, traffic).await.unwrap();
    cancel.cancel();
    for task in tasks {
        task.await.unwrap();
    }
    // Nobody renews any more: both end, and only a renewal brings them back.
    let ended = async {
        while whoami(&dialer, &Expect::Hub, &hub.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    renew(&hub.identity).await.unwrap();
    renew(&member).await.unwrap();
    whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_a_while_locks_nobody_out() {
    // (hub's clock, member's clock) while it is wrong; both renew meanwhile, as far as they can.
    for (hub_ms, member_ms) in [(DAY, 0), (-DAY, 0), (0, DAY), (0, -DAY), (DAY, DAY), (-DAY, -DAY)] {
        let hub = TestHub::start().await;
        let (machine, member) = hub.joined("bender1").await;
        hub.skew.set(hub_ms);
        machine.skew.set(member_ms);
        renew(&hub.identity).await.unwrap();
        let _ = renew(&member).await;
        for skew in [&hub.skew, &machine.skew] {
            skew.set(0);
        }
        let cancel = CancellationToken::new();
        let mut tasks = Vec::new();
        // The hub first: a member that asks it too soon asks again after a pause that is longer than a test.
        for one in [&hub.identity, &member] {
            tasks.push(tokio::spawn(renew::run(one.clone(), cancel.clone())));
            let now_ms = hub.skew.clock().now_ms();
            while one.tls().current().info().not_before_ms > now_ms {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let back = async {
            while whoami(&dialer(&member), &Expect::Hub, &hub.address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let back = tokio::time::timeout(PATIENCE, back).await;
        assert!(back.is_ok(), "hub off by {hub_ms} ms, member by {member_ms} ms");
        cancel.cancel();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_hub_makes_its_next_intermediate_while_it_has_the_root() {
    let hub = TestHub::start().await;
    let (machine, member) = hub.joined("bender1").await;
    let before = hub.identity.authority_expires_ms().unwrap();
    let nine_years = 9 * 365 * DAY;
    for skew in [&hub.skew, &machine.skew] {
        skew.set(nine_years);
    }
    let next = Identity::load_with(&hub.config, hub.skew.clock()).unwrap();
    assert!(next.authority_expires_ms().unwrap() > before + limits::LEAF_MS);
    let again = Identity::load_with(&hub.config, hub.skew.clock()).unwrap();
    assert_eq!(
        again.authority_expires_ms(),
        next.authority_expires_ms(),
        "it is on disk, once"
    );
    renew(&next).await.unwrap();
    assert_eq!(next.pin().unwrap(), member.pin().unwrap(), "the root is the same");
}

#[tokio::test]
async fn a_hub_without_its_root_goes_on_with_what_it_has() {
    let hub = TestHub::start().await;
    let before = hub.identity.authority_expires_ms();
    std::fs::remove_file(hub.config.data_dir.join("identity/root.pem")).unwrap();
    hub.skew.set(9 * 365 * DAY);
    let next = Identity::load_with(&hub.config, hub.skew.clock()).unwrap();
    assert_eq!(next.authority_expires_ms(), before);
}
