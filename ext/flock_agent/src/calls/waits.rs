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
    pub(super) fn hold(&self, waiter: &pb::Waiter, nodes: Vec<String>) -> Holding<'_> {
        let wait = pb::Wait {
            waiter: Some(waiter.clone()),
            nodes,
        };
        let mut waits = self.waits();
        forget(&mut waits);
        if waits.len() < limits::WAITS || waits.contains_key(&waiter.id) {
            waits.insert(waiter.id.clone(), Held { wait, until: None });
        }
        Holding {
            waits: self,
            id: waiter.id.clone(),
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
    id: String,
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let until = Instant::now() + Duration::from_millis(limits::WAIT_LINGER_MS);
        if let Some(held) = self.waits.waits().get_mut(&self.id) {
            held.until = Some(until);
        }
    }
}
