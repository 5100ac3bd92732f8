//! What senders are told is what happened: nothing runs twice in silence, nothing is called done that did not run.

use std::collections::BTreeMap;

use super::deliveries::{Delivery, arrived, sent};
use crate::{flock::Flock, node::short};

type Runs = BTreeMap<(String, String, String), usize>;

pub fn check(flock: &Flock) -> Vec<String> {
    let mut runs = Runs::new();
    for act in &flock.state().ledger {
        for (sender, id) in &act.served {
            *runs
                .entry((act.node.to_owned(), sender.clone(), id.clone()))
                .or_default() += 1;
        }
    }
    let mut problems = twice(flock, &runs);
    problems.extend(sent(flock).iter().filter_map(|one| contradiction(one, &runs)));
    problems.extend(disagreements(flock));
    problems
}

/// Only a sender that asked for it is run again, and only after an end that nobody knows.
fn twice(flock: &Flock, runs: &Runs) -> Vec<String> {
    let state = flock.state();
    let allowed = |id: &String| 1 + state.retries.get(id).map_or(0, |retries| *retries as usize);
    let more = runs.iter().filter(|((_, _, id), count)| **count > allowed(id));
    more.map(|((node, sender, id), count)| format!("{} of {sender} ran {count} times at {node}", short(id)))
        .collect()
}

fn contradiction(one: &Delivery, runs: &Runs) -> Option<String> {
    let key = (one.target.clone(), one.sender.to_owned(), one.id.clone());
    let ran = runs.get(&key).copied().unwrap_or_default();
    let wrong = match one.state.as_str() {
        "done" => ran == 0,
        "failed" => ran == 0 && one.code == "action_failed",
        "superseded" | "denied" | "undeliverable" | "expired" => ran > 0,
        _ => false,
    };
    wrong.then(|| {
        format!(
            "{} of {} to {} is {} ({}), but it ran {ran} times",
            short(&one.id),
            one.sender,
            one.target,
            one.state,
            one.code
        )
    })
}

/// A target that knows the end and a sender that was told another one.
fn disagreements(flock: &Flock) -> Vec<String> {
    let (sent, forgotten) = (sent(flock), flock.state().days_passed);
    let mut problems = Vec::new();
    for arrival in arrived(flock) {
        let Some(told) = sent
            .iter()
            .find(|one| one.sender == arrival.sender && one.id == arrival.id && one.target == arrival.node)
        else {
            if !forgotten {
                problems.push(format!(
                    "{} holds {} that {} does not know",
                    arrival.node,
                    short(&arrival.id),
                    arrival.sender
                ));
            }
            continue;
        };
        if told.state != arrival.state && told.state != "unknown" && told.has_ended() {
            problems.push(format!(
                "{} is {} to its sender {} and {} at {}",
                short(&told.id),
                told.state,
                told.sender,
                arrival.state,
                arrival.node
            ));
        }
    }
    problems
}
