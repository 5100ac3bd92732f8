//! What an agent is more when it is a hub: the registry, the Hub and Enrol services.

use std::sync::Arc;

use flock_core::{Error, Result};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    clock::Clock,
    config::{Config, RegistryConfig},
    hub::{Hub, HubOptions},
    identity::{Identity, enrol::Enrol},
    registry::{Embedded, Registry},
    transport::DenyList,
};

/// Adds the services of a hub to the peer port; on a member there is nothing to add.
///
/// # Errors
/// `configuration` when the file and the identity disagree about what this node is, or the registry cannot be opened.
pub(super) async fn routes(
    config: &Config,
    identity: &Identity,
    deny: &DenyList,
    clock: &Clock,
    routes: Routes,
    cancel: &CancellationToken,
) -> Result<(Routes, Option<Hub>)> {
    let Some(settings) = agreed(config, identity)? else {
        return Ok((routes, None));
    };
    let file = config.data_dir.join("registry.db");
    let registry: Arc<dyn Registry> = Embedded::open(&file, clock.clone())?;
    let enrol = Enrol::new(identity.clone(), Arc::clone(&registry), clock.clone())?;
    enrol.enter_self().await?;
    let hub = Hub::start(HubOptions {
        name: identity.name().clone(),
        flock_id: identity.flock_id().to_owned(),
        lease_ms: settings.lease_ms,
        registry,
        deny: deny.clone(),
        encounters: identity.tls().encounters().clone(),
        clock: clock.clone(),
        cancel: cancel.clone(),
    });
    let routes = routes.add_service(enrol.into_service()).add_service(hub.service());
    Ok((routes, Some(hub)))
}

fn agreed<'a>(config: &'a Config, identity: &Identity) -> Result<Option<&'a RegistryConfig>> {
    let path = config.path.display();
    match (&config.registry, identity.is_hub()) {
        (None, true) => Err(Error::configuration(format!(
            "this node founded its flock, but {path} has no [registry]: put `[registry]` with `url = \"embedded\"` back, or members find no hub"
        ))
        .with_code("no_registry")),
        (Some(_), false) => Err(Error::configuration(format!(
            "{path} has a [registry], but this node joined as a member, and an embedded registry has one hub: remove [registry]"
        ))
        .with_code("not_a_hub")),
        (Some(_), true) => {
            config.check()?;
            Ok(config.registry.as_ref())
        }
        (settings, _) => Ok(settings.as_ref()),
    }
}
