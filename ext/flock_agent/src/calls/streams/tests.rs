//! What answers bring of what a method yields, without a network.

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
