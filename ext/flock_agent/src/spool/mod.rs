//! The spool: where a notification waits when no agent answers. One file per draft, durable before the recipe goes on.
//!
//! ```text
//! spool/tmp/<id>.<pid>   being written
//! spool/new/<id>.json    handed over; the name sorts by time, since the id is a UUIDv7
//! spool/bad/<name>       cannot be taken in, with <name>.reason beside it
//! ```

mod bad;
mod intake;
#[cfg(test)]
mod tests;
mod write;

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use flock_core::Error;

pub(crate) use intake::parse;
pub use intake::{Intake, Taken};
pub use write::write;

/// How many files a spool holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting for the agent.
    pub new: u64,
    /// Quarantined.
    pub bad: u64,
}

/// Counts the files of the spool of `data_dir`; one that does not exist is empty.
pub fn counts(data_dir: &Path) -> Counts {
    let spool = Folders::of(data_dir);
    let files = |dir: &Path, counted: fn(&OsStr) -> bool| -> u64 {
        let names = names(dir).unwrap_or_default();
        names.iter().filter(|name| counted(name)).count() as u64
    };
    Counts {
        new: files(&spool.new, |name| name.as_encoded_bytes().ends_with(b".json")),
        bad: files(&spool.bad, |name| !bad::is_reason(name)),
    }
}

#[derive(Debug, Clone)]
struct Folders {
    tmp: PathBuf,
    new: PathBuf,
    bad: PathBuf,
}

impl Folders {
    fn of(data_dir: &Path) -> Self {
        let spool = data_dir.join("spool");
        Self {
            tmp: spool.join("tmp"),
            new: spool.join("new"),
            bad: spool.join("bad"),
        }
    }

    /// Makes what is missing, for the owner only.
    fn create(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        [&self.tmp, &self.new, &self.bad]
            .into_iter()
            .try_for_each(|dir| builder.create(dir))
    }
}

/// The names of a folder's entries, sorted.
fn names(dir: &Path) -> io::Result<Vec<OsString>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name());
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes a rename in `dir` outlast a power cut.
fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// What the disk said, and what to do about it.
fn disk(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::rejected(format!(
            "the spool {path} cannot be written, its disk is full: {error}; free space there"
        ))
        .with_code("disk_full"),
        io::ErrorKind::PermissionDenied => Error::configuration(format!(
            "the spool {path} cannot be used: {error}; run as the user whom data_dir belongs to"
        ))
        .with_code("spool_unwritable"),
        io::ErrorKind::ReadOnlyFilesystem => Error::configuration(format!(
            "the spool {path} cannot be written: {error}; mount its disk writable"
        ))
        .with_code("spool_unwritable"),
        _ => Error::internal(format!("the spool {path} cannot be used: {error}; look at its disk"))
            .with_code("spool_unwritable"),
    }
}
