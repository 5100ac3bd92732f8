//! Reading with limits, and noticing cheaply that something changed.

use std::{
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use flock_core::limits;
use serde::de::DeserializeOwned;

use super::Run;
use crate::plain_file;

/// Longest `snapshots/current`, in bytes: a number and a line end.
const CURRENT_BYTES: u64 = 32;

/// The file's text; `None` when there is no such file.
pub(super) fn text(path: &Path, limit: u64) -> Result<Option<String>, String> {
    let problem = |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", path.display());
    match plain_file::read(path, limit) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|e| problem(&e)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(problem(&e)),
    }
}

/// As [`text`], parsed.
pub(super) fn json<T: DeserializeOwned>(path: &Path, limit: u64) -> Result<Option<T>, String> {
    let Some(text) = text(path, limit)? else {
        return Ok(None);
    };
    let parsed = serde_json::from_str::<T>(&text);
    parsed
        .map(Some)
        .map_err(|e| format!("{} is not what was expected: {e}", path.display()))
}

pub(super) fn run(data_dir: &Path) -> Result<Option<Run>, String> {
    json(&run_path(data_dir), limits::RUN_FILE_BYTES)
}

/// The generation that `snapshots/current` names.
pub(super) fn current(data_dir: &Path) -> Result<Option<u64>, String> {
    let path = current_path(data_dir);
    let Some(text) = text(&path, CURRENT_BYTES)? else {
        return Ok(None);
    };
    let number = text.trim().parse().map(Some);
    number.map_err(|_| format!("{} does not hold a generation number", path.display()))
}

pub(super) fn run_path(data_dir: &Path) -> PathBuf {
    data_dir.join("run.json")
}

pub(super) fn current_path(data_dir: &Path) -> PathBuf {
    data_dir.join("snapshots").join("current")
}

/// Tells two versions of a file apart without reading it. The change time is there because a rename may bring back an inode number.
pub(super) type Print = Option<(u64, u64, i64, i64, i64, i64)>;

pub(super) fn print(path: &Path) -> Print {
    let m = std::fs::metadata(path).ok()?;
    Some((m.ino(), m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()))
}
