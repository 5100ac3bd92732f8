//! Counting what happened, by what it came to, since the agent began.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Counters by label; cheap to clone. Labels are words of ours (states, kinds of errors), never of others.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Tally {
    /// One more.
    ///
    /// ```
    /// let tally = flock_agent::tally::Tally::default();
    /// tally.count("done");
    /// assert_eq!(tally.all(), [("done", 1)]);
    /// ```
    pub fn count(&self, label: &'static str) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(label)
            .or_default() += 1;
    }

    /// One more call that ended so: `"ok"`, or the kind of its error.
    pub fn ended<T>(&self, result: &flock_core::Result<T>) {
        self.count(result.as_ref().map_or_else(|error| error.kind().code(), |_| "ok"));
    }

    /// All that was counted, by label.
    pub fn all(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(label, count)| (*label, *count)).collect()
    }
}
