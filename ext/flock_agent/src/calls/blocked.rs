//! Waits that keep a Chef run of this node from going on, whatever they wait for: others see them, and circles of them end.

use std::{
    future::{Future, pending},
    time::Duration,
};

use flock_core::{Error, Result, limits};

use super::{caller::Caller, check, cycles, waits::Holding};
use crate::pb;

/// One such wait, while it lasts. Of nobody's run it is nothing at all.
pub struct Blocked<'a>(Option<(&'a Caller, Holding<'a>)>);

impl Caller {
    /// The wait of `waiter`, if it keeps a run; it is seen by others from now on.
    ///
    /// # Errors
    /// `protocol` when too much is said of the waiter.
    pub fn blocked(&self, waiter: Option<pb::Waiter>) -> Result<Blocked<'_>> {
        check::waiter(waiter.as_ref())?;
        let waiter = waiter.filter(|waiter| waiter.blocks_run);
        Ok(Blocked(waiter.map(|waiter| (self, self.waits().hold(waiter)))))
    }
}

impl Blocked<'_> {
    /// A wait that keeps nobody.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// It waits for these to change, as runs of their nodes change them, in place of those before.
    pub fn on(&self, topics: Vec<pb::Topic>) {
        if let Some((_, held)) = &self.0 {
            held.wait_for(topics);
        }
    }

    /// It waits for outcomes at these nodes, in place of what it waited for before.
    pub fn on_outcomes(&self, nodes: Vec<String>) {
        let topic = |node| pb::Topic {
            node,
            ..Default::default()
        };
        self.on(nodes.into_iter().map(topic).collect());
    }

    /// Refuses what only this node's own run could bring about, by being over.
    ///
    /// # Errors
    /// `rejected` with code `wait_cycle`.
    pub fn refuse_own(&self, nodes: &[String]) -> Result<()> {
        let Some((caller, held)) = &self.0 else { return Ok(()) };
        let own = caller.own();
        if !nodes.iter().any(|node| node == own.as_str()) {
            return Ok(());
        }
        Err(Error::rejected(format!(
            "the run at {} waits for an action on its own node {own}, which begins when that run is over; \
             leave out wait:, or use Chef's own notifies",
            held.waiter().at
        ))
        .with_code("wait_cycle"))
    }

    /// What `wait` comes to, or the error of the circle in which it would never end.
    ///
    /// # Errors
    /// `rejected` with code `wait_cycle`; those of `wait`.
    pub async fn or_circle<T>(&self, wait: impl Future<Output = Result<T>>) -> Result<T> {
        let answer = tokio::select! {
            done = wait => done,
            error = self.circle() => {
                // The others in it must find it, too, before this one's end breaks it.
                tokio::time::sleep(Duration::from_millis(limits::CYCLE_GRACE_MS)).await;
                Err(error)
            }
        };
        if let Some((_, held)) = &self.0 {
            held.answered();
        }
        answer
    }

    /// It got what it waited for. Without this it counts for a moment longer, as between two questions of one wait.
    pub fn over(self) {
        if let Some((_, held)) = self.0 {
            held.over();
        }
    }

    async fn circle(&self) -> Error {
        match &self.0 {
            Some((caller, held)) => cycles::found(caller, held).await,
            None => pending().await,
        }
    }
}
