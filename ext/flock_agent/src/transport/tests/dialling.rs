use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use flock_core::{ErrorKind, id::NodeName};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::{
    identity::testing::{DAY, TestHub, dialer, whoami},
    transport::Expect,
};

fn node(name: &str) -> Expect {
    Expect::Node(NodeName::parse(name).unwrap())
}

#[tokio::test]
async fn calls_share_one_connection() {
    let hub = TestHub::start().await;
    let (_machine, identity) = hub.joined("bender1").await;
    let dialer = dialer(&identity);
    for _ in 0..3 {
        whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap();
    }
    assert_eq!(hub.deny.open_connections(), 1);
    dialer.forget(&Expect::Hub, &hub.address).await;
    whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap();
}

#[tokio::test]
async fn the_right_name_has_to_answer() {
    let hub = TestHub::start().await;
    let (_machine, identity) = hub.joined("bender1").await;
    let dialer = dialer(&identity);
    whoami(&dialer, &node("hub1"), &hub.address).await.unwrap();
    let wrong = whoami(&dialer, &node("fry"), &hub.address).await.unwrap_err();
    assert_eq!((wrong.kind(), wrong.code()), (ErrorKind::Denied, "wrong_name"));
    assert!(wrong.message().contains("hub1 answers there, not fry"), "{wrong}");
}

#[tokio::test]
async fn nobody_there_and_somebody_else_there() {
    let hub = TestHub::start().await;
    let (_machine, identity) = hub.joined("bender1").await;
    let dialer = dialer(&identity);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n").await.unwrap();
        stream.flush().await.unwrap();
        (stream, listener)
    });
    let not_ours = whoami(&dialer, &node("fry"), &address).await.unwrap_err();
    assert_eq!(not_ours.code(), "not_flock", "{not_ours}");
    drop(plain.await.unwrap());
    let refused = whoami(&dialer, &node("fry"), &address).await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Connection, "refused"));
    assert!(refused.message().starts_with("fry at 127.0.0.1:"), "{refused}");
    let unknown = whoami(&dialer, &node("fry"), "no-such-host.invalid:1")
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn a_closed_connection_is_replaced() {
    let hub = TestHub::start().await;
    let (_machine, identity) = hub.joined("bender1").await;
    let dialer = dialer(&identity);
    whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap();
    hub.deny.set(vec!["bender1".into()]);
    assert!(whoami(&dialer, &Expect::Hub, &hub.address).await.is_err());
    hub.deny.set(Vec::new());
    whoami(&dialer, &Expect::Hub, &hub.address).await.unwrap();
}

#[tokio::test]
async fn callers_that_wait_share_a_failure() {
    let hub = TestHub::start().await;
    let (_machine, identity) = hub.joined("bender1").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let closing = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            drop(stream);
        }
    });
    let (dialer, whom) = (dialer(&identity), node("fry"));
    let (one, other) = tokio::join!(dialer.channel(&whom, &address), dialer.channel(&whom, &address));
    assert_eq!(one.unwrap_err().code(), "closed");
    assert_eq!(other.unwrap_err().code(), "closed");
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    dialer.channel(&whom, &address).await.unwrap_err();
    assert_eq!(attempts.load(Ordering::SeqCst), 2, "a later call tries again");
    closing.abort();
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn another_flock_is_named_at_both_ends() {
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (ours, theirs) = (TestHub::start().await, TestHub::start().await);
    let (_machine, identity) = ours.joined("bender1").await;
    let error = whoami(&dialer(&identity), &Expect::Hub, &theirs.address)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "other_flock");
    assert!(error.message().contains("belongs to another flock"), "{error}");
    let logged = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for _ in 0..500 {
        if logged().contains("other_flock") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the other end says nothing: {}", logged());
}

#[tokio::test]
async fn an_expired_server_and_a_slow_clock_are_told_apart() {
    let hub = TestHub::start().await;
    let (machine, identity) = hub.joined("bender1").await;
    machine.skew.set(31 * DAY);
    let expired = whoami(&dialer(&identity), &Expect::Hub, &hub.address)
        .await
        .unwrap_err();
    assert_eq!(expired.code(), "certificate_expired", "{expired}");
    machine.skew.set(-DAY);
    let slow = whoami(&dialer(&identity), &Expect::Hub, &hub.address)
        .await
        .unwrap_err();
    assert_eq!(slow.code(), "clock_skew", "{slow}");
}

#[tokio::test]
async fn who_was_met_and_who_was_not_is_remembered() {
    let hub = TestHub::start().await;
    let (_machine, identity) = hub.joined("bender1").await;
    let dialer = dialer(&identity);
    whoami(&dialer, &node("hub1"), &hub.address).await.unwrap();
    whoami(&dialer, &node("fry"), &hub.address).await.unwrap_err();
    let tls = identity.tls();
    let met = tls.encounters().of("hub1").unwrap();
    assert!(met.met_ms > 0 && met.certificate_expires_ms > met.met_ms && met.failed_ms == 0);
    let failed = tls.encounters().of("fry").unwrap();
    assert_eq!((failed.met_ms, failed.code.as_str()), (0, "wrong_name"));
    let there = hub.identity.tls().encounters().of("bender1").unwrap();
    assert!(there.met_ms > 0 && there.certificate_expires_ms > there.met_ms);
}
