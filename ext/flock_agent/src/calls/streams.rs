//! Methods that yield: what they yield travels in answers to questions that the caller asks one after another.
//!
//! A question is a call like any other: it goes the same ways, also through a hub, and is admitted like one. What the caller does not ask
//! for is not sent, and what is not taken holds the method.

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

use super::places::{Place, Places};
use crate::{
    apis::{Item, Yielding},
    pb,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        apis::{
            Apis, Hosts,
            tests::{Process, info, serving},
        },
        fixtures,
        pb::host_down::Body,
    };

    fn name(text: &str) -> Holder {
        fixtures::name(text).into()
    }

    struct Bench {
        streams: Streams,
        hosts: Hosts,
        host: Process,
    }

    async fn bench() -> Bench {
        let (hosts, host) = serving(vec![info("a", &["m"], 64, 100)]).await;
        Bench {
            streams: Streams::default(),
            hosts,
            host,
        }
    }

    fn call(stream: &str, timeout_ms: u64) -> pb::CallRequest {
        pb::CallRequest {
            node: "b".into(),
            api: "a".into(),
            method: "m".into(),
            streams: true,
            stream: stream.into(),
            timeout_ms,
            ..Default::default()
        }
    }

    impl Bench {
        /// The first answer, once the host has done `act`.
        async fn begin(
            &mut self,
            from: &str,
            timeout_ms: u64,
            act: impl AsyncFnOnce(&Process, u64),
        ) -> Result<pb::CallReply> {
            let from = name(from);
            let read = Read {
                topic: "api:a".into(),
                version: "v".into(),
                polled: false,
            };
            let open = |call| self.hosts.open(&from, call);
            let begun = self.streams.begin(&from, call("", timeout_ms), read, open);
            let acting = async {
                let rpc_id = self.host.next_call().await.rpc_id;
                act(&self.host, rpc_id).await;
            };
            tokio::join!(begun, acting).0
        }

        async fn go_on(&self, from: &str, stream: &str) -> Result<pb::CallReply> {
            self.streams.go_on(&name(from), &call(stream, 10_000)).await
        }
    }

    fn texts(reply: &pb::CallReply) -> Vec<&str> {
        reply
            .yields
            .iter()
            .map(|values| std::str::from_utf8(values).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn answers_bring_what_was_yielded_since_and_the_last_one_the_result() {
        let mut bench = bench().await;
        let mut rpc = 0;
        let first = bench
            .begin("x", 10_000, async |host, rpc_id| host.yields(rpc_id, "[1]").await)
            .await
            .unwrap();
        assert_eq!(texts(&first), ["[1]"]);
        if let Some(Body::Taken(taken)) = bench.host.down().await {
            rpc = taken.rpc_id;
        }
        bench.host.yields(rpc, "[2]").await;
        bench.host.yields(rpc, "[3]").await;
        bench.host.answer(rpc, "7").await;
        let mut yields = Vec::new();
        let mut reply = bench.go_on("x", &first.stream).await.unwrap();
        while !reply.stream.is_empty() {
            yields.append(&mut reply.yields);
            reply = bench.go_on("x", &reply.stream).await.unwrap();
        }
        yields.append(&mut reply.yields);
        assert_eq!(yields, [b"[2]".to_vec(), b"[3]".to_vec()]);
        assert_eq!((reply.result.as_slice(), reply.topic.as_str()), (&b"7"[..], "api:a"));
    }

    #[tokio::test]
    async fn a_stream_is_its_callers_and_answers_one_question_at_a_time() {
        let mut bench = bench().await;
        let first = bench
            .begin("x", 10_000, async |host, rpc_id| host.yields(rpc_id, "[1]").await)
            .await
            .unwrap();
        for (from, stream) in [("y", first.stream.as_str()), ("x", "other")] {
            assert_eq!(bench.go_on(from, stream).await.unwrap_err().code(), "no_stream");
        }
        let elsewhere = pb::CallRequest {
            method: "n".into(),
            ..call(&first.stream, 10_000)
        };
        assert_eq!(
            bench.streams.go_on(&name("x"), &elsewhere).await.unwrap_err().code(),
            "no_stream"
        );
        let waiting = bench.go_on("x", &first.stream);
        let again = async {
            tokio::task::yield_now().await;
            bench.go_on("x", &first.stream).await.unwrap_err()
        };
        tokio::select! {
            biased;
            reply = waiting => panic!("it was answered: {reply:?}"),
            error = again => assert_eq!(error.code(), "no_stream"),
        }
    }

    #[tokio::test]
    async fn what_is_ended_or_over_its_time_is_taken_from_the_host() {
        let mut bench = bench().await;
        let first = bench
            .begin("x", 10_000, async |host, rpc_id| host.yields(rpc_id, "[1]").await)
            .await
            .unwrap();
        bench.host.down().await;
        let ends = pb::CallRequest {
            stream_ends: true,
            ..call(&first.stream, 1_000)
        };
        bench.streams.go_on(&name("x"), &ends).await.unwrap();
        assert!(matches!(bench.host.down().await, Some(Body::Cancel(_))));
        let late = bench.begin("x", 50, async |_, _| {}).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Timeout);
        assert!(matches!(bench.host.down().await, Some(Body::Cancel(_))));
        let parked = bench
            .begin("x", 300, async |host, rpc_id| host.yields(rpc_id, "[1]").await)
            .await
            .unwrap();
        bench.host.down().await;
        assert!(matches!(bench.host.down().await, Some(Body::Cancel(_))));
        assert_eq!(bench.go_on("x", &parked.stream).await.unwrap_err().code(), "no_stream");
    }

    #[tokio::test]
    async fn what_was_yielded_before_an_error_comes_before_it() {
        let mut bench = bench().await;
        let first = bench
            .begin("x", 10_000, async |host, rpc_id| {
                host.yields(rpc_id, "[1]").await;
                host.yields(rpc_id, "[2]").await;
            })
            .await
            .unwrap();
        let mut seen = texts(&first).len();
        bench.host.down().await;
        drop(std::mem::replace(
            &mut bench.host,
            serving(vec![info("z", &["m"], 1, 1)]).await.1,
        ));
        let mut stream = first.stream;
        let error = loop {
            match bench.go_on("x", &stream).await {
                Ok(reply) => {
                    seen += reply.yields.len();
                    stream = reply.stream;
                }
                Err(error) => break error,
            }
        };
        assert_eq!((seen, error.code()), (2, "api_down"));
    }

    #[tokio::test]
    async fn one_answer_holds_no_more_than_a_call_may() {
        let mut bench = bench().await;
        let large = format!("[\"{}\"]", "x".repeat(limits::CALL_BYTES - 100));
        let first = bench
            .begin("x", 10_000, async |host, rpc_id| host.yields(rpc_id, &large).await)
            .await
            .unwrap();
        let Some(Body::Taken(taken)) = bench.host.down().await else {
            panic!("the host was not told")
        };
        bench.host.yields(taken.rpc_id, "[1]").await;
        bench.host.yields(taken.rpc_id, &large).await;
        bench.host.answer(taken.rpc_id, "7").await;
        let (mut reply, mut sizes) = (first, Vec::new());
        while !reply.stream.is_empty() {
            reply = bench.go_on("x", &reply.stream).await.unwrap();
            sizes.push(reply.yields.iter().map(Vec::len).sum::<usize>() + reply.result.len());
        }
        assert!(sizes.iter().all(|size| *size <= limits::CALL_BYTES), "{sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), large.len() + 3 + 1);
    }

    #[tokio::test]
    async fn a_caller_has_so_many_streams_and_those_that_are_over_do_not_count() {
        let mut bench = bench().await;
        let mut open = Vec::new();
        for _ in 0..limits::STREAMS_OF_CALLER {
            open.push(
                bench
                    .begin("x", 60_000, async |host, rpc_id| host.yields(rpc_id, "[1]").await)
                    .await
                    .unwrap(),
            );
            bench.host.down().await;
        }
        let read = Read {
            topic: String::new(),
            version: String::new(),
            polled: true,
        };
        let never = |_| panic!("it is not even begun");
        let full = bench.streams.begin(&name("x"), call("", 1_000), read, never).await;
        assert_eq!(full.unwrap_err().code(), "streams");
        bench
            .begin("y", 60_000, async |host, rpc_id| host.yields(rpc_id, "[1]").await)
            .await
            .unwrap();
        let ends = pb::CallRequest {
            stream_ends: true,
            ..call(&open[0].stream, 1_000)
        };
        bench.streams.go_on(&name("x"), &ends).await.unwrap();
        bench.host.down().await;
        bench.host.down().await;
        bench
            .begin("x", 60_000, async |host, rpc_id| host.yields(rpc_id, "[1]").await)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn questions_leave_no_timers_behind() {
        let mut bench = bench().await;
        let one = async |host: &Process, rpc_id: u64| host.yields(rpc_id, "[1]").await;
        let mut reply = bench.begin("x", 3_600_000, one).await.unwrap();
        let Some(Body::Taken(taken)) = bench.host.down().await else {
            panic!("the host was not told")
        };
        for _ in 0..50 {
            bench.host.yields(taken.rpc_id, "[1]").await;
            reply = bench.go_on("x", &reply.stream).await.unwrap();
            bench.host.down().await;
        }
        tokio::task::yield_now().await;
        assert!(Arc::weak_count(&bench.streams.0) <= 3);
    }

    #[tokio::test]
    async fn a_stream_knows_its_api_for_a_caller_that_named_none() {
        let mut bench = bench().await;
        let one = async |host: &Process, rpc_id: u64| host.yields(rpc_id, "[1]").await;
        let first = bench.begin("x", 10_000, one).await.unwrap();
        assert_eq!(bench.streams.api_of(&name("x"), &first.stream), "a");
        assert_eq!(bench.streams.api_of(&name("y"), &first.stream), "");
    }
}
