//! The files between agent and worker: `jobs/<job>.json`, `results/<job>.started`, `results/<job>.changes`, `results/<job>.json`.

use std::{
    collections::HashSet,
    fs,
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use flock_core::{Error, Result, limits};
use serde_json::{Value, json};

use super::desk::Offer;
use crate::{plain_file, store::inbox::Lineage};

const DIRS: [&str; 2] = ["jobs", "results"];

/// The paths of one job.
pub(super) struct Paths {
    pub(super) job: PathBuf,
    pub(super) result: PathBuf,
    pub(super) started: PathBuf,
    /// What it updated so far, for when it leaves no result.
    pub(super) changes: PathBuf,
}

impl Paths {
    pub(super) fn new(data_dir: &Path, job: &str) -> Self {
        let results = data_dir.join("results");
        Self {
            job: data_dir.join("jobs").join(format!("{job}.json")),
            result: results.join(format!("{job}.json")),
            started: results.join(format!("{job}.started")),
            changes: results.join(format!("{job}.changes")),
        }
    }

    /// After the outcome is on disk the files are of no more use; one that stays is swept at the next start.
    pub(super) fn remove(&self) {
        for path in [&self.job, &self.result, &self.started, &self.changes] {
            if let Err(e) = fs::remove_file(path)
                && e.kind() != ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), "a file of a finished job cannot be removed: {e}");
            }
        }
    }
}

/// Makes the folders, 0700.
pub(super) fn prepare(data_dir: &Path) -> Result<()> {
    for name in DIRS {
        let dir = data_dir.join(name);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(|e| {
            Error::configuration(format!(
                "cannot create {}: {e}; check data_dir and who owns it",
                dir.display()
            ))
        })?;
    }
    Ok(())
}

/// Removes the files of all jobs but `kept`.
pub(super) fn sweep(data_dir: &Path, kept: &HashSet<String>) {
    for dir in DIRS.map(|name| data_dir.join(name)) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let job = name.trim_start_matches('.').split('.').next().unwrap_or_default();
            if !kept.contains(job) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// What the worker is told, by contract with it.
pub(super) struct JobFile<'a> {
    pub(super) offer: &'a Offer,
    pub(super) lineage: &'a Lineage,
    pub(super) data_dir: &'a Path,
    pub(super) socket: &'a Path,
    pub(super) node: &'a str,
    pub(super) timeout_ms: u64,
}

impl JobFile<'_> {
    /// Writes it, whole or not at all. It need not outlive a crash: an unclaimed job is made anew, a claimed one has been read.
    pub(super) fn write(&self, paths: &Paths) -> Result<()> {
        let text = self.content(paths).to_string();
        put(&paths.job, text.as_bytes())
            .map_err(|e| Error::internal(format!("cannot write {}: {e}", paths.job.display())))
    }

    fn content(&self, paths: &Paths) -> Value {
        let sources = self.lineage.sources.iter();
        let sources: Vec<Value> = sources.map(|(node, key)| json!({"node": node, "key": key})).collect();
        let card = self.offer.snapshot.card(&self.offer.key);
        json!({
            "job": self.offer.job,
            "key": card.map_or(&self.offer.key, |card| &card.key),
            "action": self.offer.action,
            "generation": self.offer.snapshot.generation,
            "snapshot_dir": self.offer.snapshot.dir,
            "data_dir": self.data_dir,
            "socket": self.socket,
            "result": paths.result,
            "started": paths.started,
            "changes": paths.changes,
            "current": self.data_dir.join("snapshots").join("current"),
            "chain": self.offer.chain,
            "cause_root": self.offer.cause_root,
            "node": self.node,
            "timeout_ms": self.timeout_ms,
            "sources": sources,
        })
    }
}

/// Writes a file whole or not at all, and leaves nothing else: on a full disk the next try comes soon, under another name.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    let mut file = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(bytes)
        .and_then(|()| fs::rename(&draft, path))
        .inspect_err(|_| drop(fs::remove_file(&draft)))
}

/// The bytes of a file that a worker wrote; `None` when there is none or it cannot be read.
pub(super) fn read_result(path: &Path) -> Option<Vec<u8>> {
    match plain_file::read(path, limits::RESULT_BYTES) {
        Ok(bytes) => Some(bytes),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => {
            tracing::warn!(path = %path.display(), "what a worker wrote is not used: {e}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.json");
        put(&path, b"{}").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"{}");
        // In the way of the last step.
        let taken = dir.path().join("taken.json");
        fs::create_dir(&taken).unwrap();
        put(&taken, b"{}").unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
