//! `subscriptions.json` of a snapshot: what this node wants to hear of.

use std::{path::Path, sync::Arc};

use flock_core::limits;
use serde::Deserialize;
use serde_json::Value;

use super::files;
use crate::{pb, subscription};

pub(super) const FILE: &str = "subscriptions.json";

#[derive(Deserialize)]
struct Declared {
    subscriptions: Vec<Value>,
}

/// The subscriptions, or why there are none to be had. One that cannot be used spoils the file: a part of a set would withdraw the rest.
pub(super) fn read(dir: &Path) -> (Option<Arc<[pb::Subscription]>>, Option<String>) {
    let path = dir.join(FILE);
    let read = files::json::<Declared>(&path, limits::SUBSCRIPTIONS_FILE_BYTES);
    let checked = read.and_then(|found| match found {
        Some(declared) => checked(declared.subscriptions)
            .map(Some)
            .map_err(|e| format!("{} cannot be used: {e}", path.display())),
        // Written by a version that knew no subscriptions.
        None => Ok(None),
    });
    match checked {
        Ok(found) => (found.map(Arc::from), None),
        Err(problem) => (None, Some(problem)),
    }
}

fn checked(entries: Vec<Value>) -> Result<Vec<pb::Subscription>, String> {
    let parsed = entries.into_iter().map(|entry| {
        let one = subscription::parse(entry).ok_or("one entry is no subscription")?;
        subscription::check(&one).map_err(|e| e.message().to_owned())?;
        Ok(one)
    });
    let all: Vec<_> = parsed.collect::<Result<_, String>>()?;
    subscription::check_all(&all).map_err(|e| e.message().to_owned())?;
    Ok(all)
}
