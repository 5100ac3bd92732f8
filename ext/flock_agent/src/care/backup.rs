//! Taking a backup: databases through SQLite's own online copy, so that an agent may be at work meanwhile.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use flock_core::{Error, Result, limits};
use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use super::{
    Stage, archive,
    manifest::{Manifest, SPOOL},
    unwritable,
};
use crate::{
    config::Config,
    pb,
    store::{self, sql},
};

/// Whose data it is.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The agent's configuration.
    pub config: Config,
    /// The node.
    pub name: String,
    /// Its flock.
    pub flock_id: String,
    /// Whether it serves the registry.
    pub hub: bool,
}

/// Writes a backup to `target`, an absolute path; an earlier backup there is replaced once the new one is whole and synced. It
/// blocks. It holds private keys and has the mode 0600.
///
/// # Errors
/// `configuration`: `target` is not absolute, or (code `not_a_backup`) something else is there; what cannot be read or written.
pub fn back_up(subject: &Subject, target: &Path, now_ms: u64) -> Result<pb::BackupReport> {
    refuse_target(target)?;
    let stage = Stage::new(target.with_file_name(format!(".{}.stage", archive::file_name(target))))?;
    let mut manifest = Manifest::new(&subject.name, &subject.flock_id, subject.hub, now_ms);
    // The spool comes before the store: a draft that is taken in meanwhile is then in both, and its id makes it one.
    let mut names = files(subject, stage.path()).map_err(|e| unwritable(stage.path(), &e))?;
    names.extend(databases(subject, stage.path(), &mut manifest)?);
    names.sort_unstable();
    let described: io::Result<Vec<_>> = names.iter().map(|name| archive::describe(stage.path(), name)).collect();
    manifest.files = described.map_err(|e| unwritable(stage.path(), &e))?;
    let bytes = archive::pack(&manifest, stage.path(), target)?;
    Ok(pb::BackupReport {
        path: target.display().to_string(),
        bytes,
        name: manifest.node,
        flock_id: manifest.flock_id,
        created_ms: now_ms,
        files: u32::try_from(manifest.files.len()).unwrap_or(u32::MAX),
    })
}

/// A typing error must not cost a file.
fn refuse_target(target: &Path) -> Result<()> {
    if !target.is_absolute() || target.file_name().is_none() {
        return Err(Error::configuration(format!(
            "{} is no absolute path of a file",
            target.display()
        )));
    }
    let empty = fs::metadata(target).map_or(true, |file| file.is_file() && file.len() == 0);
    if empty || archive::peek(target).is_ok() {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "{} exists and is no backup of flock_of_chefs; it is not replaced: name another file",
        target.display()
    ))
    .with_code("not_a_backup"))
}

fn databases(subject: &Subject, stage: &Path, manifest: &mut Manifest) -> Result<Vec<String>> {
    let wanted = if subject.hub {
        &["state.db", "registry.db"][..]
    } else {
        &["state.db"]
    };
    let mut names = Vec::new();
    for name in wanted {
        let schema = copy_database(&subject.config.data_dir.join(name), &stage.join(name))?;
        manifest.schemas.insert((*name).to_owned(), schema);
        names.push((*name).to_owned());
    }
    Ok(names)
}

/// Copies a database as it is at one moment; answers with its schema.
fn copy_database(from: &Path, to: &Path) -> Result<usize> {
    let source = store::reader(from)?;
    store::make_private(to)?;
    let mut copy = Connection::open(to).map_err(sql)?;
    copy_pages(&source, &mut copy, Duration::from_millis(limits::BACKUP_MS))?;
    // One file without a log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .map_err(sql)?;
    store::quick_check(&copy, from)?;
    let schema = store::schema_version(&copy).map_err(sql)?;
    copy.close().map_err(|(_, e)| sql(e))?;
    Ok(schema)
}

/// Whoever asked for the backup waits no longer than `limit`, either.
fn copy_pages(source: &Connection, copy: &mut Connection, limit: Duration) -> Result<()> {
    let (backup, began) = (Backup::new(source, copy).map_err(sql)?, Instant::now());
    // All pages in one step: one read transaction, which no writer can make start over.
    while backup.step(-1).map_err(sql)? != StepResult::Done {
        if began.elapsed() >= limit {
            return Err(Error::timeout(format!(
                "a database was locked for {} s by another process; end it and try again",
                limit.as_secs()
            ))
            .with_code("database_locked"));
        }
        std::thread::sleep(Duration::from_millis(limits::BACKUP_PAUSE_MS));
    }
    Ok(())
}

/// Copies the small files that are there.
fn files(subject: &Subject, stage: &Path) -> io::Result<Vec<String>> {
    let data_dir = &subject.config.data_dir;
    let mut names = Vec::new();
    for name in ["identity.json", "node.pem", "roots.pem", "hub.pem", "root.pem"] {
        let name = format!("identity/{name}");
        copy_if_there(&data_dir.join(&name), stage, name, &mut names)?;
    }
    copy_if_there(
        &data_dir.join("directory.json"),
        stage,
        "directory.json".into(),
        &mut names,
    )?;
    copy_if_there(&subject.config.path, stage, "agent.toml".into(), &mut names)?;
    for entry in waiting(&data_dir.join(SPOOL))?.into_iter().take(limits::SPOOL_FILES) {
        copy_if_there(
            &data_dir.join(SPOOL).join(&entry),
            stage,
            format!("{SPOOL}{entry}"),
            &mut names,
        )?;
    }
    Ok(names)
}

fn waiting(spool: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(spool) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| super::manifest::is_draft(name)).collect())
}

/// What has just gone is no error: a draft is in the outbox by then.
fn copy_if_there(from: &Path, stage: &Path, name: String, names: &mut Vec<String>) -> io::Result<()> {
    match archive::copy_file(from, &stage.join(&name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        copied => copied.map(|()| names.push(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_stays_locked_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let holder = Connection::open(&path).unwrap();
        holder.execute_batch("CREATE TABLE t (a); BEGIN EXCLUSIVE").unwrap();
        let source = Connection::open(&path).unwrap();
        source.busy_timeout(Duration::ZERO).unwrap();
        let mut copy = Connection::open_in_memory().unwrap();
        let given_up = copy_pages(&source, &mut copy, Duration::ZERO).unwrap_err();
        assert_eq!(given_up.code(), "database_locked");
        holder.execute_batch("COMMIT").unwrap();
        copy_pages(&source, &mut copy, Duration::ZERO).unwrap();
    }
}
