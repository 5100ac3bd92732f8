//! Callers that give up in the middle.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::*;
use crate::fixtures::NOW_MS;

async fn offered(dispatcher: &Dispatcher) {
    let patience = tokio::time::Instant::now() + PATIENCE;
    while dispatcher.0.desk.lock().await.offers.is_empty() {
        assert!(tokio::time::Instant::now() < patience, "nothing is offered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_event_whose_taker_gave_up_goes_to_the_next() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    offered(&dispatcher).await;
    let busy = dispatcher.0.desk.lock().await;
    assert_eq!(dispatcher.next_event(Duration::from_millis(50)).await, None);
    drop(busy);
    event(&dispatcher).await;
}

#[tokio::test]
async fn a_claim_whose_caller_gave_up_is_carried_through() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    let worker = Sleeper::start();
    let claimed = json!({"job": job, "pid": worker.pid(), "pid_start": worker.pid_start()});
    // Asked once, and dropped before any other task could run.
    tokio::select! {
        biased;
        _ = dispatcher.call("job_claimed", claimed) => panic!("it was answered at once"),
        () = std::future::ready(()) => {}
    }
    target.reaches(1, "claimed").await;
    // The call holds the desk until it has noted the claim.
    let desk = dispatcher.0.desk.lock().await;
    assert!(desk.running.contains_key(&job) && desk.offers.is_empty());
}

#[tokio::test]
async fn the_dispatcher_ends_when_it_is_told_to() {
    let target = ready();
    let dispatcher = dispatcher(&target).await;
    target.cancel.cancel();
    tokio::time::timeout(PATIENCE, dispatcher.stopped()).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_jumps_expires_nothing_that_waits() {
    for (looked_at_before, state) in [(true, "stored"), (false, "expired")] {
        // Without a snapshot nothing is run.
        let target = Target::new(Policy::default());
        let brief = pb::Envelope {
            ttl_ms: 60 * 60 * 1000,
            ..envelope("a", 1)
        };
        target.admit(brief).await;
        let wall = Arc::new(std::sync::atomic::AtomicU64::new(crate::fixtures::NOW_MS));
        let source = Arc::clone(&wall);
        let clock = crate::clock::Clock::from_fn(move || source.load(std::sync::atomic::Ordering::SeqCst));
        if looked_at_before {
            assert!(clock.is_settled());
        }
        wall.fetch_add(24 * 60 * 60 * 1000, std::sync::atomic::Ordering::SeqCst);
        let options = DispatchOptions {
            clock,
            ..options(&target)
        };
        let dispatcher = Dispatcher::spawn(options).await.unwrap();
        no_event(&dispatcher).await;
        target.reaches(1, state).await;
    }
}

/// A dispatcher whose clock the test moves, by less than a jump.
async fn with_moving_clock(target: &Target) -> (Dispatcher, Arc<AtomicU64>) {
    let wall = Arc::new(AtomicU64::new(NOW_MS));
    let source = Arc::clone(&wall);
    let options = DispatchOptions {
        clock: crate::clock::Clock::from_fn(move || source.load(Ordering::SeqCst)),
        ..options(target)
    };
    let dispatcher = Dispatcher::spawn(options).await.unwrap();
    let patience = tokio::time::Instant::now() + PATIENCE;
    while dispatcher.0.desk.lock().await.housekept.is_none() {
        assert!(tokio::time::Instant::now() < patience, "it does not keep house");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (dispatcher, wall)
}

/// Lives for a second.
fn brief(n: u32) -> pb::Envelope {
    pb::Envelope {
        ttl_ms: 1_000,
        ..envelope("a", n)
    }
}

#[tokio::test]
async fn what_has_outlived_its_time_is_not_offered() {
    let target = ready();
    let (dispatcher, wall) = with_moving_clock(&target).await;
    wall.fetch_add(2_000, Ordering::SeqCst);
    target.admit(brief(1)).await;
    no_event(&dispatcher).await;
    target.reaches(1, "expired").await;
}

#[tokio::test]
async fn what_outlives_its_time_before_the_claim_is_not_run() {
    let target = ready();
    let (dispatcher, wall) = with_moving_clock(&target).await;
    target.admit(brief(1)).await;
    let job = id(&event(&dispatcher).await);
    wall.fetch_add(2_000, Ordering::SeqCst);
    let refused = claim_for(&dispatcher, &job, &Sleeper::start()).await.unwrap_err();
    assert_eq!(refused.code(), "nothing_to_run");
    target.reaches(1, "expired").await;
}
