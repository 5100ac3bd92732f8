//! How this agent is: numbers for `status`, findings for `doctor`.

mod checks;

use flock_core::{Result, limits};

use super::{facts, inquiries::Answers, subscribing};
use crate::{
    apis::Apis,
    pb, spool,
    store::{inbox, outbox},
};

/// The numbers of `flockctl status`.
///
/// # Errors
/// `internal` when the store refuses.
pub(super) async fn status(answers: &Answers) -> Result<pb::StatusReport> {
    let (out, held) = answers
        .store
        .read(|conn| Ok((outbox::counts(conn)?, inbox::counts(conn)?)))
        .await?;
    let (link, view) = (answers.parts.ways.link.state(), answers.runs.view());
    let spool = spool::counts(&answers.config.data_dir);
    Ok(pb::StatusReport {
        agent: Some(answers.info()),
        link: if link.connected { "connected" } else { "connecting" }.to_owned(),
        hub: link.hub,
        epoch: link.epoch,
        queued: out.queued,
        stored: held.stored,
        unfinished: out.unfinished,
        generation: view.snapshot.as_deref().map_or(0, |snapshot| snapshot.generation),
        run_phase: view.phase().to_owned(),
        spool: spool.new,
        spool_bad: spool.bad,
        started_ms: answers.started_ms,
        certificate_expires_ms: answers.identity.expires_ms(),
        worker: Some(answers.parts.dispatcher.worker_state()),
        hosts: answers.parts.hosts.status(),
        disk_free: answers.store.room().space().map_or(0, |space| space.free),
        disk_low: answers.store.room().refuse_low().is_err(),
        members: answers.parts.hub.as_ref().map_or(0, |hub| hub.members() as u64),
    })
}

/// What `flockctl doctor` finds, one finding per check.
///
/// # Errors
/// `internal` when the store refuses.
pub(super) async fn doctor(answers: &Answers) -> Result<pb::DoctorReport> {
    let status = status(answers).await?;
    let waiting = answers.store.read(|conn| inbox::list(conn, &waiting())).await?;
    let unsent = answers.store.read(|conn| outbox::list(conn, &unsent())).await?;
    let own = subscribing::own(answers, "", limits::SUBSCRIPTIONS as u32).await?;
    let mut findings = vec![
        checks::link(&answers.parts.ways.link.state()),
        checks::clock(&answers.parts.ways.link.state(), &answers.clock),
        checks::disk(answers.store.room().space()),
        checks::certificate(&status, answers.clock.now_ms()),
        checks::spool(&status, &answers.config.data_dir),
        checks::snapshot(&answers.runs.view()),
        checks::worker(&answers.parts.dispatcher.worker_state()),
        checks::inbox(status.stored, &waiting),
        checks::outbox(status.queued, &unsent),
        checks::subscriptions(&own),
    ];
    findings.extend(
        answers
            .identity
            .authority_expires_ms()
            .map(|until_ms| checks::authority(until_ms, answers.clock.now_ms())),
    );
    findings.extend(status.hosts.iter().filter_map(checks::apis));
    findings.extend(checks::hidden(&answers.parts.hosts.hidden()));
    let offered = checks::Offered::new(&answers.parts.hosts.services(), &status.hosts);
    findings.extend(checks::call_rules(&answers.config.policy, &offered));
    findings.extend(checks::services(
        &offered,
        &facts::with_services(pb::NodeInfo::default(), &offered.services),
    ));
    findings.extend(checks::restored(&answers.config.data_dir));
    Ok(pb::DoctorReport { findings })
}

fn waiting() -> pb::ListRequest {
    pb::ListRequest {
        state: "stored".to_owned(),
        ..Default::default()
    }
}

fn unsent() -> pb::ListRequest {
    pb::ListRequest {
        state: "queued".to_owned(),
        ..Default::default()
    }
}
