//! `FlockOfChefs::Native::Host`: the stream between a process in which APIs live and the agent of its node.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flock_agent::{
    apis::HostClient,
    pb::{self, host_down::Body},
};
use flock_core::{Error, Result};
use magnus::{DataTypeFunctions, Module, Object, RModule, Ruby, TypedData, function, method};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{runtime::Handle, time::timeout};

use crate::{
    guard::guard,
    json,
    running::Running,
    runtime::{CLIENT_THREADS, Runtime, check_process},
    wait::{wait, wait_here},
};

/// What a word to the agent may take: it waits only while the agent reads nothing.
const SAY: Duration = Duration::from_secs(10);

#[derive(TypedData)]
#[magnus(class = "FlockOfChefs::Native::Host", free_immediately, size)]
struct Host {
    socket: PathBuf,
    running: Mutex<Option<Running<HostClient>>>,
}

/// How a call ended, as Ruby says it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Reply {
    result: String,
    fault: Option<pb::Fault>,
    kind: String,
    code: String,
    message: String,
    accepted: bool,
    yielded: bool,
}

impl DataTypeFunctions for Host {
    fn free(self: Box<Self>) {
        let running = self.running.into_inner().unwrap_or_else(PoisonError::into_inner);
        running.into_iter().for_each(Running::release);
    }
}

impl Host {
    fn new(ruby: &Ruby, socket: PathBuf) -> Result<Self, magnus::Error> {
        guard(ruby, || {
            check_process()?;
            Ok(Self {
                socket,
                running: Mutex::new(None),
            })
        })
    }

    fn connect(ruby: &Ruby, this: &Self, hello: String, timeout_ms: u64) -> Result<(), magnus::Error> {
        guard(ruby, || {
            let hello: pb::HostHello = json::parse_as(&hello, "a host's hello")?;
            let runtime = Runtime::start(CLIENT_THREADS)?;
            let (socket, limit) = (this.socket.clone(), Duration::from_millis(timeout_ms));
            let connecting = async move { HostClient::connect(&socket, hello, limit).await };
            match wait(ruby, &runtime.handle()?, limit, connecting) {
                Ok(client) => {
                    let before = this.slot().replace(Running::new(runtime, client));
                    before.into_iter().for_each(Running::release);
                    Ok(())
                }
                Err(failure) => {
                    runtime.abandon();
                    Err(failure)
                }
            }
        })
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Running<HostClient>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Result<(Handle, Arc<HostClient>)> {
        let slot = self.slot();
        let running = slot.as_ref();
        running.map_or_else(
            || Err(Error::not_started("the host is not connected; call #connect first")),
            Running::get,
        )
    }

    fn next_call(ruby: &Ruby, this: &Self, timeout_ms: u64) -> Result<Option<String>, magnus::Error> {
        guard(ruby, || {
            let (runtime, client) = this.running()?;
            let limit = Duration::from_millis(timeout_ms);
            let next = wait_here(ruby, &runtime, client.next(limit))?;
            Ok(next.map(|body| shown(body).to_string()))
        })
    }

    fn reply(ruby: &Ruby, this: &Self, rpc_id: u64, reply: String) -> Result<(), magnus::Error> {
        guard(ruby, || {
            let (runtime, client) = this.running()?;
            let reply: Reply = json::parse_as(&reply, "a reply")?;
            let reply = reply.into_message(rpc_id);
            wait_here(ruby, &runtime, within(SAY, client.reply(reply)))
        })
    }

    fn changed(ruby: &Ruby, this: &Self, api: String) -> Result<(), magnus::Error> {
        guard(ruby, || {
            let (runtime, client) = this.running()?;
            wait_here(ruby, &runtime, within(SAY, client.changed(api)))
        })
    }
}

impl Reply {
    fn into_message(self, rpc_id: u64) -> pb::HostReply {
        pb::HostReply {
            rpc_id,
            result: self.result.into_bytes(),
            fault: self.fault,
            kind: self.kind,
            code: self.code,
            message: self.message,
            accepted: self.accepted,
            yielded: self.yielded,
        }
    }
}

async fn within(limit: Duration, saying: impl Future<Output = Result<()>>) -> Result<()> {
    let late = |_| Err(Error::timeout("the agent does not read what this host says"));
    timeout(limit, saying).await.unwrap_or_else(late)
}

/// As Ruby sees it; the arguments are JSON text within JSON, for Ruby's own codec to read.
fn shown(body: Body) -> Value {
    match body {
        Body::Call(call) => json!({
            "type": "call", "rpc_id": call.rpc_id, "from": call.from, "api": call.api, "method": call.method,
            "arguments": String::from_utf8_lossy(&call.arguments), "timeout_ms": call.timeout_ms,
            "crash_on_error": call.crash_on_error, "receipt": call.receipt, "streams": call.streams,
        }),
        Body::Taken(taken) => json!({"type": "taken", "rpc_id": taken.rpc_id, "bytes": taken.bytes}),
        Body::Cancel(cancel) => json!({"type": "cancel", "rpc_id": cancel.rpc_id}),
        Body::Stop(_) => json!({"type": "stop"}),
    }
}

/// Binds the class.
pub fn define(ruby: &Ruby, native: RModule) -> Result<(), magnus::Error> {
    let class = native.define_class("Host", ruby.class_object())?;
    class.define_singleton_method("new", function!(Host::new, 1))?;
    class.define_method("connect", method!(Host::connect, 2))?;
    class.define_method("next_call", method!(Host::next_call, 1))?;
    class.define_method("reply", method!(Host::reply, 2))?;
    class.define_method("changed", method!(Host::changed, 1))
}
