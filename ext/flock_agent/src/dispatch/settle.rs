//! The end of a job: its outcome, its own notifications and the end of its claim in one commit; its files go after it.

use std::{sync::Arc, time::Duration};

use flock_core::{ErrorKind, Result, limits, notification::State};
use rusqlite::Connection;
use tokio::time::Instant;

use super::{
    DraftSink, Inner, JobAbandoned, JobFinished,
    desk::{Desk, Running},
    files,
    result::{WorkerResult, kept_changes},
    verdict::{Evidence, Verdict, verdict},
};
use crate::{
    pb, process,
    store::{
        inbox::{self, Deferral, Ending, Job},
        subscribed::Change,
    },
};

impl Inner {
    /// Takes over what an earlier agent left claimed. Its workers may still be at it.
    pub(super) async fn recover(&self) -> Result<()> {
        let jobs = self.options.store.read(inbox::jobs).await?;
        let kept = jobs.iter().map(|job| job.job.clone()).collect();
        files::sweep(&self.options.data_dir, &kept);
        let mut desk = self.desk.lock().await;
        for job in &kept {
            desk.running.insert(job.clone(), Running::new(false));
        }
        self.look_after(&mut desk).await
    }

    /// Looks at every claimed job that nobody may be going to report.
    pub(super) async fn look_after(&self, desk: &mut Desk) -> Result<()> {
        desk.looked_after = Some(Instant::now());
        let jobs: Vec<String> = desk.running.keys().cloned().collect();
        for id in jobs {
            let read = self.job(&id).await?;
            let Some(job) = read else {
                desk.running.remove(&id);
                continue;
            };
            if due(desk, &job) {
                self.settle(desk, job, None).await?;
            }
        }
        Ok(())
    }

    /// Ruby's account of a worker that has ended.
    pub(super) async fn finished(&self, finished: &JobFinished) -> Result<State> {
        let mut desk = self.desk.lock().await;
        log(finished);
        let Some(job) = self.job(&finished.job).await? else {
            self.never_claimed(&mut desk, &finished.job, &exit(finished)).await?;
            return self.state(&finished.job).await;
        };
        self.settle(&mut desk, job, Some(finished)).await?;
        self.state(&finished.job).await
    }

    /// Ruby gave up on a job; if it was claimed, the worker's traces decide.
    pub(super) async fn abandoned(&self, abandoned: &JobAbandoned) -> Result<()> {
        let mut desk = self.desk.lock().await;
        tracing::warn!(job = abandoned.job, "a job was given up: {}", abandoned.message);
        match self.job(&abandoned.job).await? {
            Some(job) => self.settle(&mut desk, job, None).await,
            None => self.never_claimed(&mut desk, &abandoned.job, &abandoned.message).await,
        }
    }

    async fn job(&self, id: &str) -> Result<Option<Job>> {
        let id = id.to_owned();
        self.options.store.read(move |conn| inbox::job(conn, &id)).await
    }

    async fn state(&self, id: &str) -> Result<State> {
        let id = id.to_owned();
        let state = self
            .options
            .store
            .read(move |conn| inbox::state_of_job(conn, &id))
            .await?;
        Ok(state.unwrap_or(State::Stored))
    }

    /// The rows are stored as they were; they say why they wait, and all wait a little, for the next worker would fare no better.
    async fn never_claimed(&self, desk: &mut Desk, job: &str, why: &str) -> Result<()> {
        let Some(offer) = desk.withdraw(job) else {
            return Ok(());
        };
        self.paths(job).remove();
        desk.hold.longer();
        self.options.wake.notify_one();
        let (now_ms, why) = (self.now_ms(), format!("no worker could be started: {why}"));
        let note = move |conn: &Connection| {
            for candidate in inbox::candidates_of(conn, &offer.key, &offer.action, now_ms)? {
                inbox::note(conn, candidate.row, "no_worker", &why)?;
            }
            Ok(())
        };
        self.options.store.write(note).await
    }

    async fn settle(&self, desk: &mut Desk, job: Job, account: Option<&JobFinished>) -> Result<()> {
        let mut evidence = self.evidence(&job, account);
        let said = evidence.result.as_mut().map(WorkerResult::take_changes);
        let id = job.job.clone();
        match verdict(evidence) {
            Verdict::Wait => {
                // Whoever reported it has nothing more to say.
                let running = desk.running.entry(id).or_insert_with(|| Running::new(false));
                if std::mem::take(&mut running.supervised) {
                    self.options.wake.notify_one();
                }
                return Ok(());
            }
            Verdict::Finish(ending, drafts) => {
                let changes = said.unwrap_or_else(|| kept_changes(&self.paths(&id).changes, &id));
                self.finish(job, ending, drafts, changes).await?;
                desk.hold.clear();
            }
            Verdict::Defer(deferral) => {
                if !deferral.pause {
                    desk.hold.longer();
                    self.options.runs.poke();
                }
                self.defer(job, deferral).await?;
            }
        }
        desk.running.remove(&id);
        desk.withdraw(&id);
        self.paths(&id).remove();
        self.options.wake.notify_one();
        Ok(())
    }

