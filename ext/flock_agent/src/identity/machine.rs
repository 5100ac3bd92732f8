//! Which machine this is: a cloned image must not speak with the identity of the original.

use std::path::{Path, PathBuf};

use crate::text::sha256_hex;

/// Names a file to read instead of `/etc/machine-id`: for containers, where that file is missing or is the image's.
pub const VARIABLE: &str = "FLOCK_MACHINE_ID_FILE";
const FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// A hash of the machine id; "" when the machine has none, and a clone cannot be told.
///
/// `machine-id(5)` asks that the id itself be kept on the machine.
pub fn id_hash() -> String {
    let named = std::env::var_os(VARIABLE)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let files = named.map_or_else(|| FILES.map(PathBuf::from).to_vec(), |file| vec![file]);
    files.iter().find_map(|file| hash_of(file)).unwrap_or_default()
}

fn hash_of(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let id = text.trim();
    // systemd writes "uninitialized" into images that are not booted yet.
    let usable = !id.is_empty() && id != "uninitialized";
    usable.then(|| sha256_hex(format!("flock machine id\n{id}").as_bytes()))
}

/// Whether two machines are known to be different ones.
pub fn differ(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && one != other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_hashed_and_an_unset_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("machine-id");
        assert_eq!(hash_of(&file), None);
        std::fs::write(&file, "uninitialized\n").unwrap();
        assert_eq!(hash_of(&file), None);
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        let hash = hash_of(&file).unwrap();
        assert!(hash.len() == 64 && !hash.contains("0123456789abcdef"));
    }

    #[test]
    fn only_known_ids_differ() {
        assert!(differ("a", "b"));
        assert!(!differ("a", "a") && !differ("", "b") && !differ("a", ""));
    }
}
