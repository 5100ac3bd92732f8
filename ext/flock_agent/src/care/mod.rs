//! Care of a node's data: a backup of it, its restoration, and leaving the flock.
//!
//! A backup is one tar file: `manifest.json` first, then identity, databases, what the link knew of removed nodes, the drafts that
//! waited in the spool, and agent.toml. What Chef runs leave (run.json, snapshots) is not in it: the next run makes it anew.

mod archive;
mod backup;
mod leave;
mod manifest;
mod mend;
mod restore;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use flock_core::{Error, Result};
use rustix::fs::{FlockOperation, flock};

pub use backup::{Subject, back_up};
pub use leave::{Unfinished, put_away, refuse_last_hub, refuse_unfinished, unfinished};
pub use restore::{NOTE, RestoreOptions, Restored, restore};

/// What is put aside of an earlier or a left life of this node, relative to data_dir; the identity comes first, since an agent
/// without one does not start.
const OLD: [&str; 9] = [
    "identity",
    "state.db",
    "state.db-wal",
    "state.db-shm",
    "registry.db",
    "registry.db-wal",
    "registry.db-shm",
    "restored.json",
    "journal",
];

/// Moves what is there of `names` into a new folder of data_dir called `kind-<time>`; answers with it.
fn put_aside(data_dir: &Path, names: &[&str], kind: &str, now_ms: u64) -> Result<PathBuf> {
    let called = |ms: u64| data_dir.join(format!("{kind}-{ms}"));
    let free_ms = (now_ms..).find(|ms| !called(*ms).exists()).unwrap_or(now_ms);
    let aside = called(free_ms);
    let moved = || {
        private(&aside)?;
        for name in names {
            match fs::rename(data_dir.join(name), aside.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        sync(&aside)?;
        sync(data_dir)
    };
    moved().map_err(|e| unwritable(&aside, &e))?;
    Ok(aside)
}

/// Makes a folder that only its owner may enter.
fn private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
        _ => "unwritable",
    };
    Error::configuration(format!(
        "cannot write {}: {error}; check who owns it and the space on its disk",
        path.display()
    ))
    .with_code(code)
}

/// A folder that goes when it is dropped, whatever became of the work in it. It is locked as long.
struct Stage {
    path: PathBuf,
    _lock: File,
}

impl Stage {
    /// Empty and private; what an earlier one left there, whose process has ended, goes.
    ///
    /// # Errors
    /// `rejected` with code `backup_busy` when another one is at work there; `configuration` when it cannot be made.
    fn new(path: PathBuf) -> Result<Self> {
        let made = || {
            if let Some(left) = locked(&path)? {
                fs::remove_dir_all(&path)?;
                drop(left);
            }
            private(&path)?;
            locked(&path)?.ok_or_else(|| io::Error::from(io::ErrorKind::WouldBlock))
        };
        match made() {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(busy(&path)),
            Err(error) => Err(unwritable(&path, &error)),
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// The lock of the folder that is there; `None` when none is.
fn locked(path: &Path) -> io::Result<Option<File>> {
    let dir = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    flock(&dir, FlockOperation::NonBlockingLockExclusive)?;
    // Whoever had it until now may have removed it, and another one made the next.
    let (ours, there) = (dir.metadata()?, fs::metadata(path)?);
    match (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
        true => Ok(Some(dir)),
        false => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn busy(path: &Path) -> Error {
    Error::rejected(format!(
        "another backup or restoration is at work in {}; try again when it has ended",
        path.display()
    ))
    .with_code("backup_busy")
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
