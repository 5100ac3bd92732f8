//! Nothing that was promised is lost, and everything ends.

use crate::{
    flock::{Flock, NAMES},
    node::{files::rows, short},
};

/// A row of a sender's outbox.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub sender: &'static str,
    pub id: String,
    pub target: String,
    pub state: String,
    pub code: String,
}

impl Delivery {
    pub fn has_ended(&self) -> bool {
        !OPEN.contains(&self.state.as_str())
    }
}

/// A row of a target's inbox.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub node: &'static str,
    pub sender: String,
    pub id: String,
    pub state: String,
}

/// Everything that was sent.
pub fn sent(flock: &Flock) -> Vec<Delivery> {
    let query = "SELECT id, target, state, code FROM delivery JOIN outbox USING (seq) ORDER BY id, target";
    let of = |sender: &'static str| {
        rows(&flock.node(sender).data_dir.join("state.db"), query, [], move |row| {
            Ok(Delivery {
                sender,
                id: row.get(0)?,
                target: row.get(1)?,
                state: row.get(2)?,
                code: row.get(3)?,
            })
        })
    };
    NAMES.into_iter().flat_map(of).collect()
}

/// Everything that was taken in.
pub fn arrived(flock: &Flock) -> Vec<Arrival> {
    let query = "SELECT sender, id, state FROM inbox ORDER BY row";
    let of = |node: &'static str| {
        rows(&flock.node(node).data_dir.join("state.db"), query, [], move |row| {
            Ok(Arrival {
                node,
                sender: row.get(0)?,
                id: row.get(1)?,
                state: row.get(2)?,
            })
        })
    };
    NAMES.into_iter().flat_map(of).collect()
}

const OPEN: [&str; 4] = ["queued", "offered", "stored", "claimed"];

/// What has not ended, but for what nobody can end: the lost member's own, and what waits for it.
pub fn unfinished(flock: &Flock) -> Vec<String> {
    let lost = flock.state().lost.unwrap_or_default();
    let sent = open(flock)
        .into_iter()
        .filter(|one| one.sender != lost && one.target != lost);
    let arrived = arrived(flock)
        .into_iter()
        .filter(|one| OPEN.contains(&one.state.as_str()) && one.node != lost);
    let arrived = arrived.map(|one| {
        format!(
            "{} of {} is still {} at {}",
            short(&one.id),
            one.sender,
            one.state,
            one.node
        )
    });
    sent.map(describe).chain(arrived).collect()
}

/// What has not ended at nodes that run, whomever it is for.
pub fn overdue(flock: &Flock) -> Vec<String> {
    let lost = flock.state().lost.unwrap_or_default();
    open(flock)
        .into_iter()
        .filter(|one| one.sender != lost)
        .map(describe)
        .collect()
}

fn open(flock: &Flock) -> Vec<Delivery> {
    let mut open = sent(flock);
    open.retain(|one| !one.has_ended());
    open
}

fn describe(one: Delivery) -> String {
    format!(
        "{} of {} to {:?} is still {} {}",
        short(&one.id),
        one.sender,
        one.target,
        one.state,
        one.code
    )
}

/// What a recipe was told is kept, and is not.
pub fn lost(flock: &Flock) -> Vec<String> {
    let sent = sent(flock);
    let state = flock.state();
    if state.days_passed {
        return Vec::new();
    }
    let lost = state.promises.iter().filter(|(id, promise)| {
        !sent.iter().any(|one| one.id == **id && one.sender == promise.sender) && !spooled(flock, promise.sender, id)
    });
    lost.map(|(id, promise)| {
        format!(
            "{} was acknowledged to a recipe of {} and is lost",
            short(id),
            promise.sender
        )
    })
    .collect()
}

/// An agent that does not run has not taken it in yet.
fn spooled(flock: &Flock, sender: &str, id: &str) -> bool {
    flock
        .node(sender)
        .data_dir
        .join("spool/new")
        .join(format!("{id}.json"))
        .exists()
}