    fn evidence(&self, job: &Job, account: Option<&JobFinished>) -> Evidence {
        let alive = process::alive(job.pid, job.pid_start);
        let paths = self.paths(&job.job);
        Evidence {
            alive,
            result: WorkerResult::read(&paths.result, &job.job),
            started: paths.started.exists(),
            timed_out_ms: account.filter(|a| a.timed_out).map(|_| job.timeout_ms),
            exit: account.map(exit).unwrap_or_default(),
        }
    }

    async fn finish(&self, job: Job, ending: Ending, drafts: Vec<pb::Draft>, changes: Vec<Change>) -> Result<()> {
        let (sink, now_ms) = (Arc::clone(&self.options.drafts), self.now_ms());
        tracing::info!(
            job = job.job,
            key = job.key,
            action = job.action,
            state = ending.state.as_str(),
            "a job ended"
        );
        self.options
            .store
            .write(move |conn| {
                if inbox::job(conn, &job.job)?.is_some() {
                    sink.changes(conn, &job, &changes, now_ms)?;
                }
                commit(conn, &*sink, &job, ending, drafts, now_ms)
            })
            .await
    }

    async fn defer(&self, job: Job, deferral: Deferral) -> Result<()> {
        let now_ms = self.now_ms();
        tracing::info!(
            job = job.job,
            key = job.key,
            code = deferral.code,
            "a job did not run; it is tried again"
        );
        let put_back = move |conn: &Connection| inbox::unclaim(conn, &job.job, &deferral, now_ms);
        self.options.store.write(put_back).await.map(drop)
    }
}

/// Whether a claimed job is to be looked at now. A worker that Ruby started gets time to be reported by Ruby, who knows more.
pub(super) fn due(desk: &mut Desk, job: &Job) -> bool {
    let Some(running) = desk.running.get_mut(&job.job) else {
        return false;
    };
    if process::alive(job.pid, job.pid_start) {
        let overdue_ms = job.timeout_ms.saturating_add(limits::OVERDUE_GRACE_MS);
        if running.since.elapsed() > Duration::from_millis(overdue_ms) {
            tracing::warn!(
                job = job.job,
                pid = job.pid,
                "a worker outlived its time limit; it is ended"
            );
            process::kill(job.pid, job.pid_start);
        }
        return !running.supervised;
    }
    let gone = *running.gone.get_or_insert_with(Instant::now);
    !running.supervised || gone.elapsed() > Duration::from_millis(limits::REPORT_GRACE_MS)
}

/// One transaction: everything that the job caused, or nothing of it and another look later.
pub(super) fn commit(
    conn: &Connection,
    sink: &dyn DraftSink,
    job: &Job,
    mut ending: Ending,
    drafts: Vec<pb::Draft>,
    now_ms: u64,
) -> Result<()> {
    if inbox::job(conn, &job.job)?.is_none() {
        return Ok(());
    }
    let refused = append(conn, sink, job, drafts, now_ms)?;
    if refused > 0 {
        ending.message = format!(
            "{refused} notifications of the action were refused; see the target's log. {}",
            ending.message
        );
    }
    inbox::finish(conn, &job.job, &ending, now_ms).map(drop)
}

/// The chain is the agent's own: a worker runs other people's recipes. It speaks for no operator either.
fn append(conn: &Connection, sink: &dyn DraftSink, job: &Job, drafts: Vec<pb::Draft>, now_ms: u64) -> Result<usize> {
    let mut refused = 0;
    for mut draft in drafts {
        draft.chain.clone_from(&job.chain);
        draft.cause_root.clone_from(&job.cause_root);
        draft.operator.clear();
        match sink.append(conn, &draft, now_ms) {
            Ok(()) => {}
            // Nothing is wrong with the notification.
            Err(e) if e.kind() == ErrorKind::Internal || e.code() == "disk_full" => return Err(e),
            Err(e) => {
                tracing::warn!(
                    job = job.job,
                    key = draft.key,
                    "a notification of an action was refused: {e}"
                );
                refused += 1;
            }
        }
    }
    Ok(refused)
}

fn exit(finished: &JobFinished) -> String {
    match (finished.exit, finished.signal) {
        (_, Some(signal)) => format!("signal {signal}"),
        (Some(exit), None) => format!("exit {exit}"),
        (None, None) => String::new(),
    }
}

fn log(finished: &JobFinished) {
    if finished.exit != Some(0) {
        tracing::warn!(
            job = finished.job,
            exit = exit(finished),
            stderr = finished.stderr_tail,
            "a worker did not end well"
        );
    }
}
