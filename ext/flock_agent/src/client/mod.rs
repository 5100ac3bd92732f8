//! The other end of the local socket, and of a hub's door for operators: the only part of this crate that the processes of chef-client,
//! flockctl and knife run.

mod hub;

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result, limits};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::net::UnixStream;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Uri},
};

use crate::{
    draft,
    identity::Operator,
    local_stream::LocalStream,
    pb::{self, local_client::LocalClient},
    spool, wire,
};

/// A handle to the agent of this node, or to a hub; cheap to clone. It connects at the first call, and again after the agent was restarted.
///
/// It belongs to the runtime of its first call: a forked child makes its own.
#[derive(Clone)]
pub struct Client {
    door: Door,
    channel: Arc<OnceLock<Channel>>,
}

/// Where a client knocks.
#[derive(Clone)]
enum Door {
    Agent { socket: PathBuf, data_dir: PathBuf },
    Hub(Box<Operator>),
}

/// Where a notification is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "where")]
pub enum Where {
    /// In the agent's outbox.
    Outbox {
        /// Its place there.
        seq: u64,
    },
    /// In the spool, for the agent to take in.
    Spool,
}

impl Client {
    /// Nothing is opened yet.
    pub fn new(socket: impl Into<PathBuf>, data_dir: impl Into<PathBuf>) -> Self {
        Self::at(Door::Agent {
            socket: socket.into(),
            data_dir: data_dir.into(),
        })
    }

    /// For an operator, who has no agent; nothing is opened yet.
    pub fn of_operator(operator: Operator) -> Self {
        Self::at(Door::Hub(Box::new(operator)))
    }

    fn at(door: Door) -> Self {
        Self {
            door,
            channel: Arc::default(),
        }
    }

    /// Calls an operation by its name in snake_case, with its message as JSON; `null` stands for an empty message.
    ///
    /// # Errors
    /// `configuration` when the operation or a field is unknown; `connection` with code `no_agent` when no agent answers; `timeout`;
    /// else the agent's own error.
    pub async fn call(&self, op: &str, arguments: Value, timeout: Duration) -> Result<Value> {
        let one = Call {
            client: self,
            op,
            arguments,
            timeout,
        };
        match op {
            "hello" => one.run(|mut c, r| async move { c.hello(r).await }).await,
            "append" => one.run(|mut c, r| async move { c.append(r).await }).await,
            "run_changed" => one.run(|mut c, r| async move { c.run_changed(r).await }).await,
            "resolve" => one.run(|mut c, r| async move { c.resolve(r).await }).await,
            "nodes" => one.run(|mut c, r| async move { c.nodes(r).await }).await,
            "resources" => one.run(|mut c, r| async move { c.resources(r).await }).await,
            "list" => one.run(|mut c, r| async move { c.list(r).await }).await,
            "steer" => one.run(|mut c, r| async move { c.steer(r).await }).await,
            "await" => {
                one.within_own_deadline()
                    .run(|mut c, r| async move { c.r#await(r).await })
                    .await
            }
            "status" => one.run(|mut c, r| async move { c.status(r).await }).await,
            "doctor" => one.run(|mut c, r| async move { c.doctor(r).await }).await,
            "subscriptions" => one.run(|mut c, r| async move { c.subscriptions(r).await }).await,
            "token_create" => one.run(|mut c, r| async move { c.token_create(r).await }).await,
            "node_remove" => one.run(|mut c, r| async move { c.node_remove(r).await }).await,
            "observe" => {
                one.within_own_deadline()
                    .run(|mut c, r| async move { c.observe(r).await })
                    .await
            }
            "leave" => one.run(|mut c, r| async move { c.leave(r).await }).await,
            "api_changed" => one.run(|mut c, r| async move { c.api_changed(r).await }).await,
            "why" => one.run(|mut c, r| async move { c.why(r).await }).await,
            "metrics" => one.run(|mut c, r| async move { c.metrics(r).await }).await,
            "log_level" => one.run(|mut c, r| async move { c.log_level(r).await }).await,
            "operators" => one.run(|mut c, r| async move { c.operators(r).await }).await,
            "backup" => one.run(|mut c, r| async move { c.backup(r).await }).await,
            _ => Err(Error::configuration(format!("the agent has no operation {op:?}")).with_code("unknown_op")),
        }
    }

    /// Keeps a draft: in the agent's outbox if that answers within `timeout`, else in the spool; with a `timeout` of zero in the spool at once.
    /// The draft's id makes it one notification even if both have it. An operator's is kept by the hub or not at all.
    ///
    /// # Errors
    /// `configuration` or `denied` when it is refused for what it is (it is not spooled then); else why it could be kept nowhere.
    pub async fn append(&self, draft: pb::Draft, timeout: Duration) -> Result<Where> {
        draft::check(&draft)?;
        let Door::Agent { data_dir, .. } = &self.door else {
            let stored = hub::keep(&draft.id, || self.send(draft.clone(), timeout)).await?;
            return Ok(Where::Outbox { seq: stored.seq });
        };
        if timeout.is_zero() {
            return spool(data_dir, draft).await;
        }
        match self.send(draft.clone(), timeout).await {
            Ok(stored) => Ok(Where::Outbox { seq: stored.seq }),
            Err(error) if matches!(error.kind(), ErrorKind::Configuration | ErrorKind::Denied) => Err(error),
            Err(agent) => spool(data_dir, draft).await.map_err(|spool| {
                let message = format!("the notification could be kept nowhere. The agent: {agent}. The spool: {spool}");
                Error::new(spool.kind(), message).with_code(spool.code())
            }),
        }
    }

    /// Calls a method of a node; `call.timeout_ms` bounds it.
    ///
    /// # Errors
    /// As [`Client::call`]; `outcome_unknown` when it may have arrived.
    pub async fn invoke(&self, call: pb::CallRequest) -> Result<pb::CallReply> {
        let mut stub = self.stub();
        let (limit_ms, what) = (
            call.timeout_ms,
            format!("{}.{} of {}", call.api, call.method, call.node),
        );
        // The agent's own error is the better one.
        let patience_ms = limit_ms.saturating_add(limits::DEADLINE_MARGIN_MS);
        wire::within(patience_ms, &what, async move {
            stub.call(wire::request(call, patience_ms)).await
        })
        .await
        .map_err(perhaps_arrived)
    }

    async fn send(&self, draft: pb::Draft, timeout: Duration) -> Result<pb::Stored> {
        let mut stub = self.stub();
        let request = wire::request(draft, millis(timeout));
        wire::within(millis(timeout), "append", async move { stub.append(request).await }).await
    }

    fn stub(&self) -> LocalClient<Channel> {
        let open = || match &self.door {
            Door::Agent { socket, .. } => channel(socket),
            Door::Hub(operator) => hub::channel(operator),
        };
        let channel = self.channel.get_or_init(open).clone();
        LocalClient::new(channel)
            .max_decoding_message_size(limits::LOCAL_ANSWER_BYTES)
            .max_encoding_message_size(limits::CALL_MESSAGE_BYTES)
    }
}

async fn spool(data_dir: &Path, draft: pb::Draft) -> Result<Where> {
    let data_dir = data_dir.to_owned();
    tokio::task::spawn_blocking(move || spool::write(&data_dir, &draft))
        .await
        .unwrap_or_else(|_| Err(Error::internal("writing the spool panicked")))
        .map(|()| Where::Spool)
}

struct Call<'a> {
    client: &'a Client,
    op: &'a str,
    arguments: Value,
    timeout: Duration,
}

impl Call<'_> {
    async fn run<Q, A, F>(self, rpc: impl FnOnce(LocalClient<Channel>, Request<Q>) -> F) -> Result<Value>
    where
        Q: DeserializeOwned + Default,
        A: Serialize,
        F: Future<Output = std::result::Result<Response<A>, Status>>,
    {
        let message: Q = match self.arguments {
            Value::Null => Q::default(),
            arguments => serde_json::from_value(arguments).map_err(|e| bad_request(self.op, &e))?,
        };
        let timeout_ms = millis(self.timeout);
        let call = rpc(self.client.stub(), wire::request(message, timeout_ms));
        let answer = wire::within(timeout_ms, self.op, call).await?;
        serde_json::to_value(answer).map_err(|e| Error::internal(format!("the answer to {} is not JSON: {e}", self.op)))
    }

