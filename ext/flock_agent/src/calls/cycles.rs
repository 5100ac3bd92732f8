//! Circles of waits: a run that waits for a node whose run waits, over any number of nodes, for this one.
//!
//! Every waiting node looks for itself, by asking along the waits (edge chasing, after Chandy, Misra and Haas, "Distributed deadlock
//! detection", 1983): there is no place where all waits are known, and none that must be there. A circle counts when it was found twice in
//! a row with the same waits, for a wait may just have ended.

use std::collections::{HashSet, VecDeque};

use flock_core::{Error, limits};

use super::{caller::Caller, waits::Holding};
use crate::pb;

/// A way from one wait to the next: which node's, and what it says of itself.
type Step = (String, pb::Waiter);

/// Returns when a run of this node waits in a circle.
pub(super) async fn found(caller: &Caller, held: &Holding<'_>) -> Error {
    loop {
        tokio::time::sleep_until(held.look_at()).await;
        let circle = search(caller, held.waiter(), &held.nodes()).await;
        let ids: Option<Vec<String>> = circle
            .as_ref()
            .map(|steps| steps.iter().map(|(_, waiter)| waiter.id.clone()).collect());
        if let (true, Some(steps)) = (held.looked(ids), circle) {
            return error(&steps);
        }
    }
}

/// Breadth first, so that the shortest circle is told.
async fn search(caller: &Caller, first: &pb::Waiter, nodes: &[String]) -> Option<Vec<Step>> {
    let own = caller.own().to_string();
    let start = vec![(own.clone(), first.clone())];
    let mut seen = HashSet::new();
    let mut open: VecDeque<(String, Vec<Step>)> = nodes.iter().map(|node| (node.clone(), start.clone())).collect();
    while let Some((node, way)) = open.pop_front() {
        if node == own {
            return Some(way);
        }
        if way.len() > limits::CYCLE_STEPS || seen.len() >= limits::CYCLE_NODES || !seen.insert(node.clone()) {
            continue;
        }
        let asked = caller.waiting(&node).await;
        for wait in asked.into_iter().flat_map(|answer| answer.waits) {
            let Some(waiter) = wait.waiter else { continue };
            let mut further = way.clone();
            further.push((node.clone(), waiter));
            open.extend(wait.nodes.into_iter().map(|next| (next, further.clone())));
        }
    }
    None
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
