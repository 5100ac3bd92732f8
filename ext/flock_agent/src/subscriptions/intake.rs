//! From journal files into the store. A file goes when its run is over and all of it was taken in.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

use flock_core::{Error, Result, limits};

use super::journal;
use crate::{
    clock::Clock,
    run_state::{Run, RunWatch},
    store::{
        Store,
        subscribed::{self, Batch},
    },
};

/// Takes in what the Chef runs of one node journal.
pub(super) struct Intake {
    pub store: Store,
    pub data_dir: PathBuf,
    pub clock: Clock,
    pub runs: RunWatch,
    /// `None` = the store was not asked yet. Nobody else writes there.
    known: Option<Known>,
}

/// What is known of the files.
#[derive(Default)]
struct Known {
    /// How far each was read.
    offsets: BTreeMap<u64, u64>,
    /// Those whose trouble was logged.
    unreadable: BTreeSet<u64>,
}

impl Intake {
    pub(super) fn new(store: Store, data_dir: PathBuf, clock: Clock, runs: RunWatch) -> Self {
        Self {
            store,
            data_dir,
            clock,
            runs,
            known: None,
        }
    }

    /// Takes in all lines that are there.
    ///
    /// # Errors
    /// When the store refuses; what is left stays where it is. A file that cannot be read does not keep the others from being read.
    pub(super) async fn pass(&mut self) -> Result<()> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => {
                let files = self.store.read(subscribed::files).await?;
                Known {
                    offsets: files.iter().map(|file| (file.run, file.offset)).collect(),
                    ..Known::default()
                }
            }
        };
        let passed = self.files(&mut known).await;
        // After an error the store knows better.
        self.known = passed.is_ok().then_some(known);
        passed
    }

    async fn files(&self, known: &mut Known) -> Result<()> {
        let (data_dir, runs) = (self.data_dir.clone(), self.runs.clone());
        let (files, newest) = blocking(move || {
            let files = journal::runs(&data_dir)?;
            // Looked at before the files are read: of a run that is over nothing more comes.
            let newest = (!files.is_empty()).then(|| runs.current_run()).flatten();
            Ok((files, newest))
        })
        .await?;
        for run in &files {
            self.file(*run, is_over(*run, newest.as_ref()), known).await?;
        }
        let gone: Vec<u64> = known
            .offsets
            .keys()
            .copied()
            .filter(|run| !files.contains(run))
            .collect();
        // A listing that was cut says nothing of the rest.
        if files.len() < limits::JOURNAL_FILES {
            for run in gone {
                self.store.write(move |conn| subscribed::forget(conn, run)).await?;
                known.offsets.remove(&run);
            }
        }
        Ok(())
    }

    async fn file(&self, run: u64, over: bool, known: &mut Known) -> Result<()> {
        loop {
            let (data_dir, offset) = (self.data_dir.clone(), known.offsets.get(&run).copied().unwrap_or(0));
            let read = blocking(move || journal::read(&data_dir, run, offset, over)).await;
            let batch = match read {
                Ok(batch) => batch,
                Err(error) => {
                    if known.unreadable.insert(run) {
                        tracing::warn!(run, %error, "a journal file cannot be read");
                    }
                    return Ok(());
                }
            };
            let (read_to, last) = (batch.offset, batch.over);
            if read_to == offset && !last {
                return Ok(());
            }
            self.take(batch).await?;
            known.offsets.insert(run, read_to);
            if last {
                return self.clear(run, known).await;
            }
        }
    }

    /// One commit: the changes, how far the file was read, and what leaves at once.
    async fn take(&self, batch: Batch) -> Result<()> {
        let now_ms = self.clock.now_ms();
        let taken = move |conn: &rusqlite::Connection| {
            subscribed::take_in(conn, &batch, now_ms)?;
            subscribed::release(conn, now_ms).map(drop)
        };
        self.store.write(taken).await
    }

    async fn clear(&self, run: u64, known: &mut Known) -> Result<()> {
        let data_dir = self.data_dir.clone();
        blocking(move || journal::remove(&data_dir, run)).await?;
        self.store.write(move |conn| subscribed::forget(conn, run)).await?;
        known.offsets.remove(&run);
        Ok(())
    }
}

/// Whether nothing more can come of a run, as far as run.json knows. A line in its own file may say so, too; and a run that holds its
/// file is at work, though a newer one began beside it.
fn is_over(run: u64, newest: Option<&Run>) -> bool {
    newest.is_some_and(|newest| newest.number > run || (newest.number == run && !newest.is_active()))
}

pub(super) async fn blocking<T: Send + 'static>(job: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = crate::blocking::blocking("working on the journal", job).await?;
    done.map_err(|e| {
        Error::rejected(format!(
            "the journal cannot be worked on: {e}; see the folder journal of data_dir"
        ))
        .with_code("journal")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;

    #[test]
    fn a_run_is_over_when_its_process_is_gone_or_a_newer_one_began() {
        let run = |number, phase: &str, alive| Run {
            number,
            phase: phase.into(),
            pid: if alive { std::process::id() } else { u32::MAX },
            pid_start: process::start_of(std::process::id()).unwrap(),
            ..Run::default()
        };
        assert!(!is_over(7, Some(&run(7, "running", true))));
        assert!(is_over(7, Some(&run(7, "running", false))), "it was killed");
        assert!(is_over(7, Some(&run(7, "failed", true))));
        assert!(is_over(7, Some(&run(8, "running", true))));
        assert!(!is_over(7, Some(&run(6, "succeeded", false))), "run.json is older");
        assert!(!is_over(7, None));
    }
}
