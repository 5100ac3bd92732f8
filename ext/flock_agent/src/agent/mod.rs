//! The agent: one owner of all that runs on a node, from start to stop.
//!
//! ```text
//! lock → identity → store → hub (if one) → link → target side → sender → ports → ready
//! ```
//!
//! Whatever starts later is ended earlier: `Parts::cancel` stops the doors and the tasks, the store is closed last.

mod doors;
mod facts;
mod hubside;
mod inquiries;
mod lock;
mod making;
mod metrics;
mod ports;
mod relay_first;
mod report;
mod start;
mod subscribing;
mod systemd;
mod ways;
mod why;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use flock_core::{Error, Result, limits};
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    apis::Hosts, care, clock::Clock, delivery::send::Sender, dispatch::Dispatcher, hub::Hub, link::Link, store::Store,
};

pub use hubside::check_config;
pub use lock::DataDirLock;

/// A running agent.
pub struct Agent {
    parts: Parts,
}

/// What stays reachable while the agent runs.
struct Parts {
    dispatcher: Dispatcher,
    hosts: Hosts,
    sender: Sender,
    link: Link,
    hub: Option<Hub>,
    store: Store,
    tasks: TaskTracker,
    /// Ends everything; a worker that runs goes on, and leaves its result for the next start.
    cancel: CancellationToken,
    /// Whether that is what someone asked for.
    stopping: AtomicBool,
    #[cfg(feature = "simulation")]
    local: crate::service::local::LocalService,
    /// Cancelled when this node left its flock.
    left: CancellationToken,
    data_dir: PathBuf,
    /// Dropped last: then another agent may open the directory.
    _lock: Arc<DataDirLock>,
}

impl Agent {
    /// Starts the agent of a configuration file (else `$FLOCK_CONFIG`, else `/etc/flock/agent.toml`); it serves when this returns. Answers
    /// with it and with what its owner may print: `{"name", "flock_id", "hub", "listen", "socket", "log_format", "log_level", "data_dir", "chef"}`.
    ///
    /// # Errors
    /// `configuration` naming what has to be changed: the file, a missing identity, a second agent, a port or socket in use.
    pub async fn start(config_path: Option<PathBuf>) -> Result<(Self, Value)> {
        let (parts, info) = start::start(config_path, Clock::system()).await?;
        Ok((Self { parts }, info))
    }

    /// [`Agent::start`] on a simulated machine, by its time of day.
    ///
    /// # Errors
    /// As [`Agent::start`].
    #[cfg(feature = "simulation")]
    pub async fn start_in(config_path: PathBuf, clock: Clock) -> Result<Self> {
        let (parts, _) = start::start(Some(config_path), clock).await?;
        Ok(Self { parts })
    }

    /// What answers at the local socket.
    #[cfg(feature = "simulation")]
    pub fn local(&self) -> crate::service::local::LocalService {
        self.parts.local.clone()
    }

    /// The next thing for Ruby to do; see [`Dispatcher::next_event`]. `{"type":"stop","left":true}` once this node left its flock.
    ///
    /// # Errors
    /// `internal` with code `agent_failed` when the agent ended by a fault of ours: it is to be started again.
    pub async fn next_event(&self, timeout: Duration) -> Result<Option<Value>> {
        let left = self.parts.left.cancelled();
        let event = tokio::select! {
            biased;
            () = left => return Ok(Some(json!({"type": "stop", "left": true}))),
            event = self.parts.dispatcher.next_event(timeout) => event,
            event = self.parts.hosts.next_event() => Some(event),
        };
        if self.parts.cancel.is_cancelled() && !self.parts.stopping.load(Ordering::Acquire) {
            return Err(
                Error::internal("a part of the agent failed, see its log; start it again").with_code("agent_failed"),
            );
        }
        Ok(event)
    }

    /// What Ruby answers to events: `host_state`, see [`Hosts::note`]; else see [`Dispatcher::call`]. `alive` has the service manager told
    /// that the agent lives, if its store does.
    ///
    /// # Errors
    /// Those of the dispatcher; `timeout`.
    pub async fn call(&self, op: &str, arguments: Value, timeout: Duration) -> Result<Value> {
        if op == "host_state" {
            return self.parts.hosts.note(arguments);
        }
        let answer = async {
            if op == "alive" {
                return self.alive().await;
            }
            self.parts.dispatcher.call(op, arguments).await
        };
        tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| {
            Err(Error::timeout(format!(
                "{op} was not answered within {} ms",
                timeout.as_millis()
            )))
        })
    }

    async fn alive(&self) -> Result<Value> {
        self.parts.store.read(|_| Ok(())).await?;
        systemd::alive();
        Ok(json!({}))
    }

    /// Whether this node left its flock: stopping may then take [`limits::LEFT_CLOSE_MS`] longer.
    pub fn has_left(&self) -> bool {
        self.parts.left.is_cancelled()
    }

    /// Stops: takes no new job, ends all tasks, closes the store last. Whatever a peer does, it returns within the longer of `grace` and
    /// most of [`limits::STOP_MS`], and what the store takes to write what it was given; a node that has left its flock gives its store
    /// [`limits::LEFT_CLOSE_MS`] for that.
    ///
    /// # Errors
    /// When this node left its flock and its identity is still in place: `configuration` if it cannot be moved, `timeout` with code
    /// `left_in_place` if the store did not close. `{"clean": false}` says that something had to be cut off.
    pub async fn stop(&self, grace: Duration) -> Result<Value> {
        systemd::stopping();
        self.parts.stopping.store(true, Ordering::Release);
        self.parts.cancel.cancel();
        self.parts.tasks.close();
        let close = Duration::from_millis(limits::STORE_CLOSE_MS);
        let limit = grace.max(Duration::from_millis(limits::STOP_MS)).saturating_sub(close);
        let ended = tokio::time::timeout(limit, self.ended()).await.is_ok();
        let left = self.parts.left.is_cancelled();
        let close = if left {
            Duration::from_millis(limits::LEFT_CLOSE_MS)
        } else {
            close
        };
        let closed = tokio::time::timeout(close, self.parts.store.close()).await.is_ok();
        if left && !closed {
            return Err(in_place(close));
        }
        if left {
            let put = care::put_away(&self.parts.data_dir, Clock::system().now_ms())?;
            tracing::info!(
                "identity and store of the flock that this node left are in {}",
                put.display()
            );
        }
        let clean = ended && closed;
        tracing::info!(clean, "stopped");
        Ok(json!({ "clean": clean }))
    }

    async fn ended(&self) {
        self.parts.tasks.wait().await;
        self.parts.sender.stopped().await;
        self.parts.dispatcher.stopped().await;
        self.parts.link.stopped().await;
        if let Some(hub) = &self.parts.hub {
            hub.close().await;
        }
    }
}

/// That this node has left, and its identity has not.
fn in_place(waited: Duration) -> Error {
    Error::timeout(format!(
        "the hub has let this node go, but its store was not closed within {} s, so that its identity is still in place: once the disk \
         answers again, run `flockctl leave --force` with the agent stopped",
        waited.as_secs()
    ))
    .with_code("left_in_place")
}

#[cfg(test)]
mod tests;
