//! The agent's side: from files into the outbox.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use flock_core::{Error, ErrorKind, Result, limits};
use tokio_util::sync::CancellationToken;

use super::{Folders, bad::quarantine, disk, names};
use crate::{
    clock::Clock,
    pb, plain_file,
    store::{Store, outbox},
};

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Now in the outbox, or there before.
    pub appended: usize,
    /// Moved to `spool/bad`.
    pub quarantined: usize,
}

/// Takes the spool of one node in.
#[derive(Clone)]
pub struct Intake {
    spool: Folders,
    store: Store,
    clock: Clock,
}

struct Spooled {
    name: OsString,
    draft: Result<pb::Draft>,
}

impl Intake {
    /// Nothing is read yet.
    pub fn new(data_dir: &Path, store: Store, clock: Clock) -> Self {
        Self {
            spool: Folders::of(data_dir),
            store,
            clock,
        }
    }

    /// Takes in all that waits, oldest first. Run it once before the local socket opens, so that what waited longest comes first.
    ///
    /// # Errors
    /// When the store refuses (what is left stays where it is) or the folder cannot be read.
    pub async fn pass(&self) -> Result<Taken> {
        let mut taken = Taken::default();
        for batch in self.waiting().await?.chunks(limits::SPOOL_BATCH) {
            let read = self.read(batch.to_vec()).await?;
            let now = self.append(read).await?;
            taken.appended += now.appended;
            taken.quarantined += now.quarantined;
        }
        Ok(taken)
    }

    /// Looks every [`limits::SPOOL_POLL_MS`] until cancelled. An empty folder costs three system calls.
    pub async fn run(self, cancel: CancellationToken) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(limits::SPOOL_POLL_MS)) => {}
            }
            match self.pass().await {
                Ok(_) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "the spool cannot be taken in; it is tried again");
                }
                Err(_) => {}
            }
        }
    }

    async fn waiting(&self) -> Result<Vec<OsString>> {
        let spool = self.spool.clone();
        blocking(move || {
            spool.create().map_err(|e| disk(&spool.new, &e))?;
            forget_unfinished(&spool.tmp);
            let mut names = names(&spool.new).map_err(|e| disk(&spool.new, &e))?;
            names.truncate(limits::SPOOL_FILES);
            Ok(names)
        })
        .await
    }

    async fn read(&self, names: Vec<OsString>) -> Result<Vec<Spooled>> {
        let new = self.spool.new.clone();
        blocking(move || {
            let read = |name: OsString| Spooled {
                draft: read(&new, &name),
                name,
            };
            Ok(names.into_iter().map(read).collect())
        })
        .await
    }

    /// Appends a batch in one commit, and only then touches its files.
    async fn append(&self, batch: Vec<Spooled>) -> Result<Taken> {
        self.store.room().refuse_low()?;
        let now_ms = self.clock.now_ms();
        let append = move |conn: &rusqlite::Connection| {
            let mut done = Vec::with_capacity(batch.len());
            for Spooled { name, draft } in batch {
                let kept = draft.and_then(|draft| outbox::append(conn, &draft, now_ms).map(drop));
                match kept {
                    // Nothing is wrong with the file: the outbox is full or the disk is. What came before is kept.
                    Err(error) if error.code() == "outbox_full" => return Ok((done, Err(error))),
                    Err(error) if error.kind() != ErrorKind::Configuration => return Err(error),
                    kept => done.push((name, kept)),
                }
            }
            Ok((done, Ok(())))
        };
        let (done, rest) = self.store.write(append).await?;
        let spool = self.spool.clone();
        let taken = blocking(move || clear(&spool, done).map_err(|e| disk(&spool.new, &e))).await?;
        rest.map(|()| taken)
    }
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    crate::blocking::blocking("reading the spool", job).await?
}

fn clear(spool: &Folders, done: Vec<(OsString, Result<()>)>) -> io::Result<Taken> {
    let mut taken = Taken::default();
    for (name, kept) in done {
        match kept {
            Ok(()) => {
                taken.appended += 1;
                fs::remove_file(spool.new.join(name))?;
            }
            Err(why) => {
                taken.quarantined += 1;
                quarantine(spool, &name, &why)?;
            }
        }
    }
    Ok(taken)
}

/// # Errors
/// `configuration` when the file is no draft; any other kind when it cannot be read now.
fn read(dir: &Path, name: &OsStr) -> Result<pb::Draft> {
    let path = dir.join(name);
    let text = plain_file::read(&path, 2 * limits::DRAFT_BYTES as u64).map_err(|e| match passes(&e) {
        true => disk(&path, &e),
        false => bad(format!("it cannot be read: {e}")),
    })?;
    // Who writes here is this node.
    parse(&name.to_string_lossy(), &text).map(|draft| pb::Draft {
        operator: String::new(),
        ..draft
    })
}

/// # Errors
/// `configuration`: it is no draft, or another one than its file's name says.
pub(crate) fn parse(name: &str, text: &[u8]) -> Result<pb::Draft> {
    let draft: pb::Draft = serde_json::from_slice(text).map_err(|e| bad(format!("it is no draft: {e}")))?;
    if name.strip_suffix(".json") == Some(draft.id.as_str()) {
        Ok(draft)
    } else {
        Err(bad(format!("the file is not called {}.json", draft.id)))
    }
}

fn bad(why: String) -> Error {
    Error::configuration(why).with_code("bad_spool_file")
}

/// Whether an error says nothing of the file: too many are open, memory is short, or it has just gone.
fn passes(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::INTR, Errno::NOENT].contains(&errno))
}

/// Removes what a writer that died left half-written.
fn forget_unfinished(tmp: &Path) {
    let old = |path: &PathBuf| {
        let written = fs::symlink_metadata(path).and_then(|file| file.modified());
        let age = written.map(|then| SystemTime::now().duration_since(then).unwrap_or_default());
        age.is_ok_and(|age| age > Duration::from_millis(limits::SPOOL_TMP_MS))
    };
    for path in names(tmp)
        .unwrap_or_default()
        .iter()
        .map(|name| tmp.join(name))
        .filter(old)
    {
        let _ = fs::remove_file(path);
    }
}
