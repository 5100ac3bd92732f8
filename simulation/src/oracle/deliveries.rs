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

/// What has not ended.
pub fn unfinished(flock: &Flock) -> Vec<String> {
    let sent = sent(flock)
        .into_iter()
        .filter(|one| OPEN.contains(&one.state.as_str()))
        .map(|one| {
            format!(
                "{} of {} to {:?} is still {} {}",
                short(&one.id),
                one.sender,
                one.target,
                one.state,
                one.code
            )
        });
    let arrived = arrived(flock)
        .into_iter()
        .filter(|one| OPEN.contains(&one.state.as_str()));
    let arrived = arrived.map(|one| {
        format!(
            "{} of {} is still {} at {}",
            short(&one.id),
            one.sender,
            one.state,
            one.node
        )
    });
    sent.chain(arrived).collect()
}

/// What a recipe was told is kept, and is not.
pub fn lost(flock: &Flock) -> Vec<String> {
    let sent = sent(flock);
    let state = flock.state();
    let lost = state
        .promises
        .iter()
        .filter(|(id, promise)| !sent.iter().any(|one| one.id == **id && one.sender == promise.sender));
    lost.map(|(id, promise)| {
        format!(
            "{} was acknowledged to a recipe of {} and is lost",
            short(id),
            promise.sender
        )
    })
    .collect()
}
