//! What Chef runs of this node wait for now.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
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
    look: Look,
    /// Questions on its behalf that are under way.
    asked: usize,
    /// Between two looks of a wait nobody asks on its behalf; then it goes on being one for a moment.
    until: Option<Instant>,
}

/// How far the search for a circle of a wait is, over all of its questions: one may be woken more often than it is looked for.
#[derive(Clone)]
struct Look {
    next: Instant,
    /// The waits of the circle that was found last.
    suspect: Option<Vec<String>>,
}

impl Look {
    fn first() -> Self {
        Self {
            next: Instant::now() + Duration::from_millis(limits::CYCLE_LOOK_MS),
            suspect: None,
        }
    }
}

impl Waits {
    /// The wait stands until the guard is dropped; a moment longer, if it was answered first.
    pub(super) fn hold(&self, waiter: pb::Waiter) -> Holding<'_> {
        let mut waits = self.waits();
        forget(&mut waits);
        let known = waits.remove(&waiter.id);
        let look = known.as_ref().map_or_else(Look::first, |held| held.look.clone());
        if waits.len() < limits::WAITS || known.is_some() {
            let held = Held {
                asked: 1 + known.as_ref().map_or(0, |held| held.asked),
                wait: pb::Wait {
                    waiter: Some(waiter.clone()),
                    on: known.map_or_else(Vec::new, |held| held.wait.on),
                },
                look: look.clone(),
                until: None,
            };
            waits.insert(waiter.id.clone(), held);
        }
        drop(waits);
        Holding {
            waits: self,
            waiter,
            on: Mutex::default(),
            look: Mutex::new(look),
            answered: AtomicBool::new(false),
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
    on: Mutex<Vec<pb::Topic>>,
    look: Mutex<Look>,
    answered: AtomicBool,
}

impl Holding<'_> {
    /// Who waits.
    pub(super) fn waiter(&self) -> &pb::Waiter {
        &self.waiter
    }

    /// What must change for the wait to end, at nodes whose runs must go on for that.
    pub(super) fn on(&self) -> Vec<pb::Topic> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it waits for these.
    pub(super) fn wait_for(&self, on: Vec<pb::Topic>) {
        if let Some(held) = self.waits.waits().get_mut(&self.waiter.id) {
            held.wait.on.clone_from(&on);
        }
        *self.on.lock().unwrap_or_else(PoisonError::into_inner) = on;
    }

    /// When it is due to look for circles of it.
    pub(super) fn look_at(&self) -> Instant {
        self.look.lock().unwrap_or_else(PoisonError::into_inner).next
    }

    /// A look found the circle of these waits, or none; whether it is the one that was found before.
    pub(super) fn looked(&self, circle: Option<Vec<String>>) -> bool {
        let mut look = self.look.lock().unwrap_or_else(PoisonError::into_inner);
        let again = circle.is_some() && circle == look.suspect;
        *look = Look {
            suspect: circle,
            ..Look::first()
        };
        if let Some(held) = self.waits.waits().get_mut(&self.waiter.id) {
            held.look = look.clone();
        }
        again
    }

    /// The waiter has its answer, and may ask again.
    pub(super) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// It got what it waited for: it is a wait no longer, not even for a moment.
    pub(super) fn over(self) {
        self.waits.waits().remove(&self.waiter.id);
    }
}

/// Who asked and hears no answer is gone, with the run that waited.
impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let mut waits = self.waits.waits();
        let Some(held) = waits.get_mut(&self.waiter.id) else {
            return;
        };
        held.asked = held.asked.saturating_sub(1);
        match (held.asked, self.answered.load(Ordering::Relaxed)) {
            (0, true) => held.until = Some(Instant::now() + Duration::from_millis(limits::WAIT_LINGER_MS)),
            (0, false) => drop(waits.remove(&self.waiter.id)),
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
        let holding = waits.hold(waiter);
        let outcome_at = |&node: &&str| pb::Topic {
            node: node.into(),
            ..Default::default()
        };
        holding.wait_for(nodes.iter().map(outcome_at).collect());
        holding
    }

    fn nodes(waits: &Waits) -> Vec<String> {
        let on = waits.all().into_iter().flat_map(|wait| wait.on);
        on.map(|topic| topic.node).collect()
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

    #[test]
    fn a_wait_that_got_what_it_waited_for_is_none_at_once() {
        let waits = Waits::default();
        let question = hold(&waits, "1", &["a"]);
        question.answered();
        question.over();
        assert!(waits.all().is_empty());
    }
}
