//! One agent per data_dir: a kernel lock that goes with the process, and the holder's name for the second one to tell.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use flock_core::{Error, Result};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// Held as long as it lives.
#[derive(Debug)]
pub struct DataDirLock(#[allow(dead_code, reason = "the lock lives as long as the file is open")] File);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    started_ms: u64,
}

impl DataDirLock {
    /// Takes the lock of `data_dir/agent.lock`.
    ///
    /// # Errors
    /// `configuration` with code `already_running`, naming the process that holds it.
    pub fn acquire(data_dir: &Path, now_ms: u64) -> Result<Self> {
        let path = data_dir.join("agent.lock");
        let mut file = open(&path)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(held(&mut file, data_dir));
        }
        sign(&mut file, now_ms).map_err(|e| unusable(&path, &e))?;
        Ok(Self(file))
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|e| unusable(path, &e))
}

fn sign(file: &mut File, started_ms: u64) -> std::io::Result<()> {
    file.set_len(0)?;
    let holder = Holder {
        pid: std::process::id(),
        started_ms,
    };
    file.write_all(serde_json::to_string(&holder)?.as_bytes())?;
    file.sync_data()
}

fn held(file: &mut File, data_dir: &Path) -> Error {
    let mut text = String::new();
    let _ = file.take(1024).read_to_string(&mut text);
    let holder: Holder = serde_json::from_str(&text).unwrap_or_default();
    Error::configuration(format!(
        "an agent with pid {} already runs on {}; stop it first, or give this one a data_dir of its own",
        holder.pid,
        data_dir.display()
    ))
    .with_code("already_running")
}

fn unusable(path: &Path, why: &std::io::Error) -> Error {
    Error::configuration(format!(
        "cannot lock {}: {why}; check that data_dir exists and who owns it",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_agent_learns_who_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDirLock::acquire(dir.path(), 1).unwrap();
        let refusal = DataDirLock::acquire(dir.path(), 2).unwrap_err();
        assert_eq!(refusal.code(), "already_running");
        assert!(
            refusal.message().contains(&format!("pid {}", std::process::id())),
            "{refusal}"
        );
        drop(first);
        DataDirLock::acquire(dir.path(), 3).unwrap();
    }
}
