//! What can be watched of a node, and how one tells that it changed: a version that differs.

use crate::{pb, run_state::RunView, text};

/// The node's Chef run, and what was asked for of the next.
pub(super) const RUN: &str = "run";
/// The node's attributes.
pub(super) const ATTRIBUTES: &str = "attributes";
/// This start of the node's agent.
pub(super) const AGENT: &str = "agent";
/// What the flock knows of the node, which others say of it.
pub(super) const PRESENCE: &str = "presence";
/// Before the name of a user API.
const API: &str = "api:";

/// The topic of a user API.
pub(super) fn api_topic(api: &str) -> String {
    format!("{API}{api}")
}

/// The API of a topic.
pub(super) fn api_of(topic: &str) -> Option<&str> {
    topic.strip_prefix(API)
}

/// Of the run; it is the same after a restart of the agent, so that nobody is woken for nothing.
pub(super) fn of_run(view: &RunView, requests: u64) -> String {
    let run = view.run.as_ref().map_or_else(Default::default, |run| {
        let reboots = run.awaits_reboot();
        (
            run.number,
            run.phase.as_str(),
            run.pid,
            run.started_ms,
            run.ended_ms,
            reboots,
        )
    });
    let generation = view.snapshot.as_ref().map_or(0, |snapshot| snapshot.generation);
    digest(&format!("{run:?} {} {generation} {requests}", view.converging))
}

/// Of the attributes: they are those of the last successful run.
pub(super) fn of_attributes(view: &RunView) -> String {
    match &view.snapshot {
        Some(snapshot) => format!("g{}", snapshot.generation),
        None => "none".into(),
    }
}

/// Of an API; one that is not there has a version, too, so that its coming is a change.
pub(super) fn of_api(known: Option<String>) -> String {
    known.unwrap_or_else(|| "absent".into())
}

/// Whether this is the version of an API that never said that something of it changed: perhaps it never does.
pub(super) fn never_announced(version: &str) -> bool {
    version.ends_with(".0")
}

/// Whether what was read is still so.
pub(super) fn differs(topic: &pb::Topic, now: &str) -> bool {
    topic.version != now
}

fn digest(said: &str) -> String {
    text::cut(&text::sha256_hex(said.as_bytes()), 16).to_owned()
}
