//! Follows one prefix of the registry: list, watch, list again whenever changes were missed.

use std::time::Duration;

use flock_core::{Result, limits};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::book::{Book, within};
use crate::{
    backoff::full_jitter,
    registry::{Listing, WatchEvent},
};

/// What the directory is fed with.
#[derive(Debug)]
pub(super) enum Feed {
    /// All there is under a prefix.
    Reset(&'static str, Listing),
    /// One change.
    Change {
        key: String,
        value: Option<Vec<u8>>,
        revision: u64,
    },
}

/// Feeds everything under `prefix` until cancelled; a registry that is away is tried again.
pub(super) async fn follow(book: Book, prefix: &'static str, feed: mpsc::Sender<Feed>, cancel: CancellationToken) {
    let mut failures = 0;
    while !cancel.is_cancelled() {
        let followed = cancel
            .run_until_cancelled(watch(&book, prefix, &feed, &mut failures))
            .await;
        if let Some(Err(error)) = followed {
            tracing::warn!(prefix, %error, "the registry cannot be followed; trying again");
        }
        let pause = full_jitter(failures, limits::BACKOFF_CAP_MS);
        failures = failures.saturating_add(1);
        cancel
            .run_until_cancelled(tokio::time::sleep(Duration::from_millis(pause)))
            .await;
    }
}

async fn watch(book: &Book, prefix: &'static str, feed: &mpsc::Sender<Feed>, failures: &mut u32) -> Result<()> {
    let mut seen = reset(book, prefix, feed).await?;
    let mut events = within(book.registry().watch(prefix, seen)).await?;
    *failures = 0;
    while let Some(event) = events.recv().await {
        match event {
            #[cfg(feature = "planted")]
            WatchEvent::Resync { .. } if crate::simulation::planted(crate::simulation::Planted::LostResync) => {}
            WatchEvent::Resync { .. } => seen = reset(book, prefix, feed).await?,
            // What the listing already told must not be told again: it could undo what came after.
            WatchEvent::Change { revision, .. } if revision <= seen => {}
            WatchEvent::Change { key, value, revision } => {
                let _ = feed.send(Feed::Change { key, value, revision }).await;
            }
        }
    }
    Ok(())
}

async fn reset(book: &Book, prefix: &'static str, feed: &mpsc::Sender<Feed>) -> Result<u64> {
    let listing = book.list(prefix).await?;
    let revision = listing.revision;
    let _ = feed.send(Feed::Reset(prefix, listing)).await;
    Ok(revision)
}
