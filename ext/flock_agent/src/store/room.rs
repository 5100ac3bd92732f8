//! Room on the disk: what is new is refused while enough is left for what has been promised to be finished.

use std::path::{Path, PathBuf};

use flock_core::{Error, Result, limits};
use rustix::fs::statvfs;

/// The disk of one folder.
#[derive(Debug, Clone)]
pub struct Room(PathBuf);

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that are left.
    pub free: u64,
    /// Bytes that are kept for outcomes, receipts and the end of what runs.
    pub reserve: u64,
    /// Whether files can still be made.
    pub files: bool,
}

impl Room {
    /// The disk that `folder` is on; it is looked at when asked.
    pub fn of(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// How much is left; `None` when the system does not say.
    pub fn space(&self) -> Option<Space> {
        let disk = statvfs(&self.0).ok()?;
        Some(Space {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            reserve: reserve(disk.f_blocks.saturating_mul(disk.f_frsize)),
            // File systems without a fixed number of files say 0 of 0.
            files: disk.f_files == 0 || disk.f_favail > limits::DISK_FILES,
        })
    }

    /// Refuses what is new while less than the reserve is left.
    ///
    /// # Errors
    /// `rejected` with code `disk_low`.
    pub fn refuse_low(&self) -> Result<()> {
        self.refuse_below(1)
    }

    /// The same for the spool, which may use half of the reserve: a recipe has nowhere else to go.
    ///
    /// # Errors
    /// `rejected` with code `disk_low`.
    pub fn refuse_very_low(&self) -> Result<()> {
        self.refuse_below(2)
    }

    fn refuse_below(&self, part: u64) -> Result<()> {
        let Some(space) = self.space() else { return Ok(()) };
        if space.is_low(part) {
            return Err(Error::rejected(format!(
                "the disk of {} is nearly full ({} KiB left, {} are kept to finish what is under way): nothing new is taken in until there is space",
                self.0.display(),
                space.free / 1024,
                space.reserve / part / 1024
            ))
            .with_code("disk_low"));
        }
        Ok(())
    }
}

impl Space {
    /// Whether less is left than one `part`th of the reserve.
    pub fn is_low(self, part: u64) -> bool {
        self.free < self.reserve / part || !self.files
    }
}

/// [`limits::DISK_RESERVE_BYTES`], and of small disks an eighth.
fn reserve(total: u64) -> u64 {
    limits::DISK_RESERVE_BYTES.min(total / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_a_part_of_small_disks() {
        assert_eq!(reserve(64 << 20), 8 << 20);
        assert_eq!(reserve(u64::MAX), limits::DISK_RESERVE_BYTES);
    }

    #[test]
    fn low_is_below_the_reserve_or_without_files() {
        let space = |free, files| Space {
            free,
            reserve: 100,
            files,
        };
        assert!(!space(100, true).is_low(1) && space(99, true).is_low(1));
        assert!(!space(50, true).is_low(2) && space(49, true).is_low(2));
        assert!(space(1000, false).is_low(1));
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_low() {
        Room::of(Path::new("/nowhere/at/all")).refuse_low().unwrap();
    }
}
