//! `apis.json` of a snapshot: the APIs that its cookbooks offer.

use std::path::Path;

use flock_core::limits;
use serde::Deserialize;

use super::files;

pub(super) const FILE: &str = "apis.json";

/// What the cookbooks of a snapshot offer, and the version of the code behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Over all library files, Chef and this gem: what is loaded when it is the same is the same.
    pub digest: String,
    /// Names of APIs.
    pub names: Vec<String>,
}

#[derive(Deserialize)]
struct Declared {
    digest: String,
    apis: Vec<Api>,
}

#[derive(Deserialize)]
struct Api {
    name: String,
}

/// `None` when the file is missing, as versions that knew no APIs leave it, or cannot be used.
pub(super) fn read(dir: &Path) -> Option<Offered> {
    let declared = files::json::<Declared>(&dir.join(FILE), limits::RUN_FILE_BYTES);
    let declared = declared.inspect_err(|problem| tracing::warn!(problem, "APIs stay as they were"));
    declared.ok().flatten().map(|declared| Offered {
        digest: declared.digest,
        names: declared.apis.into_iter().map(|api| api.name).collect(),
    })
}
