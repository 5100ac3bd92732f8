//! The one thread that writes. Whatever queued while the last commit was on its way to the disk shares the next one.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use flock_core::{Error, Result, limits};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::sql;

type Reply = Box<dyn FnOnce(Result<()>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> (bool, Reply) + Send>;

enum Message {
    Run(Job),
    Close(oneshot::Sender<()>),
}

/// A handle to the writer thread.
#[derive(Clone)]
pub(super) struct Writer(SyncSender<Message>);

impl Writer {
    pub(super) fn spawn(connection: Connection) -> Result<Self> {
        let (sender, receiver) = sync_channel(limits::STORE_QUEUE);
        std::thread::Builder::new()
            .name("flock-store".into())
            .spawn(move || serve(connection, &receiver))
            .map_err(|e| Error::internal(format!("cannot start the store's thread: {e}")))?;
        Ok(Self(sender))
    }

    pub(super) async fn run<T, F, A>(&self, job: F, then: A) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.send(Message::Run(boxed(job, then, sender)))?;
        receiver.await.map_err(|_| closed())?
    }

    pub(super) async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.0.try_send(Message::Close(sender)).is_ok() {
            let _ = receiver.await;
        }
    }

    fn send(&self, message: Message) -> Result<()> {
        self.0.try_send(message).map_err(|e| match e {
            TrySendError::Full(_) => Error::rejected("the store is busy: too many writes are waiting; try again"),
            TrySendError::Disconnected(_) => closed(),
        })
    }
}

fn closed() -> Error {
    Error::not_started("the store is closed")
}

/// Packs a closure so that its result waits for the commit: the reply turns a failed commit into the job's own error.
fn boxed<T, F, A>(job: F, then: A, sender: oneshot::Sender<Result<T>>) -> Job
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    A: FnOnce(&T) + Send + 'static,
{
    Box::new(move |connection| {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(connection)))
            .unwrap_or_else(|_| Err(Error::internal("a write of the store panicked")));
        let keep = result.is_ok();
        (
            keep,
            Box::new(move |commit: Result<()>| {
                let result = commit.and(result);
                if let Ok(done) = &result {
                    then(done);
                }
                drop(sender.send(result));
            }) as Reply,
        )
    })
}

fn serve(mut connection: Connection, receiver: &Receiver<Message>) {
    while let Ok(first) = receiver.recv() {
        let mut closing = None;
        let mut jobs = Vec::new();
        let queued = std::iter::once(first).chain(receiver.try_iter().take(limits::STORE_GROUP - 1));
        for message in queued {
            match message {
                Message::Run(job) => jobs.push(job),
                Message::Close(reply) => closing = Some(reply),
            }
            if closing.is_some() {
                break;
            }
        }
        commit(&mut connection, jobs);
        if let Some(reply) = closing {
            // The file is closed before the answer, so that the caller may hand it on.
            drop(connection);
            let _ = reply.send(());
            return;
        }
    }
}

fn commit(connection: &mut Connection, jobs: Vec<Job>) {
    let mut replies = Vec::with_capacity(jobs.len());
    let outcome = transaction(connection, jobs, &mut replies);
    for reply in replies {
        reply(outcome.clone());
    }
}

fn transaction(connection: &mut Connection, jobs: Vec<Job>, replies: &mut Vec<Reply>) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sql)?;
    for job in jobs {
        tx.execute_batch("SAVEPOINT job").map_err(sql)?;
        let (keep, reply) = job(&tx);
        replies.push(reply);
        tx.execute_batch(if keep {
            "RELEASE job"
        } else {
            "ROLLBACK TO job; RELEASE job"
        })
        .map_err(sql)?;
    }
    tx.commit().map_err(sql)
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
