//! Whose presence the hub is asked to report.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use flock_core::limits;
use tokio::sync::watch;

/// Two sorts of names, together what is watched.
#[derive(Default)]
pub(super) struct Interest(Mutex<Names>);

#[derive(Default)]
struct Names {
    /// Of whom something is queued for.
    queued: BTreeSet<String>,
    /// Of whom somebody waits for, and how many do.
    awaited: BTreeMap<String, usize>,
}

/// A name is watched for as long as this lives.
pub struct Watching<'a> {
    interest: &'a Interest,
    watched: &'a watch::Sender<BTreeSet<String>>,
    name: String,
}

impl Interest {
    pub(super) fn set(&self, queued: BTreeSet<String>, watched: &watch::Sender<BTreeSet<String>>) {
        let mut names = self.names();
        names.queued = queued;
        names.tell(watched);
    }

    pub(super) fn add<'a>(&'a self, name: &str, watched: &'a watch::Sender<BTreeSet<String>>) -> Watching<'a> {
        let mut names = self.names();
        *names.awaited.entry(name.to_owned()).or_default() += 1;
        names.tell(watched);
        Watching {
            interest: self,
            watched,
            name: name.to_owned(),
        }
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    fn tell(&self, watched: &watch::Sender<BTreeSet<String>>) {
        let names: BTreeSet<String> = self.queued.iter().chain(self.awaited.keys()).cloned().collect();
        let asked = names.len();
        let names = watchable(names);
        if names.len() < asked {
            let watched = names.len();
            tracing::warn!(asked, watched, "too many names to watch; the last are left out");
        }
        watched.send_if_modified(|watched| {
            let changed = *watched != names;
            *watched = names;
            changed
        });
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let mut names = self.interest.names();
        match names.awaited.get_mut(&self.name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(names.awaited.remove(&self.name)),
        }
        names.tell(self.watched);
    }
}

fn watchable(names: BTreeSet<String>) -> BTreeSet<String> {
    let mut bytes = 0;
    let fits = |name: &String| {
        // A tag and a length stand before each.
        bytes += name.len() + 4;
        bytes < limits::MESSAGE_BYTES - 1024
    };
    names.into_iter().take(limits::WATCHED_NAMES).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::pb;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_watched_fits_into_one_message() {
        let long = |n: usize| format!("{n:0>width$}", width = limits::NODE_NAME_BYTES);
        let watched = watchable((0..limits::WATCHED_NAMES).map(long).collect());
        let message = pb::Watch {
            names: watched.into_iter().collect(),
        };
        assert!(message.encoded_len() < limits::MESSAGE_BYTES && message.names.len() > 4_000);
        let short = watchable((0..=limits::WATCHED_NAMES).map(|n| n.to_string()).collect());
        assert_eq!(short.len(), limits::WATCHED_NAMES);
    }

    #[test]
    fn a_name_is_watched_as_long_as_anybody_wants_it() {
        let (interest, watched) = (Interest::default(), watch::Sender::default());
        interest.set(names(&["a"]), &watched);
        let first = interest.add("b", &watched);
        let second = interest.add("b", &watched);
        let third = interest.add("a", &watched);
        assert_eq!(*watched.borrow(), names(&["a", "b"]));
        drop((first, third));
        assert_eq!(*watched.borrow(), names(&["a", "b"]));
        drop(second);
        assert_eq!(*watched.borrow(), names(&["a"]));
        interest.set(names(&[]), &watched);
        assert_eq!(*watched.borrow(), names(&[]));
    }
}
