//! What every back end must keep: one test per promise of [`Registry`], made for a back end by [`conformance!`].

pub(crate) mod entries;
pub(crate) mod sessions;
pub(crate) mod watches;

use std::{future::Future, sync::Arc, time::Duration};

use flock_core::Result;
use tokio::sync::mpsc;

use super::{Committed, Expect, Op, Registry, Session, WatchEvent};

/// How long a condition may take; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lease that the suite opens sessions with, in milliseconds.
pub(crate) const LEASE_MS: u64 = 1_000;

/// A back end under test, empty when it is made.
pub(crate) trait Harness: Sized {
    /// Starts an empty service.
    fn start() -> impl Future<Output = Self> + Send;

    /// A handle to the service as it runs now.
    fn registry(&self) -> Arc<dyn Registry>;

    /// Stops the service and starts it on the same data.
    fn restart(&mut self) -> impl Future<Output = ()> + Send;

    /// Lets time pass that leases are measured by; returns at once or when it has passed.
    fn pass(&self, ms: u64) -> impl Future<Output = ()> + Send;

    /// Sets the time of day forward (or back) without any time passing.
    fn jump(&self, ms: i64);
}

/// Makes the tests of one back end: `conformance!(MyHarness);`
macro_rules! conformance {
    ($harness:ty) => {
        conformance!(@tests $harness, entries:
            a_put_is_read_back_with_its_revision, a_listing_is_ordered_and_keeps_to_its_prefix, expectations_guard_every_step,
            a_transaction_happens_as_a_whole_or_not_at_all, of_two_creators_one_wins, deleting_nothing_is_no_error,
            sequences_never_give_a_number_twice, a_lost_reply_is_no_second_command, oversize_is_refused_and_harms_nothing,
            malformed_keys_are_refused, a_restart_keeps_all_and_goes_on_counting);
        conformance!(@tests $harness, sessions:
            closing_a_session_takes_its_entries, a_newer_session_fences_the_older, silence_ends_a_session_and_renewal_keeps_it,
            an_ended_session_can_do_nothing, a_clock_jump_ends_no_session, a_restart_gives_a_grace_and_then_ends_the_silent,
            a_session_outlives_a_restart, epochs_grow_over_restarts);
        conformance!(@tests $harness, watches:
            a_watch_tells_every_change_of_its_prefix_in_order, a_watch_resumes_or_says_resync, a_compacted_revision_is_answered_with_resync,
            a_revision_ahead_is_answered_with_resync, a_slow_watcher_is_told_to_list_again, an_ended_session_is_seen_by_watchers,
            failed_and_repeated_commands_are_not_seen, a_watcher_that_left_harms_nobody, list_then_watch_misses_nothing);
    };
    (@tests $harness:ty, $module:ident: $($name:ident),+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let harness = <$harness as $crate::registry::conformance::Harness>::start().await;
                $crate::registry::conformance::$module::$name(harness).await;
            }
        )+
    };
}
pub(crate) use conformance;

fn put(key: &str, value: &str) -> Op {
    put_if(key, value, Expect::Any)
}

fn put_if(key: &str, value: &str, expect: Expect) -> Op {
    Op::Put {
        key: key.into(),
        value: value.into(),
        expect,
        session: None,
    }
}

fn ephemeral(key: &str, session: &Session) -> Op {
    Op::Put {
        key: key.into(),
        value: Vec::new(),
        expect: Expect::Any,
        session: Some(session.clone()),
    }
}

fn delete(key: &str) -> Op {
    Op::Delete {
        key: key.into(),
        expect: Expect::Any,
    }
}

fn next(sequence: &str) -> Op {
    Op::Next {
        sequence: sequence.into(),
    }
}

/// Runs `ops` under an id of their own.
async fn run(registry: &Arc<dyn Registry>, ops: Vec<Op>) -> Result<Committed> {
    registry.txn(&uuid::Uuid::now_v7().to_string(), ops).await
}

async fn code(registry: &Arc<dyn Registry>, ops: Vec<Op>) -> String {
    run(registry, ops).await.unwrap_err().code().to_owned()
}

async fn keys(registry: &Arc<dyn Registry>, prefix: &str) -> Vec<String> {
    let listing = registry.list(prefix).await.unwrap();
    listing.entries.into_iter().map(|entry| entry.key).collect()
}

/// Waits until `prefix` holds exactly `expected`.
async fn until_keys(registry: &Arc<dyn Registry>, prefix: &str, expected: &[&str]) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = keys(registry, prefix).await;
        if found == expected {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{found:?} never became {expected:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The next event, for which it waits no longer than [`PATIENCE`].
pub(crate) async fn event(watch: &mut mpsc::Receiver<WatchEvent>) -> WatchEvent {
    let event = tokio::time::timeout(PATIENCE, watch.recv()).await;
    event.expect("no event in time").expect("the watch ended")
}

fn change(key: &str, value: Option<&str>, revision: u64) -> WatchEvent {
    WatchEvent::Change {
        key: key.into(),
        value: value.map(Into::into),
        revision,
    }
}
