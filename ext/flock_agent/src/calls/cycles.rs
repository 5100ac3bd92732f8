//! Circles of waits: a run that waits for a node whose run waits, over any number of nodes, for this one.
//!
//! Every waiting node looks for itself, by asking along the waits (edge chasing, after Chandy, Misra and Haas, "Distributed deadlock
//! detection", 1983): there is no place where all waits are known, and none that must be there. A circle counts when it was found twice in
//! a row with the same waits, for a wait may just have ended; and a wait for which there is news already is none.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use flock_core::{Error, limits};
use tokio::time::timeout;

use super::{caller::Caller, check, observe::by_node, waits::Holding};
use crate::pb;

/// A way from one wait to the next: which node's, and what it says of itself.
type Step = (String, pb::Waiter);

/// Returns when a run of this node waits in a circle.
pub(super) async fn found(caller: &Caller, held: &Holding<'_>) -> Error {
    loop {
        tokio::time::sleep_until(held.look_at()).await;
        let circle = search(caller, held.waiter(), held.on()).await;
        let ids: Option<Vec<String>> = circle
            .as_ref()
            .map(|steps| steps.iter().map(|(_, waiter)| waiter.id.clone()).collect());
        if let (true, Some(steps)) = (held.looked(ids), circle) {
            return error(&steps);
        }
    }
}

/// A wait on the way, and the one before it.
struct Found {
    node: String,
    waiter: pb::Waiter,
    from: Option<usize>,
    steps: usize,
}

/// From a wait to what it waits for at one node.
struct Edge {
    from: usize,
    node: String,
    read: Vec<pb::Topic>,
}

fn edges(from: usize, on: Vec<pb::Topic>) -> impl Iterator<Item = Edge> {
    let nodes = by_node(on).into_iter();
    nodes.map(move |(node, read)| Edge { from, node, read })
}

/// Breadth first, so that the shortest circle is told. A wait that has read what is not so any more leads nowhere: it is about to hear of
/// that. What one node says may differ with what was read of it.
async fn search(caller: &Caller, first: &pb::Waiter, on: Vec<pb::Topic>) -> Option<Vec<Step>> {
    let own = caller.own().as_str();
    let mut found = vec![Found {
        node: own.to_owned(),
        waiter: first.clone(),
        from: None,
        steps: 1,
    }];
    if caller.is_waited_for(&on) {
        return Some(way(&found, 0));
    }
    let (mut seen, mut silent): (Vec<Vec<pb::Topic>>, HashSet<String>) = Default::default();
    let mut open: VecDeque<Edge> = edges(0, on).collect();
    while let Some(Edge { from, node, read }) = open.pop_front() {
        if found[from].steps > limits::CYCLE_STEPS
            || seen.len() >= limits::CYCLE_NODES
            || seen.contains(&read)
            || silent.contains(&node)
        {
            continue;
        }
        seen.push(read.clone());
        let Some(waits) = waits_of(caller, &node, read).await else {
            silent.insert(node);
            continue;
        };
        for wait in waits {
            let Some(waiter) = wait.waiter else { continue };
            found.push(Found {
                node: node.clone(),
                waiter,
                from: Some(from),
                steps: found[from].steps + 1,
            });
            let this = found.len() - 1;
            if caller.is_waited_for(&wait.on) {
                return Some(way(&found, this));
            }
            open.extend(edges(this, wait.on));
        }
    }
    None
}

fn way(found: &[Found], last: usize) -> Vec<Step> {
    let steps = std::iter::successors(Some(last), |&at| found[at].from);
    let mut way: Vec<Step> = steps
        .map(|at| (found[at].node.clone(), found[at].waiter.clone()))
        .collect();
    way.reverse();
    way
}

/// What a node says is taken for what it may be at most: it is not this one's word. One that cannot be reached in time says nothing.
async fn waits_of(caller: &Caller, node: &str, read: Vec<pb::Topic>) -> Option<Vec<pb::Wait>> {
    let limit = Duration::from_millis(limits::WAITING_MS);
    let told = timeout(limit, caller.waiting(node, read)).await.ok()?.ok()?;
    let sound = |wait: &pb::Wait| {
        check::waiter(wait.waiter.as_ref()).is_ok()
            && wait.on.len() <= limits::TOPICS
            && wait.on.iter().all(|topic| check::topic(topic).is_ok())
    };
    Some(told.waits.into_iter().filter(sound).take(limits::CYCLE_WAITS).collect())
}

fn error(steps: &[Step]) -> Error {
    let told: Vec<String> = steps
        .iter()
        .map(|(node, waiter)| format!("{node} at {}", waiter.at))
        .collect();
    let ring = match told.as_slice() {
        [alone] => format!("{alone} waits for its own Chef run"),
        several => format!("{}, which waits for the first", several.join(", which waits for ")),
    };
    Error::rejected(format!(
        "these waits wait for one another and would never end: {ring}; let one of them wait for something else"
    ))
    .with_code("wait_cycle")
}
