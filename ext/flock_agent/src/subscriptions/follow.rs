//! The task: journal first, then what the hub said, then what is due.

use std::{path::PathBuf, time::Duration};

use flock_core::{ErrorKind, Result, limits};
use rusqlite::Connection;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    SubscriptionParts, Subscriptions,
    declare::Retry,
    intake::{Intake, blocking},
    pending::Pending,
    watched,
};
use crate::{
    link::{Link, Subscribing},
    store::subscribed::{self, Released},
};

/// See the module.
pub(super) struct Follower {
    handle: Subscriptions,
    intake: Intake,
    link: Link,
    heard: mpsc::Receiver<Subscribing>,
    pending: Pending,
    retry: Retry,
    /// Of the newest `journal/watched`; `None` = it is to be written.
    watched: Option<Vec<String>>,
    /// The outbox was full; nothing is moved before.
    release_at: Option<Instant>,
    /// Nothing can have become due without a commit.
    commits: watch::Receiver<u64>,
    failing: bool,
    cancel: CancellationToken,
}

impl Follower {
    pub(super) fn new(handle: Subscriptions, parts: SubscriptionParts) -> Self {
        let mut commits = parts.store.commits();
        commits.mark_changed();
        Self {
            handle,
            intake: Intake::new(parts.store, parts.data_dir, parts.clock, parts.runs),
            link: parts.link,
            heard: parts.heard,
            pending: Pending::default(),
            retry: Retry::default(),
            watched: None,
            release_at: None,
            commits,
            failing: false,
            cancel: parts.cancel,
        }
    }

    /// Runs until cancelled. A turn that fails is logged and repeated.
    pub(super) async fn run(mut self) {
        let poll = Duration::from_millis(limits::RUN_STATE_POLL_MS);
        let mut views = self.intake.runs.subscribe();
        views.mark_changed();
        let mut listening = true;
        loop {
            let mut said = None;
            tokio::select! {
                () = self.cancel.cancelled() => return,
                next = self.heard.recv(), if listening => match next {
                    Some(next) => said = Some(next),
                    None => listening = false,
                },
                () = self.handle.0.poke.notified() => {}
                Ok(()) = views.changed() => {}
                () = tokio::time::sleep(poll) => {}
            }
            let view = views.borrow_and_update().clone();
            let turned = self.turn(said).await;
            self.note(turned);
            self.handle.0.declare(&view, &self.link, &mut self.retry);
        }
    }

    /// The journal comes first: what is in it now is older than what the hub says.
    async fn turn(&mut self, said: Option<Subscribing>) -> Result<()> {
        let read = self.intake.pass().await;
        match said {
            Some(Subscribing::Declared(answer)) => self.handle.0.declared(answer, &mut self.retry),
            Some(Subscribing::Subscribed(part)) => self.pending.add(part),
            Some(Subscribing::Disconnected { heard_ms }) => self.pending.disconnect(heard_ms),
            None => {}
        }
        read?;
        self.take_in().await?;
        self.release().await?;
        self.watch().await
    }

    async fn take_in(&mut self) -> Result<()> {
        if let Some(heard_ms) = self.pending.disconnected {
            let lose = move |conn: &Connection| {
                subscribed::disconnected(conn)?;
                subscribed::unheard_since(conn, heard_ms)
            };
            self.intake.store.write(lose).await?;
            self.pending.disconnected = None;
        }
        let Some(set) = self.pending.set() else {
            return Ok(());
        };
        let now_ms = self.intake.clock.now_ms();
        let apply = move |conn: &Connection| subscribed::apply(conn, &set, now_ms);
        match self.intake.store.write(apply).await {
            Err(error) if error.code() == "too_many_subscribed" => {
                tracing::error!(%error, "what changes here reaches no subscriber");
                self.pending.refuse();
                return Ok(());
            }
            taken => taken?,
        }
        self.pending.taken();
        self.watched = None;
        Ok(())
    }

    /// Moves what is due into the outbox, as long as there is room.
    async fn release(&mut self) -> Result<()> {
        if self.release_at.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        let retried = self.release_at.take().is_some();
        if !retried && !self.commits.has_changed().unwrap_or(true) {
            return Ok(());
        }
        self.commits.mark_unchanged();
        while self.intake.store.read(subscribed::is_due).await? {
            let now_ms = self.intake.clock.now_ms();
            let Released { waits, .. } = self
                .intake
                .store
                .write(move |conn| subscribed::release(conn, now_ms))
                .await?;
            if let Some(error) = waits {
                tracing::warn!(%error, "notifications of subscriptions wait for room in the outbox");
                self.release_at = Some(Instant::now() + Duration::from_millis(limits::BUSY_RETRY_AFTER_MS));
                return Ok(());
            }
        }
        Ok(())
    }

    async fn watch(&mut self) -> Result<()> {
        if self.watched.is_some() {
            return Ok(());
        }
        let keys = self.intake.store.read(subscribed::source_keys).await?;
        let (data_dir, written): (PathBuf, _) = (self.intake.data_dir.clone(), keys.clone());
        blocking(move || watched::write(&data_dir, &written)).await?;
        self.watched = Some(keys);
        Ok(())
    }

    fn note(&mut self, turned: Result<()>) {
        if turned.is_err() {
            self.commits.mark_changed();
        }
        match turned {
            Ok(()) => self.failing = false,
            Err(error) if error.kind() == ErrorKind::NotStarted => {}
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::warn!(%error, "subscriptions cannot be served now; it is tried again");
            }
            Err(_) => {}
        }
    }
}
