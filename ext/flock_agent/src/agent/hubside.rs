//! What an agent is more when it is a hub: the registry, the Hub and Enrol services.

use std::sync::Arc;

use flock_core::{Error, Result};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    clock::Clock,
    config::{Config, RegistryConfig},
    hub::{Hub, HubOptions},
    identity::{self, Identity, enrol::Enrol},
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
    let Some(settings) = agreed(config, identity.is_hub())? else {
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

/// Whether an agent can be started with agent.toml: for what it says, and for what this machine is already, as far as one may read that.
///
/// # Errors
/// `configuration` with the code of what is wrong, and the remedy.
pub fn check_config(config: &Config) -> Result<()> {
    config.check()?;
    match identity::founded(&config.data_dir) {
        Some(is_hub) => agreed(config, is_hub).map(|_| ()),
        None => Ok(()),
    }
}

fn agreed(config: &Config, is_hub: bool) -> Result<Option<&RegistryConfig>> {
    let path = config.path.display();
    match (&config.registry, is_hub) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that founded its flock, and what check_config says of `text` then.
    fn checked(founded: bool, text: &str) -> Result<()> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent.toml");
        let data = dir.path().join("data");
        let config = |text: &str| {
            let named = format!("name = \"hub1\"\ndata_dir = {data:?}\nsocket = {data:?}\n{text}");
            std::fs::write(&file, named).unwrap();
            Config::load(Some(&file)).unwrap()
        };
        if founded {
            Identity::init(&config("[registry]\nurl = \"embedded\"\n"), 0).unwrap();
        }
        check_config(&config(text))
    }

    #[test]
    fn a_file_that_makes_another_node_of_this_one_is_refused() {
        let hub = "[registry]\nurl = \"embedded\"\n";
        assert_eq!(checked(true, "").unwrap_err().code(), "no_registry");
        for (founded, text) in [(true, hub), (false, hub), (false, "")] {
            checked(founded, text).unwrap();
        }
        assert_eq!(agreed_code(hub), "not_a_hub");
    }

    fn agreed_code(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent.toml");
        std::fs::write(&file, format!("name = \"a\"\n{text}")).unwrap();
        let config = Config::load(Some(&file)).unwrap();
        agreed(&config, false).unwrap_err().code().to_owned()
    }
}
