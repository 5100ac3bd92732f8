//! What methods yield, on its way from a host.

use super::*;

async fn next(stream: &mut Yielding) -> Item {
    tokio::time::timeout(PATIENCE, stream.next()).await.unwrap()
}

async fn yielded(stream: &mut Yielding) -> String {
    match next(stream).await {
        Item::Yield(values) => String::from_utf8(values).unwrap(),
        Item::End(outcome) => panic!("it ended: {outcome:?}"),
    }
}

async fn end(stream: &mut Yielding) -> Result<pb::CallReply> {
    match next(stream).await {
        Item::Yield(values) => panic!("it yields {values:?}"),
        Item::End(outcome) => outcome,
    }
}

#[tokio::test]
async fn every_yield_comes_in_order_and_then_the_answer() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 1, 0)]).await;
    let mut stream = open(&hosts);
    let heard = host.next_call().await;
    assert!(heard.streams);
    for values in ["[1]", "[2,3]"] {
        host.yields(heard.rpc_id, values).await;
    }
    host.answer(heard.rpc_id, "\"done\"").await;
    assert_eq!(
        [yielded(&mut stream).await, yielded(&mut stream).await],
        ["[1]", "[2,3]"]
    );
    assert_eq!(end(&mut stream).await.unwrap().result, b"\"done\"");
    assert_eq!(hosts.status()[1].calls, 0);
}

#[tokio::test]
async fn what_is_taken_is_told_to_the_host_and_who_yields_beyond_the_window_is_ended() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 1, 0)]).await;
    let mut stream = open(&hosts);
    let rpc_id = host.next_call().await.rpc_id;
    let large = format!("[\"{}\"]", "x".repeat(300_000));
    host.yields(rpc_id, &large).await;
    let first = yielded(&mut stream).await.into_bytes();
    let cost = first.len() as u64 + limits::YIELD_VALUE_BYTES;
    stream.taken(&[first]);
    let taken = Some(host_down::Body::Taken(pb::HostTaken { rpc_id, bytes: cost }));
    assert_eq!(host.down().await, taken);
    host.yields(rpc_id, &large).await;
    host.yields(rpc_id, "[1]").await;
    yielded(&mut stream).await;
    let overrun = (ErrorKind::Protocol, "stream_overrun".to_owned());
    assert_eq!(kind_and_code(end(&mut stream).await), overrun);
    assert_eq!(
        host.down().await,
        Some(host_down::Body::Cancel(pb::HostCancel { rpc_id }))
    );
}

#[tokio::test]
async fn who_wants_no_more_is_told_to_the_host_and_a_host_that_dies_to_the_caller() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 2, 0)]).await;
    let (first, mut second) = (open(&hosts), open(&hosts));
    let rpc_id = host.next_call().await.rpc_id;
    let other = host.next_call().await.rpc_id;
    drop(first);
    assert_eq!(
        host.down().await,
        Some(host_down::Body::Cancel(pb::HostCancel { rpc_id }))
    );
    host.yields(other, "[1]").await;
    drop(host);
    assert_eq!(yielded(&mut second).await, "[1]");
    assert_eq!(
        kind_and_code(end(&mut second).await),
        (ErrorKind::OutcomeUnknown, "api_down".to_owned())
    );
}
