//! From the inbox to the worker and back: which stored notifications may run now, one job at a time, each with an end.
//!
//! Until Ruby has claimed a job its rows are plainly `stored`: nothing is lost when the event, the worker or the agent is. After the
//! claim the job is on disk with the worker's pid and start time, and [`verdict`] decides from what the worker left behind.

mod claim;
mod decide;
mod desk;
mod errands;
mod files;
mod pump;
mod result;
mod settle;
#[cfg(test)]
mod tests;
mod verdict;
mod warm;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use flock_core::{Error, Result};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[cfg(test)]
pub(crate) use result::WorkerResult;

use crate::{
    calls::ChefRequests,
    clock::Clock,
    delivery::gate::Gate,
    pb,
    run_state::RunWatch,
    store::{Store, inbox::Job, subscribed::Change},
    tally::Tally,
    vital::vital,
};
use desk::{Desk, Events};
pub use errands::Errands;
pub use warm::Warmth;

/// Takes in what an action itself causes: what it notifies goes into the outbox, in the transaction that also holds the action's outcome.
pub trait DraftSink: Send + Sync + 'static {
    /// Appends one draft.
    ///
    /// # Errors
    /// `internal`, or code `disk_full`, undoes the whole transaction; any other error refuses this draft only.
    fn append(&self, conn: &Connection, draft: &pb::Draft, now_ms: u64) -> Result<()>;

    /// Takes in what the action of `job` changed, for those that subscribe to it.
    ///
    /// # Errors
    /// Any undoes the whole transaction.
    fn changes(&self, _conn: &Connection, _job: &Job, _changes: &[Change], _now_ms: u64) -> Result<()> {
        Ok(())
    }
}

impl<F> DraftSink for F
where
    F: Fn(&Connection, &pb::Draft, u64) -> Result<()> + Send + Sync + 'static,
{
    fn append(&self, conn: &Connection, draft: &pb::Draft, now_ms: u64) -> Result<()> {
        self(conn, draft, now_ms)
    }
}

/// Whether a worker left the whole result of `job`.
pub(crate) fn has_result(data_dir: &std::path::Path, job: &str) -> bool {
    result::WorkerResult::read(&files::Paths::new(data_dir, job).result, job).is_some()
}

/// What the dispatcher works with.
pub struct DispatchOptions {
    /// The store with the inbox.
    pub store: Store,
    /// Where `jobs/` and `results/` are.
    pub data_dir: PathBuf,
    /// Where workers that call other nodes find this agent.
    pub socket: PathBuf,
    /// Who may do what here.
    pub gate: Gate,
    /// For what is written to the store.
    pub clock: Clock,
    /// What Chef runs leave behind.
    pub runs: RunWatch,
    /// Time limit of one worker.
    pub worker_timeout_ms: u64,
    /// Whether a warm worker is kept for generations with resources that may be fired.
    pub warm: Warmth,
    /// How long Ruby may take from an event to its claim; [`flock_core::limits::CLAIM_MS`] unless a test is in a hurry.
    pub claim_timeout_ms: u64,
    /// What else Ruby is to do.
    pub errands: Errands,
    /// Chef runs that were asked for.
    pub requests: Arc<ChefRequests>,
    /// Told by whoever changes the inbox.
    pub wake: Arc<Notify>,
    /// The outbox.
    pub drafts: Arc<dyn DraftSink>,
    /// Whether the local clock may be trusted to expire anything.
    pub clock_ok: Arc<AtomicBool>,
    /// Ends the task; [`Dispatcher::next_event`] then says stop.
    pub cancel: CancellationToken,
}

/// Ruby started a worker for a job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobClaimed {
    /// Which job.
    pub job: String,
    /// The worker, which leads a process group of its own.
    pub pid: u32,
    /// Field 22 of its `/proc/PID/stat`.
    pub pid_start: u64,
}

/// Ruby saw a worker end.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct JobFinished {
    /// Which job.
    pub job: String,
    /// Its exit status, unless a signal ended it.
    pub exit: Option<i32>,
    /// That signal.
    pub signal: Option<i32>,
    /// Whether it was ended because its time was up.
    pub timed_out: bool,
    /// The end of what it wrote; it goes to this node's log and no further.
    pub stderr_tail: String,
}

/// Ruby could not start a worker, or gave up before `go`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct JobAbandoned {
    /// Which job.
    pub job: String,
    /// Why.
    pub message: String,
}

/// The dispatcher; cheap to clone.
#[derive(Clone)]
pub struct Dispatcher(Arc<Inner>);

struct Inner {
    options: DispatchOptions,
    desk: Mutex<Desk>,
    events: Events,
    worker: std::sync::Mutex<pb::WorkerState>,
    ended: Tally,
    tasks: TaskTracker,
}

