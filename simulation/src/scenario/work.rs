//! What a flock is for: notifications, Chef runs, people who wait.

use std::sync::Arc;

use flock_agent::pb;
use rand::{Rng, RngExt};

use super::waits::Wait;
use crate::{
    chef,
    flock::{Flock, NAMES},
    node::Command,
};

/// A piece of work.
#[derive(Debug, Clone)]
pub enum Work {
    Notify {
        sender: &'static str,
        draft: Box<pb::Draft>,
        waits: bool,
    },
    Converge {
        node: &'static str,
        succeeds: bool,
    },
    /// A run of this length, which succeeds.
    ConvergeFor {
        node: &'static str,
        lasts_ms: u64,
    },
    /// Everyone has something new to say at the same time.
    ConvergeAll,
    /// Someone waits for other nodes.
    Wait(Wait),
}

pub fn draw(rng: &mut impl Rng, n: u64) -> Work {
    match rng.random_range(0..100) {
        0..5 => Work::ConvergeAll,
        5..15 => Work::Converge {
            node: name(rng),
            succeeds: rng.random_range(0..100) < 80,
        },
        _ => Work::Notify {
            sender: name(rng),
            draft: Box::new(draft(rng, n)),
            waits: rng.random_range(0..100) < 25,
        },
    }
}

pub fn name(rng: &mut impl Rng) -> &'static str {
    NAMES[rng.random_range(0..NAMES.len())]
}

fn draft(rng: &mut impl Rng, n: u64) -> pb::Draft {
    let key = match rng.random_range(0..100) {
        0..25 => "execute[shared]".to_owned(),
        25..30 => "execute[absent]".to_owned(),
        _ => format!("execute[{n}]"),
    };
    let ttl_ms = match rng.random_range(0..100) {
        0..15 => rng.random_range(2_000..=30_000),
        _ => 0,
    };
    pb::Draft {
        id: format!("01900000-0000-7000-8000-{n:012x}"),
        key,
        action: "run".into(),
        targets: Some(targets(rng)),
        ttl_ms,
        retry: if rng.random_range(0..100) < 20 { 2 } else { 0 },
        ..Default::default()
    }
}

fn targets(rng: &mut impl Rng) -> pb::Targets {
    match rng.random_range(0..100) {
        0..10 => pb::Targets {
            roles: vec!["web".into()],
            ..Default::default()
        },
        10..18 => pb::Targets {
            cloud: "dc1".into(),
            r#match: "any".into(),
            ..Default::default()
        },
        18..22 => pb::Targets {
            tags: vec!["tag-nobody".into()],
            ..Default::default()
        },
        _ => pb::Targets {
            nodes: vec![name(rng).into()],
            ..Default::default()
        },
    }
}

/// Every resource that notifications of this plan name, unless it is called absent.
pub fn keys(events: &[(u64, super::Event)]) -> Vec<String> {
    let keys = events.iter().filter_map(|(_, event)| match event {
        super::Event::Work(Work::Notify { draft, .. }) => Some(draft.key.clone()),
        _ => None,
    });
    let mut keys: Vec<String> = keys
        .chain(["execute[chained]".to_owned()])
        .filter(|key| key != "execute[absent]")
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

pub fn run(flock: &Arc<Flock>, work: &Work) {
    match work {
        Work::Converge { node, succeeds } => chef::run::start(flock, node, *succeeds),
        Work::ConvergeFor { node, lasts_ms } => chef::run::start_for(flock, node, true, Some(*lasts_ms)),
        Work::ConvergeAll => converge_all(flock),
        Work::Wait(wait) => super::waits::run(flock, wait),
        Work::Notify { sender, draft, waits } => notify(flock, sender, draft, *waits),
    }
}

/// All runs end in the same moment, and the disk of the hub is busy: what is announced then shares commits.
pub fn converge_all(flock: &Arc<Flock>) {
    for name in NAMES {
        chef::run::start_for(flock, name, true, Some(1_500));
    }
    super::faults::slow_disk(flock, 4_000);
}

fn notify(flock: &Arc<Flock>, sender: &'static str, draft: &pb::Draft, waits: bool) {
    if flock.is_off(sender) {
        return;
    }
    let node = flock.node(sender);
    flock.state().retries.insert(draft.id.clone(), draft.retry);
    let to = draft
        .targets
        .as_ref()
        .map(|targets| format!("{:?}", targets.nodes))
        .unwrap_or_default();
    flock.log(
        sender,
        &format!("notifies {} {} at {to}", crate::node::short(&draft.id), draft.key),
    );
    let command = Command::Notify {
        draft: Box::new(draft.clone()),
        waits,
    };
    // Without an agent a recipe has the spool.
    if !node.ask(command) {
        crate::node::keep(node, flock, draft);
    }
}
