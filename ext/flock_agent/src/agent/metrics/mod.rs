//! The numbers of this agent for Prometheus: over the local socket, and on a loopback port where agent.toml names one.

#[cfg(not(feature = "simulation"))]
pub(super) mod page;
mod process;
mod text;

use flock_core::Result;

use self::text::{Family, Kind::Counter, Kind::Gauge, Text};
use super::{inquiries::Answers, report};
use crate::{
    pb,
    store::{inbox, outbox},
    tally::Tally,
};

/// All of them. What is not there (no hub, no run yet) has no sample; each name is always described.
///
/// # Errors
/// `internal` when the store refuses.
pub(super) async fn text(answers: &Answers) -> Result<String> {
    let status = report::status(answers).await?;
    let states = answers
        .store
        .read(|conn| Ok((outbox::states(conn)?, inbox::states(conn)?)))
        .await?;
    let mut text = Text::default();
    agent(&mut text, answers, &status);
    link(&mut text, answers, &status);
    notifications(&mut text, answers, &states);
    chef(&mut text, answers, &status);
    calls(&mut text, answers, &status);
    room(&mut text, &status);
    process::tell(&mut text);
    Ok(text.finish())
}

fn agent(text: &mut Text, answers: &Answers, status: &pb::StatusReport) {
    let info = answers.info();
    let role = if info.hub { "hub" } else { "member" };
    text.add(
        Family::new("flock_info", Gauge, "Who this agent is; always 1.").labelled(
            &[
                ("node", &info.name),
                ("flock_id", &info.flock_id),
                ("version", &info.version),
                ("role", role),
            ],
            1.0,
        ),
    );
    text.add(Family::new("flock_start_time_seconds", Gauge, "When the agent began.").seconds(status.started_ms));
    text.add(
        Family::new(
            "flock_certificate_expiry_seconds",
            Gauge,
            "When this node's certificate ends.",
        )
        .seconds(status.certificate_expires_ms),
    );
    let authority = answers.identity.authority_expires_ms();
    text.add(
        Family::new(
            "flock_authority_expiry_seconds",
            Gauge,
            "When the intermediate certificate of this hub ends.",
        )
        .seconds_if(authority),
    );
    text.add(
        Family::new(
            "flock_connections_open",
            Gauge,
            "Connections with other nodes, in both directions.",
        )
        .value(answers.deny.open_connections() as f64),
    );
}

fn link(text: &mut Text, answers: &Answers, status: &pb::StatusReport) {
    let state = answers.parts.ways.link.state();
    text.add(Family::new("flock_hub_connected", Gauge, "Whether there is a session with a hub.").flag(state.connected));
    text.add(
        Family::new(
            "flock_hub_session_epoch",
            Gauge,
            "The epoch of the newest session; it grows with each.",
        )
        .value(state.epoch as f64),
    );
    let offset = state.clock_offset_ms.map(|ms| ms as f64 / 1000.0);
    text.add(
        Family::new(
            "flock_clock_offset_seconds",
            Gauge,
            "The hub's clock less this machine's.",
        )
        .value_if(offset),
    );
    text.add(
        Family::new(
            "flock_clock_settled",
            Gauge,
            "Whether the clock has not jumped for an hour.",
        )
        .flag(answers.clock.is_settled()),
    );
    let members = answers.parts.hub.as_ref().map(|_| status.members as f64);
    text.add(Family::new("flock_hub_members", Gauge, "Members that have a session with this hub.").value_if(members));
}

fn notifications(text: &mut Text, answers: &Answers, (sent, received): &(Vec<State>, Vec<State>)) {
    let mut kept = Family::new(
        "flock_notifications",
        Gauge,
        "Notifications in the store, by direction (out, in) and state.",
    );
    for (direction, states) in [("out", sent), ("in", received)] {
        for (state, count) in states {
            kept = kept.labelled(&[("direction", direction), ("state", state)], *count as f64);
        }
    }
    text.add(kept);
    let receiver = &answers.parts.receiver;
    text.add(tallied(
        "flock_notifications_offered_total",
        "Notifications that others offered to this node, by its answer.",
        "answer",
        receiver.arrived(),
    ));
    text.add(tallied(
        "flock_outcomes_total",
        "Outcomes of this node's notifications that their targets told, by state.",
        "state",
        receiver.ended(),
    ));
    text.add(tallied(
        "flock_actions_total",
        "Actions of workers of this node that ended, by the state of their notifications; stored = tried again.",
        "state",
        answers.parts.dispatcher.ended(),
    ));
}

