use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result};
use tokio::{sync::Notify, task::JoinSet};
use tonic::Request;

use super::*;
use crate::{
    hub::{
        line::RELAYED_CALLER_CALLS,
        lock,
        testing::{TestMember, eventually},
    },
    link::Relayed,
    relay::{EPOCH_HEADER, Method, carried_nothing},
    wire,
};

/// Says who asked for what; never answers `"stuck"`, fails on `"fail"`, says too much on `"large"`.
#[derive(Default)]
struct Echo {
    now: AtomicUsize,
    most: AtomicUsize,
    taken: Notify,
}

/// A call at work, also one that is given up.
struct One<'a>(&'a AtomicUsize);

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tonic::async_trait]
impl Relayed for Echo {
    async fn answer(&self, call: pb::ServeDown) -> Result<Vec<u8>> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        let _one = One(&self.now);
        self.most.fetch_max(now, Ordering::SeqCst);
        self.taken.notify_one();
        match call.body.as_slice() {
            b"stuck" => std::future::pending().await,
            b"pause" => tokio::time::sleep(Duration::from_millis(20)).await,
            b"fail" => return Err(Error::denied("not by you").with_code("policy")),
            b"large" => return Ok(vec![0; limits::RELAYED_MESSAGE_BYTES]),
            _ => {}
        }
        Ok(format!("{} {} {} {}", call.from, call.from_hub, call.method, call.body.len()).into_bytes())
    }
}

/// A member that answers what is relayed to it.
async fn open(flock: &Flock, hub: &TestHub, called: &str) -> (TestMember, Arc<Echo>) {
    let echo = Arc::new(Echo::default());
    let relayed: Arc<dyn Relayed> = echo.clone();
    let member = flock.member_with(node(called), &[hub], |options| options.relayed = Some(relayed));
    served(&member).await;
    (member, echo)
}

async fn served(member: &TestMember) {
    soon(member.link.states().wait_for(|state| state.served)).await.unwrap();
}

async fn call(from: &TestMember, to: &str, body: &[u8]) -> Result<Vec<u8>> {
    soon(from.link.forward(to, Method::Offer, body.to_vec())).await
}

/// A call that is under way, in the hands of `echo`'s member.
async fn stuck(from: &TestMember, to: &str, echo: &Echo) -> tokio::task::JoinHandle<Result<Vec<u8>>> {
    let (link, to) = (from.link.clone(), to.to_owned());
    let call = tokio::spawn(async move { link.forward(&to, Method::Offer, b"stuck".to_vec()).await });
    soon(echo.taken.notified()).await;
    call
}

/// Calls until one is refused so; a call that finds a place is given up and leaves it.
async fn refused(from: &TestMember, to: &str, code: &str) -> Error {
    eventually(|| async {
        let called = from.link.forward(to, Method::Offer, b"stuck".to_vec());
        let answer = tokio::time::timeout(Duration::from_millis(100), called).await.ok()?;
        answer.err().filter(|error| error.code() == code)
    })
    .await
}

