//! The agent: one owner of all that runs on a node, from start to stop.
//!
//! ```text
//! lock → identity → store → hub (if one) → link → target side → sender → ports → ready
//! ```
//!
//! Whatever starts later is ended earlier: `Parts::cancel` stops the doors and the tasks, the store is closed last.

mod facts;
mod hubside;
mod inquiries;
mod lock;
mod ports;
mod report;
mod start;
mod systemd;

use std::{path::PathBuf, time::Duration};

use flock_core::{Error, Result, limits};
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{delivery::send::Sender, dispatch::Dispatcher, hub::Hub, link::Link, store::Store};

pub use lock::DataDirLock;

/// A running agent.
pub struct Agent {
    parts: Parts,
}

/// What stays reachable while the agent runs.
struct Parts {
    dispatcher: Dispatcher,
    sender: Sender,
    link: Link,
    hub: Option<Hub>,
    store: Store,
    tasks: TaskTracker,
    /// Ends taking new jobs; what runs goes on.
    quiet: CancellationToken,
    /// Ends everything.
    cancel: CancellationToken,
    /// Dropped last: then another agent may open the directory.
    _lock: DataDirLock,
}

impl Agent {
    /// Starts the agent of a configuration file (else `$FLOCK_CONFIG`, else `/etc/flock/agent.toml`); it serves when this returns. Answers
    /// with it and with what its owner may print: `{"name", "flock_id", "hub", "listen", "socket", "log_format"}`.
    ///
    /// # Errors
    /// `configuration` naming what has to be changed: the file, a missing identity, a second agent, a port or socket in use.
    pub async fn start(config_path: Option<PathBuf>) -> Result<(Self, Value)> {
        let (parts, info) = start::start(config_path).await?;
        Ok((Self { parts }, info))
    }

    /// The next thing for Ruby to do; see [`Dispatcher::next_event`].
    ///
    /// # Errors
    /// None so far; the caller must be ready for some.
    pub async fn next_event(&self, timeout: Duration) -> Result<Option<Value>> {
        Ok(self.parts.dispatcher.next_event(timeout).await)
    }

    /// What Ruby answers to events; see [`Dispatcher::call`].
    ///
    /// # Errors
    /// Those of the dispatcher; `timeout`.
    pub async fn call(&self, op: &str, arguments: Value, timeout: Duration) -> Result<Value> {
        tokio::time::timeout(timeout, self.parts.dispatcher.call(op, arguments))
            .await
            .unwrap_or_else(|_| {
                Err(Error::timeout(format!(
                    "{op} was not answered within {} ms",
                    timeout.as_millis()
                )))
            })
    }

    /// Stops: takes no new job, ends all tasks, closes the store. Returns within [`limits::STOP_MS`] after everything was told to end,
    /// whatever a peer does; `grace` bounds how long the tasks under way may take before that.
    ///
    /// # Errors
    /// None so far; `{"clean": false}` says that something had to be cut off.
    pub async fn stop(&self, grace: Duration) -> Result<Value> {
        systemd::stopping();
        let Parts {
            quiet, cancel, tasks, ..
        } = &self.parts;
        quiet.cancel();
        cancel.cancel();
        tasks.close();
        let limit = grace.max(Duration::from_millis(limits::STOP_MS - limits::STOP_MS / 8));
        let clean = tokio::time::timeout(limit, self.ended()).await.is_ok();
        tracing::info!(clean, "stopped");
        Ok(json!({ "clean": clean }))
    }

    async fn ended(&self) {
        self.parts.tasks.wait().await;
        self.parts.sender.stopped().await;
        self.parts.link.stopped().await;
        if let Some(hub) = &self.parts.hub {
            hub.close().await;
        }
        self.parts.store.close().await;
    }
}
