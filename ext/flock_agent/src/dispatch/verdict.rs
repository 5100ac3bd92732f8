//! What became of a claimed job, from what its worker left behind. Pure: the rules of recovery in one place.

use flock_core::notification::State;

use super::result::{Status, WorkerResult};
use crate::{
    pb,
    store::inbox::{Deferral, Ending},
};

/// The code of a job whose resource has a `wait_until` or `wait_while` that is not so yet.
const WAITS: &str = "waits";

/// What is known of a claimed job.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// The result file, if it is there and whole.
    pub(super) result: Option<WorkerResult>,
    /// Whether the worker still runs; looked at before the files, so that a dead one's files are complete.
    pub(super) alive: bool,
    /// Whether the action was about to touch the machine.
    pub(super) started: bool,
    /// Whether it was ended because its time was up, and after how long.
    pub(super) timed_out_ms: Option<u64>,
    /// How it ended, for people: `"exit 1"`, `"signal 9"`.
    pub(super) exit: String,
}

/// What to do with the job.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// It is still at work.
    Wait,
    /// It ended, and notified others on the way.
    Finish(Ending, Vec<pb::Draft>),
    /// Nothing was run.
    Defer(Deferral),
}

/// The rules: a result is believed; a living worker is waited for; a dead one without a result has run nothing, unless it had started.
pub(super) fn verdict(evidence: Evidence) -> Verdict {
    match evidence {
        Evidence {
            result: Some(result), ..
        } => believed(result),
        Evidence { alive: true, .. } => Verdict::Wait,
        Evidence {
            timed_out_ms: Some(limit_ms),
            started,
            ..
        } => timed_out(limit_ms, started),
        Evidence {
            started: true, exit, ..
        } => unknown(&exit),
        Evidence { exit, .. } => nothing_ran(&exit),
    }
}

fn believed(result: WorkerResult) -> Verdict {
    let run_ms = result.took_ms();
    let code = result.code.unwrap_or_default();
    let message = result.message.unwrap_or_default();
    let ending = |state, code: String| Ending {
        state,
        code,
        message: message.clone(),
        run_ms,
    };
    let defer = |code: &str| {
        Verdict::Defer(Deferral {
            code: code.to_owned(),
            message: message.clone(),
            pause: false,
        })
    };
    match result.status {
        Status::Done => Verdict::Finish(ending(State::Done, code), result.drafts),
        Status::Failed if code.is_empty() => {
            Verdict::Finish(ending(State::Failed, "action_failed".into()), result.drafts)
        }
        Status::Failed => Verdict::Finish(ending(State::Failed, code), result.drafts),
        // A wait of the resource's own: others need not wait with it.
        Status::Busy if code == WAITS => Verdict::Defer(Deferral {
            code,
            message,
            pause: true,
        }),
        Status::Busy => defer("busy"),
        Status::Stale => defer("stale"),
    }
}

/// It did not come to its end, and that is known; how far it came is not.
fn timed_out(limit_ms: u64, started: bool) -> Verdict {
    let how_far = match started {
        true => "while the action was at work; how far it came is not known",
        false => "before the action began",
    };
    let message =
        format!("the worker was ended after {limit_ms} ms, {how_far}; raise [worker] timeout_ms if it needs longer");
    finish(State::Failed, "timed_out", message)
}

fn unknown(exit: &str) -> Verdict {
    let message = format!(
        "the worker ended{} while the action was at work; look at the target",
        after(exit)
    );
    finish(State::Unknown, "worker_died", message)
}

fn finish(state: State, code: &str, message: String) -> Verdict {
    let ending = Ending {
        state,
        code: code.to_owned(),
        message,
        run_ms: 0,
    };
    Verdict::Finish(ending, Vec::new())
}

fn nothing_ran(exit: &str) -> Verdict {
    Verdict::Defer(Deferral {
        code: "worker_died".to_owned(),
        message: format!(
            "the worker ended{} before the action began; it is tried again",
            after(exit)
        ),
        pause: true,
    })
}

fn after(exit: &str) -> String {
    match exit {
        "" => String::new(),
        exit => format!(" ({exit})"),
    }
}
