//! The files of `data_dir/apis`: plain Ruby, each with the APIs that it defines.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use flock_core::limits;
use serde_json::json;

use super::{Kind, hosts::Want};
use crate::{plain_file, text};

/// The folder under data_dir.
pub(super) const FOLDER: &str = "apis";

/// Tells two versions of the folder apart without reading a file.
pub(super) type Print = Vec<(PathBuf, u64, u64, i64, i64)>;

/// Sorted by name, as they are loaded.
pub(super) fn print(data_dir: &Path) -> Print {
    let entries = fs::read_dir(data_dir.join(FOLDER)).into_iter().flatten().flatten();
    let mut print: Print = entries.filter_map(|entry| stat(entry.path())).collect();
    print.sort();
    print.truncate(limits::API_FILES);
    print
}

fn stat(path: PathBuf) -> Option<(PathBuf, u64, u64, i64, i64)> {
    let is_ruby = path.extension().is_some_and(|ending| ending == "rb");
    let stat = fs::metadata(&path).ok().filter(|stat| is_ruby && stat.is_file())?;
    (stat.len() <= limits::API_FILE_BYTES).then_some((path, stat.ino(), stat.len(), stat.ctime(), stat.ctime_nsec()))
}

/// The host of these files; `None` when there are none.
pub(super) fn want(print: &Print) -> Option<Want> {
    let files: Vec<&PathBuf> = print.iter().map(|(path, ..)| path).collect();
    if files.is_empty() {
        return None;
    }
    let digests = files.iter().map(|path| {
        let content = plain_file::read(path, limits::API_FILE_BYTES).unwrap_or_default();
        format!("{}\0{}\n", path.display(), text::sha256_hex(&content))
    });
    Some(Want {
        kind: Kind::Files,
        digest: text::sha256_hex(digests.collect::<String>().as_bytes()),
        apis: Vec::new(),
        start: json!({"files": files}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ruby_files_count_and_their_content_is_their_version() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(want(&print(dir.path())), None);
        let file = |name: &str| dir.path().join(FOLDER).join(name);
        fs::create_dir(dir.path().join(FOLDER)).unwrap();
        for (name, text) in [("b.rb", "2"), ("a.rb", "1"), ("c.txt", "3")] {
            fs::write(file(name), text).unwrap();
        }
        let first = want(&print(dir.path())).unwrap();
        assert_eq!(first.start, json!({"files": [file("a.rb"), file("b.rb")]}));
        fs::write(file("a.rb"), "1").unwrap();
        assert_eq!(want(&print(dir.path())).unwrap(), first);
        fs::write(file("a.rb"), "4").unwrap();
        assert_ne!(want(&print(dir.path())).unwrap().digest, first.digest);
    }
}
