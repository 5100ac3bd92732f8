//! What a hub says of a node that somebody cannot reach.

use super::{super::testing::*, *};

#[tokio::test]
async fn a_member_is_told_of_with_its_heartbeat_and_its_clock() {
    let flock = Flock::new(300_000);
    let hub = flock.hub("hub");
    let asker = flock.member("asker", &[&hub]);
    asker.connected().await;
    let (raw, _) = Raw::welcomed(&flock, &hub, "late").await;
    let sent_ms = crate::clock::Clock::system().now_ms() - 90_000;
    raw.say(up::Body::Heartbeat(pb::Heartbeat { sent_ms })).await;
    let known = eventually(|| async {
        let known = asker.link.about("late").await.unwrap();
        known.clock_offset_ms.is_some().then_some(known)
    })
    .await;
    assert!(
        (-100_000..=-85_000).contains(&known.clock_offset_ms.unwrap()),
        "{known:?}"
    );
    assert!(known.connected && !known.served && known.since_ms > 0 && known.heard_ms >= known.since_ms);
    assert_eq!(
        (known.hub.as_str(), known.lease_ms, known.removed_ms),
        ("hub", 300_000, 0)
    );
}

#[tokio::test]
async fn who_went_was_refused_or_was_removed_is_remembered() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    operator.connected().await;
    let leaver = flock.member("leaver", &[&hub]);
    leaver.connected().await;
    leaver.stop().await;
    let gone = eventually(|| async {
        let known = operator.link.about("leaver").await.unwrap();
        (!known.connected).then_some(known)
    })
    .await;
    let encounter = gone.encounter.unwrap();
    assert_eq!(encounter.ended, "its agent was stopped");
    assert!(encounter.heard_ms > 0);
    operator.link.node_remove("leaver").await.unwrap();
    flock.member("leaver", &[&hub]).refused("removed").await;
    let known = operator.link.about("leaver").await.unwrap();
    assert_eq!(known.removed_by, "hub");
    assert!(known.removed_ms > 0);
    assert_eq!(known.encounter.unwrap().code, "removed");
    let nobody = operator.link.about("nobody").await.unwrap();
    assert_eq!(
        (nobody.node.unwrap().presence.as_str(), nobody.encounter),
        ("unknown", None)
    );
    assert!(operator.link.about("").await.is_err());
}
