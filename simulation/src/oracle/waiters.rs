//! Waits for other nodes: what is so is heard of, what is not so is not, rings end, and everything ends.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    chef::{
        self, Task,
        waiter::{CALL_MS, Condition, End, PATIENCE_MS},
    },
    flock::{Flock, NAMES, now_ms},
    node::files,
};

/// From the moment that it is so to the end of its wait, in a flock without faults, in milliseconds.
const CALM_WAKE_MS: u64 = 2_000;
/// The same after faults: a connection that broke in silence is noticed by a question that is not answered.
const HEALED_WAKE_MS: u64 = 30_000;
/// How long a ring of waits may stand in a flock without faults, in milliseconds.
const RING_MS: u64 = 2_000;
/// What the last questions of a wait may take beyond its time, in milliseconds, each, with the steps in which a process looks for an answer.
const SLACK_MS: u64 = CALL_MS + PATIENCE_MS + 100;
/// When the flock knows of everyone after faults, in milliseconds.
const ALIVE_MS: u64 = 20_000;

/// A wait, and what was true while it lasted.
pub struct Watched {
    node: &'static str,
    pid: u32,
    conditions: Vec<Condition>,
    blocks_run: bool,
    begun_ms: u64,
    limit_ms: u64,
    end: Option<End>,
    so_since_ms: Option<u64>,
    was_so: bool,
    /// Whether it was in what may be a ring.
    was_in_ring: bool,
    /// It has learned what it waits for: until then there is nothing to tell others of.
    has_read: bool,
    /// Since when it is in what is one for sure.
    in_ring_since_ms: Option<u64>,
    told: bool,
}

impl Watched {
    pub fn new(
        node: &'static str,
        pid: u32,
        conditions: Vec<Condition>,
        blocks_run: bool,
        begun_ms: u64,
        limit_ms: u64,
    ) -> Self {
        Self {
            node,
            pid,
            conditions,
            blocks_run,
            begun_ms,
            limit_ms,
            end: None,
            so_since_ms: None,
            was_so: false,
            was_in_ring: false,
            has_read: false,
            in_ring_since_ms: None,
            told: false,
        }
    }

    /// The latest end, so far, and why then.
    fn bound(&self, healed_ms: Option<u64>, calm_ms: Option<u64>) -> (u64, &'static str) {
        let is_calm = calm_ms.is_some_and(|calm_ms| calm_ms <= self.begun_ms);
        let questions = self.conditions.len() as u64;
        let mut bounds = vec![(
            self.begun_ms + self.limit_ms + questions * SLACK_MS,
            "is over its deadline",
        )];
        if let (Some(so_ms), Some(healed_ms)) = (self.so_since_ms, healed_ms) {
            let woken_ms = if is_calm {
                so_ms + CALM_WAKE_MS
            } else {
                so_ms.max(healed_ms) + HEALED_WAKE_MS
            };
            bounds.push((woken_ms, "does not hear that it is over"));
        }
        if let (Some(ring_ms), true) = (self.in_ring_since_ms, is_calm) {
            bounds.push((ring_ms + RING_MS, "does not hear that it is in a ring"));
        }
        bounds.into_iter().min_by_key(|(at_ms, _)| *at_ms).unwrap_or_default()
    }
}

/// What is true now, of all nodes.
struct Truth {
    converging: BTreeSet<&'static str>,
    generations: Vec<u64>,
    everyone_is_known: bool,
}

impl Truth {
    fn now(flock: &Flock) -> Self {
        let runs = |name: &&str| !chef::pids(flock, name, |task| matches!(task, Task::Run(_))).is_empty();
        let generations = NAMES.map(|name| files::generation(&flock.node(name).data_dir));
        let state = flock.state();
        let (now_ms, lost) = (now_ms(&state), state.lost.is_some());
        let known = state.healed_ms.is_some_and(|healed_ms| now_ms >= healed_ms + ALIVE_MS);
        drop(state);
        Self {
            converging: NAMES.into_iter().filter(runs).collect(),
            generations: generations.to_vec(),
            everyone_is_known: known && !lost,
        }
    }

    fn is_so(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Idle(node) => !self.converging.contains(node),
            Condition::Generation(node, wanted) => {
                let at = NAMES.iter().position(|name| name == node).unwrap_or_default();
                self.generations[at] >= *wanted
            }
            Condition::Alive(_) => self.everyone_is_known,
        }
    }
}

