//! The quarantine: files that cannot be taken in are kept, with the reason, for a person to look at.

use std::{fs, io, path::Path};

use flock_core::{Error, limits};

use super::{Folders, names};

/// The ending of the file that says why.
pub(super) const REASON: &str = ".reason";

/// Moves a file out of `spool/new` and says why; the oldest beyond [`limits::SPOOL_BAD_FILES`] are removed.
pub(super) fn quarantine(spool: &Folders, name: &str, why: &Error) -> io::Result<()> {
    tracing::warn!(name, error = %why, "a spooled notification cannot be taken in; it is kept in spool/bad");
    let to = spool.bad.join(name);
    fs::write(
        spool.bad.join(format!("{name}{REASON}")),
        format!("{}: {why}\n", why.code()),
    )?;
    fs::rename(spool.new.join(name), to)?;
    bound(&spool.bad)
}

fn bound(bad: &Path) -> io::Result<()> {
    let names: Vec<String> = names(bad)?.into_iter().filter(|name| !name.ends_with(REASON)).collect();
    let surplus = names.len().saturating_sub(limits::SPOOL_BAD_FILES);
    for name in names.iter().take(surplus) {
        remove(&bad.join(name))?;
        let _ = fs::remove_file(bad.join(format!("{name}{REASON}")));
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}
