//! What one agent must not forget: one SQLite file, one writer thread, commits grouped by whatever queued meanwhile.
//!
//! `write` runs a closure inside a transaction and answers after the commit is on disk (WAL, `synchronous=FULL`); every closure has
//! a savepoint of its own, so one that fails takes nothing of its neighbours with it. `read` sees what was committed.

pub mod inbox;
pub mod journal;
pub mod meta;
mod open;
pub mod outbox;
pub mod retention;
pub mod room;
mod schema;
pub mod subscribed;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod upgrade_tests;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use flock_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode};
use rusqlite_migration::M;
use tokio::sync::watch;

use crate::blocking::blocking;
use writer::Writer;

pub use open::SQLITE_VERSION_MIN;
pub(crate) use open::{check as quick_check, make_private, reader};
pub(crate) use schema::version as schema_version;

/// How many migrations the store of this version has.
pub(crate) fn schema_known() -> usize {
    schema::STEPS.len()
}

/// Opens a store that no agent has open, checked and migrated, without a thread of its own.
///
/// # Errors
/// As [`Store::open`].
pub(crate) fn open_file(path: &Path) -> Result<Connection> {
    open::writer(path, &schema::STEPS)
}

/// The same for a file with a schema of its own.
///
/// # Errors
/// As [`Store::open`].
pub(crate) fn open_file_with(path: &Path, steps: &[M<'_>]) -> Result<Connection> {
    open::writer(path, steps)
}

/// Closes it; the file alone is the store then.
///
/// # Errors
/// `internal` when SQLite refuses.
pub(crate) fn close_file(connection: Connection) -> Result<()> {
    connection
        .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .map_err(sql)?;
    connection.close().map_err(|(_, e)| sql(e))
}

/// A cloneable handle to the store of this node.
#[derive(Clone)]
pub struct Store {
    writer: Writer,
    /// `None` = closed.
    reader: Arc<Mutex<Option<Connection>>>,
    room: room::Room,
}

impl Store {
    /// Opens or creates the store `path`, migrating it to this version's schema.
    ///
    /// # Errors
    /// `configuration` when the file is of a newer version (it is left untouched), damaged, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, &schema::STEPS)
    }

    /// The same for a file with a schema of its own: `steps` is its whole history.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(crate) fn open_with(path: &Path, steps: &[M<'_>]) -> Result<Self> {
        let connection = open::writer(path, steps)?;
        let reader = open::reader(path)?;
        Ok(Self {
            writer: Writer::spawn(connection)?,
            reader: Arc::new(Mutex::new(Some(reader))),
            room: room::Room::of(path.parent().unwrap_or(Path::new("/"))),
        })
    }

    /// The disk that the store is on.
    pub fn room(&self) -> &room::Room {
        &self.room
    }

    /// Runs `job` in a transaction and answers once it is durable.
    ///
    /// # Errors
    /// Whatever `job` returns; `rejected` when the store has more than [`flock_core::limits::STORE_QUEUE`] writes waiting;
    /// code `disk_full` when the disk is full; `internal` when it fails otherwise.
    pub async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.write_then(job, |_| ()).await
    }

    /// The same, and `then` sees the result once it is durable, on the writer's thread: in the order of the writes, before the
    /// answer, and also when nobody waits for the answer any more. It must be short.
    ///
    /// # Errors
    /// As [`Store::write`]; `then` does not run.
    pub(crate) async fn write_then<T, F, A>(&self, job: F, then: A) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        self.writer.run(job, then).await
    }

    /// Runs `job` on the committed state, on a thread that may block.
    ///
    /// # Errors
    /// Whatever `job` returns.
    pub async fn read<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let store = self.clone();
        blocking("a read of the store", move || store.read_now(job)).await?
    }

    /// Runs `job` on the committed state, on this thread; for start-up, before anything waits.
    ///
    /// # Errors
    /// Whatever `job` returns.
    pub(crate) fn read_now<T>(&self, job: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        job(reader.as_ref().ok_or_else(writer::closed)?)
    }

    /// Counts the commits: whoever waits for a change of the store waits here, and no writer has to remember to tell.
    ///
    /// ```no_run
    /// # async fn wait(store: &flock_agent::store::Store) {
    /// let mut commits = store.commits();
    /// // Look at the store here, after subscribing: a change in between is then seen by `changed`.
    /// let _ = commits.changed().await;
    /// # }
    /// ```
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.writer.commits()
    }

    /// Waits until everything that was handed over before is on disk, then refuses more. SQLite moves its write-ahead log into the file
    /// and removes it, so that the file alone is the store.
    pub async fn close(&self) {
        let reader = Arc::clone(&self.reader);
        // It goes first: SQLite tidies up when the last connection ends, if that one may write.
        let close = move || drop(reader.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = blocking("closing the store", close).await;
        self.writer.close().await;
    }
}

/// SQLite's errors as ours, with SQLite's own words: `rejected` with code `disk_full`, else `internal` with code `store`.
pub fn sql(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => disk_full(&error),
        _ => Error::internal(format!("the store refused: {error}")).with_code("store"),
    }
}

/// That a prefix of an id is one of several notifications'.
pub(crate) fn ambiguous(prefix: &str) -> Error {
    Error::configuration(format!("{prefix:?} fits several notifications: give more of the id"))
        .with_code("ambiguous_id")
}

/// That there is no such notification; `what` says it.
pub(crate) fn no_such_notification(what: &str) -> Error {
    let message = format!("{what}; `flockctl notifications list` shows those it knows");
    Error::new(ErrorKind::ResourceNotFound, message).with_code("no_such_notification")
}

fn disk_full(why: &dyn std::fmt::Display) -> Error {
    Error::rejected(format!(
        "the store cannot grow: {why}; free space on the disk of data_dir and try again"
    ))
    .with_code("disk_full")
}
