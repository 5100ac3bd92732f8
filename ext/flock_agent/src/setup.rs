//! `flockctl init` and `flockctl join`: what makes a machine a node of a flock, before any agent runs.

use std::path::{Path, PathBuf};

use flock_core::{Error, Result, id::NodeName};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    agent::DataDirLock,
    care::{self, RestoreOptions, Subject},
    clock::Clock,
    config::{self, Config, Defaults},
    identity::{Identity, JoinOptions, Operator},
    store,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorOptions {
    join: String,
    dir: PathBuf,
    #[serde(default)]
    replace: bool,
}

/// Makes the operator for whom `join` (a join string) was made at home in the folder `dir`. `options` is JSON: `join`, `dir`, `replace`.
///
/// # Errors
/// As [`Operator::join`].
pub async fn join_operator(options: Value) -> Result<Value> {
    let options: OperatorOptions = serde_json::from_value(options)
        .map_err(|e| Error::configuration(format!("not options of join --operator: {e}")))?;
    let how = JoinOptions {
        replace: options.replace,
    };
    let operator = Operator::join(&options.dir, &options.join, how, Clock::system()).await?;
    Ok(about(&operator, &options.dir))
}

/// The operator whose identity is in `dir`.
///
/// # Errors
/// As [`Operator::load`].
pub fn operator(dir: &Path) -> Result<Value> {
    Ok(about(&Operator::load(dir)?, dir))
}

fn about(operator: &Operator, dir: &Path) -> Value {
    json!({
        "name": operator.name().as_str(),
        "flock_id": operator.flock_id(),
        "hubs": operator.hubs(),
        "dir": dir,
        "certificate_expires_ms": operator.expires_ms(),
    })
}

/// What the care of a node's data is told: `config` (agent.toml), and what each operation needs of the others.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Care {
    config: Option<PathBuf>,
    file: PathBuf,
    force: bool,
    replace: bool,
    removed: Vec<String>,
}

/// Takes a backup while no agent runs here. `options` is JSON: `config`, `file`. It blocks.
///
/// # Errors
/// As [`care::back_up`]; `configuration` with code `already_running`.
pub fn back_up(options: Value) -> Result<Value> {
    let (options, config) = care(options)?;
    let now_ms = Clock::system().now_ms();
    let identity = Identity::load(&config)?;
    let _lock = DataDirLock::acquire(&config.data_dir, now_ms)?;
    let report = care::back_up(&subject(config, &identity), &options.file, now_ms)?;
    serde_json::to_value(report).map_err(|e| Error::internal(format!("the report is no JSON: {e}")))
}

/// Restores a node. `options` is JSON: `config`, `file`, `replace`, `removed`. It blocks.
///
/// # Errors
/// As [`care::restore`].
pub fn restore(options: Value) -> Result<Value> {
    let options: Care = serde_json::from_value(options).map_err(|e| no_options(&e))?;
    let restored = care::restore(
        &RestoreOptions {
            config: config::locate(options.config.as_deref()),
            file: options.file,
            replace: options.replace,
            removed: options.removed,
        },
        Clock::system().now_ms(),
    )?;
    serde_json::to_value(restored).map_err(|e| Error::internal(format!("the report is no JSON: {e}")))
}

/// Leaves the flock while no agent runs here: no hub is told. `options` is JSON: `config`, `force`. It blocks.
///
/// # Errors
/// `rejected` with code `unfinished` or `last_hub`; `configuration` with code `not_joined` or `already_running`.
pub fn leave(options: Value) -> Result<Value> {
    let (options, config) = care(options)?;
    let now_ms = Clock::system().now_ms();
    let identity = Identity::load(&config)?;
    let _lock = DataDirLock::acquire(&config.data_dir, now_ms)?;
    let state = config.data_dir.join("state.db");
    let unfinished = match state.exists() {
        true => care::unfinished(&store::reader(&state)?, &config.data_dir)?,
        false => care::Unfinished::default(),
    };
    care::refuse_unfinished(&unfinished, options.force)?;
    if identity.is_hub() {
        care::refuse_last_hub(&config.data_dir, identity.name())?;
    }
    let put_away = care::put_away(&config.data_dir, now_ms)?;
    Ok(json!({
        "name": identity.name().as_str(),
        "flock_id": identity.flock_id(),
        "told": identity.is_hub(),
        "problem": "no agent runs here to tell a hub",
        "put_away": put_away,
        "unfinished": unfinished.count,
    }))
}

fn care(options: Value) -> Result<(Care, Config)> {
    let options: Care = serde_json::from_value(options).map_err(|e| no_options(&e))?;
    let config = Config::load(Some(&config::locate(options.config.as_deref())))?;
    Ok((options, config))
}

fn no_options(error: &serde_json::Error) -> Error {
    Error::configuration(format!("not options of backup, restore or leave: {error}"))
}

/// Whose backup it is.
pub(crate) fn subject(config: Config, identity: &Identity) -> Subject {
    Subject {
        config,
        name: identity.name().to_string(),
        flock_id: identity.flock_id().to_owned(),
        hub: identity.is_hub(),
    }
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
