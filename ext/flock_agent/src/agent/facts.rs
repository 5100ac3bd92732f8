//! What this node says of itself to the flock: configuration, and what its newest snapshot knows.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{config::Config, identity::Identity, pb, run_state::RunWatch, vital::vital};

/// The announcement, kept up to date until `cancel`.
pub(super) fn follow(
    config: &Config,
    identity: &Identity,
    runs: &RunWatch,
    cancel: CancellationToken,
) -> watch::Receiver<pb::NodeInfo> {
    let own = own(config, identity);
    let mut views = runs.subscribe();
    let first = views.borrow_and_update().announce(own.clone());
    let (sender, receiver) = watch::channel(first);
    tokio::spawn(vital("announcing", cancel.clone(), async move {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = views.changed() => if changed.is_err() { return },
            }
            let facts = Arc::clone(&views.borrow_and_update()).announce(own.clone());
            sender.send_if_modified(|said| {
                let news = *said != facts;
                *said = facts;
                news
            });
        }
    }));
    receiver
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
