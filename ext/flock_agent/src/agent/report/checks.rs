//! The checks of `doctor`, each from what was measured already.

mod apis;

use std::{collections::BTreeMap, path::Path};

use flock_core::limits;

use crate::{
    agent::ports::skewed, care, clock::Clock, link::LinkState, pb, run_state::RunView, store::room::Space,
    transport::timestamp,
};

pub(super) use apis::{Offered, apis, call_rules, hidden, services};

/// Subscriptions that one finding names.
const SHOWN: usize = 5;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn finding(level: &str, check: &str, message: String, remedy: &str) -> pb::Finding {
    pb::Finding {
        level: level.to_owned(),
        check: check.to_owned(),
        message,
        remedy: remedy.to_owned(),
    }
}

fn ok(check: &str, message: impl Into<String>) -> pb::Finding {
    finding("ok", check, message.into(), "")
}

pub(super) fn link(state: &LinkState) -> pb::Finding {
    if state.connected {
        let relaying = if state.served {
            ""
        } else {
            "; it relays nothing to this node yet"
        };
        return ok(
            "hub",
            format!("session {} with the hub at {}{relaying}", state.epoch, state.hub),
        );
    }
    let why = state
        .problem
        .as_ref()
        .map_or("not connected yet".to_owned(), ToString::to_string);
    finding(
        "error",
        "hub",
        why,
        "see that the hub's agent runs and its port is reachable; named targets that were seen before are still served",
    )
}

pub(super) fn clock(state: &LinkState, clock: &Clock) -> pb::Finding {
    if !clock.is_settled() {
        return finding(
            "warning",
            "clock",
            "it jumped within the last hour; nothing expires meanwhile".to_owned(),
            "see that this machine's time is right (chrony, systemd-timesyncd)",
        );
    }
    match state.clock_offset_ms {
        None => finding(
            "warning",
            "clock",
            "not compared with the hub's yet".to_owned(),
            "wait for a session with a hub",
        ),
        Some(offset) if skewed(state) => finding(
            "error",
            "clock",
            format!("{offset} ms from the hub's; nothing expires meanwhile"),
            "set this machine's clock (chrony, systemd-timesyncd)",
        ),
        Some(offset) => ok("clock", format!("{offset} ms from the hub's")),
    }
}

/// What is left on the disk of data_dir.
pub(super) fn disk(space: Option<Space>) -> pb::Finding {
    let Some(space) = space else {
        return ok("disk", "the system does not say how full it is");
    };
    let free = format!("{} MiB left on the disk of data_dir", space.free >> 20);
    let remedy = "free space there; what waits in the spool and at other nodes is then taken in by itself";
    if space.is_low(1) {
        return finding("error", "disk", format!("{free}: nothing new is taken in"), remedy);
    }
    match space.free < space.reserve.saturating_mul(4) {
        true => finding("warning", "disk", free, remedy),
        false => ok("disk", free),
    }
}

/// The intermediate certificate of a hub, without which it lets nobody in and renews nobody.
pub(super) fn authority(until_ms: u64, now_ms: u64) -> pb::Finding {
    let days = until_ms.saturating_sub(now_ms) / DAY_MS;
    let level = match days {
        0..=60 => "error",
        61..=730 => "warning",
        _ => {
            return ok(
                "authority",
                format!("this hub's own certificate is good for {days} days"),
            );
        }
    };
    finding(
        level,
        "authority",
        format!("this hub's own certificate ends in {days} days; after that no node is let in or renewed"),
        "put identity/root.pem back into data_dir and restart the agent: it makes a new one",
    )
}

pub(super) fn certificate(status: &pb::StatusReport, now_ms: u64) -> pb::Finding {
    let left_ms = status.certificate_expires_ms.saturating_sub(now_ms);
    let days = left_ms / DAY_MS;
    match days {
        0 => finding(
            "error",
            "certificate",
            format!("ends within {} hours", left_ms / (DAY_MS / 24)),
            "it is renewed through a hub: mend the link; 90 days after its end the node has to join again",
        ),
        1..=9 => finding(
            "warning",
            "certificate",
            format!("ends in {days} days and should have been renewed"),
            "it is renewed through a hub: see the agent's log",
        ),
        _ => ok("certificate", format!("good for {days} days")),
    }
}

pub(super) fn spool(status: &pb::StatusReport, data_dir: &Path) -> pb::Finding {
    match (status.spool_bad, status.spool) {
        (0, 0) => ok("spool", "empty"),
        (0, waiting) => finding(
            "warning",
            "spool",
            format!("{waiting} notifications wait to be taken in"),
            "see the agent's log",
        ),
        (bad, _) => finding(
            "error",
            "spool",
            format!("{bad} files could not be taken in"),
            &format!("read the .reason files in {}", data_dir.join("spool/bad").display()),
        ),
    }
}

/// The registry of this hub was restored; nobody but its operator knows what was lost.
pub(super) fn restored(data_dir: &Path) -> Option<pb::Finding> {
    let path = data_dir.join(care::NOTE);
    let note: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).ok()?).unwrap_or_default();
    let backup_ms = note["backup_ms"].as_u64().unwrap_or_default();
    let remedy = format!(
        "remove nodes again that were removed since (`flockctl node remove NAME`), then delete {}",
        path.display()
    );
    let message = format!(
        "the registry was restored from a backup of {}: nodes that were removed after it may be back",
        timestamp(backup_ms)
    );
    Some(finding("warning", "restored", message, &remedy))
}

