use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::{codegen::http::uri::PathAndQuery, transport::Channel};

use crate::{
    identity::testing::{TestHub, dialer, whoami},
    pb::{self, enrol_client::EnrolClient},
    transport::{Expect, ServerLimits, Target, dial_once},
    wire,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Reads until the other end closes; a reset closes as well.
async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    drop(
        timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("the connection stays open"),
    );
}

fn anonymous(hub: &TestHub) -> Target {
    Target::Anonymous(hub.identity.tls())
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut() {
    let limits = ServerLimits {
        handshake_ms: 50,
        ..ServerLimits::default()
    };
    let hub = TestHub::start_within(limits).await;
    let silent = TcpStream::connect(&hub.address).await.unwrap();
    let mut slow = TcpStream::connect(&hub.address).await.unwrap();
    // The first bytes of a ClientHello that announces more.
    slow.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    closed(silent).await;
    closed(slow).await;
}

#[tokio::test]
async fn garbage_is_refused_and_others_are_served() {
    let hub = TestHub::start().await;
    let mut stream = TcpStream::connect(&hub.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: hub1\r\n\r\n").await.unwrap();
    closed(stream).await;
    let (_machine, identity) = hub.joined("bender1").await;
    whoami(&dialer(&identity), &Expect::Hub, &hub.address).await.unwrap();
}

#[tokio::test]
async fn handshakes_have_a_cap() {
    let limits = ServerLimits {
        handshaking: 1,
        ..ServerLimits::default()
    };
    let hub = TestHub::start_within(limits).await;
    let _silent = TcpStream::connect(&hub.address).await.unwrap();
    closed(TcpStream::connect(&hub.address).await.unwrap()).await;
}

#[tokio::test]
async fn connections_have_a_cap() {
    let limits = ServerLimits {
        connections: 1,
        ..ServerLimits::default()
    };
    let hub = TestHub::start_within(limits).await;
    let _held = dial_once(anonymous(&hub), &hub.address).await.unwrap();
    closed(TcpStream::connect(&hub.address).await.unwrap()).await;
}

#[tokio::test]
async fn strangers_have_a_cap_of_their_own() {
    let limits = ServerLimits {
        unauthenticated: 1,
        ..ServerLimits::default()
    };
    let hub = TestHub::start_within(limits).await;
    let (_machine, identity) = hub.joined("bender1").await;
    let _held = place(&hub).await;
    let error = dial_once(anonymous(&hub), &hub.address).await.err().unwrap();
    assert_eq!(error.code(), "closed", "{error}");
    whoami(&dialer(&identity), &Expect::Hub, &hub.address).await.unwrap();
}

/// The one place of a stranger, once it is free.
async fn place(hub: &TestHub) -> Channel {
    let free = async {
        loop {
            match dial_once(anonymous(hub), &hub.address).await {
                Ok(channel) => break channel,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    timeout(PATIENCE, free).await.expect("the place stays taken")
}

#[tokio::test]
async fn a_stranger_does_not_stay() {
    let limits = ServerLimits {
        unauthenticated: 1,
        unauthenticated_ms: 50,
        ..ServerLimits::default()
    };
    let hub = TestHub::start_within(limits).await;
    let channel = dial_once(anonymous(&hub), &hub.address).await.unwrap();
    // The one place becomes free again although its holder never lets go.
    drop(place(&hub).await);
    drop(channel);
}

#[tokio::test]
async fn a_stranger_has_few_calls_at_a_time() {
    let hub = TestHub::start().await;
    let channel = dial_once(anonymous(&hub), &hub.address).await.unwrap();
    // Requests whose message never comes, which the hub has to wait for.
    let unfinished = |channel: Channel| async move {
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/flock.v1.Enrol/Challenge");
        let codec = tonic_prost::ProstCodec::<pb::ChallengeRequest, pb::Nonce>::default();
        let never = tonic::Request::new(tokio_stream::pending());
        client.client_streaming(never, path, codec).await
    };
    let held = flock_core::limits::CALLS_UNAUTHENTICATED;
    let _held: Vec<_> = (0..held).map(|_| tokio::spawn(unfinished(channel.clone()))).collect();
    let refused = async {
        loop {
            match EnrolClient::new(channel.clone())
                .challenge(pb::ChallengeRequest {})
                .await
            {
                Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(status) => break wire::error(status),
            }
        }
    };
    let error = timeout(PATIENCE, refused).await.expect("there is always a place");
    assert_eq!((error.kind(), error.code()), (flock_core::ErrorKind::Rejected, "calls"));
    // Another connection has places of its own.
    let mut other = EnrolClient::new(dial_once(anonymous(&hub), &hub.address).await.unwrap());
    other.challenge(pb::ChallengeRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let hub = TestHub::start().await;
    let mut client = EnrolClient::new(dial_once(anonymous(&hub), &hub.address).await.unwrap());
    let large = pb::JoinRequest {
        csr: vec![0; 2 * flock_core::limits::MESSAGE_BYTES],
        ..pb::JoinRequest::default()
    };
    let error = wire::error(client.join(large).await.unwrap_err());
    assert_eq!(error.kind(), flock_core::ErrorKind::Protocol, "{error}");
    client.challenge(pb::ChallengeRequest {}).await.unwrap();
}
