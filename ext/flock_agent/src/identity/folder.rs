//! An operator's folder while one command changes it: others wait, and then find what it made.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use flock_core::{Error, Result, limits};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use tokio::time::Instant;

/// What is beside `identity/` where an agent lives, and in it where a hub does.
const OF_NODES: [&str; 4] = ["state.db", "registry.db", "identity/hub.pem", "identity/root.pem"];

/// Held as long as it lives; the kernel's, so that it goes with its process.
pub(super) struct FolderLock(#[allow(dead_code, reason = "the lock lives as long as the file is open")] File);

impl FolderLock {
    /// Waits for the lock of `dir`, [`limits::OPERATOR_LOCK_MS`] at most. On a file system without locks there is nothing to wait for.
    ///
    /// # Errors
    /// `timeout` when another command keeps it; `configuration` when the folder cannot be written.
    pub async fn take(dir: &Path) -> Result<Self> {
        let path = dir.join("identity.lock");
        // A file to write to: NFS locks nothing else.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(|e| unusable(&path, &e))?;
        let end = Instant::now() + Duration::from_millis(limits::OPERATOR_LOCK_MS);
        while flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            if Instant::now() >= end {
                return Err(Error::timeout(format!(
                    "another command has been changing {} for {} s; look for it, then ask again",
                    dir.display(),
                    limits::OPERATOR_LOCK_MS / 1000
                )));
            }
            tokio::time::sleep(Duration::from_millis(limits::OPERATOR_LOCK_POLL_MS)).await;
        }
        Ok(Self(file))
    }
}

/// Whether an agent's data are in `dir`.
pub(super) fn is_a_nodes(dir: &Path) -> bool {
    OF_NODES.iter().any(|file| dir.join(file).exists())
}

fn unusable(path: &Path, error: &io::Error) -> Error {
    Error::configuration(format!(
        "cannot lock {}: {error}; check who owns the folder and whether the disk is full",
        path.display()
    ))
}
