//! Finding out whom selectors mean, when their notifications leave.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, ErrorKind, Result, limits, target::WhenNone};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{ports::Directory, send::next_commit};
use crate::{
    backoff::full_jitter,
    clock::Clock,
    hub::UNKNOWN,
    pb,
    store::{
        Store,
        outbox::{self, Unresolved},
    },
};

/// The task that resolves; a new draft is resolved at once, those that wait for a match when the directory changes.
pub(super) struct Resolver {
    store: Store,
    clock: Clock,
    directory: Arc<dyn Directory>,
    changed: Arc<Notify>,
    /// Everything up to here was asked for at least once.
    asked: u64,
    failures: u32,
    last_full: Instant,
    next_full: Instant,
}

impl Resolver {
    pub fn new(store: Store, clock: Clock, directory: Arc<dyn Directory>, changed: Arc<Notify>) -> Self {
        let now = Instant::now();
        Self {
            store,
            clock,
            directory,
            changed,
            asked: 0,
            failures: 0,
            last_full: now,
            next_full: now,
        }
    }

    pub async fn run(mut self, cancel: CancellationToken) {
        let mut commits = self.store.commits();
        let changed = Arc::clone(&self.changed);
        loop {
            commits.mark_unchanged();
            let looked = Instant::now();
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.pass() => {}
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                // While no hub answers, a new draft waits with the others for the next attempt.
                commit = next_commit(&mut commits, looked), if self.failures == 0 => if commit.is_err() { return },
                () = changed.notified() => self.next_full = self.next_full.min(self.last_full + Duration::from_millis(limits::RESOLVE_GAP_MS)),
                () = tokio::time::sleep_until(self.next_full) => {}
            }
        }
    }

    async fn pass(&mut self) {
        let full = Instant::now() >= self.next_full;
        let after = if full { 0 } else { self.asked };
        match self.resolve_after(after).await {
            Ok(()) if full => {
                self.failures = 0;
                self.last_full = Instant::now();
                self.next_full = self.last_full + Duration::from_millis(limits::DELIVERY_POLL_MS);
            }
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(%error, "selectors cannot be resolved now");
                self.next_full =
                    Instant::now() + Duration::from_millis(full_jitter(self.failures, limits::BACKOFF_CAP_MS));
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    async fn resolve_after(&mut self, mut after: u64) -> Result<()> {
        loop {
            let batch = self
                .store
                .read(move |conn| outbox::unresolved(conn, after, limits::RESOLVE_BATCH))
                .await?;
            let Some(last) = batch.last().map(|one| one.seq) else {
                return Ok(());
            };
            for one in batch {
                self.resolve(one).await?;
            }
            after = last;
            self.asked = self.asked.max(last);
        }
    }

    /// # Errors
    /// Only what concerns all selectors.
    async fn resolve(&self, one: Unresolved) -> Result<()> {
        let names = match self.ask(&one).await {
            Ok(names) => names,
            Err(error) if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout) => return Err(error),
            Err(error) => {
                tracing::warn!(id = one.id, %error, "a selector cannot be resolved; it is tried again");
                return Ok(());
            }
        };
        match (names.is_empty(), one.targets.when_none.parse().unwrap_or_default()) {
            (true, WhenNone::Wait) => return Ok(()),
            (true, WhenNone::Warn) => tracing::warn!(id = one.id, "no node matches the targets of a notification"),
            _ => {}
        }
        self.write(one, names).await
    }

    async fn ask(&self, one: &Unresolved) -> Result<Vec<String>> {
        let limit = Duration::from_millis(limits::CALL_MS);
        let nodes = tokio::time::timeout(limit, self.directory.resolve(&one.id, &one.targets))
            .await
            .unwrap_or_else(|_| Err(Error::timeout("the directory did not answer")))?;
        if nodes.stale {
            return Err(Error::connection("the directory's answer is an old one"));
        }
        Ok(names(nodes))
    }

    async fn write(&self, one: Unresolved, names: Vec<String>) -> Result<()> {
        let now_ms = self.clock.now_ms();
        let done = self
            .store
            .write(move |conn| outbox::resolve(conn, one.seq, &names, now_ms))
            .await;
        match done {
            Err(error) if error.code() == "outbox_full" => {
                tracing::warn!(id = one.id, %error, "the deliveries of a notification do not fit; it waits");
                Ok(())
            }
            other => other.map(drop),
        }
    }
}

fn names(nodes: pb::Nodes) -> Vec<String> {
    let known = nodes.nodes.into_iter().filter(|node| node.presence != UNKNOWN);
    let mut names: Vec<String> = known.map(|node| node.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