/// Calls that take a place each, and take it again when they are given up.
fn hold(calls: &mut JoinSet<()>, from: &TestMember, to: &'static str, body: &[u8], places: usize) {
    for _ in 0..places {
        let (link, body) = (from.link.clone(), body.to_vec());
        calls.spawn(async move {
            while link.forward(to, Method::Offer, body.clone()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
}

async fn ends(call: tokio::task::JoinHandle<Result<Vec<u8>>>) -> Error {
    soon(call).await.unwrap().unwrap_err()
}

/// Opens a Serve stream that only a test reads.
async fn serve(raw: &Raw, epoch: u64) -> Result<(mpsc::Sender<pb::ServeUp>, Streaming<pb::ServeDown>)> {
    let (say, said) = mpsc::channel(64);
    let mut request = wire::request(ReceiverStream::new(said), 60_000);
    request.metadata_mut().insert(EPOCH_HEADER, epoch.into());
    let mut client = HubClient::new(raw.channel.clone());
    Ok((
        say,
        soon(client.serve(request)).await.map_err(wire::error)?.into_inner(),
    ))
}

#[tokio::test]
async fn a_call_and_its_answer_find_their_way_with_the_callers_verified_name() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let ((a, _), (b, _)) = (open(&flock, &hub, "a").await, open(&flock, &hub, "b").await);
    assert_eq!(call(&a, "b", b"xyz").await.unwrap(), b"a false offer 3");
    assert_eq!(call(&b, "a", b"").await.unwrap(), b"b false offer 0");
    let operator = flock.operator(&hub);
    operator.connected().await;
    assert_eq!(call(&operator, "b", b"x").await.unwrap(), b"hub true offer 1");
    let refused = call(&a, "b", b"fail").await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code(), refused.message()),
        (ErrorKind::Denied, "policy", "not by you")
    );
}

#[tokio::test]
async fn who_takes_nothing_now_is_told_from_who_is_unknown() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let a = flock.member("a", &[&hub]);
    a.sees("a", "alive").await;
    let deaf = flock.member("deaf", &[&hub]);
    a.sees("deaf", "alive").await;
    let (gone, _) = open(&flock, &hub, "gone").await;
    gone.stop().await;
    for target in ["deaf", "gone"] {
        let nothing = call(&a, target, b"").await.unwrap_err();
        assert_eq!(
            (nothing.kind(), nothing.code()),
            (ErrorKind::Connection, "not_connected"),
            "{target}"
        );
        assert!(carried_nothing(&nothing));
    }
    assert_eq!(
        call(&a, "nobody", b"").await.unwrap_err().kind(),
        ErrorKind::NodeNotFound
    );
    drop(deaf);
}

#[tokio::test]
async fn a_call_whose_member_goes_in_the_middle_may_have_arrived() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let ((a, _), (b, echo)) = (open(&flock, &hub, "a").await, open(&flock, &hub, "b").await);
    let epoch = b.connected().await;
    let under_way = stuck(&a, "b", &echo).await;
    flock.net.cut("b");
    let broken = ends(under_way).await;
    assert_eq!(
        (broken.kind(), broken.code()),
        (ErrorKind::OutcomeUnknown, "relay_broken")
    );
    b.reconnected(epoch).await;
    served(&b).await;
    assert!(call(&a, "b", b"").await.is_ok(), "a new session brings a new stream");
}

#[tokio::test]
async fn a_hub_that_dies_in_the_middle_is_not_taken_for_one_that_carried_nothing() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let ((a, _), (_b, echo)) = (open(&flock, &hub, "a").await, open(&flock, &hub, "b").await);
    let under_way = stuck(&a, "b", &echo).await;
    hub.crash();
    assert!(!carried_nothing(&ends(under_way).await));
    soon(a.link.states().wait_for(|state| !state.connected)).await.unwrap();
    let away = call(&a, "b", b"").await.unwrap_err();
    assert!(away.code() == "hub_away" && carried_nothing(&away));
    let _hub = flock.hub("hub");
    eventually(|| async { call(&a, "b", b"").await.ok() }).await;
}

#[tokio::test]
async fn a_newer_stream_takes_the_place_of_the_older() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let a = flock.member("a", &[&hub]);
    a.connected().await;
    let (raw, welcome) = Raw::welcomed(&flock, &hub, "b").await;
    let (_older_say, mut older) = serve(&raw, welcome.epoch).await.unwrap();
    let (newer_say, mut newer) = serve(&raw, welcome.epoch).await.unwrap();
    assert!(soon(older.message()).await.unwrap().is_none(), "the older one ends");
    let link = a.link.clone();
    let asked = tokio::spawn(async move { link.forward("b", Method::Resources, b"?".to_vec()).await });
    let down = soon(newer.message()).await.unwrap().unwrap();
    assert_eq!(
        (down.from.as_str(), down.method.as_str(), &down.body[..]),
        ("a", "resources", &b"?"[..])
    );
    drop((newer_say, newer));
    assert_eq!(ends(asked).await.code(), "relay_broken");
    assert_eq!(call(&a, "b", b"").await.unwrap_err().code(), "not_connected");
}

#[tokio::test]
async fn a_stream_that_ends_within_a_session_is_opened_again() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let ((a, _), (b, _)) = (open(&flock, &hub, "a").await, open(&flock, &hub, "b").await);
    let epoch = b.connected().await;
    let held = lock(&hub.hub.0.sessions.get("b").unwrap().line).clone().unwrap();
    held.close();
    eventually(|| async { call(&a, "b", b"").await.ok() }).await;
    assert_eq!(b.link.state().epoch, epoch, "the session went on");
}

