//! The task that owns the link: dial, hold the session, wait, dial again.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, ErrorKind, limits};
use rand::seq::SliceRandom;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;

use super::{
    LinkEvent, Shared, file, serve,
    session::{self, Opened},
};
use crate::{
    backoff::{full_jitter, slow},
    vital::vital,
};

/// Keeps the link up until it is cancelled.
pub(super) async fn run(shared: Arc<Shared>) {
    // Also when a fault of ours ends this task: whoever waits for the end must not wait for ever.
    let _stopped = shared.stopped.clone().drop_guard();
    let saver = tokio::spawn(file::save_until_cancelled(shared.clone()));
    let cancel = shared.options.cancel.clone();
    let mut failures = 0;
    while !cancel.is_cancelled() {
        let started = Instant::now();
        let problem = attempt(&shared).await;
        // A hub that welcomes and drops us at once must not be asked in a tight loop.
        let lasted = started.elapsed() >= Duration::from_millis(limits::BACKOFF_CAP_MS);
        failures = if lasted { 0 } else { failures + 1 };
        let pause = pause(&problem, failures);
        shared.state.send_modify(|state| state.problem = Some(problem));
        cancel
            .run_until_cancelled(tokio::time::sleep(Duration::from_millis(pause)))
            .await;
    }
    let _ = saver.await;
}

fn pause(problem: &Error, failures: u32) -> u64 {
    match problem.code() {
        "removed" => slow(limits::REMOVED_RETRY_MS),
        "newer_session" | "other_flock" | "protocol" | "wrong_name" => slow(limits::FENCED_RETRY_MS),
        _ if problem.kind() == ErrorKind::Denied => slow(limits::FENCED_RETRY_MS),
        _ => full_jitter(failures, limits::BACKOFF_CAP_MS),
    }
}

/// Tries each hub once, in random order, and holds the first session that is had; answers why there is none any more.
async fn attempt(shared: &Arc<Shared>) -> Error {
    let mut hubs = shared.options.hubs.clone();
    hubs.shuffle(&mut rand::rng());
    let mut problem = Error::configuration("no hub is known; give [join] hubs, or join again").with_code("no_hubs");
    for hub in hubs {
        match open(shared, &hub).await {
            Ok(Some((opened, channel))) => return hold(shared, opened, channel).await,
            Ok(None) => return Error::not_started("the link was stopped"),
            Err(error) => {
                log(&hub, &error);
                problem = worse(problem, error);
            }
        }
    }
    problem
}

/// Of two problems the one that waiting does not cure.
fn worse(first: Error, second: Error) -> Error {
    if first.kind() == ErrorKind::Denied {
        first
    } else {
        second
    }
}

/// `None` = cancelled meanwhile.
async fn open(shared: &Arc<Shared>, hub: &str) -> Result<Option<(Opened, Channel)>, Error> {
    let opening = async {
        let dialled = timeout(
            Duration::from_millis(limits::CONNECT_MS),
            shared.options.connect.hub(hub),
        )
        .await;
        let channel = dialled.unwrap_or_else(|_| {
            Err(Error::timeout(format!(
                "the hub {hub} cannot be reached within {} ms",
                limits::CONNECT_MS
            )))
        })?;
        let opened = session::open(shared, hub, &channel).await?;
        Ok((opened, channel))
    };
    shared.options.cancel.run_until_cancelled(opening).await.transpose()
}

async fn hold(shared: &Arc<Shared>, opened: Opened, channel: Channel) -> Error {
    shared.channel.store(Some(Arc::new(channel.clone())));
    shared.emit(LinkEvent::Connected);
    let hub = opened.hub.clone();
    let cancel = shared.options.cancel.clone();
    let serving = vital(
        "answering what the hub relays",
        cancel,
        serve::keep(shared.clone(), channel, opened.epoch),
    );
    let serving = AbortOnDropHandle::new(tokio::spawn(serving));
    let (problem, heard_ms) = opened.hold().await;
    drop(serving);
    shared.channel.store(None);
    shared.options.connect.forget(&hub).await;
    shared
        .state
        .send_modify(|state| (state.connected, state.served) = (false, false));
    shared.emit(LinkEvent::Disconnected);
    shared.say_disconnected(heard_ms).await;
    log(&hub, &problem);
    problem
}

fn log(hub: &str, problem: &Error) {
    match problem.code() {
        "not_started" => {}
        "newer_session" | "removed" | "other_flock" | "protocol" | "wrong_name" => {
            tracing::error!(hub, code = problem.code(), "the hub refuses this agent: {problem}");
        }
        code => tracing::warn!(hub, code, "no session with the hub: {problem}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_does_not_cure_is_tried_slowly() {
        let denied = |code: &str| pause(&Error::denied("no").with_code(code), 0);
        assert!(denied("removed") >= limits::REMOVED_RETRY_MS / 2);
        for code in ["newer_session", "other_flock", "protocol", "certificate_expired"] {
            assert!(denied(code) >= limits::FENCED_RETRY_MS / 2, "{code}");
        }
        assert!(pause(&Error::connection("closed"), 0) <= limits::BACKOFF_BASE_MS);
        assert!((0..100).all(|failures| pause(&Error::timeout("late"), failures) <= limits::BACKOFF_CAP_MS));
    }

    #[test]
    fn the_reason_that_someone_must_cure_is_the_one_that_is_kept() {
        let (away, removed) = (Error::connection("away"), Error::denied("no").with_code("removed"));
        assert_eq!(worse(removed.clone(), away.clone()), removed);
        assert_eq!(worse(away, removed.clone()), removed);
    }
}
