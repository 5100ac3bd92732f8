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
    /// Questions on its behalf that are under way.
    asked: usize,
    /// Between two looks of a wait nobody asks on its behalf; then it goes on being one for a moment.
    until: Option<Instant>,
}

impl Waits {
    /// The wait stands until the guard is dropped; a moment longer, if it was answered first.
    pub(super) fn hold(&self, waiter: &pb::Waiter, nodes: Vec<String>) -> Holding<'_> {
        let wait = pb::Wait {
            waiter: Some(waiter.clone()),
            nodes,
        };
        let mut waits = self.waits();
        forget(&mut waits);
        if waits.len() < limits::WAITS || waits.contains_key(&waiter.id) {
            let asked = 1 + waits.get(&waiter.id).map_or(0, |held| held.asked);
            let held = Held {
                wait,
                asked,
                until: None,
            };
            waits.insert(waiter.id.clone(), held);
        }
        Holding {
            waits: self,
            id: waiter.id.clone(),
            answered: false,
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
    answered: bool,
}

impl Holding<'_> {
    /// The waiter has its answer, and may ask again.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

/// Who asked and hears no answer is gone, with the run that waited.
impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let mut waits = self.waits.waits();
        let Some(held) = waits.get_mut(&self.id) else { return };
        held.asked = held.asked.saturating_sub(1);
        match (held.asked, self.answered) {
            (0, true) => held.until = Some(Instant::now() + Duration::from_millis(limits::WAIT_LINGER_MS)),
            (0, false) => drop(waits.remove(&self.id)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold<'a>(waits: &'a Waits, id: &str, nodes: &[&str]) -> Holding<'a> {
        let waiter = pb::Waiter {
            id: id.into(),
            ..Default::default()
        };
        waits.hold(&waiter, nodes.iter().map(|&node| node.to_owned()).collect())
    }

    fn nodes(waits: &Waits) -> Vec<String> {
        waits.all().into_iter().flat_map(|wait| wait.nodes).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_stands_between_two_questions_for_a_moment() {
        let waits = Waits::default();
        hold(&waits, "1", &["a"]).answered();
        assert_eq!(nodes(&waits), ["a"]);
        tokio::time::advance(Duration::from_millis(limits::WAIT_LINGER_MS)).await;
        assert!(nodes(&waits).is_empty());
    }

    #[test]
    fn the_wait_of_a_process_that_is_gone_is_none() {
        let waits = Waits::default();
        let question = hold(&waits, "1", &["a"]);
        let again = hold(&waits, "1", &["b"]);
        drop(question);
        assert_eq!(nodes(&waits), ["b"]);
        drop(again);
        assert!(nodes(&waits).is_empty());
    }

    #[test]
    fn a_waiter_says_that_it_waits_for_nobody_any_more() {
        let waits = Waits::default();
        hold(&waits, "1", &["a"]).answered();
        hold(&waits, "1", &[]).answered();
        assert!(nodes(&waits).is_empty());
    }
}
