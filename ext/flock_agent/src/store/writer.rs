//! The one thread that writes. Whatever queued while the last commit was on its way to the disk shares the next one.

#[cfg(feature = "simulation")]
mod simulated;

use std::{
    iter,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use flock_core::{Error, Result, limits};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::sql;
use crate::blocking::blocking;

/// A write on its way: run inside the transaction, answered after the commit.
trait Job: Send {
    /// Whether the write is to be kept.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Answers the caller: with the write's own result where the commit succeeded, else with why it did not.
    fn answer(self: Box<Self>, commit: Result<()>);
}

enum Message {
    Run(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// A handle to the writer thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: SyncSender<Message>,
    #[cfg(feature = "simulation")]
    wake: std::sync::Arc<tokio::sync::Notify>,
    commits: watch::Receiver<u64>,
}

impl Writer {
    pub(super) fn spawn(connection: Connection) -> Result<Self> {
        let (queue, receiver) = sync_channel(limits::STORE_QUEUE);
        let (counter, commits) = watch::channel(0);
        #[cfg(feature = "simulation")]
        {
            let wake = std::sync::Arc::<tokio::sync::Notify>::default();
            tokio::spawn(simulated::serve(connection, receiver, wake.clone(), counter));
            Ok(Self { queue, wake, commits })
        }
        #[cfg(not(feature = "simulation"))]
        {
            std::thread::Builder::new()
                .name("flock-store".into())
                .spawn(move || serve(connection, &receiver, &counter))
                .map_err(|e| Error::internal(format!("cannot start the store's thread: {e}")))?;
            Ok(Self { queue, commits })
        }
    }

    pub(super) async fn run<T, F, A>(&self, job: F, then: A) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job = Pending {
            job: Some(job),
            then,
            result: None,
            sender,
        };
        self.queue.try_send(Message::Run(Box::new(job))).map_err(|e| match e {
            TrySendError::Full(_) => {
                Error::rejected("the store is busy: too many writes are waiting; try again").with_code("store_busy")
            }
            TrySendError::Disconnected(_) => closed(),
        })?;
        self.woken();
        receiver.await.map_err(|_| closed())?
    }

    pub(super) async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        let queue = self.queue.clone();
        // A full queue must not swallow the request, so it waits for its place like everything else.
        let sent = blocking("closing the store", move || queue.send(Message::Close(sender)).is_ok()).await;
        self.woken();
        if matches!(sent, Ok(true)) {
            let _ = receiver.await;
        }
    }

    /// A thread waits at its queue; the task of a simulation cannot.
    fn woken(&self) {
        #[cfg(feature = "simulation")]
        self.wake.notify_one();
    }

    pub(super) fn commits(&self) -> watch::Receiver<u64> {
        let mut commits = self.commits.clone();
        // A clone has seen only what its original has, and that one never looks.
        commits.mark_unchanged();
        commits
    }
}

pub(super) fn closed() -> Error {
    Error::not_started("the store is closed").with_code("store_closed")
}

struct Pending<T, F, A> {
    job: Option<F>,
    then: A,
    result: Option<Result<T>>,
    sender: oneshot::Sender<Result<T>>,
}

impl<T, F, A> Job for Pending<T, F, A>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let Some(job) = self.job.take() else { return false };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(connection)))
            .unwrap_or_else(|_| Err(Error::internal("a write of the store panicked")));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, commit: Result<()>) {
        let answer = match (self.result, commit) {
            // Its own error says more than the commit's.
            (Some(Err(own)), _) => Err(own),
            (_, Err(commit)) => Err(commit),
            (Some(result), Ok(())) => result,
            (None, Ok(())) => Err(closed()),
        };
        if let Ok(done) = &answer {
            (self.then)(done);
        }
        let _ = self.sender.send(answer);
    }
}

#[cfg(not(feature = "simulation"))]
fn serve(mut connection: Connection, receiver: &Receiver<Message>, counter: &watch::Sender<u64>) {
    while let Ok(first) = receiver.recv() {
        let mut group = gather(first, receiver);
        let outcome = transaction(&mut connection, &mut group.jobs);
        group.answer(outcome, counter);
        if let Some(reply) = group.closing {
            // The file is closed before the answer, so that the caller may hand it on.
            drop(connection);
            let _ = reply.send(());
            return;
        }
    }
}

