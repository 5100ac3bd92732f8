//! The functions of `FlockOfChefs::Native` itself.

use std::{path::PathBuf, time::Duration};

use flock_agent::{agent::check_config, config::Config, setup};
use flock_core::limits;
use magnus::{Error, Object, RModule, Ruby, function};

use serde_json::Value;

use crate::{
    guard::guard,
    json,
    runtime::{CLIENT_THREADS, Runtime, check_process},
    wait::wait,
};

/// Binds the functions.
pub fn define(native: RModule) -> Result<(), Error> {
    native.define_singleton_method("version", function!(version, 0))?;
    native.define_singleton_method("new_id", function!(new_id, 0))?;
    native.define_singleton_method("config", function!(config, 1))?;
    native.define_singleton_method("config_check", function!(config_check, 1))?;
    native.define_singleton_method("init", function!(init, 1))?;
    native.define_singleton_method("join", function!(join, 2))?;
    native.define_singleton_method("join_operator", function!(join_operator, 2))?;
    native.define_singleton_method("operator", function!(operator, 1))?;
    native.define_singleton_method("back_up", function!(back_up, 1))?;
    native.define_singleton_method("restore", function!(restore, 1))?;
    native.define_singleton_method("leave", function!(leave, 1))
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn new_id(ruby: &Ruby) -> Result<String, Error> {
    guard(ruby, || {
        check_process()?;
        Ok(uuid::Uuid::now_v7().to_string())
    })
}

fn config(ruby: &Ruby, path: Option<PathBuf>) -> Result<String, Error> {
    guard(ruby, || {
        check_process()?;
        Ok(Config::load(path.as_deref())?.to_json().to_string())
    })
}

fn config_check(ruby: &Ruby, path: Option<PathBuf>) -> Result<String, Error> {
    guard(ruby, || {
        check_process()?;
        let config = Config::load(path.as_deref())?;
        check_config(&config)?;
        Ok(config.to_json().to_string())
    })
}

fn init(ruby: &Ruby, options: String) -> Result<String, Error> {
    guard(ruby, || {
        check_process()?;
        Ok(setup::init(json::parse(&options)?)?.to_string())
    })
}

fn back_up(ruby: &Ruby, options: String) -> Result<String, Error> {
    offline(ruby, &options, setup::back_up)
}

fn restore(ruby: &Ruby, options: String) -> Result<String, Error> {
    offline(ruby, &options, setup::restore)
}

fn leave(ruby: &Ruby, options: String) -> Result<String, Error> {
    offline(ruby, &options, setup::leave)
}

/// What is done to the data of a node whose agent does not run. On a thread of its own, so that Ruby's wait can be interrupted.
fn offline(ruby: &Ruby, options: &str, work: fn(Value) -> flock_core::Result<Value>) -> Result<String, Error> {
    guard(ruby, || {
        let options = json::parse(options)?;
        let runtime = Runtime::start(CLIENT_THREADS)?;
        let handle = runtime.handle()?;
        let limit = Duration::from_millis(limits::BACKUP_MS);
        let done = wait(ruby, &handle, limit, async move {
            tokio::task::spawn_blocking(move || work(options))
                .await
                .unwrap_or_else(|_| Err(flock_core::Error::internal("it panicked")))
        });
        runtime.abandon();
        Ok(done?.to_string())
    })
}

fn join(ruby: &Ruby, options: String, timeout_ms: u64) -> Result<String, Error> {
    joined(ruby, &options, timeout_ms, setup::join)
}

fn join_operator(ruby: &Ruby, options: String, timeout_ms: u64) -> Result<String, Error> {
    joined(ruby, &options, timeout_ms, setup::join_operator)
}

fn joined<F>(ruby: &Ruby, options: &str, timeout_ms: u64, work: fn(Value) -> F) -> Result<String, Error>
where
    F: Future<Output = flock_core::Result<Value>> + Send + 'static,
{
    guard(ruby, || {
        let options = json::parse(options)?;
        let runtime = Runtime::start(CLIENT_THREADS)?;
        let limit = Duration::from_millis(timeout_ms);
        let joined = wait(ruby, &runtime.handle()?, limit, work(options));
        runtime.abandon();
        Ok(joined?.to_string())
    })
}

fn operator(ruby: &Ruby, dir: PathBuf) -> Result<String, Error> {
    guard(ruby, || {
        check_process()?;
        Ok(setup::operator(&dir)?.to_string())
    })
}
