//! Intake: what the agent does with the files.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result, limits};
use tokio_util::sync::CancellationToken;

use super::folder;
use crate::{clock::Clock, pb, store::Store, store::outbox};

/// How many files there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not yet taken in.
    pub new: u64,
    /// In quarantine.
    pub bad: u64,
}

/// The agent's side of the spool.
#[derive(Debug, Clone)]
pub struct Spool {
    data_dir: PathBuf,
}

impl Spool {
    /// The spool of a data_dir.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
        }
    }

    /// Takes in what is there and what comes, until cancelled.
    ///
    /// The directory is polled: a name look-up every [`limits::SPOOL_POLL_MS`] costs nothing, and works on every file system.
    pub async fn watch(self, store: Store, clock: Clock, cancel: CancellationToken) {
        let pause = Duration::from_millis(limits::SPOOL_POLL_MS);
        self.sweep_tmp(&clock);
        loop {
            if let Err(error) = self.take_in(&store, &clock).await {
                tracing::warn!(%error, "the spool waits");
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes in all that is there, oldest id first; answers how many.
    ///
    /// # Errors
    /// Those that may pass (a full outbox, a full disk): the rest stays where it is.
    pub async fn take_in(&self, store: &Store, clock: &Clock) -> Result<usize> {
        let files = self.files();
        for (taken, file) in files.iter().enumerate() {
            self.take(store, file, clock.now_ms()).await.map_err(|e| {
                Error::new(
                    e.kind(),
                    format!("{} of {} files are left: {e}", files.len() - taken, files.len()),
                )
            })?;
        }
        Ok(files.len())
    }

    /// How many files there are.
    pub fn counts(&self) -> Counts {
        let count = |name: &str, ending: &str| names(&folder(&self.data_dir, name), ending).len() as u64;
        Counts {
            new: count("new", ".json"),
            bad: count("bad", ".reason"),
        }
    }

    /// Ids are UUIDs of version 7: their order is the order of time.
    fn files(&self) -> Vec<PathBuf> {
        let new = folder(&self.data_dir, "new");
        let mut names = names(&new, "");
        names.sort_unstable();
        names.truncate(limits::SPOOL_FILES);
        names.into_iter().map(|name| new.join(name)).collect()
    }

    async fn take(&self, store: &Store, file: &Path, now_ms: u64) -> Result<()> {
        let outcome = match read(file) {
            Ok(draft) => {
                store
                    .write(move |conn| outbox::append(conn, &draft, now_ms).map(drop))
                    .await
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => remove(file),
            Err(error) if error.kind() == ErrorKind::Configuration => self.quarantine(file, &error),
            Err(error) => Err(error),
        }
    }

    fn quarantine(&self, file: &Path, reason: &Error) -> Result<()> {
        let bad = folder(&self.data_dir, "bad");
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::error!(file = %file.display(), %reason, "a spooled notification cannot be taken in; it is moved to spool/bad");
        let moved = std::fs::create_dir_all(&bad)
            .and_then(|()| std::fs::write(bad.join(format!("{name}.reason")), format!("{reason}\n")))
            .and_then(|()| std::fs::rename(file, bad.join(&name)));
        prune(&bad);
        moved.map_err(|e| Error::internal(format!("{} cannot be moved to spool/bad: {e}", file.display())))
    }

    /// A writer that died between writing and renaming leaves its file; the recipe was told of no success.
    fn sweep_tmp(&self, clock: &Clock) {
        let tmp = folder(&self.data_dir, "tmp");
        for name in names(&tmp, "") {
            let path = tmp.join(name);
            if age_ms(&path, clock.now_ms()) > limits::SPOOL_TMP_MS {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

fn read(file: &Path) -> Result<pb::Draft> {
    let damaged = |why: String| Error::configuration(format!("{} is not a notification: {why}", file.display()));
    let metadata = std::fs::symlink_metadata(file).map_err(|e| damaged(e.to_string()))?;
    if !metadata.is_file() || metadata.len() > 2 * limits::DRAFT_BYTES as u64 {
        return Err(damaged(format!(
            "it is no plain file of at most {} bytes",
            2 * limits::DRAFT_BYTES
        )));
    }
    let text = std::fs::read(file).map_err(|e| damaged(e.to_string()))?;
    serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))
}

fn remove(file: &Path) -> Result<()> {
    std::fs::remove_file(file).map_err(|e| Error::internal(format!("{} cannot be removed: {e}", file.display())))
}

fn names(directory: &Path, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(ending))
        .collect()
}

/// Keeps the newest [`limits::SPOOL_BAD_FILES`] files of the quarantine, with their reasons.
fn prune(bad: &Path) {
    let mut reasons = names(bad, ".reason");
    reasons.sort_unstable();
    let excess = reasons.len().saturating_sub(limits::SPOOL_BAD_FILES);
    for reason in reasons.into_iter().take(excess) {
        let _ = std::fs::remove_file(bad.join(reason.trim_end_matches(".reason")));
        let _ = std::fs::remove_file(bad.join(reason));
    }
}

fn age_ms(path: &Path, now_ms: u64) -> u64 {
    let modified = std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let since = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |time| {
        now_ms.saturating_sub(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    })
}
