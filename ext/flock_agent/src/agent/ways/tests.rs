use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::task::JoinSet;

use super::*;
use crate::{
    hub::testing::{Flock, TestHub, TestMember, eventually, node, soon},
    identity::testing::{Machine, TestHub as RealHub, dialer},
    link::Relayed,
};

/// Stores every offer, except those of "broken", which it never answers.
#[derive(Default)]
struct Target(AtomicUsize);

#[tonic::async_trait]
impl Relayed for Target {
    async fn answer(&self, call: pb::ServeDown) -> Result<Vec<u8>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        match call.method.as_str() {
            "offer" => Ok(pb::Receipt {
                verdict: Verdict::Stored as i32,
                ..Default::default()
            }
            .encode_to_vec()),
            "resources" => std::future::pending().await,
            _ => Err(Error::connection("a target that says so was reached all the same")),
        }
    }
}

/// A sender with an in-memory link and a real dialer, whose target announces `address`.
struct World {
    flock: Flock,
    hub: TestHub,
    target: TestMember,
    taken: Arc<Target>,
    ways: Ways,
    _sender: TestMember,
    _real: (RealHub, Machine),
}

impl World {
    async fn new(address: impl FnOnce(&RealHub) -> String) -> Self {
        let real = RealHub::start().await;
        let (machine, identity) = real.joined("sender").await;
        let flock = Flock::new(600_000);
        let (hub, taken) = (flock.hub("hub"), Arc::new(Target::default()));
        let announced = pb::NodeInfo {
            address: address(&real),
            ..node("target")
        };
        let relayed: Arc<dyn Relayed> = taken.clone();
        let target = flock.member_with(announced, &[&hub], |options| options.relayed = Some(relayed));
        soon(target.link.states().wait_for(|state| state.served)).await.unwrap();
        let sender = flock.member("sender", &[&hub]);
        sender.sees("target", "alive").await;
        Self {
            ways: Ways {
                link: sender.link.clone(),
                dialer: dialer(&identity),
                relay_first: RelayFirst::default(),
            },
            flock,
            hub,
            target,
            taken,
            _sender: sender,
            _real: (real, machine),
        }
    }

    async fn offer(&self) -> Result<pb::Receipt> {
        soon(self.ways.offer("target", pb::Envelope::default())).await
    }
}

/// An address at which nobody listens.
fn closed(_: &RealHub) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_node_that_only_dials_out_is_reached_through_the_hub() {
    let world = World::new(|_| String::new()).await;
    assert!(world.ways.link.only_dials_out("target"));
    assert_eq!(world.offer().await.unwrap().verdict(), Verdict::Stored);
    assert!(!world.ways.relay_first.holds("target"), "there is nothing to spare it");
}

#[tokio::test]
async fn a_node_that_cannot_be_dialled_is_reached_through_the_hub_and_not_dialled_again_for_a_while() {
    let world = World::new(closed).await;
    assert_eq!(world.offer().await.unwrap().verdict(), Verdict::Stored);
    assert!(world.ways.relay_first.holds("target"));
    assert_eq!(world.offer().await.unwrap().verdict(), Verdict::Stored);
    assert_eq!(world.taken.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_address_at_which_someone_else_answers_is_no_way() {
    let world = World::new(|real| real.address.clone()).await;
    assert_eq!(world.offer().await.unwrap().verdict(), Verdict::Stored);
}

#[tokio::test]
async fn when_neither_way_leads_there_nothing_was_carried_and_the_dial_says_why() {
    let World {
        ways,
        target,
        hub,
        flock,
        _sender: sender,
        _real: real,
        ..
    } = World::new(closed).await;
    ways.offer("target", pb::Envelope::default()).await.unwrap();
    target.stop().await;
    let relay_only = ways.offer("target", pb::Envelope::default()).await.unwrap_err();
    assert_eq!(
        (relay_only.kind(), relay_only.code()),
        (ErrorKind::Connection, "not_connected")
    );
    assert!(!ways.relay_first.holds("target"), "it is dialled again");
    let both = ways.offer("target", pb::Envelope::default()).await.unwrap_err();
    assert_eq!((both.kind(), both.code()), (ErrorKind::Connection, "refused"));
    assert!(both.message().contains("nor through the hub"), "{both}");
    hub.crash();
    let away = eventually(|| async {
        let failed = ways.offer("target", pb::Envelope::default()).await.unwrap_err();
        failed.message().contains("no session with a hub").then_some(failed)
    });
    assert_eq!(away.await.kind(), ErrorKind::Connection);
    drop((flock, sender, real));
}

#[tokio::test]
async fn a_relayed_call_that_breaks_may_have_arrived() {
    let world = World::new(|_| String::new()).await;
    let ways = world.ways.clone();
    let asked = tokio::spawn(async move { ways.resources(of("target")).await });
    eventually(|| async { (world.taken.0.load(Ordering::SeqCst) == 1).then_some(()) }).await;
    world.flock.net.cut("target");
    let broken = soon(asked).await.unwrap().unwrap_err();
    assert_eq!(
        (broken.kind(), broken.code()),
        (ErrorKind::OutcomeUnknown, "relay_broken")
    );
    let ways = world.ways.clone();
    let told = eventually(|| async {
        let told = ways.report("target", pb::Outcome::default()).await.unwrap_err();
        (told.code() != "not_connected").then_some(told)
    });
    assert_eq!(
        told.await.kind(),
        ErrorKind::OutcomeUnknown,
        "only the hub can say that it carried nothing"
    );
    drop(world.hub);
}

#[tokio::test]
async fn a_hub_with_too_much_to_relay_makes_the_sender_wait() {
    let world = World::new(|_| String::new()).await;
    let mut held = JoinSet::new();
    for _ in 0..limits::RELAYED_CALLS {
        let ways = world.ways.clone();
        held.spawn(async move {
            while ways.resources(of("target")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
    // An offer that came before the line was full waits in it; given up, it leaves its place to one of those.
    let offered = || tokio::time::timeout(Duration::from_millis(100), world.offer());
    let is_busy = |receipt: &pb::Receipt| receipt.verdict() == Verdict::Busy;
    let busy = eventually(|| async { offered().await.ok().and_then(Result::ok).filter(is_busy) }).await;
    assert_eq!(
        (busy.code.as_str(), busy.retry_after_ms),
        (RELAY_BUSY, limits::RELAY_RETRY_AFTER_MS)
    );
}

#[test]
fn refusals_are_not_gone_round() {
    let refused = |code: &str| is_elsewhere(&Error::denied("no").with_code(code));
    assert!(refused("wrong_name") && refused("other_flock"));
    assert!(!refused("removed") && !refused("certificate_expired") && !refused("clock_skew"));
    assert!(is_elsewhere(&Error::connection("refused").with_code("refused")));
    assert!(!is_elsewhere(&Error::node_not_found("nobody")));
}

#[test]
fn only_the_word_of_the_node_itself_says_that_nothing_was_done() {
    let down = crate::apis::api_down("the process is being started");
    assert_eq!(perhaps_arrived(down.clone()), down);
    let broken = perhaps_arrived(Error::connection("broken pipe"));
    assert_eq!(broken.kind(), ErrorKind::OutcomeUnknown);
}

fn of(node: &str) -> pb::ResourcesRequest {
    pb::ResourcesRequest {
        node: node.to_owned(),
        ..Default::default()
    }
}
