//! Reading `journal/<run>.jsonl`: one line per updated resource, written by a Chef run that may die in the middle of one.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use flock_core::limits;
use rustix::fs::{FlockOperation, Mode, OFlags};
use serde::Deserialize;

use crate::store::subscribed::{Batch, Change};

/// The folder.
pub(super) fn dir(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}

/// The file of a run.
pub(super) fn path(data_dir: &Path, run: u64) -> PathBuf {
    dir(data_dir).join(format!("{run}.jsonl"))
}

/// The runs that have a file, oldest first; [`limits::JOURNAL_FILES`] at most.
pub(super) fn runs(data_dir: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(dir(data_dir)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let number = |name: &str| {
        name.strip_suffix(".jsonl")?
            .parse::<u64>()
            .ok()
            .filter(|run| i64::try_from(*run).is_ok())
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut runs: Vec<u64> = names.filter_map(|name| number(&name)).collect();
    runs.sort_unstable();
    runs.truncate(limits::JOURNAL_FILES);
    Ok(runs)
}

/// What there is after `offset`, [`limits::JOURNAL_BATCH`] changes at most. `over` says whether the run is believed to have ended before
/// this call: if it does not hold its file any more the file is complete, and half a line is all that will ever come of it.
pub(super) fn read(data_dir: &Path, run: u64, offset: u64, over: bool) -> io::Result<Batch> {
    let path = path(data_dir, run);
    let mut file = open(&path)?;
    let over = over && is_let_go(&file);
    let size = file.metadata()?.len();
    // After a power cut it may be shorter than what was read of it.
    let offset = offset.min(size);
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(limits::JOURNAL_READ_BYTES).read_to_end(&mut bytes)?;
    let mut reader = Reader {
        batch: Batch {
            run,
            offset,
            ..Batch::default()
        },
        ended: false,
        problem: None,
    };
    let rest = reader.lines(&bytes);
    let all_there = offset + bytes.len() as u64 >= size && reader.batch.changes.len() < limits::JOURNAL_BATCH;
    reader.end(rest, all_there, over);
    if let Some(problem) = reader.problem {
        let skipped = reader.batch.skipped;
        tracing::warn!(path = %path.display(), skipped, "lines of a journal file cannot be used; the first: {problem}");
    }
    Ok(reader.batch)
}

/// Removes what was read to its end; durable when it returns, or a power cut could bring back what is forgotten by then.
pub(super) fn remove(data_dir: &Path, run: u64) -> io::Result<()> {
    match fs::remove_file(path(data_dir, run)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(()) => File::open(dir(data_dir))?.sync_all(),
    }
}

/// Whether no run has the file open: each holds a shared lock, which goes with its process.
fn is_let_go(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Opens a plain file; follows no link and waits for no pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a plain file")),
    }
}

struct Reader {
    batch: Batch,
    /// Whether the last line says that the run is over.
    ended: bool,
    /// Why the first line that cannot be used cannot.
    problem: Option<String>,
}

impl Reader {
    /// Takes whole lines; answers what is left.
    fn lines<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while self.batch.changes.len() < limits::JOURNAL_BATCH {
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                break;
            };
            self.line(&bytes[..end]);
            self.batch.offset += end as u64 + 1;
            bytes = &bytes[end + 1..];
        }
        bytes
    }

    fn line(&mut self, line: &[u8]) {
        self.ended = false;
        match parse(line) {
            Ok(Line::Change(change)) => self.batch.changes.push(change),
            Ok(Line::End) => self.ended = true,
            Err(problem) => self.skip(problem),
        }
    }

    fn skip(&mut self, problem: String) {
        self.batch.skipped += 1;
        self.problem.get_or_insert(problem);
    }

    /// Judges what is left when no whole line is.
    fn end(&mut self, rest: &[u8], all_there: bool, over: bool) {
        let without_end = rest.len() as u64 >= limits::JOURNAL_READ_BYTES;
        if !rest.is_empty() && (without_end || (all_there && over)) {
            self.skip("it has no end".to_owned());
            self.batch.offset += rest.len() as u64;
        }
        let nothing_left = rest.is_empty() || over;
        self.batch.over = all_there && nothing_left && (over || self.ended);
    }
}

enum Line {
    Change(Change),
    End,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    end: Option<String>,
    #[serde(default)]
    key: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    recipe: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    sensitive: Option<bool>,
    #[serde(default)]
    run_id: Option<String>,
}

