//! How runs that were asked for ended, from what they left behind.

use super::Started;
use crate::run_state::RunView;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) state: &'static str,
    pub(super) message: String,
    pub(super) started_ms: Option<u64>,
    pub(super) ended_ms: Option<u64>,
}

/// How the run with this number ended; `None` while it runs.
pub(super) fn end_of(number: u64, view: &RunView, told: Option<&Started>) -> Option<End> {
    if let Some(run) = view.run.as_ref().filter(|run| run.number == number) {
        let (state, message) = match view.phase() {
            _ if view.converging => return None,
            "succeeded" => ("succeeded", String::new()),
            _ => ("failed", run.error.clone().unwrap_or_default()),
        };
        return Some(End {
            started_ms: Some(run.started_ms),
            ended_ms: run.ended_ms,
            ..End::new(state, &message)
        });
    }
    // A later run has followed before anybody looked, or run.json is lost.
    let left_a_snapshot = view
        .snapshot
        .as_ref()
        .is_some_and(|snapshot| snapshot.run_number == number);
    let end = match told
        .map(|told| told.problem.as_str())
        .filter(|problem| !problem.is_empty())
    {
        _ if left_a_snapshot => End::new("succeeded", ""),
        Some(problem) => End::new("failed", problem),
        None => End::new(
            "unknown",
            "a later Chef run followed before it was seen how this one ended; see Chef's log there",
        ),
    };
    Some(end)
}

/// How a request ended that no run is known of.
pub(super) fn without_run(told: &Started, why_run: bool, fresh: bool) -> Option<End> {
    match (told.problem.as_str(), told.finished) {
        ("", false) => None,
        // All that can be known of a why-run is that its command ended well.
        ("", true) if why_run => Some(End::new("succeeded", "")),
        // Its run may not have been looked at yet.
        ("", true) => fresh.then(|| {
            End::new(
                "unknown",
                "the command ended well, but left no word of a Chef run; see chef.log in data_dir, and whether its client.rb requires flock_of_chefs/chef",
            )
        }),
        (problem, _) => Some(End::new("failed", problem)),
    }
}

impl End {
    fn new(state: &'static str, message: &str) -> Self {
        Self {
            state,
            message: message.to_owned(),
            started_ms: None,
            ended_ms: None,
        }
    }
}
