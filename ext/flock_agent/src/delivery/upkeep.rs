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
        let skewed = directory.clock_skewed();
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