impl Dispatcher {
    /// Recovers what an earlier agent left claimed, then follows inbox, runs and workers until cancelled.
    ///
    /// # Errors
    /// `configuration` when `data_dir` cannot be written, `internal` when the store refuses.
    pub async fn spawn(options: DispatchOptions) -> Result<Self> {
        files::prepare(&options.data_dir)?;
        let dispatcher = Self(Arc::new(Inner {
            options,
            desk: Mutex::default(),
            events: Events::default(),
            worker: std::sync::Mutex::default(),
            ended: Tally::default(),
            tasks: TaskTracker::new(),
        }));
        dispatcher.0.recover().await?;
        let following = pump::follow(Arc::clone(&dispatcher.0));
        let cancel = dispatcher.0.options.cancel.clone();
        dispatcher.0.tasks.spawn(vital("dispatching", cancel, following));
        Ok(dispatcher)
    }

    /// Waits until, after the cancellation, nothing of this is under way.
    pub async fn stopped(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The next thing for Ruby to do, as JSON: `{"type":"run",...}`, `{"type":"prepare",...}`, `{"type":"retire"}` or, once stopping,
    /// `{"type":"stop"}`; `None` when `timeout` passed.
    pub async fn next_event(&self, timeout: Duration) -> Option<Value> {
        let cancel = &self.0.options.cancel;
        tokio::select! {
            biased;
            () = cancel.cancelled() => Some(json!({"type": "stop"})),
            event = self.0.events.next(&self.0.options.errands, &self.0.desk) => event,
            () = tokio::time::sleep(timeout) => None,
        }
    }

    /// Records on disk that this worker runs the job; only then may it be told to go.
    ///
    /// # Errors
    /// `rejected` with code `nothing_to_run` or `job_unknown`: end the worker; nothing is lost.
    pub async fn job_claimed(&self, claimed: &JobClaimed) -> Result<Value> {
        self.0.claimed(claimed).await?;
        Ok(json!({"ok": true}))
    }

    /// Takes the result of a worker that has ended; answers `{"state": S}`, where `"stored"` means that it will be tried again.
    ///
    /// # Errors
    /// `internal` when the store refuses; the result stays and is taken later.
    pub async fn job_finished(&self, finished: &JobFinished) -> Result<Value> {
        let state = self.0.finished(finished).await?;
        self.0.ended.count(state.as_str());
        Ok(json!({"state": state.as_str()}))
    }

    /// Takes a job back that did not come to run.
    ///
    /// # Errors
    /// `internal` when the store refuses; the job is looked after all the same.
    pub async fn job_abandoned(&self, abandoned: &JobAbandoned) -> Result<Value> {
        self.0.abandoned(abandoned).await?;
        Ok(json!({}))
    }

    /// Jobs that ended, by the state that their notifications have then.
    pub fn ended(&self) -> &Tally {
        &self.0.ended
    }

    /// How the worker is, as Ruby told last.
    pub fn worker_state(&self) -> pb::WorkerState {
        self.0.worker_state()
    }

    /// The operations above by name, `job_claimed`, `job_finished`, `job_abandoned`, and `worker_state` and
    /// `chef_ended`, which only note their arguments. What is begun is carried through, also when the
    /// caller has no more patience: a claim that is on disk must be known here, too.
    ///
    /// # Errors
    /// `configuration` for another name or other arguments, else theirs.
    pub async fn call(&self, operation: &str, arguments: Value) -> Result<Value> {
        let (dispatcher, operation) = (self.clone(), operation.to_owned());
        let carried_out = async move { dispatcher.carry_out(&operation, arguments).await };
        let task = self.0.tasks.spawn(carried_out);
        task.await
            .unwrap_or_else(|e| Err(Error::internal(format!("a call to the dispatcher failed: {e}"))))
    }

    async fn carry_out(&self, operation: &str, arguments: Value) -> Result<Value> {
        match operation {
            "job_claimed" => self.job_claimed(&arguments_of(operation, arguments)?).await,
            "job_finished" => self.job_finished(&arguments_of(operation, arguments)?).await,
            "job_abandoned" => self.job_abandoned(&arguments_of(operation, arguments)?).await,
            "chef_ended" => {
                self.0.options.requests.ended(&arguments_of(operation, arguments)?);
                Ok(json!({}))
            }
            "worker_state" => self.0.note_worker(arguments_of(operation, arguments)?),
            other => Err(Error::configuration(format!(
                "{other:?} is no operation of the dispatcher"
            ))),
        }
    }
}

fn arguments_of<T: serde::de::DeserializeOwned>(operation: &str, arguments: Value) -> Result<T> {
    serde_json::from_value(arguments).map_err(|e| Error::configuration(format!("{operation}: {e}")))
}
