//! `manifest.json`: what a backup holds, so that it can be judged before anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use flock_core::{Error, Result, limits};
use serde::{Deserialize, Serialize};

/// The name of the manifest in the archive.
pub(super) const NAME: &str = "manifest.json";
/// The version of the archive's format.
const FORMAT: u32 = 1;
/// Files that an archive may hold beside those of the spool.
const SINGLE: [&str; 9] = [
    "agent.toml",
    "directory.json",
    "identity/hub.pem",
    "identity/identity.json",
    "identity/node.pem",
    "identity/root.pem",
    "identity/roots.pem",
    "registry.db",
    "state.db",
];
/// Without these nothing can be restored.
const NEEDED: [&str; 4] = [
    "identity/identity.json",
    "identity/node.pem",
    "identity/roots.pem",
    "state.db",
];
/// Where drafts lie in the archive.
pub(super) const SPOOL: &str = "spool/new/";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub format: u32,
    pub created_ms: u64,
    pub flock_id: String,
    pub node: String,
    pub hub: bool,
    /// Of flock_of_chefs.
    pub version: String,
    /// From a database's name to how many migrations it has seen.
    pub schemas: BTreeMap<String, usize>,
    pub files: Vec<Kept>,
}

/// One file of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub name: String,
    pub bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
}

impl Manifest {
    pub fn new(node: &str, flock_id: &str, hub: bool, created_ms: u64) -> Self {
        Self {
            format: FORMAT,
            created_ms,
            flock_id: flock_id.to_owned(),
            node: node.to_owned(),
            hub,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schemas: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    pub fn parse(text: &[u8]) -> Result<Self> {
        let format = serde_json::from_slice::<serde_json::Value>(text)
            .ok()
            .and_then(|value| value.get("format")?.as_u64());
        match format {
            None => return Err(damaged("its manifest is not one of ours")),
            Some(newer) if newer > u64::from(FORMAT) => return Err(newer_than_us("format", newer as usize)),
            Some(_) => {}
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|e| damaged(&format!("its manifest: {e}")))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let names: BTreeSet<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        if names.len() != self.files.len() {
            return Err(damaged("it names a file twice"));
        }
        if let Some(stranger) = names.iter().find(|name| !is_ours(name)) {
            return Err(damaged(&format!("it names {stranger:?}, which no backup holds")));
        }
        match NEEDED.iter().find(|name| !names.contains(*name)) {
            Some(missing) => Err(damaged(&format!("it has no {missing}"))),
            None if self.hub && !names.contains("registry.db") => Err(damaged("it is a hub's and has no registry.db")),
            None => Ok(()),
        }
    }
}

/// Plain names only: nothing that could lead out of the folder it is unpacked into.
fn is_ours(name: &str) -> bool {
    SINGLE.contains(&name) || name.strip_prefix(SPOOL).is_some_and(is_draft)
}

/// Whether a file of the spool is called as ours are.
pub(super) fn is_draft(file: &str) -> bool {
    let id = file.strip_suffix(".json").unwrap_or_default();
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

pub(super) fn damaged(why: &str) -> Error {
    Error::configuration(format!(
        "this is not a whole backup of flock_of_chefs: {why}; take another one"
    ))
    .with_code("backup_damaged")
}

pub(super) fn newer_than_us(what: &str, found: usize) -> Error {
    Error::configuration(format!(
        "the backup is of a newer flock_of_chefs ({what} {found}); install that version and restore with it"
    ))
    .with_code("backup_newer")
}

/// Largest manifest, in bytes: all names of a full spool.
pub(super) const BYTES: u64 = 256 * (limits::SPOOL_FILES as u64 + SINGLE.len() as u64);
