//! agent.toml: where it is, what it may say, what it means.
//!
//! Two types: `raw` is the file as written, [`Config`] is what the agent runs with, every default filled in and every value checked.

mod check;
mod chef;
mod default_file;
mod place;
mod raw;
mod resolve;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use flock_core::{Error, Result, id::NodeName, policy::Policy};
use serde::Serialize;

pub use default_file::{Defaults, write_default};

/// Where the file is when neither `--config` nor `$FLOCK_CONFIG` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/flock/agent.toml";
/// The environment variable that names the file.
pub const PATH_VARIABLE: &str = "FLOCK_CONFIG";
/// The port of a flock.
pub const PORT: u16 = 22222;

/// What the agent runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file that this was read from.
    pub path: PathBuf,
    /// This node.
    pub name: NodeName,
    /// Store, keys, snapshots, spool; 0700.
    pub data_dir: PathBuf,
    /// The local socket.
    pub socket: PathBuf,
    /// The peer port; `None` = dial out only.
    pub listen: Option<SocketAddr>,
    /// How others reach the peer port, `host:port`; `None` = not said in the file, see [`Config::public_address`].
    pub advertise: Option<String>,
    /// Tags of this node, beside those that Chef sets.
    pub tags: Vec<String>,
    /// The cloud of this node; "" = none.
    pub cloud: String,
    /// Present on a hub.
    pub registry: Option<RegistryConfig>,
    /// Hubs that override those learned by `join`, `host:port`.
    pub hubs: Vec<String>,
    /// How actions are run.
    pub worker: WorkerConfig,
    /// The Chef installation.
    pub chef: ChefConfig,
    /// Who may run what here.
    pub policy: Policy,
    /// Attributes of this node, of the first level, that others may read; patterns.
    pub attributes: Vec<String>,
    /// How the agent logs.
    pub log: LogConfig,
    /// Where metrics are served over HTTP, an address of this machine alone; `None` = nowhere.
    pub metrics: Option<SocketAddr>,
}

/// `[registry]`: this agent is a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistryConfig {
    /// `embedded` or `zookeeper://host:port,host:port/chroot`.
    pub url: String,
    /// Lease of the members' sessions.
    pub lease_ms: u64,
}

/// `[worker]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerConfig {
    /// Keep a compiled worker resident.
    pub warm: bool,
    /// Time limit of one action.
    pub timeout_ms: u64,
}

/// `[chef]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChefConfig {
    /// client.rb.
    pub config: PathBuf,
    /// What `run-chef` executes.
    pub run_command: Vec<String>,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// Reads the file `path`, else `$FLOCK_CONFIG`, else [`DEFAULT_PATH`].
    ///
    /// # Errors
    /// `configuration`: no such file, an unknown key (the nearest known one is named), a value that cannot be used.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let path = locate(path);
        let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, &e))?;
        Self::parse(&path, &text)
    }

    /// The same from a text; `path` only appears in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let raw = raw::parse(path, text)?;
        resolve::resolve(path, raw).map_err(|e| {
            let message = format!(
                "{}{}: {}",
                path.display(),
                place::of(text, e.message()),
                place::said(e.message())
            );
            Error::configuration(message).with_code(e.code())
        })
    }

    /// How others reach this agent: `advertise`, else `listen`, else the node's name with the port of `listen`; `None` = not at all.
    pub fn public_address(&self) -> Option<String> {
        let listen = self.listen?;
        let own = || match listen.ip().is_unspecified() {
            true => format!("{}:{}", self.name, listen.port()),
            false => listen.to_string(),
        };
        Some(self.advertise.clone().unwrap_or_else(own))
    }

    /// The resolved configuration, for Ruby and for `doctor`.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "path": self.path,
            "name": self.name.as_str(),
            "data_dir": self.data_dir,
            "socket": self.socket,
            "listen": self.listen.map(|address| address.to_string()),
            "advertise": self.public_address(),
            "tags": self.tags,
            "cloud": self.cloud,
            "registry": self.registry,
            "hubs": self.hubs,
            "worker": self.worker,
            "chef": self.chef,
            "allow": self.policy.rules(),
            "api": {"attributes": self.attributes},
            "log": self.log,
            "metrics": self.metrics.map(|address| address.to_string()),
        })
        .to_string()
    }
}

/// The path that [`Config::load`] reads.
pub fn locate(path: Option<&Path>) -> PathBuf {
    let from_environment = || {
        std::env::var_os(PATH_VARIABLE)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    path.map(Path::to_path_buf)
        .or_else(from_environment)
        .unwrap_or_else(|| PathBuf::from(DEFAULT_PATH))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let remedy = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "make one with `flockctl init` (first hub) or `flockctl join STRING` (everyone else)"
        }
        std::io::ErrorKind::PermissionDenied => "run as the user of the agent, usually root",
        _ => "check the path",
    };
    Error::configuration(format!("cannot read {}: {error}; {remedy}", path.display())).with_code("no_config")
}

#[cfg(test)]
mod tests;
