mod about;
mod admin;
mod presence;
mod relay;
mod selectors;
mod sessions;
mod subscriptions;

use flock_core::limits;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

use super::testing::{FLOCK, Flock, TestHub, Wire, name, node, soon};
use crate::{
    link::Connect,
    pb::{self, down, hub_client::HubClient, up},
    transport::PeerIdentity,
};

/// A member that says only what a test has it say.
struct Raw {
    say: mpsc::Sender<pb::Up>,
    hears: Streaming<pb::Down>,
    channel: Channel,
}

fn hello(called: &str) -> pb::SessionHello {
    pb::SessionHello {
        protocol_min: limits::PROTOCOL_MIN,
        protocol_max: limits::PROTOCOL_MAX,
        flock_id: FLOCK.into(),
        announce: Some(node(called)),
        ..Default::default()
    }
}

impl Raw {
    async fn open(flock: &Flock, hub: &TestHub, called: &str, first: up::Body) -> Result<Self, Status> {
        let identity = PeerIdentity {
            name: name(called),
            hub: false,
            serial: "1".into(),
            enrolment: "e1".into(),
        };
        let channel = Wire(flock.net.clone(), identity).hub(&hub.address).await.unwrap();
        let (say, said) = mpsc::channel(64);
        say.send(pb::Up { body: Some(first) }).await.unwrap();
        let mut client = HubClient::new(channel.clone());
        let hears = soon(client.session(ReceiverStream::new(said))).await?.into_inner();
        Ok(Self { say, hears, channel })
    }

    /// A session, and what the hub welcomed it with.
    async fn welcomed(flock: &Flock, hub: &TestHub, called: &str) -> (Self, pb::Welcome) {
        let mut raw = Self::open(flock, hub, called, up::Body::Hello(hello(called)))
            .await
            .unwrap();
        match raw.hear().await {
            Some(down::Body::Welcome(welcome)) => (raw, welcome),
            other => panic!("no welcome: {other:?}"),
        }
    }

    /// How a hello is refused.
    async fn fenced(flock: &Flock, hub: &TestHub, hello: pb::SessionHello) -> pb::Fenced {
        let called = hello.announce.as_ref().unwrap().name.clone();
        let mut raw = Self::open(flock, hub, &called, up::Body::Hello(hello)).await.unwrap();
        match raw.hear().await {
            Some(down::Body::Fenced(fenced)) => fenced,
            other => panic!("not fenced: {other:?}"),
        }
    }

    async fn say(&self, body: up::Body) {
        soon(self.say.send(pb::Up { body: Some(body) })).await.unwrap();
    }

    async fn watch(&self, names: &[&str]) {
        self.say(up::Body::Watch(pb::Watch {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }))
        .await;
    }

    /// The next message; `None` when the stream is over.
    async fn hear(&mut self) -> Option<down::Body> {
        loop {
            match soon(self.hears.message()).await.ok().flatten()?.body {
                // Every session is told sooner or later who was removed and who subscribes to it; few tests care.
                Some(down::Body::Denied(_) | down::Body::Subscribed(_)) => {}
                body => return body,
            }
        }
    }

    /// The next message about presence.
    async fn hears_of(&mut self) -> (String, String) {
        loop {
            match self.hear().await {
                Some(down::Body::Presence(pb::Presence { node: Some(node) })) => return (node.name, node.presence),
                Some(_) => {}
                None => panic!("the stream ended"),
            }
        }
    }

    async fn hears_presence(&mut self, name: &str, presence: &str) {
        while self.hears_of().await != (name.to_owned(), presence.to_owned()) {}
    }

    async fn hears_fence(&mut self) -> pb::Fenced {
        loop {
            match self.hear().await {
                Some(down::Body::Fenced(fenced)) => return fenced,
                Some(_) => {}
                None => panic!("the stream ended without a reason"),
            }
        }
    }
}
