//! The calls that a hub holds for one member: those that wait to be written to its Serve stream, and those that wait for an answer.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result, limits};
use tokio::{sync::oneshot, time::timeout};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::lock;
use crate::{
    pb,
    relay::{NOT_CONNECTED, RELAY_BUSY},
};

/// Of the calls in one line, those of one caller.
pub(super) const RELAYED_CALLER_CALLS: usize = 16;

/// One member's Serve stream as the hub sees it. At most [`limits::RELAYED_CALLS`] are in it, of one caller at most
/// [`RELAYED_CALLER_CALLS`], so a member that does not read costs a
/// bounded amount of memory, and nobody else anything.
#[derive(Debug)]
pub(super) struct Line {
    member: String,
    state: Mutex<State>,
    /// Cancelled when the line is closed.
    pub closed: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    last_id: u64,
    unsent: VecDeque<u64>,
    calls: HashMap<u64, Call>,
    reader: Option<Waker>,
}

#[derive(Debug)]
struct Call {
    from: String,
    /// Until the connection takes it: from then on it may arrive.
    message: Option<Box<pb::ServeDown>>,
    answer: oneshot::Sender<Result<Vec<u8>>>,
}

/// What became of a call that is given up.
enum GivenUp {
    Unsent,
    Sent,
    Answered,
}

impl Line {
    pub(super) fn new(member: &str) -> Arc<Self> {
        Arc::new(Self {
            member: member.to_owned(),
            state: Mutex::default(),
            closed: CancellationToken::new(),
        })
    }

    /// Puts a call at the end of the line; `rpc_id` is filled in.
    ///
    /// # Errors
    /// Code `not_connected` when the line was closed, `relay_busy` when it is full, or the caller has its share of it.
    pub(super) fn call(self: &Arc<Self>, message: pb::ServeDown) -> Result<Waiting> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(not_connected(&self.member));
        }
        if state.calls.len() >= limits::RELAYED_CALLS {
            return Err(busy(format!(
                "{} has not answered {} calls yet",
                self.member,
                limits::RELAYED_CALLS
            )));
        }
        if state.calls.values().filter(|call| call.from == message.from).count() >= RELAYED_CALLER_CALLS {
            return Err(busy(format!(
                "{} has not answered {} calls of {} yet",
                self.member, RELAYED_CALLER_CALLS, message.from
            )));
        }
        state.last_id += 1;
        let (id, (sender, answer)) = (state.last_id, oneshot::channel());
        let from = message.from.clone();
        let message = Some(Box::new(pb::ServeDown { rpc_id: id, ..message }));
        state.calls.insert(
            id,
            Call {
                from,
                message,
                answer: sender,
            },
        );
        state.unsent.push_back(id);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Ok(Waiting {
            line: Arc::clone(self),
            id,
            answer,
        })
    }

    /// Takes in what the member answers; an answer that nobody waits for any more is dropped.
    pub(super) fn answer(&self, up: pb::ServeUp) {
        let Some(call) = lock(&self.state).calls.remove(&up.rpc_id) else {
            return;
        };
        let answer = match up.kind.as_str() {
            "" => Ok(up.body),
            kind => Err(Error::new(ErrorKind::from_code(kind), up.message).with_code(up.code)),
        };
        let _ = call.answer.send(answer);
    }

    /// Ends the stream and every call: those that it had not taken were carried nowhere.
    pub(super) fn close(&self) {
        let (calls, reader) = {
            let mut state = lock(&self.state);
            state.closed = true;
            state.unsent.clear();
            (std::mem::take(&mut state.calls), state.reader.take())
        };
        for call in calls.into_values() {
            let error = match call.message {
                Some(_) => not_connected(&self.member),
                None => broken(&self.member),
            };
            let _ = call.answer.send(Err(error));
        }
        if let Some(reader) = reader {
            reader.wake();
        }
        self.closed.cancel();
    }

    fn give_up(&self, id: u64) -> GivenUp {
        let mut state = lock(&self.state);
        match state.calls.remove(&id) {
            None => GivenUp::Answered,
            Some(Call { message: None, .. }) => GivenUp::Sent,
            Some(_) => {
                state.unsent.retain(|unsent| *unsent != id);
                GivenUp::Unsent
            }
        }
    }
}

/// A call in a line; it is taken out when this is dropped.
pub(super) struct Waiting {
    line: Arc<Line>,
    id: u64,
    answer: oneshot::Receiver<Result<Vec<u8>>>,
}

impl Waiting {
    /// The member's answer.
    ///
    /// # Errors
    /// The member's own; `not_connected` when it surely did not get the call; `timeout`, or `outcome_unknown` with code
    /// `relay_broken`, when it may have.
    pub(super) async fn within(mut self, limit: Duration) -> Result<Vec<u8>> {
        let member = &self.line.member;
        match timeout(limit, &mut self.answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(broken(member))),
            Err(_) => match self.line.give_up(self.id) {
                GivenUp::Unsent => Err(not_connected(member)),
                GivenUp::Sent => Err(Error::timeout(format!(
                    "{member} did not answer through the hub within {} ms",
                    limit.as_millis()
                ))),
                GivenUp::Answered => self.answer.try_recv().unwrap_or_else(|_| Err(broken(member))),
            },
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.line.give_up(self.id);
    }
}

/// The stream that the connection reads; the line ends with it.
pub(super) struct Reading(pub Arc<Line>);

impl Stream for Reading {
    type Item = Result<pb::ServeDown, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = lock(&self.0.state);
        while let Some(id) = state.unsent.pop_front() {
            if let Some(message) = state.calls.get_mut(&id).and_then(|call| call.message.take()) {
                return Poll::Ready(Some(Ok(*message)));
            }
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// That a member cannot be handed anything now.
pub(super) fn not_connected(member: &str) -> Error {
    Error::connection(format!(
        "{member} takes nothing from the hub now: its agent is off, or has no way to the hub"
    ))
    .with_code(NOT_CONNECTED)
}

/// That there is too much to relay.
pub(super) fn busy(why: String) -> Error {
    Error::rejected(format!("{why}; try again")).with_code(RELAY_BUSY)
}

fn broken(member: &str) -> Error {
    let message = format!("the connection between the hub and {member} broke before it answered");
    Error::new(ErrorKind::OutcomeUnknown, message).with_code("relay_broken")
}
