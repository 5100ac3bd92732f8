use tokio_stream::StreamExt;

use super::*;

const LONG: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::ZERO;

fn message(body: &[u8]) -> pb::ServeDown {
    message_of("a", body)
}

fn message_of(from: &str, body: &[u8]) -> pb::ServeDown {
    pb::ServeDown {
        from: from.into(),
        body: body.to_vec(),
        ..Default::default()
    }
}

#[tokio::test]
async fn answers_find_their_calls_in_any_order() {
    let line = Line::new("b");
    let (one, two) = (line.call(message(b"1")).unwrap(), line.call(message(b"2")).unwrap());
    let mut reading = Reading(Arc::clone(&line));
    let mut sent = Vec::new();
    for _ in 0..2 {
        sent.push(reading.next().await.unwrap().unwrap());
    }
    assert_eq!((&sent[0].body[..], &sent[1].body[..]), (&b"1"[..], &b"2"[..]));
    for down in sent.iter().rev() {
        line.answer(pb::ServeUp {
            rpc_id: down.rpc_id,
            body: down.body.clone(),
            ..Default::default()
        });
    }
    assert_eq!(one.within(LONG).await.unwrap(), b"1");
    assert_eq!(two.within(LONG).await.unwrap(), b"2");
}

#[tokio::test]
async fn what_was_not_taken_was_carried_nowhere_and_what_was_taken_may_have_arrived() {
    let line = Line::new("b");
    let mut reading = Reading(Arc::clone(&line));
    let taken = line.call(message(b"1")).unwrap();
    reading.next().await.unwrap().unwrap();
    let late = line.call(message(b"2")).unwrap();
    reading.next().await.unwrap().unwrap();
    let waits = line.call(message(b"3")).unwrap();
    assert_eq!(
        line.call(message(b"4"))
            .unwrap()
            .within(AT_ONCE)
            .await
            .unwrap_err()
            .code(),
        NOT_CONNECTED
    );
    assert_eq!(late.within(AT_ONCE).await.unwrap_err().kind(), ErrorKind::Timeout);
    drop(reading);
    assert_eq!(taken.within(LONG).await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(waits.within(LONG).await.unwrap_err().code(), NOT_CONNECTED);
    assert_eq!(line.call(message(b"5")).err().unwrap().code(), NOT_CONNECTED);
}

#[tokio::test]
async fn a_full_line_takes_no_more_until_a_call_ends() {
    let line = Line::new("b");
    let mut held: Vec<Waiting> = (0..limits::RELAYED_CALLS)
        .map(|n| line.call(message_of(&n.to_string(), b"")).unwrap())
        .collect();
    let full = line.call(message(b"")).err().unwrap();
    assert_eq!((full.code(), full.retryable()), (RELAY_BUSY, true));
    drop(held.pop());
    assert!(line.call(message(b"")).is_ok());
    assert!(
        lock(&line.state).unsent.len() < limits::RELAYED_CALLS,
        "what is given up leaves nothing behind"
    );
}

#[tokio::test]
async fn one_caller_leaves_room_for_others() {
    let line = Line::new("b");
    let mut reading = Reading(Arc::clone(&line));
    let mut held: Vec<Waiting> = std::iter::from_fn(|| line.call(message(b"")).ok()).collect();
    assert_eq!(held.len(), 16);
    reading.next().await.unwrap().unwrap();
    let full = line.call(message(b"")).err().unwrap();
    assert_eq!((full.code(), full.retryable()), (RELAY_BUSY, true));
    assert!(line.call(message_of("c", b"")).is_ok());
    drop(held.pop());
    assert!(line.call(message(b"")).is_ok());
}

#[tokio::test]
async fn a_call_wakes_the_reader_and_the_end_too() {
    let line = Line::new("b");
    let mut reading = Reading(Arc::clone(&line));
    let reader = tokio::spawn(async move {
        let first = reading.next().await.unwrap().unwrap();
        (first.body, reading.next().await.is_none())
    });
    tokio::task::yield_now().await;
    let _call = line.call(message(b"x")).unwrap();
    tokio::task::yield_now().await;
    line.close();
    assert_eq!(timeout(LONG, reader).await.unwrap().unwrap(), (b"x".to_vec(), true));
}
