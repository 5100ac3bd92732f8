use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{
    fixtures::{NOW_MS, PATIENCE},
    relay::RELAY_BUSY,
};

#[tokio::test]
async fn an_appended_draft_is_offered_with_the_senders_name_and_stored() {
    let bench = Bench::new(|_| {}).await;
    bench.append(draft(1, "a")).await;
    bench.reaches(1, "stored").await;
    let offered = bench.world.script().offered.clone();
    assert_eq!(offered.len(), 1);
    assert_eq!((offered[0].sender.as_str(), offered[0].target.as_str()), ("self", "a"));
    assert!(offered[0].incarnation > 0 && offered[0].seq > 0);
}

#[tokio::test]
async fn own_notifications_to_oneself_do_not_touch_the_network() {
    let bench = Bench::new(|_| {}).await;
    bench.append(draft(1, "self")).await;
    bench.reaches(1, "stored").await;
    let script = bench.world.script();
    assert_eq!((script.admitted.len(), script.offered.len()), (1, 0));
}

#[tokio::test]
async fn each_target_gets_its_notifications_in_order() {
    let bench = Bench::new(|script| script.down.extend(["a".to_owned()])).await;
    let count = 3 * limits::DELIVERY_BATCH as u32;
    for n in 1..=count {
        bench.append(numbered(n, "a")).await;
    }
    bench.world.script().down.clear();
    bench.sender.present("a");
    bench.reaches(count, "stored").await;
    let order: Vec<u64> = bench
        .world
        .script()
        .offered
        .iter()
        .map(|envelope| envelope.seq)
        .collect();
    assert_eq!(order.len(), count as usize);
    assert!(order.is_sorted());
}

#[tokio::test]
async fn refusals_end_a_notification_and_do_not_hold_up_the_next() {
    let answers = [Verdict::Denied, Verdict::Refused].map(|verdict| Ok(receipt(verdict)));
    let bench = Bench::new(|script| drop(script.answers.insert("a".into(), answers.into()))).await;
    for n in 1..=3 {
        bench.append(numbered(n, "a")).await;
    }
    assert_eq!(bench.reaches(1, "denied").await[0].code, "why");
    bench.reaches(2, "undeliverable").await;
    bench.reaches(3, "stored").await;
}

#[tokio::test]
async fn a_busy_target_is_asked_again_after_its_pause() {
    let busy = pb::Receipt {
        retry_after_ms: 1,
        ..receipt(Verdict::Busy)
    };
    let bench = Bench::new(|script| drop(script.answers.insert("a".into(), [Ok(busy)].into()))).await;
    bench.append(draft(1, "a")).await;
    bench.reaches(1, "stored").await;
    assert_eq!(bench.world.script().offered.len(), 2);
}

#[tokio::test]
async fn a_target_that_is_back_is_tried_at_once() {
    let long = pb::Receipt {
        retry_after_ms: limits::BUSY_RETRY_AFTER_MAX_MS,
        ..receipt(Verdict::Busy)
    };
    let bench = Bench::new(|script| drop(script.answers.insert("a".into(), [Ok(long)].into()))).await;
    bench.append(draft(1, "a")).await;
    bench
        .until("the target said busy", |script| script.offered.len() == 1)
        .await;
    bench.sender.present("a");
    bench.reaches(1, "stored").await;
}

#[tokio::test]
async fn what_surely_did_not_arrive_can_be_superseded_and_what_may_have_cannot() {
    let lost = Error::new(ErrorKind::OutcomeUnknown, "cut off");
    let bench = Bench::new(|script| {
        script.down.insert("down".into());
        script.answers.insert("cut".into(), [Err(lost)].into());
    })
    .await;
    bench.append(draft(1, "down")).await;
    bench.append(draft(2, "cut")).await;
    bench
        .until("the call was cut off", |script| !script.offered.is_empty())
        .await;
    bench.append(draft(3, "down")).await;
    bench.append(draft(4, "cut")).await;
    bench.reaches(1, "superseded").await;
    bench.reaches(2, "stored").await;
    bench.reaches(4, "stored").await;
    let only_down = BTreeSet::from(["down".to_owned()]);
    bench
        .until("only the node that is down is watched", |script| {
            script.watched == only_down
        })
        .await;
}

#[tokio::test]
async fn what_may_have_arrived_cannot_be_superseded_after_a_call_that_did_not() {
    stays_after(Err(Error::connection("no way"))).await;
}

