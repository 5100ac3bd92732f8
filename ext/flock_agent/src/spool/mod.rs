//! The directory that keeps notifications while no agent answers: one file each, `spool/new/ID.json`.
//!
//! A file appears there by rename, whole and on disk. The agent takes it in through the same door as a call and removes it after the
//! commit; the id makes a second intake harmless. What cannot be taken in is moved to `spool/bad` beside a file that says why.

mod intake;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use intake::{Counts, Spool};
pub use write::write;

fn folder(data_dir: &Path, name: &str) -> PathBuf {
    data_dir.join("spool").join(name)
}
