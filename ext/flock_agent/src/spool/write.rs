//! The recipe's side: one durable file.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use flock_core::{Error, Result, limits};

use super::{Folders, disk, names, sync_dir};
use crate::{draft, pb, store::room::Room};

/// Keeps a draft in the spool of `data_dir`; once this returns, it survives a power cut. The same draft twice is one file.
///
/// ```
/// # let dir = tempfile::TempDir::new()?;
/// use flock_agent::{pb, spool};
/// let draft = pb::Draft {
///     id: "01900000-0000-7000-8000-000000000001".into(),
///     key: "service[nginx]".into(),
///     action: "reload".into(),
///     targets: Some(pb::Targets { nodes: vec!["bender1".into()], ..Default::default() }),
///     ..Default::default()
/// };
/// spool::write(dir.path(), &draft)?;
/// assert_eq!(spool::counts(dir.path()).new, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `configuration` when the draft is malformed or the folder not ours to write; `rejected` with code `spool_full` when
/// [`limits::SPOOL_FILES`] wait already, with code `disk_low` or `disk_full` when the disk is; `internal` when the disk fails.
pub fn write(data_dir: &Path, draft: &pb::Draft) -> Result<()> {
    draft::check(draft)?;
    let text =
        serde_json::to_vec(draft).map_err(|e| Error::internal(format!("the draft cannot be written as JSON: {e}")))?;
    let spool = Folders::of(data_dir);
    spool.create().map_err(|e| disk(&spool.new, &e))?;
    refuse_when_full(&spool.new)?;
    Room::of(&spool.new).refuse_very_low()?;
    place(&spool, &draft.id, &text).map_err(|e| disk(&spool.new, &e))
}

fn refuse_when_full(new: &Path) -> Result<()> {
    let waiting = names(new).map_err(|e| disk(new, &e))?.len();
    if waiting < limits::SPOOL_FILES {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "the spool {} holds {waiting} notifications already (limit {}): start the agent with `flockctl agent`, it takes them in",
        new.display(),
        limits::SPOOL_FILES
    ))
    .with_code("spool_full"))
}

fn place(spool: &Folders, id: &str, text: &[u8]) -> io::Result<()> {
    let tmp = spool.tmp.join(format!("{id}.{}", std::process::id()));
    let written = fill(&tmp, text).and_then(|()| fs::rename(&tmp, spool.new.join(format!("{id}.json"))));
    if written.is_err() {
        let _ = fs::remove_file(&tmp);
    }
    written.and_then(|()| sync_dir(&spool.new))
}

fn fill(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
