//! What an agent would refuse at its start for what agent.toml alone says.

use flock_core::{Error, Result};

use super::Config;

impl Config {
    /// Whether an agent can be started with it, as far as the file alone decides that.
    ///
    /// # Errors
    /// `configuration` with code `hub_listens` or `registry_url`, and the remedy.
    pub fn check(&self) -> Result<()> {
        let Some(registry) = &self.registry else {
            return Ok(());
        };
        let path = self.path.display();
        if self.listen.is_none() {
            let message = format!("{path} has `listen = \"\"`: a hub has to listen");
            return Err(Error::configuration(message).with_code("hub_listens"));
        }
        if registry.url != "embedded" {
            let message = format!(
                "{path}: the registry {:?} is not supported by this version; use url = \"embedded\"",
                registry.url
            );
            return Err(Error::configuration(message).with_code("registry_url"));
        }
        Ok(())
    }
}
