//! PLACEHOLDER for the configuration; the integrator drops this commit.

use std::path::Path;

use flock_core::{Error, Result};
use serde_json::{Value, json};

/// The resolved configuration.
#[derive(Debug)]
pub struct Config(Value);

impl Config {
    /// Reads a configuration file.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let path = path.unwrap_or(Path::new("/etc/flock/agent.toml"));
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::configuration(format!("{}: {error}; run `flockctl init`", path.display())))?;
        let table: toml::Table = text.parse().map_err(|error| Error::configuration(format!("{error}")))?;
        let text_of = |key: &str, default: &str| {
            table
                .get(key)
                .and_then(toml::Value::as_str)
                .unwrap_or(default)
                .to_owned()
        };
        Ok(Self(json!({
            "path": path,
            "name": text_of("name", "placeholder"),
            "data_dir": text_of("data_dir", "/var/lib/flock"),
            "socket": text_of("socket", "/run/flock/agent.sock"),
        })))
    }

    /// The configuration as JSON.
    pub fn to_json(&self) -> Value {
        self.0.clone()
    }
}
