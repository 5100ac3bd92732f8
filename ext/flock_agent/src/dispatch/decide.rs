//! Whether a stored notification may run, must wait, or can never run. Pure: everything it looks at is passed in.

use flock_core::notification::State;

use crate::{
    delivery::gate::Gate,
    run_state::{Card, Snapshot},
    store::inbox::Candidate,
};

/// What to do with one stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    Run,
    Wait {
        code: &'static str,
        message: String,
    },
    End {
        state: State,
        code: String,
        message: String,
    },
}

/// All rows that are waiting, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The oldest (key, action) that may run.
    pub(super) next: Option<Group>,
    /// Rows that can never run.
    pub(super) ends: Vec<(i64, State, String, String)>,
    /// Rows whose reason to wait is new.
    pub(super) waits: Vec<(i64, &'static str, String)>,
}

/// Rows that one run serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) key: String,
    pub(super) action: String,
    pub(super) rows: Vec<i64>,
}

/// Sorts all candidates, oldest first.
pub(super) fn plan(candidates: Vec<Candidate>, snapshot: Option<&Snapshot>, gate: &Gate) -> Plan {
    let mut plan = Plan::default();
    for candidate in candidates {
        match decide(&candidate, snapshot, gate) {
            Decision::Run => plan.run(candidate),
            Decision::Wait { code, .. } if code == candidate.code => {}
            Decision::Wait { code, message } => plan.waits.push((candidate.row, code, message)),
            Decision::End { state, code, message } => plan.ends.push((candidate.row, state, code, message)),
        }
    }
    plan
}

impl Plan {
    fn run(&mut self, candidate: Candidate) {
        match &mut self.next {
            None => {
                self.next = Some(Group {
                    key: candidate.key,
                    action: candidate.action,
                    rows: vec![candidate.row],
                });
            }
            Some(group) if group.key == candidate.key && group.action == candidate.action => {
                group.rows.push(candidate.row)
            }
            Some(_) => {}
        }
    }
}

/// Looks at one row.
pub(super) fn decide(candidate: &Candidate, snapshot: Option<&Snapshot>, gate: &Gate) -> Decision {
    let Some(snapshot) = snapshot else {
        return wait("no_snapshot", "this node's first successful Chef run is awaited".into());
    };
    match snapshot.card(&candidate.key) {
        Some(card) => with_card(candidate, card, snapshot, gate),
        None => without_card(candidate, snapshot),
    }
}

/// A run that started before the arrival may have been compiled from older cookbooks; only a later one proves that the resource is not there.
fn without_card(candidate: &Candidate, snapshot: &Snapshot) -> Decision {
    let key = &candidate.key;
    if snapshot.run_number > candidate.arrived_run {
        let run = snapshot.run_number;
        return undeliverable(
            "resource_absent",
            format!(
                "Chef run {run} of this node declared no {key}; declare it there, or notify a resource that it has"
            ),
        );
    }
    wait(
        "resource_absent",
        format!("the last Chef run declared no {key}; the next one is awaited"),
    )
}

fn with_card(candidate: &Candidate, card: &Card, snapshot: &Snapshot, gate: &Gate) -> Decision {
    if let Some(denied) = denied(candidate, card, snapshot, gate) {
        return denied;
    }
    let (key, action) = (&candidate.key, &candidate.action);
    if card.nested {
        return undeliverable(
            "nested",
            format!("{key} lives inside a custom resource and cannot be run alone; notify the custom resource itself"),
        );
    }
    if card.duplicate {
        return undeliverable(
            "duplicate_key",
            format!("several resources of this node are called {key}; give them different names"),
        );
    }
    if !card.allowed_actions.contains(action) {
        return undeliverable(
            "action_not_allowed",
            format!(
                "{key} has no action {action}; it knows {}",
                card.allowed_actions.join(", ")
            ),
        );
    }
    Decision::Run
}

fn denied(candidate: &Candidate, card: &Card, snapshot: &Snapshot, gate: &Gate) -> Option<Decision> {
    let subscribed = snapshot.subscription(&candidate.subscription);
    let admitted = candidate
        .asker()
        .and_then(|from| gate.at_claim(&from, &candidate.action, card, subscribed));
    let denial = admitted.err()?;
    Some(Decision::End {
        state: State::Denied,
        code: denial.code().to_owned(),
        message: denial.message().to_owned(),
    })
}

fn wait(code: &'static str, message: String) -> Decision {
    Decision::Wait { code, message }
}

fn undeliverable(code: &str, message: String) -> Decision {
    Decision::End {
        state: State::Undeliverable,
        code: code.to_owned(),
        message,
    }
}