/// Every step: what is true, and what should have ended.
pub fn watch(flock: &Arc<Flock>) {
    if flock.state().waiters.values().all(|watched| watched.end.is_some()) {
        return;
    }
    let truth = Truth::now(flock);
    let mut problems = Vec::new();
    {
        let mut state = flock.state();
        let (now_ms, healed_ms, calm_ms) = (state.now_ms, state.healed_ms, state.calm_ms);
        let off = state.off.clone();
        let dead: BTreeSet<u32> = state
            .processes
            .iter()
            .filter(|(_, p)| !p.lives())
            .map(|(pid, _)| *pid)
            .collect();
        state
            .waiters
            .retain(|_, watched| watched.end.is_some() || !dead.contains(&watched.pid));
        let waiting: Vec<&Watched> = state.waiters.values().filter(|watched| watched.end.is_none()).collect();
        let (sure, possible) = (rings(&waiting, &truth, true), rings(&waiting, &truth, false));
        for (id, watched) in state.waiters.iter_mut().filter(|(_, watched)| watched.end.is_none()) {
            // What has no power tells nobody.
            let heard = |condition: &Condition| truth.is_so(condition) && !off.contains(condition.node());
            let so = watched.conditions.iter().all(heard);
            watched.so_since_ms = so.then(|| watched.so_since_ms.unwrap_or(now_ms));
            watched.was_so |= so;
            watched.was_in_ring |= possible.contains(&watched.pid);
            let in_ring = sure.contains(&watched.pid);
            watched.in_ring_since_ms = in_ring.then(|| watched.in_ring_since_ms.unwrap_or(now_ms));
            let (until_ms, why) = watched.bound(healed_ms, calm_ms);
            if now_ms > until_ms && !std::mem::replace(&mut watched.told, true) {
                problems.push(format!("wait {id} of {} {why}", watched.node));
            }
        }
    }
    problems
        .into_iter()
        .for_each(|problem| flock.violation("oracle", problem));
}

/// Pids of the waits in rings. For sure only what waits for one thing is: of several a block may have read some. Perhaps also what is so
/// already, where it is not all: agents know what a block reads, and not what it makes of it.
fn rings(waiting: &[&Watched], truth: &Truth, sure: bool) -> BTreeSet<u32> {
    let counts = |watched: &Watched, condition: &Condition| {
        !truth.is_so(condition) || (!sure && watched.conditions.iter().any(|other| !truth.is_so(other)))
    };
    let edges: Vec<(&'static str, &'static str, u32)> = waiting
        .iter()
        .filter(|watched| watched.blocks_run && (!sure || (watched.conditions.len() == 1 && watched.has_read)))
        .flat_map(|watched| watched.conditions.iter().map(move |condition| (*watched, condition)))
        .filter(|(watched, condition)| !matches!(condition, Condition::Alive(_)) && counts(watched, condition))
        .map(|(watched, condition)| (watched.node, condition.node(), watched.pid))
        .collect();
    let in_ring = |(from, to, _): &&(&'static str, &'static str, u32)| {
        let mut reached = BTreeSet::from([*to]);
        for _ in NAMES {
            let more: Vec<_> = edges
                .iter()
                .filter(|(a, _, _)| reached.contains(a))
                .map(|(_, b, _)| *b)
                .collect();
            reached.extend(more);
        }
        reached.contains(from)
    };
    edges.iter().filter(in_ring).map(|(_, _, pid)| *pid).collect()
}

/// A node has answered what the wait asked of it.
pub fn has_read(flock: &Flock, id: u64) {
    if let Some(watched) = flock.state().waiters.get_mut(&id) {
        watched.has_read = true;
    }
}

/// The recipe's line of a wait.
pub fn at(node: &str, id: u64) -> String {
    format!("{node}.rb:{id}")
}

/// A wait ended like this.
pub fn ended(flock: &Arc<Flock>, id: u64, end: End) {
    // What happened in this step counts.
    watch(flock);
    let (node, problem, in_ring_ms) = {
        let mut state = flock.state();
        let now_ms = now_ms(&state);
        let Some(watched) = state.waiters.get_mut(&id) else {
            return;
        };
        let problem = match &end {
            End::Satisfied if !watched.was_so && !watched.is_about_presence() => {
                Some("is told what was never so".to_owned())
            }
            End::Cycle(_) if !watched.was_in_ring => Some("is in no ring, and is told so".to_owned()),
            End::Cycle(told) if !told.contains(&at(watched.node, id)) => {
                Some("is told of a ring without itself".to_owned())
            }
            End::Error(error) => Some(format!("meets what no wait should, {error}")),
            _ => None,
        };
        watched.end = Some(end.clone());
        let in_ring_ms = watched.in_ring_since_ms.map_or(0, |since_ms| now_ms - since_ms);
        (watched.node, problem, in_ring_ms)
    };
    flock.log(node, &format!("wait {id} ends, {in_ring_ms} ms in a ring: {end:?}"));
    if let Some(problem) = problem {
        flock.violation("oracle", format!("wait {id} of {node} {problem}: {end:?}"));
    }
}

impl Watched {
    /// The flock's opinion of a node is no fact.
    fn is_about_presence(&self) -> bool {
        self.conditions
            .iter()
            .any(|condition| matches!(condition, Condition::Alive(_)))
    }
}

pub fn end_of(flock: &Flock, id: u64) -> Option<End> {
    flock.state().waiters.get(&id).and_then(|watched| watched.end.clone())
}
