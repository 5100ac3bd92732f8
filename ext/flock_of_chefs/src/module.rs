//! The functions of `FlockOfChefs::Native` itself.

use std::{path::PathBuf, time::Duration};

use flock_agent::{config::Config, setup};
use magnus::{Error, Object, RModule, Ruby, function};

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
    native.define_singleton_method("init", function!(init, 1))?;
    native.define_singleton_method("join", function!(join, 2))
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

fn init(ruby: &Ruby, options: String) -> Result<String, Error> {
    guard(ruby, || {
        check_process()?;
        Ok(setup::init(json::parse(&options)?)?.to_string())
    })
}

fn join(ruby: &Ruby, options: String, timeout_ms: u64) -> Result<String, Error> {
    guard(ruby, || {
        let options = json::parse(&options)?;
        let runtime = Runtime::start(CLIENT_THREADS)?;
        let joined = wait(
            ruby,
            &runtime.handle()?,
            Duration::from_millis(timeout_ms),
            setup::join(options),
        );
        runtime.abandon();
        Ok(joined?.to_string())
    })
}
