//! What this node says of itself to the flock: configuration, what its newest snapshot knows, what its APIs offer.

use std::{sync::Arc, time::Duration};

use flock_core::limits;
use prost::Message;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{apis::Apis, config::Config, identity::Identity, pb, run_state::RunWatch, vital::vital};

/// What a message needs beside the name of a service: its tag, and a length of two bytes.
const FRAME_BYTES: usize = 3;

/// The announcement, kept up to date until `cancel`. APIs come and go with their processes: what they offer is looked at once in
/// [`limits::SERVICES_PAUSE_MS`] at most, so that one that is started anew is not missed by anybody.
pub(super) fn follow(
    config: &Config,
    identity: &Identity,
    runs: &RunWatch,
    apis: Arc<dyn Apis>,
    cancel: CancellationToken,
) -> watch::Receiver<pb::NodeInfo> {
    let own = own(config, identity);
    let (mut views, mut changes) = (runs.subscribe(), apis.changes());
    let mut services = apis.services();
    let first = with_services(views.borrow_and_update().announce(own.clone()), &services);
    let (sender, receiver) = watch::channel(first);
    tokio::spawn(vital("announcing", cancel.clone(), async move {
        let mut due: Option<Instant> = None;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = views.changed() => if changed.is_err() { return },
                Ok(()) = changes.changed(), if due.is_none() => {
                    due = Some(Instant::now() + Duration::from_millis(limits::SERVICES_PAUSE_MS));
                    continue;
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    due = None;
                    changes.mark_unchanged();
                    services = apis.services();
                }
            }
            let facts = with_services(views.borrow_and_update().announce(own.clone()), &services);
            sender.send_if_modified(|said| {
                let news = *said != facts;
                *said = facts;
                news
            });
        }
    }));
    receiver
}

/// Adds as many services as one announcement may have: those of whole APIs before those of methods.
pub(super) fn with_services(mut facts: pb::NodeInfo, services: &[String]) -> pb::NodeInfo {
    let most = limits::NODE_INFO_BYTES.saturating_sub(facts.encoded_len());
    let mut room = most.min(limits::SERVICES_BYTES);
    let (apis, methods): (Vec<&String>, Vec<&String>) = services.iter().partition(|one| one.matches('/').count() == 1);
    let fits = |service: &&String| {
        let bytes = service.len() + FRAME_BYTES;
        let fits = bytes <= room && service.len() <= limits::TARGET_WORD_BYTES;
        room -= if fits { bytes } else { 0 };
        fits
    };
    facts.services = apis.into_iter().chain(methods).filter(fits).cloned().collect();
    facts.services.sort_unstable();
    facts
}

fn own(config: &Config, identity: &Identity) -> pb::NodeInfo {
    pb::NodeInfo {
        name: identity.name().to_string(),
        address: config.public_address().unwrap_or_default(),
        tags: config.tags.clone(),
        cloud: config.cloud.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hub: identity.is_hub(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_services_are_announced_as_one_node_may_and_apis_come_first() {
        let few: Vec<String> = ["/a/x", "/a", "/b"].map(Into::into).into();
        assert_eq!(
            with_services(pb::NodeInfo::default(), &few).services,
            ["/a", "/a/x", "/b"]
        );

        let methods = (0..2_000).map(|n| format!("/api/method_{n:04}"));
        let many: Vec<String> = methods.chain(["/api".into(), "/z".into()]).collect();
        let said = with_services(pb::NodeInfo::default(), &many);
        assert!(said.services.len() > 500 && said.services.len() < many.len());
        assert!(said.services.contains(&"/api".to_owned()) && said.services.contains(&"/z".to_owned()));
        assert!(said.encoded_len() <= limits::SERVICES_BYTES);

        let large = pb::NodeInfo {
            recipes: vec!["r".repeat(100); 630],
            ..Default::default()
        };
        let said = with_services(large, &many);
        assert!(!said.services.is_empty() && said.encoded_len() <= limits::NODE_INFO_BYTES);
        let long = format!("/{}", "x".repeat(limits::TARGET_WORD_BYTES));
        assert!(with_services(pb::NodeInfo::default(), &[long]).services.is_empty());
    }
}
