//! `directory.json`: the cache on disk.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use flock_core::limits;

use super::{
    Shared,
    cache::{Cache, Kept},
};
use crate::blocking::blocking;
use crate::plain_file;

const NAME: &str = "directory.json";

/// What was kept for this flock; nothing when there is no file or it cannot be read, for it is only a cache.
pub(super) fn load(dir: &Path, flock_id: &str) -> Cache {
    let kept: Kept = match plain_file::read(&dir.join(NAME), limits::DIRECTORY_BYTES) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .inspect_err(|error| tracing::warn!(%error, "{NAME} is not readable: ignored"))
            .unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
        Err(error) => {
            tracing::warn!(%error, "{NAME} cannot be read");
            Kept::default()
        }
    };
    if kept.flock_id == flock_id {
        Cache::restore(kept)
    } else {
        Cache::default()
    }
}

/// Writes the cache whenever it changed, but not more often than every [`limits::DIRECTORY_SAVE_MS`], and once more at the end.
pub(super) async fn save_until_cancelled(shared: Arc<Shared>) {
    let cancel = &shared.options.cancel;
    let pause = Duration::from_millis(limits::DIRECTORY_SAVE_MS);
    while cancel.run_until_cancelled(shared.dirty.notified()).await.is_some() {
        save(&shared).await;
        cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
    save(&shared).await;
}

async fn save(shared: &Shared) {
    let Some(dir) = shared.options.data_dir.clone() else {
        return;
    };
    let kept = shared.cache().keep(&shared.options.flock_id);
    let written = blocking("writing the cache", move || write(&dir, &kept)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "{NAME} cannot be written"),
        Err(error) => tracing::warn!(%error, "{NAME} cannot be written"),
    }
}

/// Replaces the file as a whole; it is readable by its owner only.
fn write(dir: &Path, kept: &Kept) -> io::Result<()> {
    let temporary = dir.join(format!("{NAME}.tmp"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(NAME))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::pb;

    #[test]
    fn the_file_is_private_and_only_for_its_flock() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = Cache::default();
        cache.put_node(pb::NodeInfo {
            name: "a".into(),
            address: "a:1".into(),
            presence: "gone".into(),
            ..Default::default()
        });
        write(dir.path(), &cache.keep("one")).unwrap();
        let mode = fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(load(dir.path(), "one").node("a").is_some());
        assert!(load(dir.path(), "other").node("a").is_none());
        fs::write(dir.path().join(NAME), b"{").unwrap();
        assert!(load(dir.path(), "one").node("a").is_none());
    }
}
