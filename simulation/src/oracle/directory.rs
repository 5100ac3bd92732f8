//! What the hub tells of nodes is what they say of themselves.

use std::sync::Arc;

use flock_agent::pb;

use crate::{
    flock::{Flock, NAMES},
    node::{Command, files},
};

/// What a node said when it was asked last.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub epoch: u64,
    pub connected: bool,
    pub nodes: Vec<pb::NodeInfo>,
}

/// Whether all nodes have joined and live; asks them for the next time.
pub fn everyone_is_there(flock: &Arc<Flock>) -> bool {
    for name in NAMES {
        flock.node(name).ask(Command::Look);
    }
    let state = flock.state();
    let hub = state.views.get(NAMES[0]);
    hub.is_some_and(|view| view.nodes.len() == NAMES.len() && view.nodes.iter().all(|node| node.presence == "alive"))
}

/// Where the directory and the nodes differ.
pub fn check(flock: &Flock) -> Vec<String> {
    NAMES.into_iter().filter_map(|name| difference(flock, name)).collect()
}

fn difference(flock: &Flock, name: &'static str) -> Option<String> {
    let state = flock.state();
    if state.lost == Some(name) {
        return None;
    }
    if !state.views.get(name).is_some_and(|view| view.connected) {
        return Some(format!("{name} has no session with the hub"));
    }
    let view = state.views.get(NAMES[0])?;
    let Some(found) = view.nodes.iter().find(|node| node.name == name) else {
        return Some(format!("the hub does not know {name}"));
    };
    let generation = files::generation(&flock.node(name).data_dir);
    if found.presence != "alive"
        || found.generation != generation
        || !found.tags.contains(&format!("generation-{generation}"))
    {
        return Some(format!(
            "the hub says that {name} is {} at generation {} ({:?}); it is alive at {generation}",
            found.presence, found.generation, found.tags
        ));
    }
    None
}