#[tokio::test]
async fn what_may_have_arrived_cannot_be_superseded_for_what_only_the_hub_said() {
    let hub_busy = pb::Receipt {
        retry_after_ms: 1,
        code: RELAY_BUSY.into(),
        ..receipt(Verdict::Busy)
    };
    stays_after(Ok(hub_busy)).await;
}

#[tokio::test]
async fn what_may_have_arrived_cannot_be_superseded_for_a_word_that_is_not_known() {
    stays_after(Ok(receipt(Verdict::Unspecified))).await;
}

/// A notification whose first call was cut off and that then gets `answer` again and again.
async fn stays_after(answer: Result<pb::Receipt>) {
    let lost = Error::new(ErrorKind::OutcomeUnknown, "cut off");
    let answers = std::iter::once(Err(lost))
        .chain(std::iter::repeat_n(answer, 1_000))
        .collect();
    let bench = Bench::new(|script| drop(script.answers.insert("cut".into(), answers))).await;
    bench.append(draft(1, "cut")).await;
    bench
        .until("it was cut off, and then not reached", |script| {
            script.offered.len() >= 2
        })
        .await;
    bench.append(draft(2, "cut")).await;
    bench.until("both were tried", |script| script.offered.len() >= 4).await;
    bench.world.script().answers.clear();
    bench.sender.present("cut");
    bench.reaches(1, "stored").await;
    bench.reaches(2, "stored").await;
}

#[tokio::test]
async fn one_notification_that_always_fails_does_not_hold_up_the_others() {
    let bench = Bench::new(|script| script.poison = id(1)).await;
    for n in 1..=3 {
        bench.append(numbered(n, "a")).await;
    }
    bench.reaches(2, "stored").await;
    bench.reaches(3, "stored").await;
    bench.reaches(1, "offered").await;
    bench.world.script().poison.clear();
    bench.reaches(1, "stored").await;
}

#[tokio::test]
async fn a_restart_takes_up_what_was_on_its_way() {
    let lost = Error::new(ErrorKind::Timeout, "silent");
    let bench = Bench::new(|script| drop(script.answers.insert("a".into(), [Err(lost)].into()))).await;
    bench.append(draft(1, "a")).await;
    bench
        .until("the offer was lost", |script| script.offered.len() == 1)
        .await;
    bench.cancel.cancel();
    bench.sender.stopped().await;
    let (_sender, cancel) = start(&bench.store, &bench.world).await;
    bench.reaches(1, "stored").await;
    let offered = bench.world.script().offered.clone();
    assert!(offered.len() >= 2);
    assert!(
        offered
            .iter()
            .all(|envelope| envelope.id == id(1) && envelope.incarnation == offered[0].incarnation)
    );
    cancel.cancel();
}

/// How long the target is told that a notification of two hours ago, with three hours to live, may live.
async fn told_to_live(jumped: bool, skewed: bool) -> u64 {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    let (_dir, store) = temporary();
    let world = Arc::new(World(Mutex::new(Script {
        skewed,
        ..Script::default()
    })));
    let wall = Arc::new(AtomicU64::new(NOW_MS));
    let source = Arc::clone(&wall);
    let clock = Clock::from_fn(move || source.load(Ordering::SeqCst));
    if jumped {
        assert!(clock.is_settled());
    }
    wall.fetch_add(2 * HOUR_MS, Ordering::SeqCst);
    let brief = pb::Draft {
        ttl_ms: 3 * HOUR_MS,
        ..draft(1, "a")
    };
    store
        .write(move |conn| outbox::append(conn, &brief, NOW_MS))
        .await
        .unwrap();
    let (sender, cancel) = start_at(&store, &world, clock).await;
    let patience = tokio::time::Instant::now() + PATIENCE;
    while world.script().offered.is_empty() {
        assert!(tokio::time::Instant::now() < patience, "it is not offered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cancel.cancel();
    sender.stopped().await;
    let told_ms = world.script().offered[0].ttl_ms;
    told_ms / HOUR_MS
}

#[tokio::test]
async fn a_clock_that_may_be_wrong_takes_nothing_from_the_time_to_live() {
    assert_eq!(told_to_live(false, false).await, 1);
    assert_eq!(told_to_live(true, false).await, 3, "the clock has just jumped");
    assert_eq!(told_to_live(false, true).await, 3, "the hub says another time");
}
