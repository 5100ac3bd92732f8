//! One live incarnation per node.

use serde_json::Value;

use crate::{
    flock::{Flock, NAMES},
    node::files::rows,
};

fn sessions(flock: &Flock) -> Vec<(String, u64)> {
    let query = "SELECT owner, epoch FROM sessions ORDER BY owner";
    rows(&file(flock), query, [], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })
}

fn file(flock: &Flock) -> std::path::PathBuf {
    flock.node(NAMES[0]).data_dir.join("registry.db")
}

/// Epochs only grow.
pub fn watch(flock: &Flock) -> Vec<String> {
    let sessions = sessions(flock);
    let mut state = flock.state();
    let mut problems = Vec::new();
    for (owner, epoch) in sessions {
        let seen = state.epochs.entry(owner.clone()).or_default();
        if epoch < *seen {
            problems.push(format!("the epoch of {owner} went back from {seen} to {epoch}"));
        }
        *seen = epoch.max(*seen);
    }
    problems
}

/// When all is calm: the session that a node believes in is the one of the registry, and it is the one that lives.
pub fn check(flock: &Flock) -> Vec<String> {
    let sessions = sessions(flock);
    let state = flock.state();
    let live = rows(
        &file(flock),
        "SELECT key, value FROM kv WHERE key LIKE 'live/%' ORDER BY key",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)),
    );
    let there = NAMES.into_iter().filter(|name| state.lost != Some(name));
    let mut problems = Vec::new();
    if live.len() != there.clone().count() {
        problems.push(format!("{} nodes live, {} should", live.len(), there.clone().count()));
    }
    for name in there {
        let believed = state.views.get(name).map(|view| view.epoch);
        let session = sessions
            .iter()
            .find(|(owner, _)| owner == name)
            .map(|(_, epoch)| *epoch);
        let entry = live.iter().find(|(key, _)| key == &format!("live/{name}"));
        let entry = entry
            .and_then(|(_, value)| serde_json::from_slice::<Value>(value).ok())
            .and_then(|live| live["epoch"].as_u64());
        if believed != session || entry != session {
            problems.push(format!(
                "{name} believes in epoch {believed:?}, the registry's session has {session:?}, its entry {entry:?}"
            ));
        }
    }
    problems
}