#[tokio::test]
async fn a_stream_belongs_to_the_session_that_is_current() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (raw, welcome) = Raw::welcomed(&flock, &hub, "b").await;
    for epoch in [welcome.epoch + 1, 0] {
        assert_eq!(serve(&raw, epoch).await.unwrap_err().code(), "no_session");
    }
    let (_say, mut stream) = serve(&raw, welcome.epoch).await.unwrap();
    let (mut newer, newest) = Raw::welcomed(&flock, &hub, "b").await;
    assert!(
        soon(stream.message()).await.unwrap().is_none(),
        "it ends with its session"
    );
    assert_eq!(serve(&raw, welcome.epoch).await.unwrap_err().code(), "no_session");
    assert!(serve(&newer, newest.epoch).await.is_ok());
    newer.say(up::Body::Bye(pb::Bye {})).await;
    while newer.hear().await.is_some() {}
    assert_eq!(serve(&newer, newest.epoch).await.unwrap_err().code(), "no_session");
}

#[tokio::test]
async fn who_was_removed_neither_calls_nor_is_called() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let operator = flock.operator(&hub);
    let ((b, echo), (raw, welcome)) = (open(&flock, &hub, "b").await, Raw::welcomed(&flock, &hub, "evil").await);
    let (_say, mut stream) = serve(&raw, welcome.epoch).await.unwrap();
    operator.sees("evil", "alive").await;
    operator.link.node_remove("evil").await.unwrap();
    assert!(soon(stream.message()).await.unwrap().is_none());
    assert_eq!(refusal(&raw, relay_call("b", "offer", 1)).await.code(), "removed");
    let opened = serve(&raw, welcome.epoch).await.unwrap_err();
    assert_eq!(opened.code(), "removed");
    assert_eq!(call(&b, "evil", b"").await.unwrap_err().kind(), ErrorKind::NodeNotFound);
    assert_eq!(echo.most.load(Ordering::SeqCst), 0);
}

fn relay_call(to: &str, method: &str, bytes: usize) -> Request<pb::RelayCall> {
    let call = pb::RelayCall {
        to: to.into(),
        method: method.into(),
        body: vec![0; bytes],
        timeout_ms: 0,
    };
    wire::request(call, limits::CALL_MS)
}

async fn refusal(raw: &Raw, request: Request<pb::RelayCall>) -> Error {
    let mut client = HubClient::new(raw.channel.clone());
    wire::error(soon(client.forward(request)).await.unwrap_err())
}

#[tokio::test]
async fn what_is_no_call_or_too_large_is_refused_and_harms_nobody() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let ((a, _), (_b, echo)) = (open(&flock, &hub, "a").await, open(&flock, &hub, "b").await);
    let (raw, _) = Raw::welcomed(&flock, &hub, "c").await;
    assert_eq!(
        refusal(&raw, relay_call("b", "node_remove", 1)).await.code(),
        "unknown_method"
    );
    assert!(refusal(&raw, relay_call("no/such name", "offer", 1)).await.kind() == ErrorKind::Configuration);
    // It fits into the caller's message and not into the one to the member, which names the caller as well.
    let most = limits::RELAYED_MESSAGE_BYTES - 24;
    assert_eq!(refusal(&raw, relay_call("b", "offer", most)).await.code(), "too_large");
    assert!(
        refusal(&raw, relay_call("b", "offer", limits::RELAYED_MESSAGE_BYTES))
            .await
            .kind()
            != ErrorKind::Connection
    );
    let mut versionless = relay_call("b", "offer", 1);
    versionless.metadata_mut().remove(limits::PROTOCOL_HEADER);
    assert_eq!(refusal(&raw, versionless).await.kind(), ErrorKind::Protocol);
    assert_eq!(echo.most.load(Ordering::SeqCst), 0, "none of them was relayed");
    assert_eq!(call(&a, "b", b"large").await.unwrap_err().code(), "too_large");
    let large = vec![1; limits::RELAYED_MESSAGE_BYTES - 64];
    assert_eq!(
        call(&a, "b", &large).await.unwrap(),
        format!("a false offer {}", large.len()).into_bytes()
    );
}

