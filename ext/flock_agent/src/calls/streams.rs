//! Methods that yield: what they yield travels in answers to questions that the caller asks one after another.
//!
//! A question is a call like any other: it goes the same ways, also through a hub, and is admitted like one. What the caller does not ask
//! for is not sent, and what is not taken holds the method.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result, holder::Holder, limits};
use tokio::{
    task::AbortHandle,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use crate::{
    apis::{Item, Yielding},
    pb,
    places::{Place, Places},
};

/// What one can watch to learn whether an answer would be another one.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub topic: String,
    pub version: String,
    pub polled: bool,
}

impl Read {
    /// Says so in the answer.
    pub fn put(self, reply: pb::CallReply) -> pb::CallReply {
        pb::CallReply {
            topic: self.topic,
            version: self.version,
            polled: self.polled,
            ..reply
        }
    }
}

/// Streams of this node; cheap to clone.
#[derive(Clone)]
pub(super) struct Streams(Arc<Inner>);

struct Inner {
    /// Those that wait for the next question.
    parked: Mutex<HashMap<String, Parked>>,
    places: Places,
}

/// A stream, and the task that drops it when nobody asks.
struct Parked {
    stream: Stream,
    _timer: AbortOnDrop,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whose stream it is, and until when.
#[derive(Debug, Clone)]
struct Owner {
    from: Holder,
    api: String,
    method: String,
    ends: Instant,
    read: Read,
}

struct Stream {
    owner: Owner,
    _place: Place,
    yielding: Yielding,
    /// What did not fit into the last answer.
    head: Option<Item>,
}

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Inner {
            parked: Mutex::default(),
            places: Places::new(limits::STREAMS, limits::STREAMS_OF_CALLER),
        }))
    }
}

impl Streams {
    /// Calls the method with `open` and answers as soon as it has yielded something, or is over.
    ///
    /// # Errors
    /// `rejected` with code `streams`; those of the method's API.
    pub async fn begin(
        &self,
        from: &Holder,
        call: pb::CallRequest,
        read: Read,
        open: impl FnOnce(pb::CallRequest) -> Result<Yielding>,
    ) -> Result<pb::CallReply> {
        let place = self.0.places.take(from).ok_or_else(|| {
            let full = "too many streams of this node are open; take what one has, or end it";
            Error::rejected(full).with_code("streams")
        })?;
        let owner = Owner {
            from: from.clone(),
            api: call.api.clone(),
            method: call.method.clone(),
            ends: Instant::now() + Duration::from_millis(call.timeout_ms),
            read,
        };
        let stream = Stream {
            owner,
            _place: place,
            yielding: open(call)?,
            head: None,
        };
        self.answer(stream).await
    }

    /// Answers with what the stream of an earlier answer has yielded since.
    ///
    /// # Errors
    /// `outcome_unknown` with code `no_stream` when it is over, another caller's, or asked for by two at once; else as [`Streams::begin`].
    pub async fn go_on(&self, from: &Holder, call: &pb::CallRequest) -> Result<pb::CallReply> {
        let stream = self.take(from, call).ok_or_else(|| {
            let over = "that stream is over, or was not asked for in time; its method has begun, and may have ended";
            Error::new(ErrorKind::OutcomeUnknown, over).with_code("no_stream")
        })?;
        match call.stream_ends {
            true => Ok(pb::CallReply::default()),
            false => self.answer(stream).await,
        }
    }

    /// Whose method a stream is, for a caller that names none; "" = there is no such stream of this caller.
    pub fn api_of(&self, from: &Holder, stream: &str) -> String {
        let parked = lock(&self.0.parked);
        let owner = parked.get(stream).map(|parked| &parked.stream.owner);
        owner
            .filter(|owner| owner.from == *from)
            .map_or_else(String::new, |owner| owner.api.clone())
    }

    fn take(&self, from: &Holder, call: &pb::CallRequest) -> Option<Stream> {
        let mut parked = lock(&self.0.parked);
        let owner = &parked.get(&call.stream)?.stream.owner;
        match owner.from == *from && owner.api == call.api && owner.method == call.method {
            true => parked.remove(&call.stream).map(|parked| parked.stream),
            false => None,
        }
    }

    async fn answer(&self, mut stream: Stream) -> Result<pb::CallReply> {
        let held = Instant::now() + Duration::from_millis(limits::STREAM_HELD_MS);
        let (yields, end) = match timeout_at(held.min(stream.owner.ends), stream.first()).await {
            Ok(first) => stream.batch(first),
            Err(_) if Instant::now() >= stream.owner.ends => return Err(late(&stream.owner)),
            Err(_) => (Vec::new(), None),
        };
        match end {
            Some(outcome) => outcome.map(|reply| stream.owner.read.clone().put(pb::CallReply { yields, ..reply })),
            None => {
                stream.yielding.taken(&yields);
                Ok(pb::CallReply {
                    yields,
                    stream: self.park(stream),
                    ..Default::default()
                })
            }
        }
    }

    /// Keeps it until it is asked for again, for as long as that may take.
    fn park(&self, stream: Stream) -> String {
        let id = Uuid::now_v7().to_string();
        let idle = Instant::now() + Duration::from_millis(limits::STREAM_IDLE_MS);
        let until = idle.min(stream.owner.ends);
        let (streams, parked) = (Arc::downgrade(&self.0), id.clone());
        let timer = tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            let over = streams
                .upgrade()
                .and_then(|streams| lock(&streams.parked).remove(&parked));
            drop(over);
        });
        let parked = Parked {
            stream,
            _timer: AbortOnDrop(timer.abort_handle()),
        };
        lock(&self.0.parked).insert(id.clone(), parked);
        id
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stream {
    async fn first(&mut self) -> Item {
        match self.head.take() {
            Some(head) => head,
            None => self.yielding.next().await,
        }
    }

    /// As much as there is and one answer holds, and how the method ended, if it has.
    fn batch(&mut self, first: Item) -> (Vec<Vec<u8>>, Option<Result<pb::CallReply>>) {
        let (mut yields, mut bytes, mut next) = (Vec::new(), 0, Some(first));
        while let Some(item) = next {
            match item {
                Item::Yield(value) if yields.is_empty() || bytes + room(&value) <= limits::CALL_BYTES => {
                    bytes += room(&value);
                    yields.push(value);
                }
                Item::End(outcome) if yields.is_empty() || fits(&outcome, bytes) => return (yields, Some(outcome)),
                other => {
                    self.head = Some(other);
                    break;
                }
            }
            next = self.yielding.ready();
        }
        (yields, None)
    }
}

/// What a value takes of a message.
fn room(value: &[u8]) -> usize {
    value.len() + 8
}

/// An error would cost what was yielded before it.
fn fits(outcome: &Result<pb::CallReply>, bytes: usize) -> bool {
    outcome
        .as_ref()
        .is_ok_and(|reply| bytes + reply.result.len() <= limits::CALL_BYTES)
}

fn late(owner: &Owner) -> Error {
    Error::timeout(format!("{}.{} was not over in time", owner.api, owner.method))
}
