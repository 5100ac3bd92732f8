//! Ends the sessions that went silent.

use std::{sync::Arc, time::Duration};

use flock_core::{limits, registry::Command};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{Inner, Session};

/// Runs until it is aborted.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut tick = interval(Duration::from_millis(limits::REGISTRY_SWEEP_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut gone = Vec::new();
    loop {
        tick.tick().await;
        gone.extend(inner.leases.take_gone(inner.clock.monotonic_ms()));
        gone = end(&inner, gone).await;
    }
}

/// Ends sessions, a commit's worth at a time, and answers those for which the store had no room.
pub(super) async fn end(inner: &Arc<Inner>, sessions: Vec<Session>) -> Vec<Session> {
    let mut left = Vec::new();
    for group in sessions.chunks(limits::STORE_GROUP) {
        let mut ending = JoinSet::new();
        for session in group.iter().cloned() {
            let inner = Arc::clone(inner);
            ending.spawn(async move {
                let ended = inner.run(Command::EndSession(session.clone())).await;
                ended.err().map(|error| (session, error))
            });
        }
        for (session, error) in ending.join_all().await.into_iter().flatten() {
            tracing::warn!(owner = session.owner, %error, "a silent session could not be ended; trying again");
            left.push(session);
        }
    }
    left
}