#[tokio::test]
async fn a_member_has_a_limit_of_calls_and_the_others_have_theirs() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let ((a, _), (c, _)) = (open(&flock, &hub, "a").await, open(&flock, &hub, "c").await);
    let (_b, echo) = open(&flock, &hub, "b").await;
    let mut calls = JoinSet::new();
    let others: Vec<_> = ["d", "e", "f"].iter().map(|name| flock.member(name, &[&hub])).collect();
    let shares = limits::RELAYED_CALLS / RELAYED_CALLER_CALLS;
    for caller in others.iter().chain([&a]).take(shares) {
        caller.connected().await;
        hold(&mut calls, caller, "b", b"stuck", RELAYED_CALLER_CALLS);
    }
    let busy = refused(&c, "b", "relay_busy").await;
    assert!(busy.kind() == ErrorKind::Rejected && carried_nothing(&busy));
    eventually(|| async { (echo.now.load(Ordering::SeqCst) == limits::RELAYED_AT_ONCE).then_some(()) }).await;
    assert_eq!(
        echo.most.load(Ordering::SeqCst),
        limits::RELAYED_AT_ONCE,
        "the rest waits at the hub"
    );
    assert!(call(&c, "a", b"").await.is_ok(), "nobody else is held up");
    calls.shutdown().await;
    let freed = eventually(|| async { call(&a, "c", b"").await.ok() }).await;
    assert_eq!(freed, b"a false offer 0", "calls that were given up leave their places");
}

#[tokio::test]
async fn a_member_works_on_a_few_at_a_time_and_answers_all() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let ((a, _), (_b, echo)) = (open(&flock, &hub, "a").await, open(&flock, &hub, "b").await);
    let mut all = JoinSet::new();
    for _ in 0..RELAYED_CALLER_CALLS {
        let link = a.link.clone();
        all.spawn(async move { link.forward("b", Method::Offer, b"pause".to_vec()).await });
    }
    while let Some(answer) = soon(all.join_next()).await {
        assert_eq!(answer.unwrap().unwrap(), b"a false offer 5");
    }
    assert!(echo.most.load(Ordering::SeqCst) <= limits::RELAYED_AT_ONCE);
}

#[tokio::test]
async fn who_does_not_read_what_is_relayed_still_lives_and_holds_nobody_up() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (mut raw, welcome) = Raw::welcomed(&flock, &hub, "b").await;
    let (_say, _unread) = serve(&raw, welcome.epoch).await.unwrap();
    let (_d, _) = open(&flock, &hub, "d").await;
    let senders: Vec<_> = ["a1", "a2"].iter().map(|name| flock.member(name, &[&hub])).collect();
    let mut bulk = JoinSet::new();
    let most = limits::MESSAGE_BYTES - 1024;
    for (sender, called) in senders.iter().zip(["a1", "a2"]) {
        sender.connected().await;
        hold(&mut bulk, sender, "b", &vec![7; most], 7);
        eventually(|| async { hub.hub.0.load.take(&name(called), 2 * most).err() }).await;
    }
    for n in 1..=20 {
        raw.say(up::Body::Heartbeat(pb::Heartbeat { sent_ms: n })).await;
        loop {
            match raw.hear().await.expect("the session goes on") {
                down::Body::Beat(beat) if beat.sent_ms == n => break,
                _ => {}
            }
        }
        assert!(call(&senders[0], "d", b"").await.is_ok());
    }
    assert!(bulk.try_join_next().is_none(), "nothing of the bulk was answered");
    bulk.shutdown().await;
}

#[tokio::test]
async fn those_who_wait_for_a_member_hear_when_it_can_be_reached() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let (mut a, _) = Raw::welcomed(&flock, &hub, "a").await;
    let (b, welcome) = Raw::welcomed(&flock, &hub, "b").await;
    let observer = flock.member("o", &[&hub]);
    observer.sees("b", "alive").await;
    a.watch(&["b"]).await;
    a.hears_presence("b", "alive").await;
    let (_say, _stream) = serve(&b, welcome.epoch).await.unwrap();
    a.hears_presence("b", "alive").await;
}
