//! What became of the connections between this node and others, for whoever asks why one cannot be reached.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flock_core::{Error, id::NodeName, limits};

use crate::pb;

/// The newest of each kind, by node; at most [`limits::ENCOUNTERS`] nodes, and only while this process lives. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Encounters(Arc<Mutex<HashMap<String, pb::Encounter>>>);

impl Encounters {
    /// What is known of `name`.
    pub fn of(&self, name: &str) -> Option<pb::Encounter> {
        self.all().get(name).cloned()
    }

    /// A handshake with `name` succeeded.
    pub fn met(&self, name: &NodeName, now_ms: u64) {
        self.note(name, |known| known.met_ms = now_ms);
    }

    /// `name` showed a certificate that ends at `expires_ms`. The one that ends last counts: another machine that had the name before may
    /// go on showing its own.
    pub fn showed(&self, name: &NodeName, expires_ms: u64) {
        self.note(name, |known| {
            known.certificate_expires_ms = known.certificate_expires_ms.max(expires_ms);
        });
    }

    /// A handshake with `name`, or its hello, failed or was refused.
    pub fn failed(&self, name: &NodeName, error: &Error, now_ms: u64) {
        self.note(name, |known| {
            known.failed_ms = now_ms;
            error.code().clone_into(&mut known.code);
            error.message().clone_into(&mut known.message);
        });
    }

    /// The session of `name`, which was heard last at `heard_ms`, ended.
    pub fn ended(&self, name: &NodeName, why: &str, heard_ms: u64) {
        self.note(name, |known| {
            known.heard_ms = heard_ms;
            why.clone_into(&mut known.ended);
        });
    }

    fn note(&self, name: &NodeName, change: impl FnOnce(&mut pb::Encounter)) {
        let mut all = self.all();
        if all.len() >= limits::ENCOUNTERS && !all.contains_key(name.as_str()) {
            forget_oldest(&mut all);
        }
        change(all.entry(name.to_string()).or_default());
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, pb::Encounter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A quarter at a time, so that it is rarely done.
fn forget_oldest(all: &mut HashMap<String, pb::Encounter>) {
    let newest = |known: &pb::Encounter| known.met_ms.max(known.heard_ms).max(known.failed_ms);
    let mut times: Vec<u64> = all.values().map(newest).collect();
    let quarter = times.len() / 4;
    let (_, limit, _) = times.select_nth_unstable(quarter);
    let limit = *limit;
    all.retain(|_, known| newest(known) > limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> NodeName {
        NodeName::parse(name).unwrap()
    }

    #[test]
    fn the_newest_of_each_kind_is_kept() {
        let encounters = Encounters::default();
        encounters.met(&name("a"), 1);
        encounters.failed(&name("a"), &Error::denied("gone").with_code("removed"), 2);
        encounters.showed(&name("a"), 9);
        encounters.showed(&name("a"), 7);
        encounters.met(&name("a"), 3);
        let known = encounters.of("a").unwrap();
        assert_eq!((known.met_ms, known.failed_ms, known.code.as_str()), (3, 2, "removed"));
        assert_eq!((known.certificate_expires_ms, encounters.of("b")), (9, None));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let encounters = Encounters::default();
        let all = limits::ENCOUNTERS as u64 + 1;
        (1..=all).for_each(|n| encounters.met(&name(&format!("n{n}")), n));
        assert!(encounters.all().len() <= limits::ENCOUNTERS);
        assert_eq!(
            (encounters.of("n1"), encounters.of(&format!("n{all}")).is_some()),
            (None, true)
        );
    }
}
