//! Who is an operator, from the registry.

use std::collections::HashSet;

use flock_core::{Result, limits};

use super::{
    Hub,
    book::Book,
    keys::{self, ENROLLED, REMOVED},
};
use crate::{identity::enrol::EnrolledRecord, pb};

/// What the last part of an operator's keys begins with.
const OPERATORS: &str = "operator%2F";

impl Hub {
    /// Those whose certificate holds or can still be renewed, by name; [`limits::OPERATORS_LISTED`] at most.
    ///
    /// # Errors
    /// The registry's.
    pub async fn operators(&self) -> Result<Vec<pb::OperatorRecord>> {
        let removed: HashSet<String> = names(&self.0.book, REMOVED)
            .await?
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let now_ms = self.0.options.clock.now_ms();
        let mut records: Vec<_> = names(&self.0.book, ENROLLED)
            .await?
            .into_iter()
            .filter(|(name, _)| !removed.contains(name))
            .filter_map(|(name, value)| record(name, &value))
            .filter(|record| record.expires_ms.saturating_add(limits::RENEW_GRACE_MS) > now_ms)
            .collect();
        records.sort_by(|a, b| a.name.cmp(&b.name));
        records.truncate(limits::OPERATORS_LISTED);
        Ok(records)
    }
}

/// The operators who have a key under `prefix`, with its value.
async fn names(book: &Book, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let entries = book.list(&format!("{prefix}{OPERATORS}")).await?.entries;
    let named = |key: &str| Some(keys::name_in(prefix, key)?.strip_prefix("operator/")?.to_owned());
    Ok(entries
        .into_iter()
        .filter_map(|entry| Some((named(&entry.key)?, entry.value)))
        .collect())
}

fn record(name: String, value: &[u8]) -> Option<pb::OperatorRecord> {
    let enrolled: EnrolledRecord = keys::decode(&name, value)?;
    Some(pb::OperatorRecord {
        name,
        issued_ms: enrolled.at_ms,
        expires_ms: enrolled.at_ms.saturating_add(limits::LEAF_MS),
    })
}
