//! What a worker says of its job.

use std::path::Path;

use flock_core::limits;
use serde::Deserialize;

use super::files;
use crate::{pb, store::subscribed::Change};

/// How it went, in the worker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Done,
    Failed,
    Busy,
    Stale,
}

/// `results/<job>.json`; fields that are not used here are not read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct WorkerResult {
    job: String,
    pub(super) status: Status,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) run_ms: Option<f64>,
    #[serde(default)]
    pub(crate) drafts: Vec<pb::Draft>,
    #[serde(default)]
    changes: Vec<Change>,
}

impl WorkerResult {
    /// Reads it; one that is malformed, too large or of another job counts as absent.
    pub(super) fn read(path: &Path, job: &str) -> Option<Self> {
        let bytes = files::read_result(path)?;
        let said =
            |problem: &String| tracing::warn!(path = %path.display(), "a worker's result is not used: {problem}");
        Self::parse(&bytes, job).inspect_err(said).ok()
    }

    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn parse(bytes: &[u8], job: &str) -> Result<Self, String> {
        match serde_json::from_slice::<Self>(bytes) {
            Ok(result) if result.job != job => Err("it is of another job".to_owned()),
            Ok(result) if result.drafts.len() > limits::RESULT_DRAFTS => {
                Err("it holds too many notifications".to_owned())
            }
            result => result.map_err(|e| e.to_string()),
        }
    }

    /// What it updated; the rest of too many is left out.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        fit(std::mem::take(&mut self.changes), &self.job)
    }

    /// The time that the action took, in whole milliseconds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped by `as`")]
    pub(crate) fn took_ms(&self) -> u64 {
        self.run_ms.unwrap_or_default().round() as u64
    }
}

/// What a worker updated that left no result: a line each. One that it was killed in the middle of is left out.
pub(super) fn kept_changes(path: &Path, job: &str) -> Vec<Change> {
    let bytes = files::read_result(path).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n');
    let changes = lines.filter_map(|line| serde_json::from_slice(line).ok());
    fit(changes.collect(), job)
}

fn fit(mut changes: Vec<Change>, job: &str) -> Vec<Change> {
    if changes.len() > limits::RESULT_CHANGES {
        tracing::warn!(
            job,
            changes = changes.len(),
            "an action changed too much; subscriptions to the last are not served"
        );
        changes.truncate(limits::RESULT_CHANGES);
    }
    changes.iter_mut().for_each(|change| job.clone_into(&mut change.run_id));
    changes.retain_mut(|change| change.make_fit().is_ok());
    changes
}