    /// The agent must answer a wait before our patience ends, so that the caller learns where things stand.
    fn within_own_deadline(mut self) -> Self {
        let margin = (self.timeout / 10).min(Duration::from_millis(500));
        let longest = millis(self.timeout.saturating_sub(margin));
        if let Value::Object(fields) = &mut self.arguments {
            let asked = fields
                .get("timeout_ms")
                .and_then(Value::as_u64)
                .filter(|asked| *asked > 0);
            fields.insert("timeout_ms".into(), asked.unwrap_or(longest).min(longest).into());
        }
        self
    }
}

fn bad_request(op: &str, error: &serde_json::Error) -> Error {
    Error::configuration(format!("{op} cannot be called like that: {error}")).with_code("bad_request")
}

fn millis(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)
}

/// Who could not connect says why by a code of its own; the bare kind is a connection that broke.
fn has_broken(error: &Error) -> bool {
    error.code() == ErrorKind::Connection.code()
}

fn perhaps_arrived(error: Error) -> Error {
    match has_broken(&error) {
        true => Error::new(
            ErrorKind::OutcomeUnknown,
            format!("the agent that was asked ended meanwhile: {error}"),
        ),
        false => error,
    }
}

/// A connection to the agent at `socket`, made at the first call.
pub(crate) fn channel(socket: &Path) -> Channel {
    let socket = socket.to_owned();
    let connect = tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move {
            let stream = UnixStream::connect(&socket)
                .await
                .map_err(|e| unreachable(&socket, &e))?;
            let stream = LocalStream::new(stream).map_err(|e| unreachable(&socket, &e))?;
            Ok::<_, Error>(TokioIo::new(stream))
        }
    });
    // The address is not looked at; HTTP/2 wants one.
    Endpoint::from_static("http://agent.local").connect_with_connector_lazy(connect)
}

fn unreachable(socket: &Path, error: &io::Error) -> Error {
    let socket = socket.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::connection(format!(
            "no agent answers at {socket}: start it with `systemctl start flock-agent` (or `flockctl agent`)"
        ))
        .with_code("no_agent"),
        io::ErrorKind::PermissionDenied => Error::connection(format!(
            "the agent's socket {socket} is not yours to open: run as the agent's user or as root"
        ))
        .with_code("socket_forbidden"),
        _ => Error::connection(format!("the agent at {socket} cannot be reached: {error}")).with_code("unreachable"),
    }
}
