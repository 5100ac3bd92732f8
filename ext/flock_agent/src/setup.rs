//! `flockctl init` and `flockctl join`: what makes a machine a node of a flock, before any agent runs.

use std::path::PathBuf;

use flock_core::{Error, Result, id::NodeName};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    agent::DataDirLock,
    clock::Clock,
    config::{self, Config, Defaults},
    identity::{Identity, JoinOptions},
};

/// What the command line says; what is not given is not overridden.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    config: Option<PathBuf>,
    /// What the operator calls this node.
    name: Option<String>,
    /// What it is called in a new file where the operator does not say.
    default_name: Option<String>,
    chef_config: Option<String>,
    data_dir: Option<String>,
    socket: Option<String>,
    listen: Option<String>,
    advertise: Option<String>,
    join: String,
    replace: bool,
}

/// Makes this node the first hub of a new flock. `options` is JSON: `config`, `name`, `default_name`, `chef_config`, `data_dir`, `socket`, `listen`,
/// `advertise`, all optional; they go into an agent.toml that is written where none exists.
///
/// # Errors
/// `configuration`: there is data already (`already_initialised`), no `[registry]` in an existing file, an option that an existing file
/// contradicts (`config_exists`), a value that cannot be used.
pub fn init(options: Value) -> Result<Value> {
    let options = parse(options)?;
    let (config, written) = configuration(&options, true)?;
    let identity = Identity::init(&config, Clock::system().now_ms())?;
    Ok(answer(&config, &identity, written))
}

/// Makes this node a member of the flock that `join` (a join string) names; the other options as for [`init`], and `replace`.
///
/// # Errors
/// `configuration`, also while an agent runs here; whatever the hub refuses: `token_expired`, `token_used_up`, `name_taken`, `clock_skew`, `wrong_pin`, …
pub async fn join(options: Value) -> Result<Value> {
    let options = parse(options)?;
    let (config, written) = configuration(&options, false)?;
    let clock = Clock::system();
    // Taken only where there is a directory: an agent that runs must not find its keys replaced.
    let _lock = match config.data_dir.is_dir() {
        true => Some(DataDirLock::acquire(&config.data_dir, clock.now_ms())?),
        false => None,
    };
    let how = JoinOptions {
        replace: options.replace,
    };
    let identity = Identity::join(&config, &options.join, how, clock).await?;
    Ok(answer(&config, &identity, written))
}

fn parse(options: Value) -> Result<Options> {
    serde_json::from_value(options).map_err(|e| Error::configuration(format!("not options of init or join: {e}")))
}

fn configuration(options: &Options, hub: bool) -> Result<(Config, bool)> {
    let path = config::locate(options.config.as_deref());
    let name = options.name.as_deref().or(options.default_name.as_deref());
    let name = name.map(NodeName::parse).transpose()?;
    let written = config::write_default(
        &path,
        &Defaults {
            name,
            data_dir: options.data_dir.clone(),
            socket: options.socket.clone(),
            listen: options.listen.clone(),
            advertise: options.advertise.clone(),
            chef_config: options.chef_config.clone(),
            hub,
        },
    )?;
    let config = Config::load(Some(&path))?;
    if !written {
        refuse_ignored(options, &config)?;
    }
    Ok((config, written))
}

/// An existing file is never written to; an option that it contradicts must not seem to have had an effect.
fn refuse_ignored(options: &Options, config: &Config) -> Result<()> {
    let path = |path: &std::path::Path| path.display().to_string();
    let listen = config.listen.map(|address| address.to_string()).unwrap_or_default();
    let ignored = [
        ("name", &options.name, config.name.to_string()),
        ("data_dir", &options.data_dir, path(&config.data_dir)),
        ("socket", &options.socket, path(&config.socket)),
        ("listen", &options.listen, listen),
        (
            "advertise",
            &options.advertise,
            config.advertise.clone().unwrap_or_default(),
        ),
    ]
    .into_iter()
    .find(|(_, asked, found)| asked.as_ref().is_some_and(|asked| asked != found));
    match ignored {
        None => Ok(()),
        Some((key, asked, found)) => Err(Error::configuration(format!(
            "{} exists and means {key} = {found:?}, not {:?}; change it there, or leave the option out",
            config.path.display(),
            asked.as_deref().unwrap_or_default()
        ))
        .with_code("config_exists")),
    }
}

fn answer(config: &Config, identity: &Identity, written: bool) -> Value {
    json!({
        "name": identity.name().as_str(),
        "flock_id": identity.flock_id(),
        "hubs": identity.hubs(),
        "config": config.path,
        "config_written": written,
        "data_dir": config.data_dir,
        "listen": config.public_address(),
    })
}
