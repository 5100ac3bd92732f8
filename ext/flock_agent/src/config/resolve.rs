//! From the file as written to what the agent runs with: defaults and checks, each with its remedy.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use flock_core::{
    Error, Result,
    id::NodeName,
    limits,
    policy::{Policy, Rule},
};

use super::{ChefConfig, Config, LogConfig, LogFormat, PORT, RegistryConfig, WorkerConfig, chef, raw};
use crate::logging::LEVELS;

const DATA_DIR: &str = "/var/lib/flock";
const SOCKET: &str = "/run/flock/agent.sock";
const CHEF_CONFIG: &str = "/etc/chef/client.rb";
/// `sun_path` of a Unix socket address, without its final zero.
const SOCKET_PATH_BYTES: usize = 107;
const LEASE_MS: std::ops::RangeInclusive<u64> = 500..=limits::LEASE_MAX_MS;
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = limits::WORKER_MIN_MS..=limits::WORKER_MAX_MS;

pub(super) fn resolve(path: &Path, raw: raw::Raw) -> Result<Config> {
    let data_dir = absolute("data_dir", raw.data_dir.as_deref().unwrap_or(DATA_DIR))?;
    let chef = chef_config(raw.chef)?;
    let name = name(raw.name.as_deref(), &data_dir, &chef.config)?;
    Ok(Config {
        path: path.to_path_buf(),
        socket: socket(raw.socket.as_deref().unwrap_or(SOCKET))?,
        listen: listen(raw.listen.as_deref())?,
        advertise: raw
            .advertise
            .filter(|a| !a.is_empty())
            .map(|a| address("advertise", &a))
            .transpose()?,
        tags: tags(raw.tags)?,
        cloud: raw.cloud,
        registry: raw.registry.map(registry).transpose()?,
        hubs: raw
            .join
            .hubs
            .iter()
            .map(|hub| address("join.hubs", hub))
            .collect::<Result<_>>()?,
        worker: worker(&raw.worker)?,
        log: log(&raw.log)?,
        metrics: raw.metrics.listen.as_deref().map_or(Ok(None), metrics)?,
        policy: policy(raw.allow, &name)?,
        attributes: raw.api.attributes.unwrap_or_else(|| vec!["*".to_owned()]),
        name,
        chef,
        data_dir,
    })
}

fn bad(key: &str, message: impl std::fmt::Display) -> Error {
    Error::configuration(format!("{key}: {message}")).with_code("bad_value")
}

fn absolute(key: &str, text: &str) -> Result<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(bad(key, format_args!("{text:?} must be an absolute path")))
    }
}

/// The file's word, else what `join` learned, else what the Chef configuration says.
fn name(written: Option<&str>, data_dir: &Path, chef_config: &Path) -> Result<NodeName> {
    let found = written
        .map(str::to_owned)
        .or_else(|| chef::enrolled_name(data_dir))
        .or_else(|| chef::node_name(chef_config));
    match found {
        Some(name) => NodeName::parse(&name).map_err(|e| bad("name", e.message())),
        None => Err(bad(
            "name",
            format_args!(
                "not set, and {} sets no literal node_name; write `name = \"…\"`",
                chef_config.display()
            ),
        )),
    }
}

fn socket(text: &str) -> Result<PathBuf> {
    let path = absolute("socket", text)?;
    if text.len() > SOCKET_PATH_BYTES {
        return Err(bad(
            "socket",
            format_args!("a socket path has at most {SOCKET_PATH_BYTES} bytes; choose a shorter one"),
        ));
    }
    Ok(path)
}

fn listen(text: Option<&str>) -> Result<Option<SocketAddr>> {
    match text {
        None => Ok(Some(SocketAddr::from(([0, 0, 0, 0], PORT)))),
        Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            bad(
                "listen",
                format_args!(
                    "{text:?} must be IP:PORT, as in \"0.0.0.0:{PORT}\" or \"[::]:{PORT}\"; \"\" = dial out only"
                ),
            )
        }),
    }
}

