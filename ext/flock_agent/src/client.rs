//! The local socket's other end: what chef-client's process, flockctl and knife run.
//!
//! Nothing is opened before the first call; a broken connection is opened again by the next one.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result, limits};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{net::UnixStream, sync::OnceCell};
use tonic::{
    Response, Status,
    transport::{Channel, Endpoint, Uri},
};

use crate::{pb, pb::local_client::LocalClient, spool, wire};

/// Where a draft was made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// In the agent's store, at this place.
    Outbox {
        /// Of this node's outbox.
        seq: u64,
    },
    /// In the spool directory, since no agent took it in time.
    Spool,
}

/// A client of this node's agent.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    data_dir: PathBuf,
    channel: OnceCell<Channel>,
}

impl Client {
    /// A client for the agent that listens on `socket`; `data_dir` is where its spool is.
    pub fn new(socket: impl Into<PathBuf>, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            data_dir: data_dir.into(),
            channel: OnceCell::new(),
        }
    }

    /// Calls an operation of the agent: a procedure of `proto/flock/v1/local.proto` in snake case, its message as JSON.
    ///
    /// # Errors
    /// `connection` when no agent listens, `timeout`, `configuration` for an unknown operation or field, or what the agent answers.
    pub async fn call(&self, op: &str, body: Value, timeout: Duration) -> Result<Value> {
        tokio::time::timeout(timeout, self.dispatch(op, body, timeout))
            .await
            .unwrap_or_else(|_| Err(silent(timeout)))
    }

    /// Makes a draft durable: in the agent's store if it answers within `timeout`, else in the spool. A timeout of zero means the spool.
    ///
    /// # Errors
    /// `configuration` or `denied` when the draft will never be taken; what keeps the spool from being written.
    pub async fn append(&self, draft: pb::Draft, timeout: Duration) -> Result<Where> {
        crate::draft::check(&draft)?;
        match self.offer(&draft, timeout).await {
            Ok(stored) => Ok(Where::Outbox { seq: stored.seq }),
            Err(error) if is_final(&error) => Err(error),
            Err(_) => self.spool(draft).await,
        }
    }

    async fn offer(&self, draft: &pb::Draft, timeout: Duration) -> Result<pb::Stored> {
        if timeout.is_zero() {
            return Err(silent(timeout));
        }
        let call = async {
            let mut stub = self.stub().await?;
            let request = wire::request(draft.clone(), millis(timeout));
            stub.append(request)
                .await
                .map(Response::into_inner)
                .map_err(wire::error)
        };
        tokio::time::timeout(timeout, call)
            .await
            .unwrap_or_else(|_| Err(silent(timeout)))
    }

    async fn spool(&self, draft: pb::Draft) -> Result<Where> {
        let data_dir = self.data_dir.clone();
        let written = tokio::task::spawn_blocking(move || spool::write(&data_dir, &draft)).await;
        written.map_err(|_| Error::internal("writing the spool panicked"))??;
        Ok(Where::Spool)
    }

    async fn dispatch(&self, op: &str, body: Value, timeout: Duration) -> Result<Value> {
        let ms = millis(timeout);
        let mut stub = self.stub().await?;
        match op {
            "hello" => answer(stub.hello(wire::request(message(body)?, ms)).await),
            "append" => answer(stub.append(wire::request(message(body)?, ms)).await),
            "run_changed" => answer(stub.run_changed(wire::request(message(body)?, ms)).await),
            "resolve" => answer(stub.resolve(wire::request(message(body)?, ms)).await),
            "nodes" => answer(stub.nodes(wire::request(message(body)?, ms)).await),
            "resources" => answer(stub.resources(wire::request(message(body)?, ms)).await),
            "list" => answer(stub.list(wire::request(message(body)?, ms)).await),
            "steer" => answer(stub.steer(wire::request(message(body)?, ms)).await),
            "await" => answer(stub.r#await(wire::request(message(body)?, ms)).await),
            "status" => answer(stub.status(wire::request(message(body)?, ms)).await),
            "doctor" => answer(stub.doctor(wire::request(message(body)?, ms)).await),
            "token_create" => answer(stub.token_create(wire::request(message(body)?, ms)).await),
            "node_remove" => answer(stub.node_remove(wire::request(message(body)?, ms)).await),
            _ => Err(Error::configuration(format!("the agent has no operation {op:?}"))),
        }
    }

    async fn stub(&self) -> Result<LocalClient<Channel>> {
        if !self.socket.exists() {
            return Err(no_agent(&self.socket, &"there is no such socket"));
        }
        let channel = self.channel.get_or_init(async || channel(self.socket.clone())).await;
        Ok(LocalClient::new(channel.clone())
            .max_decoding_message_size(limits::LOCAL_ANSWER_BYTES)
            .max_encoding_message_size(limits::MESSAGE_BYTES))
    }
}

/// The address is needed by HTTP/2 and means nothing here.
fn channel(socket: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_: Uri| connect(socket.clone()));
    Endpoint::from_static("http://agent.local").connect_with_connector_lazy(connector)
}

async fn connect(socket: PathBuf) -> std::io::Result<TokioIo<UnixStream>> {
    let stream = UnixStream::connect(&socket).await;
    stream
        .map(TokioIo::new)
        .map_err(|e| std::io::Error::other(no_agent(&socket, &e)))
}

fn message<T: DeserializeOwned>(body: Value) -> Result<T> {
    serde_json::from_value(body).map_err(|e| Error::configuration(format!("not a message of this operation: {e}")))
}

fn answer<T: Serialize>(result: std::result::Result<Response<T>, Status>) -> Result<Value> {
    let message = result.map_err(wire::error)?.into_inner();
    serde_json::to_value(message).map_err(|e| Error::internal(format!("an answer cannot be shown: {e}")))
}

/// Whether the agent understood and will never take it, so that the spool would only put the refusal off.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Configuration | ErrorKind::Denied)
}

fn millis(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)
}

fn silent(timeout: Duration) -> Error {
    Error::timeout(format!("the agent did not answer within {} ms", timeout.as_millis()))
}

fn no_agent(socket: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::connection(format!(
        "no agent answers on {}: {why}; start it with `flockctl agent`, or name its configuration with --config",
        socket.display()
    ))
}