fn parse(line: &[u8]) -> Result<Line, String> {
    if line.len() > limits::JOURNAL_LINE_BYTES {
        return Err(format!("it is longer than {} bytes", limits::JOURNAL_LINE_BYTES));
    }
    let raw: Raw = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    if raw.end.is_some() {
        return Ok(Line::End);
    }
    let mut change = Change {
        key: raw.key,
        action: raw.action,
        recipe: raw.recipe.unwrap_or_default(),
        line: raw.line.unwrap_or_default(),
        sensitive: raw.sensitive.unwrap_or_default(),
        run_id: raw.run_id.unwrap_or_default(),
    };
    change.make_fit().map_err(|e| e.message().to_owned())?;
    Ok(Line::Change(change))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: &[u8]) -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(dir(data.path())).unwrap();
        fs::write(path(data.path(), 7), text).unwrap();
        data
    }

    fn line(key: &str) -> String {
        format!(
            "{{\"n\":1,\"key\":\"{key}\",\"action\":\"run\",\"recipe\":\"cb::default\",\"line\":3,\"sensitive\":false,\"run_id\":\"r\"}}\n"
        )
    }

    fn keys(batch: &Batch) -> Vec<&str> {
        batch.changes.iter().map(|change| change.key.as_str()).collect()
    }

    #[test]
    fn half_a_line_waits_for_its_other_half() {
        let (first, second) = (line("file[/a]"), line("file[/b]"));
        let data = folder(format!("{first}{}", &second[..20]).as_bytes());
        let batch = read(data.path(), 7, 0, false).unwrap();
        assert_eq!(
            (keys(&batch), batch.offset, batch.over),
            (vec!["file[/a]"], first.len() as u64, false)
        );
        fs::write(path(data.path(), 7), format!("{first}{second}{{\"end\":\"failed\"}}\n")).unwrap();
        let batch = read(data.path(), 7, batch.offset, false).unwrap();
        assert_eq!((keys(&batch), batch.over, batch.skipped), (vec!["file[/b]"], true, 0));
    }

    #[test]
    fn a_run_that_was_killed_leaves_half_a_line_for_ever() {
        let first = line("file[/a]");
        let data = folder(format!("{first}{{\"n\":2,\"ke").as_bytes());
        let batch = read(data.path(), 7, 0, true).unwrap();
        assert_eq!((keys(&batch), batch.over, batch.skipped), (vec!["file[/a]"], true, 1));
        assert_eq!(batch.offset, first.len() as u64 + 10);
    }

    #[test]
    fn lines_that_cannot_be_used_are_left_out_and_counted() {
        let long = line(&format!("file[{}]", "x".repeat(limits::JOURNAL_LINE_BYTES)));
        let odd = [
            "nonsense\n",
            "[]\n",
            "{\"key\":\"nginx\",\"action\":\"run\"}\n",
            "{\"key\":\"a[b]\"}\n",
            &long,
        ];
        let text = format!("{}{}{}", line("file[/a]"), odd.concat(), line("file[/b]"));
        let batch = read(folder(text.as_bytes()).path(), 7, 0, false).unwrap();
        assert_eq!((keys(&batch), batch.skipped), (vec!["file[/a]", "file[/b]"], 5));
        assert_eq!(batch.offset, text.len() as u64);
        let not_text = folder(b"\xff\xfe\n");
        assert_eq!(read(not_text.path(), 7, 0, false).unwrap().skipped, 1);
    }

    #[test]
    fn a_line_without_end_is_passed_by() {
        let size = usize::try_from(limits::JOURNAL_READ_BYTES).unwrap();
        let text = format!("{}\n{}", "x".repeat(size + 100), line("file[/a]"));
        let data = folder(text.as_bytes());
        let (mut offset, mut found) = (0, Vec::new());
        while offset < text.len() as u64 {
            let batch = read(data.path(), 7, offset, false).unwrap();
            assert!(batch.offset > offset, "it gets stuck");
            offset = batch.offset;
            found.extend(batch.changes);
        }
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_long_file_comes_in_batches() {
        let text: String = (0..limits::JOURNAL_BATCH + 1)
            .map(|n| line(&format!("file[/{n}]")))
            .collect();
        let data = folder(text.as_bytes());
        let batch = read(data.path(), 7, 0, true).unwrap();
        assert_eq!((batch.changes.len(), batch.over), (limits::JOURNAL_BATCH, false));
        let rest = read(data.path(), 7, batch.offset, true).unwrap();
        assert_eq!((rest.changes.len(), rest.over), (1, true));
    }

    #[test]
    fn only_journal_files_are_looked_at_and_no_link_is_followed() {
        let data = folder(b"");
        for name in ["watched", "x.jsonl", "-1.jsonl", "12.jsonl", "12.jsonl.tmp"] {
            fs::write(dir(data.path()).join(name), "").unwrap();
        }
        assert_eq!(runs(data.path()).unwrap(), [7, 12]);
        std::os::unix::fs::symlink(path(data.path(), 7), path(data.path(), 8)).unwrap();
        assert!(read(data.path(), 8, 0, true).is_err());
        assert_eq!(runs(&data.path().join("nowhere")).unwrap(), [0; 0]);
        remove(data.path(), 7).unwrap();
        remove(data.path(), 7).unwrap();
    }

    #[test]
    fn what_a_power_cut_took_away_is_not_read_twice() {
        let text = line("file[/a]");
        let data = folder(text.as_bytes());
        let batch = read(data.path(), 7, 10_000, true).unwrap();
        assert_eq!((keys(&batch), batch.offset), (vec![], text.len() as u64));
        assert!(batch.over);
    }

    #[test]
    fn a_run_that_holds_its_file_is_at_work() {
        let data = folder(line("file[/a]").as_bytes());
        let held = File::open(path(data.path(), 7)).unwrap();
        rustix::fs::flock(&held, FlockOperation::LockShared).unwrap();
        let batch = read(data.path(), 7, 0, true).unwrap();
        assert_eq!(
            (batch.changes.len(), batch.over),
            (1, false),
            "a newer run began beside it"
        );
        drop(held);
        assert!(read(data.path(), 7, batch.offset, true).unwrap().over, "it was killed");
    }
}
