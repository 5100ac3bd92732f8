//! Putting a backup back: judged whole in a folder of its own, then moved into place, the identity last.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use flock_core::{Error, Result, id::NodeName};
use serde::Serialize;
use serde_json::json;

use super::{
    OLD, Stage, archive,
    manifest::{Manifest, NAME, SPOOL, newer_than_us},
    mend, put_aside, sync, unwritable,
};
use crate::{
    agent::DataDirLock,
    config::Config,
    dispatch, identity, pb, process,
    registry::embedded_file,
    run_state, spool,
    store::{self, inbox::Job},
};

/// The note that tells `doctor` of a restored registry, in data_dir.
pub const NOTE: &str = "restored.json";
/// Where an archive is unpacked, in data_dir.
const STAGE: &str = "restore.tmp";

/// How to restore.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// agent.toml; written from the backup where it does not exist.
    pub config: PathBuf,
    /// The backup.
    pub file: PathBuf,
    /// Whether data that is there is moved aside.
    pub replace: bool,
    /// On a hub: nodes that were removed after the backup; they are removed again before anybody is let in.
    pub removed: Vec<String>,
}

/// What was restored.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// The node.
    pub name: String,
    /// Its flock.
    pub flock_id: String,
    /// Whether it is a hub.
    pub hub: bool,
    /// When the backup was taken.
    pub created_ms: u64,
    /// Where the data went that was there before; "" = there was none.
    pub put_aside: String,
    /// Notifications that may have run since the backup without anybody to tell.
    pub unknown: usize,
    /// Notifications of this node whose targets are asked again.
    pub asked_again: usize,
    /// Nodes that are denied although the backup does not know it: named by the operator, or by the data that was there.
    pub denied: Vec<String>,
    /// Whether this is another machine than the backup's.
    pub rebound: bool,
    /// Whether agent.toml was written.
    pub config_written: bool,
    /// When the node's certificate ends.
    pub certificate_expires_ms: u64,
}

/// Restores a node from a backup. It blocks.
///
/// # Errors
/// `configuration`: `already_running`; `data_exists` without `replace`; `backup_damaged`, `backup_newer`, `other_node`; what cannot be
/// read or written. Until everything was checked, nothing of the node is touched.
pub fn restore(options: &RestoreOptions, now_ms: u64) -> Result<Restored> {
    let manifest = archive::peek(&options.file)?;
    refuse_newer(&manifest)?;
    let (config, config_text) = configuration(options, &manifest)?;
    let data_dir = &config.data_dir;
    identity::private_dir(data_dir)?;
    let _lock = DataDirLock::acquire(data_dir, now_ms)?;
    refuse_existing(data_dir, options.replace)?;
    let stage = Stage::new(data_dir.join(STAGE))?;
    let unpacked = archive::unpack(&options.file, stage.path())?;
    if unpacked != manifest {
        return Err(super::manifest::damaged("it changed while it was read"));
    }
    let prepared = prepare(options, &manifest, stage.path(), data_dir, now_ms)?;
    let aside = put_in_place(&manifest, stage.path(), data_dir, now_ms)?;
    if let Some(text) = &config_text {
        write_config(&config.path, text)?;
    }
    Ok(Restored {
        put_aside: aside.map_or_else(String::new, |path| path.display().to_string()),
        config_written: config_text.is_some(),
        ..prepared
    })
}

fn refuse_newer(manifest: &Manifest) -> Result<()> {
    for (name, known) in [
        ("state.db", store::schema_known()),
        ("registry.db", embedded_file::schema_known()),
    ] {
        let found = manifest.schemas.get(name).copied().unwrap_or_default();
        if found > known {
            return Err(newer_than_us(&format!("schema of {name}"), found));
        }
    }
    Ok(())
}

/// The configuration that is there, else the backup's own.
fn configuration(options: &RestoreOptions, manifest: &Manifest) -> Result<(Config, Option<String>)> {
    let (config, text) = match options.config.exists() {
        true => (Config::load(Some(&options.config))?, None),
        false => {
            let text = archive::text_of(&options.file, "agent.toml")?;
            (Config::parse(&options.config, &text)?, Some(text))
        }
    };
    if config.name.as_str() != manifest.node {
        return Err(Error::configuration(format!(
            "the backup is {}'s, but {} calls this node {}; a backup brings back one node only: correct `name`, or join under a name of its own",
            manifest.node,
            options.config.display(),
            config.name
        ))
        .with_code("other_node"));
    }
    Ok((config, text))
}

fn refuse_existing(data_dir: &Path, replace: bool) -> Result<()> {
    let held = ["identity", "state.db", "registry.db"]
        .into_iter()
        .find(|name| data_dir.join(name).exists());
    match held.filter(|_| !replace) {
        None => Ok(()),
        Some(name) => Err(Error::configuration(format!(
            "{} holds {name} already; `flockctl restore FILE --replace` moves what is there aside",
            data_dir.display()
        ))
        .with_code("data_exists")),
    }
}