pub(super) fn snapshot(view: &RunView) -> pb::Finding {
    match (&view.problem, &view.snapshot) {
        (Some(problem), _) => finding(
            "error",
            "snapshot",
            problem.clone(),
            "run chef-client; a good run writes a new one",
        ),
        (None, None) => finding(
            "warning",
            "snapshot",
            "this node has not converged with flock_of_chefs loaded: nothing can be run here yet".to_owned(),
            "load `flock_of_chefs/chef` from client.d and run chef-client",
        ),
        (None, Some(snapshot)) => ok(
            "snapshot",
            format!(
                "generation {} with {} resources",
                snapshot.generation,
                snapshot.cards.len()
            ),
        ),
    }
}

/// A cold worker does all that a warm one does, more slowly: nothing about it is an error.
pub(super) fn worker(state: &pb::WorkerState) -> pb::Finding {
    if state.failures >= limits::WARM_FAILURES {
        return finding(
            "warning",
            "worker",
            format!(
                "the warm worker failed {} times in a row, last: {}; actions run in cold ones, a second slower",
                state.failures, state.message
            ),
            "see worker.log in data_dir and the kernel's log (out of memory?); `worker.warm = false` does without",
        );
    }
    match state.state.as_str() {
        "off" => ok("worker", format!("cold, one per action: {}", state.message)),
        _ => ok("worker", format!("{}, generation {}", state.state, state.generation)),
    }
}

/// `waiting` are the newest of `count`.
pub(super) fn inbox(count: u64, waiting: &[pb::Record]) -> pb::Finding {
    if count == 0 {
        return ok("inbox", "nothing waits");
    }
    let reasons = tally(waiting);
    finding(
        "warning",
        "inbox",
        format!("{count} wait to be run here; of the newest: {reasons}"),
        "`flockctl notifications list` tells each one's reason; most wait for the next chef-client run",
    )
}

/// `unsent` are the newest of `count`.
pub(super) fn outbox(count: u64, unsent: &[pb::Record]) -> pb::Finding {
    if count == 0 {
        return ok("outbox", "everything has left");
    }
    let mut targets: Vec<_> = unsent
        .iter()
        .map(|record| record.peer.as_str())
        .filter(|peer| !peer.is_empty())
        .collect();
    targets.sort_unstable();
    targets.dedup();
    targets.truncate(10);
    finding(
        "warning",
        "outbox",
        format!(
            "{count} wait to leave, for {}",
            if targets.is_empty() {
                "nodes to be found".to_owned()
            } else {
                targets.join(", ")
            }
        ),
        "see `flockctl nodes`: they leave when their targets are back",
    )
}

/// `own` are all that this node subscribes to.
pub(super) fn subscriptions(own: &[pb::SubscriptionRecord]) -> pb::Finding {
    let waiting: Vec<_> = own.iter().filter(|record| !record.code.is_empty()).collect();
    let Some(first) = waiting.first() else {
        return ok(
            "subscriptions",
            format!("{} are published and know their sources", own.len()),
        );
    };
    let mut shown: Vec<String> = waiting.iter().take(SHOWN).map(|record| shown(record)).collect();
    if waiting.len() > SHOWN {
        shown.push(format!("and {} more", waiting.len() - SHOWN));
    }
    let remedy = match first.code.as_str() {
        "never_seen" => {
            "see `flockctl nodes`: a source has to join the flock; or correct the names in the recipe and run chef-client"
        }
        "no_source" => "see `flockctl nodes`: no node has what the subscription asks for",
        "not_published" => "mend the link to the hub; they are published by themselves then",
        "hub_away" => "mend the link to the hub: who the sources are is not known now",
        _ => "see the message; correct the recipe and run chef-client, they are published again by themselves",
    };
    finding("warning", "subscriptions", shown.join("; "), remedy)
}

fn shown(record: &pb::SubscriptionRecord) -> String {
    let subscription = record.subscription.clone().unwrap_or_default();
    format!(
        "{} of {} waits for {}: {}",
        subscription.action, subscription.key, subscription.source_key, record.message
    )
}

fn tally(records: &[pb::Record]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for record in records {
        let reason = if record.code.is_empty() {
            "next in turn"
        } else {
            &record.code
        };
        *counts.entry(reason).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_judged_by_its_reserve() {
        let space = |free| {
            Some(Space {
                free,
                reserve: 100,
                files: true,
            })
        };
        for (free, level) in [(99, "error"), (100, "warning"), (399, "warning"), (400, "ok")] {
            assert_eq!(disk(space(free)).level, level, "{free}");
        }
        let no_files = Space {
            free: 1000,
            reserve: 100,
            files: false,
        };
        assert_eq!(disk(Some(no_files)).level, "error");
        assert_eq!(disk(None).level, "ok");
    }

    #[test]
    fn a_hub_hears_early_that_its_intermediate_ends() {
        let level = |days: u64| authority(1_000 * DAY_MS + days * DAY_MS, 1_000 * DAY_MS).level;
        for (days, wanted) in [
            (0, "error"),
            (60, "error"),
            (61, "warning"),
            (730, "warning"),
            (731, "ok"),
        ] {
            assert_eq!(level(days), wanted, "{days}");
        }
        assert_eq!(authority(0, DAY_MS).level, "error", "it has ended");
    }
}
