//! One task per peer at a time, and for peers that fail a pause before the next.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    time::Duration,
};

use crate::backoff::full_jitter;
use flock_core::limits;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

/// How a peer's task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The peer has all that waited for it.
    Clear,
    /// The peer asks to be left alone for a while.
    Busy(Duration),
    /// The peer could not be reached, or not be understood.
    Failed,
}

/// The peers with a task and those with a pause.
#[derive(Default)]
pub(super) struct Lanes {
    tasks: JoinSet<Ended>,
    running: HashMap<Id, String>,
    pauses: HashMap<String, Pause>,
    forgiven: HashSet<String>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    failures: u32,
    until: Instant,
}

impl Lanes {
    /// Starts the task of `peer`, unless it has one, pauses, or no place is left. Peers that failed get no more than their share of the places.
    pub fn start<F>(&mut self, peer: &str, task: impl FnOnce() -> F)
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        if self.may_start(peer) {
            let id = self.tasks.spawn(task()).id();
            self.running.insert(id, peer.to_owned());
        }
    }

    fn may_start(&self, peer: &str) -> bool {
        let paused = self.pauses.get(peer).is_some_and(|pause| pause.until > Instant::now());
        let places = match self.pauses.contains_key(peer) {
            true => limits::DELIVERIES_FAILING.saturating_sub(self.failing()),
            false => limits::DELIVERIES_AT_ONCE.saturating_sub(self.running.len()),
        };
        !paused && places > 0 && self.running.len() < limits::DELIVERIES_AT_ONCE && !self.is_running(peer)
    }

    fn is_running(&self, peer: &str) -> bool {
        self.running.values().any(|one| one == peer)
    }

    fn failing(&self) -> usize {
        self.running
            .values()
            .filter(|peer| self.pauses.contains_key(*peer))
            .count()
    }

    /// Waits until a task ends, and takes in all that have ended; for ever when there is none.
    pub async fn ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.end(ended),
            None => std::future::pending().await,
        }
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.end(ended);
        }
    }

    fn end(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let (id, ended) = match ended {
            Ok(ended) => ended,
            // A panic of ours must not make a peer unreachable for good.
            Err(error) => (error.id(), Ended::Failed),
        };
        let Some(peer) = self.running.remove(&id) else { return };
        let forgiven = self.forgiven.remove(&peer);
        match ended {
            Ended::Clear => drop(self.pauses.remove(&peer)),
            _ if forgiven => self.pause(peer, |_| Duration::ZERO),
            Ended::Failed => self.pause(peer, backoff),
            Ended::Busy(pause) => self.pause(peer, |_| pause),
        }
    }

    fn pause(&mut self, peer: String, length: impl FnOnce(u32) -> Duration) {
        let failures = self.pauses.get(&peer).map_or(0, |pause| pause.failures);
        let pause = Pause {
            failures: failures.saturating_add(1),
            until: Instant::now() + length(failures),
        };
        self.pauses.insert(peer, pause);
    }

    /// Ends the pause of a peer that is back. If its task is running, that may have begun too early: the next follows at once.
    pub fn forgive(&mut self, peer: &str) {
        self.pauses.remove(peer);
        if self.is_running(peer) {
            self.forgiven.insert(peer.to_owned());
        }
    }

    /// Ends all pauses.
    pub fn forgive_all(&mut self) {
        self.pauses.clear();
        self.forgiven.extend(self.running.values().cloned());
    }

    /// Forgets the pauses of peers for which nothing waits.
    pub fn retain(&mut self, waiting: &BTreeSet<String>) {
        self.pauses.retain(|peer, _| waiting.contains(peer));
    }

    /// The peers that cannot be started now.
    pub fn unavailable(&self) -> BTreeSet<String> {
        let now = Instant::now();
        let paused = self
            .pauses
            .iter()
            .filter(|(_, pause)| pause.until > now)
            .map(|(peer, _)| peer);
        paused.chain(self.running.values()).cloned().collect()
    }

    /// When the next pause ends, or `floor` from now.
    pub fn wake(&self, floor: Duration) -> Instant {
        let now = Instant::now();
        let ends = self
            .pauses
            .values()
            .map(|pause| pause.until)
            .filter(|until| *until > now);
        ends.fold(now + floor, Instant::min)
    }

    /// Ends all tasks where they are; what they were at is taken up at the next start.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

fn backoff(failures: u32) -> Duration {
    Duration::from_millis(full_jitter(failures, limits::BACKOFF_CAP_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ends(lanes: &mut Lanes, peer: &str, how: Ended) {
        lanes.start(peer, || async move { how });
        assert!(lanes.is_running(peer));
        lanes.ended().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_peer_pauses_and_one_that_is_back_does_not() {
        let mut lanes = Lanes::default();
        ends(&mut lanes, "a", Ended::Busy(Duration::from_secs(9))).await;
        assert!(!lanes.may_start("a") && lanes.may_start("b"));
        assert_eq!(lanes.unavailable(), BTreeSet::from(["a".to_owned()]));
        assert_eq!(
            lanes.wake(Duration::from_secs(30)),
            Instant::now() + Duration::from_secs(9)
        );
        lanes.forgive("a");
        assert!(lanes.may_start("a"));
        ends(&mut lanes, "a", Ended::Busy(Duration::from_secs(9))).await;
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(lanes.may_start("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_comes_back_while_its_task_fails_is_tried_again_at_once() {
        let mut lanes = Lanes::default();
        for _ in 0..20 {
            lanes.start("a", || async { Ended::Failed });
            lanes.forgive("a");
            lanes.ended().await;
            assert!(lanes.may_start("a"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_has_one_task_at_a_time_and_a_panic_is_a_failure() {
        let mut lanes = Lanes::default();
        lanes.start("a", || async { panic!("a test") });
        lanes.start("a", || async { Ended::Clear });
        assert_eq!(lanes.running.len(), 1);
        lanes.ended().await;
        assert!(lanes.pauses.contains_key("a") && !lanes.is_running("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn peers_that_fail_leave_places_for_the_others() {
        let mut lanes = Lanes::default();
        for n in 0..limits::DELIVERIES_AT_ONCE {
            let peer = format!("dead{n}");
            lanes.pause(peer.clone(), |_| Duration::ZERO);
            lanes.start(&peer, std::future::pending);
        }
        assert_eq!(lanes.running.len(), limits::DELIVERIES_FAILING);
        for n in 0..limits::DELIVERIES_AT_ONCE {
            lanes.start(&format!("alive{n}"), std::future::pending);
        }
        assert_eq!(lanes.running.len(), limits::DELIVERIES_AT_ONCE);
        lanes.stop().await;
    }
}