/// Makes the unpacked files fit to be used, still beside the node's own.
fn prepare(
    options: &RestoreOptions,
    manifest: &Manifest,
    stage: &Path,
    data_dir: &Path,
    now_ms: u64,
) -> Result<Restored> {
    let identity = identity::inspect(stage)?;
    if (identity.name.as_str(), identity.flock_id.as_str()) != (&manifest.node, &manifest.flock_id) {
        return Err(super::manifest::damaged("its identity is another node's"));
    }
    let rebound = identity::rebind(stage)?;
    let newest_run = run_state::newest_run(data_dir);
    let evidence = |job: &Job| {
        let at_work = !rebound && process::alive(job.pid, job.pid_start);
        at_work || dispatch::has_result(data_dir, &job.job)
    };
    let mut state = store::open_file(&stage.join("state.db"))?;
    let backup = mend::Backup {
        node: &manifest.node,
        created_ms: manifest.created_ms,
        spooled: &spooled(manifest, stage),
    };
    let mended = mend::mend(&mut state, &backup, now_ms, newest_run, evidence)?;
    store::close_file(state)?;
    let denied = match manifest.hub {
        true => registry(options, &manifest.flock_id, stage, data_dir, now_ms)?,
        false => Vec::new(),
    };
    if manifest.hub {
        let note = json!({"restored_ms": now_ms, "backup_ms": manifest.created_ms});
        write_private(&stage.join(NOTE), note.to_string().as_bytes())?;
    }
    Ok(Restored {
        name: manifest.node.clone(),
        flock_id: manifest.flock_id.clone(),
        hub: manifest.hub,
        created_ms: manifest.created_ms,
        put_aside: String::new(),
        unknown: mended.unknown,
        asked_again: mended.asked_again,
        denied,
        rebound,
        config_written: false,
        certificate_expires_ms: identity.expires_ms,
    })
}

/// The drafts that can be read; the agent says what is wrong with the others.
fn spooled(manifest: &Manifest, stage: &Path) -> Vec<pb::Draft> {
    let draft = |kept: &super::manifest::Kept| {
        let name = kept.name.strip_prefix(SPOOL)?;
        spool::parse(name, &fs::read(stage.join(&kept.name)).ok()?).ok()
    };
    manifest.files.iter().filter_map(draft).collect()
}

/// Whom the operator names and whom the data that is there denies stays denied.
fn registry(
    options: &RestoreOptions,
    flock_id: &str,
    stage: &Path,
    data_dir: &Path,
    now_ms: u64,
) -> Result<Vec<String>> {
    let mut denied = crate::link::denied_on_disk(data_dir, flock_id);
    if identity::inspect(data_dir).is_ok_and(|there| there.flock_id == flock_id) {
        denied.extend(embedded_file::denied_in(&data_dir.join("registry.db")));
    }
    for name in &options.removed {
        denied.push(NodeName::parse(name)?.to_string());
    }
    denied.sort_unstable();
    denied.dedup();
    embedded_file::mend(&stage.join("registry.db"), denied, now_ms)
}

/// The identity goes first and comes last: an agent without one does not start, so that half a restoration is never taken for a node.
fn put_in_place(manifest: &Manifest, stage: &Path, data_dir: &Path, now_ms: u64) -> Result<Option<PathBuf>> {
    let there = OLD.iter().any(|name| data_dir.join(name).exists());
    let aside = match there {
        true => Some(put_aside(data_dir, &OLD, "replaced", now_ms)?),
        false => None,
    };
    let moved = || {
        let spool = data_dir.join(SPOOL);
        super::private(&spool)?;
        for kept in &manifest.files {
            match kept.name.strip_prefix(SPOOL) {
                Some(draft) => fs::rename(stage.join(&kept.name), spool.join(draft))?,
                None if kept.name.contains('/') || [NAME, "agent.toml"].contains(&kept.name.as_str()) => {}
                // What the link knew last is newer than what the backup knows.
                None if kept.name == "directory.json" && data_dir.join(&kept.name).exists() => {}
                None => fs::rename(stage.join(&kept.name), data_dir.join(&kept.name))?,
            }
        }
        if stage.join(NOTE).exists() {
            fs::rename(stage.join(NOTE), data_dir.join(NOTE))?;
        }
        sync(&spool)?;
        sync(&stage.join("identity"))?;
        sync(data_dir)?;
        fs::rename(stage.join("identity"), data_dir.join("identity"))?;
        sync(data_dir)
    };
    moved().map_err(|e| unwritable(data_dir, &e))?;
    Ok(aside)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|e| unwritable(path, &e))
}

fn write_config(path: &Path, text: &str) -> Result<()> {
    let written = || {
        let dir = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(dir)?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        sync(dir)
    };
    written().map_err(|e| unwritable(path, &e))
}
