//! The quarantine: files that cannot be taken in are kept, with the reason, for a person to look at.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::Path,
};

use flock_core::{Error, limits};

use super::{Folders, names};
use crate::text;

/// The ending of the file that says why.
pub(super) const REASON: &str = ".reason";
/// Longest name that is kept, in bytes: with an ending it must still be one for the file system.
const NAME_BYTES: usize = 200;

/// Moves a file out of `spool/new` and says why; the oldest beyond [`limits::SPOOL_BAD_FILES`] are removed.
pub(super) fn quarantine(spool: &Folders, name: &OsStr, why: &Error) -> io::Result<()> {
    let lossy = name.to_string_lossy();
    let kept = text::cut(&lossy, NAME_BYTES);
    tracing::warn!(name = kept, error = %why, "a spooled notification cannot be taken in; it is kept in spool/bad");
    fs::write(spool.bad.join(with_reason(kept)), format!("{}: {why}\n", why.code()))?;
    let to = spool.bad.join(kept);
    if fs::symlink_metadata(&to).is_ok() {
        remove(&to)?;
    }
    fs::rename(spool.new.join(name), to)?;
    bound(&spool.bad)
}

/// Whether a file of `spool/bad` says why another one is there.
pub(super) fn is_reason(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(REASON.as_bytes())
}

fn with_reason(name: &str) -> String {
    format!("{name}{REASON}")
}

fn bound(bad: &Path) -> io::Result<()> {
    let names: Vec<OsString> = names(bad)?.into_iter().filter(|name| !is_reason(name)).collect();
    let surplus = names.len().saturating_sub(limits::SPOOL_BAD_FILES);
    for name in names.iter().take(surplus) {
        remove(&bad.join(name))?;
        let _ = fs::remove_file(bad.join(with_reason(&name.to_string_lossy())));
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}
