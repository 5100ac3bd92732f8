//! One connected host: what it offers, and the calls that it has.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flock_core::{Error, ErrorKind, Result, holder::Holder, limits};
use tokio::sync::{
    mpsc::{Sender, error::TrySendError},
    oneshot,
};

use super::{
    Kind, api_down, api_lost, no_method,
    stream::{Sink, Yielding},
};
use crate::pb::{self, host_down::Body};

/// As much of one process as its agent needs.
pub(super) struct Host {
    pub(super) kind: Kind,
    pub(super) pid: u32,
    /// Tells it from others before and after it, also over restarts of the agent.
    pub(super) mark: u32,
    pub(super) apis: BTreeMap<String, pb::ApiInfo>,
    pub(super) problems: Vec<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` = its stream is over.
    down: Option<Sender<pb::HostDown>>,
    /// It gets no further call, and its stream is over when it has ended those at hand.
    retired: bool,
    last_id: u64,
    calls: HashMap<u64, Call>,
    /// How many of them each API has.
    at_hand: HashMap<String, usize>,
    /// How often each API said that something of it changed.
    changes: HashMap<String, u64>,
}

/// It keeps its place in the API's queue until the host has said how it ended, whether anybody still waits or not.
struct Call {
    api: String,
    answer: Option<Hearer>,
}

/// Who hears how a call goes.
enum Hearer {
    Once(oneshot::Sender<Result<pb::CallReply>>),
    Yields(Sink),
}

/// A call that is in the host's queue; dropped before its answer, the host hears that nobody waits any more.
pub(super) struct Waiting {
    host: Arc<Host>,
    id: u64,
    api: String,
    answer: oneshot::Receiver<Result<pb::CallReply>>,
}

impl Host {
    pub(super) fn new(kind: Kind, hello: pb::HostHello, down: Sender<pb::HostDown>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            kind,
            pid: hello.pid,
            mark: rand::random(),
            apis: checked(hello.apis)?,
            problems: hello.problems,
            state: Mutex::new(State {
                down: Some(down),
                ..State::default()
            }),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, api: &str, method: &str) -> bool {
        let info = self.apis.get(api);
        info.is_some_and(|info| info.methods.iter().any(|known| known.name == method))
    }

    /// Puts a call into the queue of its API.
    pub(super) fn begin(self: &Arc<Self>, from: &Holder, call: pb::CallRequest) -> Result<Waiting> {
        let (sender, answer) = oneshot::channel();
        let api = call.api.clone();
        let id = self.put(from, call, Hearer::Once(sender))?;
        Ok(Waiting {
            host: Arc::clone(self),
            id,
            api,
            answer,
        })
    }

    /// The same for a caller that takes what the method yields.
    pub(super) fn open(self: &Arc<Self>, from: &Holder, call: pb::CallRequest) -> Result<Yielding> {
        let (sink, items) = Sink::pair();
        let id = self.put(from, call, Hearer::Yields(sink))?;
        Ok(Yielding::new(Arc::clone(self), id, items))
    }

    fn put(&self, from: &Holder, call: pb::CallRequest, hearer: Hearer) -> Result<u64> {
        if !self.has(&call.api, &call.method) {
            return Err(no_method(&call.method));
        }
        let mut state = self.state();
        if state.retired {
            return Err(refused(&call.api, TrySendError::Closed(())));
        }
        self.admit(&state, &call.api)?;
        let (id, api) = (state.last_id + 1, call.api.clone());
        state.send(message(id, from, call)).map_err(|e| refused(&api, e))?;
        state.last_id = id;
        *state.at_hand.entry(api.clone()).or_default() += 1;
        state.calls.insert(
            id,
            Call {
                api,
                answer: Some(hearer),
            },
        );
        Ok(id)
    }

    fn admit(&self, state: &State, api: &str) -> Result<()> {
        let (concurrency, queue) = self.apis.get(api).map_or((1, 0), |info| (info.concurrency, info.queue));
        let at_hand = state.at_hand.get(api).copied().unwrap_or_default();
        match at_hand < (concurrency + queue) as usize {
            true => Ok(()),
            false => Err(queue_full(format!(
                "{api} works on {concurrency} calls and {queue} more wait for it; call it again later"
            ))),
        }
    }

    /// What the host says of a call.
    pub(super) fn reply(&self, reply: pb::HostReply) {
        let mut state = self.state();
        if reply.accepted {
            let waiting = state.calls.get_mut(&reply.rpc_id).and_then(|call| call.answer.take());
            answer(waiting, Ok(receipt()));
            return;
        }
        if reply.yielded {
            state.yields(reply);
            return;
        }
        let call = state.end(reply.rpc_id);
        drop(state);
        answer(call.and_then(|call| call.answer), outcome(reply));
    }

    /// Notes that something of the API changed.
    pub(super) fn changed(&self, api: &str) {
        if self.apis.contains_key(api) {
            *self.state().changes.entry(api.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn version(&self, api: &str) -> String {
        let count = self.state().changes.get(api).copied().unwrap_or_default();
        format!("{:08x}.{count}", self.mark)
    }

    /// Calls that it has not brought to an end.
    pub(super) fn at_hand(&self) -> usize {
        self.state().calls.len()
    }

    /// Another host has taken over: it gets no further call, and ends by itself. What it has goes on, and hears who takes what it yields.
    pub(super) fn retire(&self) {
        let mut state = self.state();
        // Where there is no room it ends with its stream.
        let _ = state.send(Body::Stop(pb::HostStop {}));
        state.retired = true;
        state.close_if_over();
    }

    /// Its stream is over: whoever waits is told.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.down = None;
        let calls = std::mem::take(&mut state.calls);
        drop(state);
        for call in calls.into_values() {
            let why = format!(
                "the process of {} ended while it worked on this; it may have begun",
                call.api
            );
            answer(call.answer, Err(api_lost(&why)));
        }
    }

    /// The caller has taken so many bytes of what the call yielded; `false` = the host has not heard of it.
    pub(super) fn taken(&self, id: u64, bytes: u64) -> bool {
        let mut state = self.state();
        let told = state.send(Body::Taken(pb::HostTaken { rpc_id: id, bytes })).is_ok();
        let call = state.calls.get_mut(&id);
        if let (true, Some(Hearer::Yields(sink))) = (told, call.and_then(|call| call.answer.as_mut())) {
            sink.taken(bytes);
        }
        told
    }

    /// Nobody waits for this call any more.
    pub(super) fn cancel(&self, id: u64) {
        let mut state = self.state();
        let Some(call) = state.calls.get_mut(&id) else { return };
        if call.answer.take().is_some() {
            // It is a courtesy: the host ends the call's time by itself.
            let _ = state.send(Body::Cancel(pb::HostCancel { rpc_id: id }));
        }
    }
}

impl State {
    /// Takes a call that is over out; its place is free.
    fn end(&mut self, id: u64) -> Option<Call> {
        let call = self.calls.remove(&id)?;
        if let Some(count) = self.at_hand.get_mut(&call.api) {
            *count -= 1;
        }
        self.close_if_over();
        Some(call)
    }

    fn close_if_over(&mut self) {
        if self.retired && self.calls.is_empty() {
            self.down = None;
        }
    }

    /// A method yields. One that yields too much is given up as if nobody waited; it ends when it hears of that.
    fn yields(&mut self, reply: pb::HostReply) {
        let Some(call) = self.calls.get_mut(&reply.rpc_id) else {
            return;
        };
        let Some(Hearer::Yields(sink)) = call.answer.as_mut() else {
            return;
        };
        if let Err(overrun) = sink.yields(reply.result) {
            answer(call.answer.take(), Err(overrun));
            let _ = self.send(Body::Cancel(pb::HostCancel { rpc_id: reply.rpc_id }));
        }
    }

    fn send(&self, body: Body) -> Result<(), TrySendError<()>> {
        let down = self.down.as_ref().ok_or(TrySendError::Closed(()))?;
        let sent = down.try_send(pb::HostDown { body: Some(body) });
        sent.map_err(|e| match e {
            TrySendError::Full(_) => TrySendError::Full(()),
            TrySendError::Closed(_) => TrySendError::Closed(()),
        })
    }
}

impl Waiting {
    pub(super) async fn answer(mut self) -> Result<pb::CallReply> {
        let gone = |_| Err(api_lost(&format!("the process of {} ended", self.api)));
        (&mut self.answer).await.unwrap_or_else(gone)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.host.cancel(self.id);
    }
}

/// Whoever waited may be gone.
fn answer(waiting: Option<Hearer>, result: Result<pb::CallReply>) {
    match waiting {
        Some(Hearer::Once(waiting)) => {
            let _ = waiting.send(result);
        }
        Some(Hearer::Yields(sink)) => sink.end(result),
        None => {}
    }
}

fn message(rpc_id: u64, from: &Holder, call: pb::CallRequest) -> Body {
    Body::Call(pb::HostCall {
        rpc_id,
        from: from.to_string(),
        api: call.api,
        method: call.method,
        arguments: call.arguments,
        timeout_ms: call.timeout_ms,
        crash_on_error: call.crash_on_error,
        receipt: call.receipt,
        streams: call.streams,
    })
}

/// That the call was taken in: as every answer it has a result, which is JSON.
fn receipt() -> pb::CallReply {
    pb::CallReply {
        result: b"null".to_vec(),
        ..Default::default()
    }
}

fn outcome(reply: pb::HostReply) -> Result<pb::CallReply> {
    if reply.kind.is_empty() {
        return Ok(pb::CallReply {
            result: reply.result,
            fault: reply.fault,
            ..Default::default()
        });
    }
    Err(Error::new(ErrorKind::from_code(&reply.kind), reply.message).with_code(reply.code))
}

fn refused(api: &str, error: TrySendError<()>) -> Error {
    match error {
        TrySendError::Full(()) => queue_full(format!("the process of {api} does not read; call it again later")),
        TrySendError::Closed(()) => api_down(&format!("the process of {api} is ending; call it again later")),
    }
}

fn queue_full(why: String) -> Error {
    Error::rejected(why).with_code("queue_full")
}

/// The APIs by name, their limits within ours.
fn checked(apis: Vec<pb::ApiInfo>) -> Result<BTreeMap<String, pb::ApiInfo>> {
    if apis.len() > limits::APIS {
        return Err(bad_hello(format!("a host offers at most {} APIs", limits::APIS)));
    }
    apis.into_iter()
        .map(|info| limited(info).map(|info| (info.name.clone(), info)))
        .collect()
}

fn limited(info: pb::ApiInfo) -> Result<pb::ApiInfo> {
    let fits = |name: &str| !name.is_empty() && name.len() <= limits::API_NAME_BYTES;
    if !fits(&info.name) || !info.methods.iter().all(|method| fits(&method.name)) {
        return Err(bad_hello(format!(
            "{:?} or a method of it has no usable name",
            info.name
        )));
    }
    if info.methods.len() > limits::API_METHODS {
        return Err(bad_hello(format!(
            "{} exposes more than {} methods",
            info.name,
            limits::API_METHODS
        )));
    }
    Ok(pb::ApiInfo {
        concurrency: info.concurrency.clamp(1, limits::API_CONCURRENCY),
        queue: match info.queue {
            0 => limits::API_QUEUE,
            asked => asked.min(limits::API_QUEUE_MAX),
        },
        ..info
    })
}

pub(super) fn bad_hello(why: String) -> Error {
    Error::protocol(why).with_code("bad_host")
}