/// Numbers tell of what a node does: they are for this machine, whose other programs may pass them on.
fn metrics(text: &str) -> Result<Option<SocketAddr>> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
        _ => Err(bad(
            "metrics.listen",
            format_args!("{text:?} must be an address of this machine alone, as in \"127.0.0.1:9464\"; \"\" = no port"),
        )),
    }
}

/// `host:port`, where the host is a name, an IPv4 address or a bracketed IPv6 address.
pub(super) fn address(key: &str, text: &str) -> Result<String> {
    let parts = text.rsplit_once(':');
    let good_host = |host: &str| {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        !host.is_empty()
            && (bracketed || !host.contains(':'))
            && !host.contains(|c: char| c.is_whitespace() || c == '/')
    };
    match parts {
        Some((host, port)) if good_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(text.to_owned()),
        _ => Err(bad(
            key,
            format_args!("{text:?} must be HOST:PORT, as in \"10.0.0.4:{PORT}\""),
        )),
    }
}

fn tags(tags: Vec<String>) -> Result<Vec<String>> {
    match tags
        .iter()
        .find(|tag| tag.is_empty() || tag.len() > limits::NODE_NAME_BYTES)
    {
        None => Ok(tags),
        Some(tag) => Err(bad(
            "tags",
            format_args!("{tag:?}: a tag has 1 to {} bytes", limits::NODE_NAME_BYTES),
        )),
    }
}

fn registry(raw: raw::RawRegistry) -> Result<RegistryConfig> {
    let url = raw.url.unwrap_or_else(|| "embedded".to_owned());
    if url != "embedded" && !url.starts_with("zookeeper://") {
        return Err(bad(
            "registry.url",
            format_args!("{url:?} must be \"embedded\" or \"zookeeper://HOST:PORT,…/PATH\""),
        ));
    }
    let lease_ms = raw.lease_ms.unwrap_or(limits::LEASE_MS);
    within("registry.lease_ms", lease_ms, LEASE_MS)?;
    Ok(RegistryConfig { url, lease_ms })
}

fn worker(raw: &raw::RawWorker) -> Result<WorkerConfig> {
    let timeout_ms = raw.timeout_ms.unwrap_or(limits::WORKER_MS);
    within("worker.timeout_ms", timeout_ms, TIMEOUT_MS)?;
    Ok(WorkerConfig {
        warm: raw.warm.unwrap_or(true),
        timeout_ms,
    })
}

fn within(key: &str, value: u64, range: std::ops::RangeInclusive<u64>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(bad(
        key,
        format_args!(
            "{value} is not between {} and {} milliseconds",
            range.start(),
            range.end()
        ),
    ))
}

fn chef_config(raw: raw::RawChef) -> Result<ChefConfig> {
    let run_command = raw.run_command.unwrap_or_else(|| vec!["chef-client".to_owned()]);
    if run_command.first().is_none_or(String::is_empty) {
        return Err(bad("chef.run_command", "must name a program, as in [\"chef-client\"]"));
    }
    Ok(ChefConfig {
        config: absolute("chef.config", raw.config.as_deref().unwrap_or(CHEF_CONFIG))?,
        run_command,
    })
}

fn log(raw: &raw::RawLog) -> Result<LogConfig> {
    let format = match raw.format.as_deref() {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(other) => {
            return Err(bad(
                "log.format",
                format_args!("{other:?} must be \"text\" or \"json\""),
            ));
        }
    };
    let level = raw.level.as_deref().unwrap_or("info");
    if !LEVELS.contains(&level) {
        return Err(bad(
            "log.level",
            format_args!("{level:?} must be one of {}", LEVELS.join(", ")),
        ));
    }
    Ok(LogConfig {
        format,
        level: level.to_owned(),
    })
}

/// The node itself is always admitted: what its own runs notify needs no rule.
fn policy(rules: Vec<Rule>, own: &NodeName) -> Result<Policy> {
    for (n, rule) in rules.iter().enumerate() {
        rule.check()
            .map_err(|e| Error::configuration(format!("allow.{n}: {}", e.message())).with_code(e.code()))?;
    }
    Ok(Policy::new(rules).on_node(own.clone()))
}
