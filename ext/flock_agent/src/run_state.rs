//! What Chef runs leave behind in `data_dir`: `run.json`, `snapshots/current` and the snapshot that it names.
//!
//! Everything here is written by another process, so that any of it may be missing, half there or odd: what cannot be read counts
//! as absent, and [`RunView::problem`] says why.

mod apis;
mod files;
mod snapshot;
mod subscribed;
#[cfg(test)]
mod tests;
mod watch;

use std::{path::Path, sync::Arc};

use serde::Deserialize;

use crate::{pb, process};

pub use apis::Offered;
pub use snapshot::{Card, Snapshot, shown_key};
pub use watch::RunWatch;

/// `run.json`: the newest Chef run of this node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Grows by one with every real run.
    pub number: u64,
    /// Chef's own id of it.
    pub run_id: String,
    /// `"running"`, `"succeeded"` or `"failed"`.
    pub phase: String,
    /// chef-client's process.
    pub pid: u32,
    /// Its start time in clock ticks.
    pub pid_start: u64,
    /// Unix time.
    pub started_ms: u64,
    /// Unix time; `None` while it runs.
    pub ended_ms: Option<u64>,
    /// Why it failed, without values.
    pub error: Option<String>,
    /// Whether a recipe has the machine restart after it.
    pub reboot: bool,
    /// The boot in which it ended so; empty = not known.
    pub boot_id: String,
}

impl Run {
    /// Whether it is running now: a run that was killed says so for ever, but its process is gone.
    pub fn is_active(&self) -> bool {
        self.phase == "running" && process::alive(self.pid, self.pid_start)
    }

    /// Whether the restart that it asked for is still to come. One that never comes (somebody cancelled it) ends with the next run.
    pub fn awaits_reboot(&self) -> bool {
        self.reboot && !self.boot_id.is_empty() && self.boot_id == process::boot_id()
    }
}

/// The number of the newest Chef run of a node whose agent does not run; 0 = it knows none.
pub(crate) fn newest_run(data_dir: &Path) -> u64 {
    files::run(data_dir).ok().flatten().map_or(0, |run| run.number)
}

/// All of it at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunView {
    /// The newest run; `None` before the first.
    pub run: Option<Run>,
    /// Whether that run is at work.
    pub converging: bool,
    /// What the last successful run left; `None` before the first.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Why something that is there cannot be used.
    pub problem: Option<String>,
}

impl RunView {
    /// Reads everything under `data_dir`.
    pub fn read(data_dir: &Path) -> Self {
        let (run, run_problem) = parts(files::run(data_dir));
        let (snapshot, snapshot_problem) = parts(files::current(data_dir).and_then(|generation| match generation {
            Some(generation) => Snapshot::read(data_dir, generation).map(Some),
            None => Ok(None),
        }));
        let subscriptions_problem = snapshot.as_ref().and_then(|found| found.subscriptions_problem.clone());
        Self {
            converging: run.as_ref().is_some_and(Run::is_active),
            run,
            snapshot: snapshot.map(Arc::new),
            problem: snapshot_problem.or(run_problem).or(subscriptions_problem),
        }
    }

    /// The number of the newest run that is known to have started; 0 = none.
    pub fn newest_run(&self) -> u64 {
        let run = self.run.as_ref().map_or(0, |run| run.number);
        let snapshot = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.run_number);
        run.max(snapshot)
    }

    /// `"never"` before the first run, else its phase; a run whose process is gone is `"failed"`.
    pub fn phase(&self) -> &str {
        match &self.run {
            None => "never",
            Some(run) if run.phase == "running" && !self.converging => "failed",
            Some(run) => &run.phase,
        }
    }

    /// What this node announces of itself: `own` (name, address, configured tags and cloud, ...) and what the snapshot adds.
    pub fn announce(&self, own: pb::NodeInfo) -> pb::NodeInfo {
        match &self.snapshot {
            Some(snapshot) => snapshot.announce(own),
            None => own,
        }
    }
}

fn parts<T>(read: Result<Option<T>, String>) -> (Option<T>, Option<String>) {
    match read {
        Ok(found) => (found, None),
        Err(problem) => (None, Some(problem)),
    }
}
