use flock_core::{
    notification::State,
    policy::{Policy, Rule},
};

use super::{
    super::decide::{Decision, decide, plan},
    *,
};
use crate::{fixtures::name, run_state::Snapshot, store::inbox::Candidate};

fn candidate(row: i64, key: &str, action: &str) -> Candidate {
    Candidate {
        row,
        sender: "a".into(),
        operator: String::new(),
        key: key.into(),
        action: action.into(),
        arrived_run: 5,
        code: String::new(),
        subscription: String::new(),
    }
}

fn snapshot(run_number: u64) -> Snapshot {
    let card = |key: &str, fields: Value| {
        let card: crate::run_state::Card = serde_json::from_value(with(card(key), fields)).unwrap();
        (key.to_owned(), card)
    };
    let cards = [
        card("execute[x]", serde_json::json!({})),
        card("execute[y]", serde_json::json!({})),
        card("execute[twice]", serde_json::json!({"duplicate": true})),
        card("execute[inner]", serde_json::json!({"nested": true})),
        card("execute[few]", serde_json::json!({"allowed_actions": ["nothing"]})),
    ];
    let mut snapshot = Snapshot::default();
    (snapshot.generation, snapshot.run_number, snapshot.cards) = (run_number, run_number, cards.into());
    snapshot
}

fn gate(policy: Policy) -> Gate {
    Gate::new(name("target"), policy)
}

fn word(decision: Decision) -> String {
    match decision {
        Decision::Run => "run".into(),
        Decision::Wait { code, .. } => format!("wait {code}"),
        Decision::End { state, code, .. } => format!("{} {code}", state.as_str()),
    }
}

#[test]
fn what_may_run_what_waits_and_what_never_will() {
    let gate = gate(Policy::default());
    let table = [
        (None, "execute[x]", "run", "wait no_snapshot"),
        (Some(5), "execute[x]", "run", "run"),
        (Some(5), "execute[x]", "nothing", "run"),
        (Some(5), "execute[x]", "reload", "run"),
        (Some(5), "execute[x]", "delete", "denied policy"),
        (Some(5), "execute[x]", "restart", "undeliverable action_not_allowed"),
        (Some(5), "execute[few]", "run", "undeliverable action_not_allowed"),
        (Some(5), "execute[twice]", "run", "undeliverable duplicate_key"),
        (Some(5), "execute[inner]", "run", "undeliverable nested"),
        (Some(4), "execute[gone]", "run", "wait resource_absent"),
        (Some(5), "execute[gone]", "run", "wait resource_absent"),
        (Some(6), "execute[gone]", "run", "undeliverable resource_absent"),
    ];
    for (run, key, action, wanted) in table {
        let snapshot = run.map(snapshot);
        let found = decide(&candidate(1, key, action), snapshot.as_ref(), &gate);
        assert_eq!(word(found), wanted, "{key} {action} with snapshot {run:?}");
    }
}

#[test]
fn a_table_that_was_tightened_meanwhile_is_obeyed() {
    let rule = |from: &str| {
        Policy::new(vec![Rule {
            from: from.into(),
            resource: "*".into(),
            actions: vec!["delete".into()],
            call: Vec::new(),
        }])
    };
    let snapshot = snapshot(5);
    let at = |policy, action| {
        word(decide(
            &candidate(1, "execute[x]", action),
            Some(&snapshot),
            &gate(policy),
        ))
    };
    assert_eq!(at(rule("a"), "delete"), "run");
    assert_eq!(at(rule("a"), "run"), "denied policy");
    assert_eq!(at(rule("b"), "delete"), "denied policy");
}

#[test]
fn an_operator_that_was_removed_meanwhile_has_nothing_run() {
    let rule = Rule {
        from: "operator/*".into(),
        resource: "*".into(),
        actions: vec!["run".into()],
        call: Vec::new(),
    };
    let (snapshot, deny) = (snapshot(5), crate::transport::DenyList::default());
    let by_alice = Candidate {
        operator: "alice".into(),
        ..candidate(1, "execute[x]", "run")
    };
    let admitting = gate(Policy::new(vec![rule])).denying(deny.clone());
    let at = |gate: &Gate| word(decide(&by_alice, Some(&snapshot), gate));
    assert_eq!(at(&gate(Policy::default())), "denied policy", "what any node may");
    assert_eq!(at(&admitting), "run");
    deny.set(vec!["operator/alice".into()]);
    assert_eq!(at(&admitting), "denied removed");
}

#[test]
fn the_oldest_that_may_run_takes_its_like_along() {
    let mut waiting = candidate(1, "execute[gone]", "run");
    waiting.code = "resource_absent".into();
    let stored = vec![
        waiting,
        candidate(2, "execute[gone]", "nothing"),
        candidate(3, "execute[twice]", "run"),
        candidate(4, "execute[x]", "run"),
        candidate(5, "execute[y]", "run"),
        candidate(6, "execute[x]", "nothing"),
        candidate(7, "execute[x]", "run"),
    ];
    let plan = plan(stored, Some(&snapshot(5)), &gate(Policy::default()));
    let group = plan.next.unwrap();
    assert_eq!(
        (group.key.as_str(), group.action.as_str(), group.rows),
        ("execute[x]", "run", vec![4, 7])
    );
    assert_eq!(
        plan.waits.iter().map(|w| w.0).collect::<Vec<_>>(),
        [2],
        "the first has been told before"
    );
    let ends: Vec<_> = plan.ends.iter().map(|(row, state, ..)| (*row, *state)).collect();
    assert_eq!(ends, [(3, State::Undeliverable)]);
}
