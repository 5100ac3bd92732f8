//! Chef runs that were asked for: one waits at most, and whoever asks meanwhile asks for the same.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use flock_core::{Error, Result, limits};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::run_state::RunView;

/// What a run may be asked for with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// In place of the node's run list, for this run only.
    pub run_list: Vec<String>,
    /// Only says what it would do.
    pub why_run: bool,
}

impl Options {
    fn check(&self) -> Result<()> {
        let item = |c: char| c.is_ascii_alphanumeric() || "_-:.@[]".contains(c);
        let good = |entry: &String| {
            !entry.is_empty()
                && entry.len() <= limits::TOPIC_BYTES
                && entry.chars().all(item)
                && !entry.starts_with('-')
        };
        if self.run_list.len() <= limits::TARGET_WORDS && self.run_list.iter().all(good) {
            return Ok(());
        }
        Err(Error::protocol("run_list takes names like recipe[app::deploy] or role[web]").with_code("bad_call"))
    }
}

/// How far a requested run is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    id: String,
    options: Options,
    /// The newest run when it was asked for: the run that answers it is a later one.
    after: u64,
    /// The run that answers it, once it is known.
    number: Option<u64>,
    /// What the command said at its end, where that came before any run.
    problem: Option<String>,
}

/// What Ruby tells of a command.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Started {
    /// Which request.
    pub request: String,
    /// Why it came to nothing; empty = it runs, or ended well.
    pub problem: String,
}

/// See the module.
pub struct ChefRequests {
    requests: Mutex<VecDeque<Request>>,
    changes: watch::Sender<u64>,
}

impl Default for ChefRequests {
    fn default() -> Self {
        Self {
            requests: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl ChefRequests {
    /// Asks for a run: the answer, and what Ruby has to be told where it is a new one.
    ///
    /// # Errors
    /// `protocol` for a run list that is none.
    pub fn ask(&self, view: &RunView, options: Options) -> Result<(Value, Option<Value>)> {
        options.check()?;
        let mut requests = self.requests();
        settle(&mut requests, view);
        if let Some(same) = requests.iter().find(|one| one.is_queued() && one.options == options) {
            return Ok((same.report(view), None));
        }
        if requests.iter().filter(|one| one.is_queued()).count() >= limits::CHEF_REQUESTS {
            return Err(
                Error::rejected("too many Chef runs with other options are queued here; ask again later")
                    .with_code("runs_queued"),
            );
        }
        let request = Request {
            id: Uuid::now_v7().to_string(),
            options: options.clone(),
            after: view.newest_run(),
            number: None,
            problem: None,
        };
        let errand = json!({"type": "run_chef", "request": request.id, "run_list": options.run_list, "why_run": options.why_run});
        let answer = request.report(view);
        while requests.len() >= limits::CHEF_REQUESTS_KEPT {
            requests.pop_front();
        }
        requests.push_back(request);
        drop(requests);
        self.changed();
        Ok((answer, Some(errand)))
    }

    /// How far a request is.
    ///
    /// # Errors
    /// `resource_not_found` with code `no_such_run`.
    pub fn report(&self, view: &RunView, id: &str) -> Result<Value> {
        let mut requests = self.requests();
        settle(&mut requests, view);
        let found = requests.iter().find(|one| one.id == id);
        found.map(|one| one.report(view)).ok_or_else(|| {
            Error::resource_not_found(format!(
                "no Chef run {id} was asked for here, or the agent was restarted since; see `state`"
            ))
            .with_code("no_such_run")
        })
    }

    /// Whether a run waits to begin.
    pub fn queued(&self, view: &RunView) -> bool {
        let mut requests = self.requests();
        settle(&mut requests, view);
        requests.iter().any(Request::is_queued)
    }

    /// Ruby tells how the command ended.
    pub fn ended(&self, ended: &Started) {
        let mut requests = self.requests();
        if let Some(one) = requests.iter_mut().find(|one| one.id == ended.request) {
            one.problem = Some(ended.problem.clone());
        }
        drop(requests);
        self.changed();
    }

    /// Tells of changes that no run shows.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Grows with them.
    pub fn revision(&self) -> u64 {
        *self.changes.borrow()
    }

    fn changed(&self) {
        self.changes.send_modify(|revision| *revision += 1);
    }

    fn requests(&self) -> MutexGuard<'_, VecDeque<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first run that began after a request is the one that answers it.
fn settle(requests: &mut VecDeque<Request>, view: &RunView) {
    let newest = view.newest_run();
    for one in requests
        .iter_mut()
        .filter(|one| one.number.is_none() && newest > one.after)
    {
        one.number = Some(newest);
    }
}

impl Request {
    fn is_queued(&self) -> bool {
        self.number.is_none() && self.problem.is_none()
    }

    fn report(&self, view: &RunView) -> Value {
        let run = view.run.as_ref().filter(|run| Some(run.number) == self.number);
        let (state, message) = match (self.number, run, &self.problem) {
            (None, _, None) => ("queued", String::new()),
            (None, _, Some(problem)) if !problem.is_empty() => ("failed", problem.clone()),
            // Why-run, or a run without our event handler: nothing else is known of it.
            (None, _, Some(_)) => ("succeeded", String::new()),
            (Some(_), Some(_), _) if view.converging => ("converging", String::new()),
            (Some(_), Some(_), _) if view.phase() == "succeeded" => ("succeeded", String::new()),
            (Some(_), Some(run), _) => ("failed", run.error.clone().unwrap_or_default()),
            // A later run has followed.
            (Some(_), None, Some(problem)) if !problem.is_empty() => ("failed", problem.clone()),
            (Some(_), None, _) => ("succeeded", String::new()),
        };
        json!({
            "id": self.id,
            "state": state,
            "number": self.number,
            "started_ms": run.map(|run| run.started_ms),
            "ended_ms": run.and_then(|run| run.ended_ms),
            "message": message,
        })
    }
}
