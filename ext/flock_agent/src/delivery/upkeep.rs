//! What the clock does to the outbox: expiry, and forgetting what ended long ago.

use std::{sync::Arc, time::Duration};

use flock_core::{Result, limits};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::ports::Directory;
use crate::{
    clock::Clock,
    store::{Store, outbox, retention},
};

/// Expires and trims until cancelled.
pub(super) async fn run(store: Store, clock: Clock, directory: Arc<dyn Directory>, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_millis(limits::DELIVERY_POLL_MS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_trim = Instant::now();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // The link compares with the hub every few seconds; a jump must not be believed until then, nor on the hub itself.
        let skewed = !clock.is_settled() || directory.clock_skewed();
        if let Err(error) = expire(&store, clock.now_ms(), skewed).await {
            tracing::warn!(%error, "expiry failed; it is tried again");
        }
        // Age is time of day as well.
        if !skewed && Instant::now() >= next_trim {
            next_trim = Instant::now() + Duration::from_millis(limits::RETENTION_MS);
            if let Err(error) = retention::trim(&store, clock.now_ms()).await {
                tracing::warn!(%error, "old rows could not be removed; it is tried again");
            }
        }
    }
}

async fn expire(store: &Store, now_ms: u64, skewed: bool) -> Result<()> {
    while store.write(move |conn| outbox::expire(conn, now_ms, skewed)).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::atomic::{AtomicU64, Ordering},
    };

    use super::*;
    use crate::{
        draft::tests::{draft, id},
        fixtures::{GLANCE, NOW_MS, PATIENCE},
        pb,
        store::tests::temporary,
    };

    struct Agreeing;

    #[tonic::async_trait]
    impl Directory for Agreeing {
        async fn resolve(&self, _: &str, _: &pb::Targets) -> Result<pb::Nodes> {
            Ok(pb::Nodes::default())
        }
        fn watch(&self, _: BTreeSet<String>) {}
        fn clock_skewed(&self) -> bool {
            false
        }
    }

    /// What becomes of a notification with an hour to live when the clock goes on by a day, after it was looked at or before.
    async fn after_a_day(looked_at_before: bool) -> String {
        let (_dir, store) = temporary();
        let wall = Arc::new(AtomicU64::new(NOW_MS));
        let source = Arc::clone(&wall);
        let clock = Clock::from_fn(move || source.load(Ordering::SeqCst));
        let brief = pb::Draft {
            ttl_ms: 60 * 60 * 1000,
            ..draft(1, "away")
        };
        store
            .write(move |conn| outbox::append(conn, &brief, NOW_MS))
            .await
            .unwrap();
        if looked_at_before {
            assert!(clock.is_settled());
        }
        wall.fetch_add(24 * 60 * 60 * 1000, Ordering::SeqCst);
        let cancel = CancellationToken::new();
        let keeping = tokio::spawn(run(store.clone(), clock, Arc::new(Agreeing), cancel.clone()));
        tokio::time::sleep(GLANCE).await;
        let patience = Instant::now() + PATIENCE;
        loop {
            let records = store.read(|conn| outbox::records(conn, &id(1))).await.unwrap();
            let state = records[0].state.clone();
            if looked_at_before || state != "queued" || Instant::now() > patience {
                cancel.cancel();
                keeping.await.unwrap();
                return state;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_clock_that_jumps_expires_nothing() {
        assert_eq!(after_a_day(true).await, "queued");
        assert_eq!(after_a_day(false).await, "expired", "a day that has really passed does");
    }
}
