//! Writing: the last place where a recipe's notification can be kept.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use flock_core::{Error, Result, limits};

use super::folder;
use crate::pb;

/// Keeps a draft in the spool of `data_dir`; on return it is on disk. The same id again replaces the file.
///
/// # Errors
/// `rejected` with code `spool_full` when the agent has not taken in [`limits::SPOOL_FILES`] files; `rejected` with code
/// `spool_unwritable` when the disk refuses.
pub fn write(data_dir: &Path, draft: &pb::Draft) -> Result<()> {
    let (new, tmp) = (folder(data_dir, "new"), folder(data_dir, "tmp"));
    let unwritable = |e: std::io::Error| {
        Error::rejected(format!(
            "the notification can be kept nowhere: no agent answers, and {} cannot be written: {e}",
            new.display()
        ))
        .with_code("spool_unwritable")
    };
    for directory in [&new, &tmp] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(unwritable)?;
    }
    refuse_full(&new).map_err(unwritable)??;
    let text = serde_json::to_vec(draft).map_err(|e| Error::internal(format!("a draft cannot be written: {e}")))?;
    let name = format!("{}.json", draft.id);
    store(&tmp.join(&name), &new.join(&name), &text)
        .and_then(|()| File::open(&new)?.sync_all())
        .map_err(unwritable)
}

fn refuse_full(new: &Path) -> std::io::Result<Result<()>> {
    let waiting = std::fs::read_dir(new)?.take(limits::SPOOL_FILES).count();
    Ok(if waiting < limits::SPOOL_FILES {
        Ok(())
    } else {
        let text = format!(
            "{} holds {waiting} notifications that no agent takes in; start it with `flockctl agent`",
            new.display()
        );
        Err(Error::rejected(text).with_code("spool_full"))
    })
}

fn store(tmp: &Path, path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(tmp)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(tmp, path)
}
