//! What Chef runs of this node wait for now.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flock_core::limits;
use tokio::time::Instant;

use crate::pb;

/// Waits that keep a run of this node from going on.
#[derive(Default)]
pub struct Waits(Mutex<HashMap<String, Held>>);

struct Held {
    wait: pb::Wait,
    /// Between two looks of a wait nobody asks on its behalf; then it goes on being one for a moment.
    until: Option<Instant>,
}

impl Waits {
    /// The wait stands until the guard is dropped, and a moment longer.
    pub(super) fn hold(&self, waiter: pb::Waiter) -> Holding<'_> {
        let wait = pb::Wait {
            waiter: Some(waiter.clone()),
            nodes: Vec::new(),
        };
        let mut waits = self.waits();
        forget(&mut waits);
        if waits.len() < limits::WAITS || waits.contains_key(&waiter.id) {
            waits.insert(waiter.id.clone(), Held { wait, until: None });
        }
        drop(waits);
        Holding {
            waits: self,
            waiter,
            nodes: Mutex::default(),
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<pb::Wait> {
        let mut waits = self.waits();
        forget(&mut waits);
        waits.values().map(|held| held.wait.clone()).collect()
    }

    fn waits(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(waits: &mut HashMap<String, Held>) {
    let now = Instant::now();
    waits.retain(|_, held| held.until.is_none_or(|until| now < until));
}

/// See [`Waits::hold`].
pub(super) struct Holding<'a> {
    waits: &'a Waits,
    waiter: pb::Waiter,
    /// Also where the table had no room for it.
    nodes: Mutex<Vec<String>>,
}

impl Holding<'_> {
    /// Who waits.
    pub(super) fn waiter(&self) -> &pb::Waiter {
        &self.waiter
    }

    /// Those whose runs must go on for the wait to end.
    pub(super) fn nodes(&self) -> Vec<String> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it waits for these.
    pub(super) fn wait_for(&self, nodes: Vec<String>) {
        if let Some(held) = self.waits.waits().get_mut(&self.waiter.id) {
            held.wait.nodes.clone_from(&nodes);
        }
        *self.nodes.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
    }

    /// It got what it waited for: it is a wait no longer, not even for a moment.
    pub(super) fn over(self) {
        self.waits.waits().remove(&self.waiter.id);
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let until = Instant::now() + Duration::from_millis(limits::WAIT_LINGER_MS);
        if let Some(held) = self.waits.waits().get_mut(&self.waiter.id) {
            held.until = Some(until);
        }
    }
}