/// Writes that share a commit, and who asked for the end after them.
#[derive(Default)]
struct Group {
    jobs: Vec<Box<dyn Job>>,
    closing: Option<oneshot::Sender<()>>,
}

impl Group {
    fn answer(&mut self, outcome: Result<bool>, counter: &watch::Sender<u64>) {
        for job in std::mem::take(&mut self.jobs) {
            job.answer(outcome.clone().map(drop));
        }
        // After the answers: a recipe waits for its own, and what follows a commit would take the processor from it.
        if matches!(outcome, Ok(true)) {
            counter.send_modify(|commits| *commits += 1);
        }
    }
}

/// What waits already, up to one group or the request to close.
fn gather(first: Message, receiver: &Receiver<Message>) -> Group {
    let mut group = Group::default();
    for message in iter::once(first).chain(receiver.try_iter()) {
        match message {
            Message::Run(job) => group.jobs.push(job),
            Message::Close(reply) => {
                group.closing = Some(reply);
                break;
            }
        }
        if group.jobs.len() == limits::STORE_GROUP {
            break;
        }
    }
    group
}

/// Runs the jobs in one transaction; answers whether there was something to commit.
fn transaction(connection: &mut Connection, jobs: &mut [Box<dyn Job>]) -> Result<bool> {
    if jobs.is_empty() {
        return Ok(false);
    }
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sql)?;
    match jobs {
        // The usual case: the transaction itself is the savepoint, which spares SQLite a copy of every page that is changed.
        [alone] => {
            if !alone.run(&tx) {
                return tx.rollback().map(|()| false).map_err(sql);
            }
            refuse_undone(&tx)?;
        }
        many => many.iter_mut().try_for_each(|job| isolated(&tx, job.as_mut()))?,
    }
    tx.commit().map(|()| true).map_err(sql)
}

/// Runs one job in a savepoint of its own. An error of this function ends the whole group.
fn isolated(tx: &Transaction<'_>, job: &mut dyn Job) -> Result<()> {
    tx.execute_batch("SAVEPOINT job").map_err(sql)?;
    let keep = job.run(tx);
    refuse_undone(tx)?;
    let end = if keep {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    };
    tx.execute_batch(end).map_err(sql)
}

/// SQLite itself rolls a transaction back when the disk is full or fails; what the neighbours wrote is gone with it.
fn refuse_undone(tx: &Transaction<'_>) -> Result<()> {
    if tx.is_autocommit() {
        return Err(super::disk_full(
            &"the disk is full or failing, a group of writes was undone",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn what_follows_a_write_runs_in_order_and_only_for_what_was_kept() {
        let writer = Writer::spawn(Connection::open_in_memory().unwrap()).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut writes = Vec::new();
        for n in 0..10 {
            let (writer, seen) = (writer.clone(), Arc::clone(&seen));
            let job = move |_: &Connection| if n % 3 == 0 { Err(Error::rejected("no")) } else { Ok(n) };
            let run = async move { writer.run(job, move |n: &i32| seen.lock().unwrap().push(*n)).await };
            writes.push(tokio::spawn(run));
        }
        for (n, write) in writes.into_iter().enumerate() {
            assert_eq!(write.await.unwrap().is_err(), n % 3 == 0);
        }
        assert_eq!(*seen.lock().unwrap(), [1, 2, 4, 5, 7, 8]);
    }

    #[tokio::test]
    async fn nothing_follows_a_commit_that_failed() {
        let connection = Connection::open_in_memory().unwrap();
        let schema = "PRAGMA foreign_keys = ON; CREATE TABLE a (id INTEGER PRIMARY KEY);
            CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)";
        connection.execute_batch(schema).unwrap();
        let writer = Writer::spawn(connection).unwrap();
        let seen = Arc::new(Mutex::new(false));
        let noted = Arc::clone(&seen);
        let job = |db: &Connection| db.execute("INSERT INTO b VALUES (1)", []).map_err(sql);
        assert!(writer.run(job, move |_| *noted.lock().unwrap() = true).await.is_err());
        assert!(!*seen.lock().unwrap());
    }
}
