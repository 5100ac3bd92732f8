//! PLACEHOLDER for the owner task; the integrator drops this commit.

use std::{path::PathBuf, time::Duration};

use flock_core::{Error, Result};
use serde_json::{Value, json};

/// The running agent.
#[derive(Debug)]
pub struct Agent {
    stopped: tokio_util::sync::CancellationToken,
}

impl Agent {
    /// Starts the agent of a configuration file; answers with it and with what `#start` tells Ruby.
    pub async fn start(config_path: Option<PathBuf>) -> Result<(Self, Value)> {
        let path = config_path.unwrap_or_else(|| PathBuf::from("/etc/flock/agent.toml"));
        let text = tokio::fs::read_to_string(&path).await.map_err(|error| {
            Error::configuration(format!("{}: {error}; write it with `flockctl init`", path.display()))
        })?;
        let stopped = tokio_util::sync::CancellationToken::new();
        Ok((
            Self { stopped },
            json!({"name": "placeholder", "config_bytes": text.len()}),
        ))
    }

    /// The next event for Ruby; `None` when the time is over.
    pub async fn next_event(&self, timeout: Duration) -> Result<Option<Value>> {
        tokio::select! {
            () = tokio::time::sleep(timeout) => Ok(None),
            () = self.stopped.cancelled() => Ok(Some(json!({"type": "stop"}))),
        }
    }

    /// Answers an event.
    pub async fn call(&self, op: &str, _body: Value, _timeout: Duration) -> Result<Value> {
        Err(Error::configuration(format!("{op:?} is not an operation of the agent")))
    }

    /// Stops; running work gets the grace.
    pub async fn stop(&self, _grace: Duration) -> Result<Value> {
        self.stopped.cancel();
        Ok(json!({"clean": true}))
    }
}
