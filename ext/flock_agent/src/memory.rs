//! How much memory this machine has.

use std::path::{Path, PathBuf};

/// Names a file to read instead of `/proc/meminfo`: for containers, where that tells of the whole host.
pub const VARIABLE: &str = "FLOCK_MEMINFO_FILE";

/// All memory, in bytes; `None` when the system does not say.
pub fn total_bytes() -> Option<u64> {
    let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    read(&named.map_or_else(|| PathBuf::from("/proc/meminfo"), PathBuf::from))
}

fn read(file: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_in_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("meminfo");
        assert_eq!(read(&file), None);
        std::fs::write(&file, "MemTotal:         524288 kB\nMemFree:           1000 kB\n").unwrap();
        assert_eq!(read(&file), Some(512 << 20));
        std::fs::write(&file, "MemTotal: much\n").unwrap();
        assert_eq!(read(&file), None);
    }

    #[test]
    fn this_machine_has_some() {
        assert!(total_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
