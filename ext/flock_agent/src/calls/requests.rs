//! Chef runs that were asked for: one waits at most, and whoever asks meanwhile asks for the same.
//!
//! How a run ended is noted as it ends, for the next one leaves nothing of it but, of one that succeeded, its snapshot. What nobody saw
//! is said to be unknown.

mod ends;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flock_core::{Error, Result, limits};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::ends::{End, end_of, without_run};
use crate::run_state::{RunView, RunWatch};

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
    /// What Ruby told of the command that was to bring it about.
    told: Option<Started>,
    /// How it ended, once that is known, or known never to be.
    end: Option<End>,
}

/// What Ruby tells of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Started {
    /// Which request.
    pub request: String,
    /// Why it came to nothing; empty = somebody else was asked to run Chef, or it ended well.
    pub problem: String,
    /// Whether a command of ours has ended; else a systemd unit or a daemon was asked.
    pub finished: bool,
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
        settle(&mut requests, view, true);
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
            told: None,
            end: None,
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

    /// Takes back a request of which Ruby cannot be told.
    pub fn withdraw(&self, id: &str) {
        self.requests().retain(|one| one.id != id);
        self.changed();
    }

    /// How far a request is; `view` is as new as run.json.
    ///
    /// # Errors
    /// `resource_not_found` with code `no_such_run`.
    pub fn report(&self, view: &RunView, id: &str) -> Result<Value> {
        let mut requests = self.requests();
        settle(&mut requests, view, true);
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
        settle(&mut requests, view, true);
        requests.iter().any(Request::is_queued)
    }

    /// Notes how runs begin and end, until cancelled.
    pub async fn follow(self: Arc<Self>, runs: RunWatch, cancel: CancellationToken) {
        let mut views = runs.subscribe();
        loop {
            settle(&mut self.requests(), &views.borrow_and_update(), false);
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = views.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Ruby tells how the command ended.
    pub fn ended(&self, ended: &Started) {
        let mut requests = self.requests();
        if let Some(one) = requests.iter_mut().find(|one| one.id == ended.request) {
            one.told = Some(ended.clone());
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

/// The first run that began after a request is the one that answers it. `fresh` = the view is as new as run.json.
fn settle(requests: &mut VecDeque<Request>, view: &RunView, fresh: bool) {
    let newest = view.newest_run();
    for one in requests.iter_mut().filter(|one| one.end.is_none()) {
        if one.number.is_none() && newest > one.after {
            one.number = Some(newest);
        }
        one.end = match one.number {
            Some(number) => end_of(number, view, one.told.as_ref()),
            None => one
                .told
                .as_ref()
                .and_then(|told| without_run(told, one.options.why_run, fresh)),
        };
    }
}

impl Request {
    fn is_queued(&self) -> bool {
        self.number.is_none() && self.end.is_none()
    }

    fn report(&self, view: &RunView) -> Value {
        let state = match (&self.end, self.number) {
            (Some(end), _) => end.state,
            (None, Some(_)) => "converging",
            (None, None) => "queued",
        };
        let (end, run) = (self.end.as_ref(), view.run.as_ref());
        let started_ms = run
            .filter(|run| Some(run.number) == self.number)
            .map(|run| run.started_ms);
        json!({
            "id": self.id,
            "state": state,
            "number": self.number,
            "started_ms": end.map_or(started_ms, |end| end.started_ms),
            "ended_ms": end.and_then(|end| end.ended_ms),
            "message": end.map_or("", |end| &end.message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_state::{Run, Snapshot};

    /// Run 8 is over; of a later one `number` and phase.
    fn view(number: u64, phase: &str, snapshot: u64) -> RunView {
        let run = Run {
            number,
            phase: phase.into(),
            started_ms: 1,
            ended_ms: (phase != "running").then_some(2),
            ..Default::default()
        };
        let mut left = Snapshot::default();
        left.run_number = snapshot;
        RunView {
            run: Some(run),
            converging: phase == "running",
            snapshot: Some(Arc::new(left)),
            problem: None,
        }
    }

    struct Desk(ChefRequests, String);

    impl Desk {
        fn asked(options: Options) -> Self {
            let requests = ChefRequests::default();
            let (answer, errand) = requests.ask(&view(8, "succeeded", 8), options).unwrap();
            assert!(errand.is_some());
            Self(requests, answer["id"].as_str().unwrap().to_owned())
        }

        fn told(&self, problem: &str, finished: bool) {
            self.0.ended(&Started {
                request: self.1.clone(),
                problem: problem.into(),
                finished,
            });
        }

        /// What a watcher of runs saw.
        fn saw(&self, view: &RunView) {
            settle(&mut self.0.requests(), view, false);
        }

        fn state(&self, view: &RunView) -> (String, String) {
            let report = self.0.report(view, &self.1).unwrap();
            let text = |field: &str| report[field].as_str().unwrap_or_default().to_owned();
            (text("state"), text("message"))
        }
    }

    #[test]
    fn how_a_run_ended_is_noted_as_it_ends_whatever_follows() {
        for (phase, wanted) in [("succeeded", "succeeded"), ("failed", "failed")] {
            let desk = Desk::asked(Options::default());
            desk.told("", false);
            assert_eq!(
                desk.state(&view(8, "succeeded", 8)).0,
                "queued",
                "a unit was only asked to"
            );
            desk.saw(&view(9, "running", 8));
            assert_eq!(desk.state(&view(9, "running", 8)).0, "converging");
            desk.saw(&view(9, phase, 8));
            let later = view(10, "running", 8);
            assert_eq!(desk.state(&later).0, wanted);
            let report = desk.0.report(&later, &desk.1).unwrap();
            assert_eq!(
                (report["number"].as_u64(), report["ended_ms"].as_u64()),
                (Some(9), Some(2))
            );
        }
    }

    #[test]
    fn what_nobody_saw_is_unknown_unless_its_snapshot_or_its_command_tells() {
        let overtaken = |snapshot: u64, told: Option<&str>| {
            let desk = Desk::asked(Options::default());
            desk.saw(&view(9, "running", 8));
            told.into_iter().for_each(|problem| desk.told(problem, true));
            desk.state(&view(10, "running", snapshot))
        };
        let (state, message) = overtaken(8, None);
        assert_eq!(state, "unknown");
        assert!(message.contains("Chef's log"), "{message}");
        assert_eq!(overtaken(9, None).0, "succeeded");
        assert_eq!(
            overtaken(8, Some("it ended with 1")),
            ("failed".into(), "it ended with 1".into())
        );
        assert_eq!(overtaken(8, Some("")).0, "unknown");
    }

    #[test]
    fn a_command_that_left_no_run_is_known_to_have_succeeded_only_as_a_why_run() {
        let before = view(8, "succeeded", 8);
        for (why_run, wanted) in [(true, "succeeded"), (false, "unknown")] {
            let desk = Desk::asked(Options {
                why_run,
                ..Default::default()
            });
            desk.told("", true);
            assert_eq!(desk.state(&before).0, wanted);
        }
        let desk = Desk::asked(Options::default());
        desk.told("", true);
        desk.saw(&before);
        assert_eq!(
            desk.state(&view(9, "succeeded", 9)).0,
            "succeeded",
            "what was seen of runs was older than the command's end"
        );
    }
}
