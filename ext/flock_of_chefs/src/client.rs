//! `FlockOfChefs::Native::Client`: calls to the agent of this node over its local socket, or of an operator to a hub.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flock_agent::{client::Client as Inside, identity::Operator, pb};
use flock_core::{Error, Result};
use magnus::{DataTypeFunctions, Module, Object, RModule, Ruby, TypedData, function, method};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::{
    guard::guard,
    json,
    running::Running,
    runtime::{CLIENT_THREADS, Runtime, check_process},
    wait::wait,
};

/// Result, topic, version, polled, fault, yields, stream.
type Answer = (String, String, String, bool, Option<String>, Vec<String>, String);

#[derive(TypedData)]
#[magnus(class = "FlockOfChefs::Native::Client", free_immediately, size)]
struct Client {
    door: Door,
    /// Started at the first call, so that a client that was only made may be inherited by a child.
    running: Mutex<Option<Running<Inside>>>,
}

/// As the options name it.
#[derive(Clone)]
enum Door {
    Agent {
        socket: PathBuf,
        data_dir: PathBuf,
    },
    /// The folder with an operator's identity.
    Operator {
        operator: PathBuf,
    },
}

impl Door {
    fn of(options: &Value) -> Result<Self> {
        if options.get("operator").is_some() {
            let operator = json::text(options, "operator")?.into();
            return Ok(Self::Operator { operator });
        }
        Ok(Self::Agent {
            socket: json::text(options, "socket")?.into(),
            data_dir: json::text(options, "data_dir")?.into(),
        })
    }

    fn open(self) -> Result<Inside> {
        Ok(match self {
            Self::Agent { socket, data_dir } => Inside::new(socket, data_dir),
            Self::Operator { operator } => Inside::of_operator(Operator::load(&operator)?),
        })
    }
}

impl DataTypeFunctions for Client {
    fn free(self: Box<Self>) {
        let running = self.running.into_inner().unwrap_or_else(PoisonError::into_inner);
        running.into_iter().for_each(Running::release);
    }
}

impl Client {
    fn new(ruby: &Ruby, options: String) -> Result<Self, magnus::Error> {
        guard(ruby, || {
            check_process()?;
            Ok(Self {
                door: Door::of(&json::parse(&options)?)?,
                running: Mutex::new(None),
            })
        })
    }

    fn running(&self) -> Result<(Handle, Arc<Inside>)> {
        let mut slot = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match slot.take() {
            Some(running) => running,
            None => self.start()?,
        };
        slot.insert(running).get()
    }

    fn start(&self) -> Result<Running<Inside>> {
        let inside = self.door.clone().open()?;
        let runtime = Runtime::start(CLIENT_THREADS)?;
        let handle = runtime.handle()?;
        let _inside = handle.enter();
        Ok(Running::new(runtime, inside))
    }

    fn call(ruby: &Ruby, this: &Self, op: String, body: String, timeout_ms: u64) -> Result<String, magnus::Error> {
        guard(ruby, || {
            let (runtime, client) = this.running()?;
            let body = json::parse(&body)?;
            let limit = Duration::from_millis(timeout_ms);
            let answer = wait(
                ruby,
                &runtime,
                limit,
                async move { client.call(&op, body, limit).await },
            )?;
            Ok(answer.to_string())
        })
    }

    /// Answers with `[result, topic, version, polled, fault, yields, stream]`: arguments, result and yields are texts of JSON that are handed
    /// through as they are.
    fn invoke(
        ruby: &Ruby,
        this: &Self,
        request: String,
        arguments: String,
        timeout_ms: u64,
    ) -> Result<Answer, magnus::Error> {
        guard(ruby, || {
            let (runtime, client) = this.running()?;
            let call = pb::CallRequest {
                arguments: arguments.into_bytes(),
                timeout_ms,
                ..json::parse_as(&request, "a call")?
            };
            let limit = Duration::from_millis(timeout_ms);
            let reply = wait(ruby, &runtime, limit, async move { client.invoke(call).await })?;
            let yields = reply.yields.into_iter().map(text).collect::<Result<_>>()?;
            let fault = reply.fault.map(|fault| json::print(&fault)).transpose()?;
            Ok((
                text(reply.result)?,
                reply.topic,
                reply.version,
                reply.polled,
                fault,
                yields,
                reply.stream,
            ))
        })
    }

    fn append(ruby: &Ruby, this: &Self, draft: String, timeout_ms: u64) -> Result<String, magnus::Error> {
        guard(ruby, || {
            let (runtime, client) = this.running()?;
            let draft = json::parse_as(&draft, "a notification")?;
            let limit = Duration::from_millis(timeout_ms);
            let stored = wait(ruby, &runtime, limit, async move { client.append(draft, limit).await })?;
            Ok(json::print(&stored)?)
        })
    }
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| Error::protocol("the answer of the call is no text of JSON"))
}

/// Binds the class.
pub fn define(ruby: &Ruby, native: RModule) -> Result<(), magnus::Error> {
    let class = native.define_class("Client", ruby.class_object())?;
    class.define_singleton_method("new", function!(Client::new, 1))?;
    class.define_method("call", method!(Client::call, 3))?;
    class.define_method("invoke", method!(Client::invoke, 3))?;
    class.define_method("append", method!(Client::append, 2))
}