/// A state and how many notifications have it.
type State = (String, u64);

fn tallied(name: &'static str, help: &'static str, label: &'static str, tally: &Tally) -> Family {
    let all = tally.all();
    all.into_iter()
        .fold(Family::new(name, Counter, help), |family, (word, count)| {
            family.labelled(&[(label, word)], count as f64)
        })
}

fn chef(text: &mut Text, answers: &Answers, status: &pb::StatusReport) {
    let view = answers.runs.view();
    text.add(Family::new("flock_chef_converging", Gauge, "Whether Chef is running here.").flag(view.converging));
    text.add(
        Family::new("flock_chef_run_number", Gauge, "The number of the newest Chef run.")
            .value(view.newest_run() as f64),
    );
    let ended = view.run.as_ref().filter(|run| run.ended_ms.is_some());
    text.add(
        Family::new(
            "flock_chef_last_run_succeeded",
            Gauge,
            "Whether the newest Chef run that ended did so well.",
        )
        .value_if(ended.map(|run| f64::from(u8::from(run.phase == "succeeded")))),
    );
    text.add(
        Family::new("flock_chef_last_run_end_seconds", Gauge, "When it ended.")
            .seconds_if(ended.and_then(|run| run.ended_ms)),
    );
    text.add(
        Family::new(
            "flock_snapshot_generation",
            Gauge,
            "The number of the run whose snapshot workers compile; 0 = none.",
        )
        .value(status.generation as f64),
    );
    let worker = status.worker.clone().unwrap_or_default();
    let mut state = Family::new("flock_worker", Gauge, "The state of the warm worker; its sample is 1.");
    if !worker.state.is_empty() {
        state = state.labelled(&[("state", &worker.state)], 1.0);
    }
    text.add(state);
    text.add(
        Family::new(
            "flock_worker_failures",
            Gauge,
            "Times that the warm worker has died in a row.",
        )
        .value(worker.failures as f64),
    );
}

fn calls(text: &mut Text, answers: &Answers, status: &pb::StatusReport) {
    let caller = &answers.parts.caller;
    text.add(tallied(
        "flock_calls_made_total",
        "Calls that processes of this node made, by result: ok, or the kind of the error.",
        "result",
        caller.made(),
    ));
    text.add(tallied(
        "flock_calls_answered_total",
        "Calls that this node answered, by result.",
        "result",
        caller.answered(),
    ));
    let (mut serving, mut running) = (
        Family::new(
            "flock_api_host_serving",
            Gauge,
            "Whether the process of the APIs of that kind serves.",
        ),
        Family::new("flock_api_calls_running", Gauge, "Calls of APIs that are under way."),
    );
    for host in status.hosts.iter().filter(|host| host.state != "off") {
        let kind = [("kind", host.kind.as_str())];
        serving = serving.labelled(&kind, f64::from(u8::from(host.state == "serving")));
        running = running.labelled(&kind, host.calls as f64);
    }
    text.add(serving);
    text.add(running);
}

fn room(text: &mut Text, status: &pb::StatusReport) {
    text.add(
        Family::new("flock_spool_files", Gauge, "Notifications that wait in the spool.").value(status.spool as f64),
    );
    text.add(
        Family::new(
            "flock_spool_bad_files",
            Gauge,
            "Files of the spool that could not be taken in.",
        )
        .value(status.spool_bad as f64),
    );
    text.add(
        Family::new("flock_disk_free_bytes", Gauge, "What is left on the disk of data_dir.")
            .value(status.disk_free as f64),
    );
    text.add(
        Family::new(
            "flock_disk_low",
            Gauge,
            "Whether nothing new is taken in since that is too little.",
        )
        .flag(status.disk_low),
    );
}
