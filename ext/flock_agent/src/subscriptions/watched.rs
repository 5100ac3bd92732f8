//! `journal/watched`: the keys for which a Chef run is to poke the agent, so that what is immediate need not wait for a poll.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use flock_core::limits;

use super::journal;

/// Writes the keys, whole or not at all. It need not survive a power cut: every start writes it again.
pub(super) fn write(data_dir: &Path, keys: &[String]) -> io::Result<()> {
    let dir = journal::dir(data_dir);
    match DirBuilder::new().mode(0o700).create(&dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    let temporary = dir.join("watched.tmp");
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&serde_json::to_vec(fitting(keys))?)?;
    fs::rename(&temporary, dir.join("watched"))
}

/// As many as the file may hold.
fn fitting(keys: &[String]) -> &[String] {
    let mut bytes = 2;
    let count = keys.iter().take_while(|key| {
        // Quotes, a comma, and what is escaped.
        bytes += key.escape_default().count() + 3;
        bytes <= limits::WATCHED_FILE_BYTES
    });
    &keys[..count.count()]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_private_and_replaced_as_a_whole() {
        let data = tempfile::tempdir().unwrap();
        for keys in [vec!["file[/a \"b\"]".to_owned()], vec![]] {
            write(data.path(), &keys).unwrap();
            let path = journal::dir(data.path()).join("watched");
            let read: Vec<String> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(read, keys);
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn it_has_a_limit() {
        let keys = vec!["x".repeat(limits::WATCHED_FILE_BYTES / 2); 3];
        assert_eq!(fitting(&keys).len(), 1);
    }
}
