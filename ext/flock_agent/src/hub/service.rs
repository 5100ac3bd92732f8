//! The Hub service of the peer port.

use std::{pin::Pin, time::Duration};

use flock_core::{Error, limits};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Hub,
    hello::{self, Answer},
    line::Reading,
    stream::{DownStream, MemberStream, fenced_message},
};
use crate::{
    pb::{self, hub_server, up},
    transport::PeerIdentity,
    wire::{self, status},
};

#[tonic::async_trait]
impl hub_server::Hub for Hub {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<pb::Down, Status>> + Send>>;

    async fn session(&self, request: Request<Streaming<pb::Up>>) -> Result<Response<Self::SessionStream>, Status> {
        let peer = peer(&request)?;
        let mut inbound = request.into_inner();
        let hello = first(&mut inbound).await?;
        let (sender, queue) = mpsc::channel(limits::SESSION_QUEUE);
        let judged = self.0.hello(&peer, hello).await;
        match judged
            .inspect_err(|error| self.0.note_refusal(&peer, error))
            .map_err(status)?
        {
            Answer::Fenced(fenced) => {
                self.0
                    .note_refusal(&peer, &Error::denied(&fenced.message).with_code(&fenced.code));
                tracing::warn!(member = %peer.name, code = fenced.code, "turned away: {}", fenced.message);
                let _ = sender.try_send(Ok(fenced_message(fenced)));
                Ok(Response::new(Box::pin(DownStream { queue, slot: None })))
            }
            Answer::Welcome(slot, welcome) => {
                let stream = MemberStream {
                    hub: self.0.clone(),
                    peer,
                    slot: slot.clone(),
                    queue: sender,
                };
                tokio::spawn(stream.run(welcome, inbound));
                Ok(Response::new(Box::pin(DownStream {
                    queue,
                    slot: Some(slot),
                })))
            }
        }
    }

    async fn resolve(&self, request: Request<pb::ResolveRequest>) -> Result<Response<pb::Resolved>, Status> {
        let peer = self.admitted(&request)?;
        let directory = self.0.directory();
        if !directory.is_loaded() {
            let message = "the hub has not read the whole registry yet; try again";
            return Err(status(Error::connection(message).with_code("hub_starting")));
        }
        tracing::debug!(%peer.name, "resolves a selector");
        directory.resolve(request.get_ref()).map(Response::new).map_err(status)
    }

    async fn token_create(&self, request: Request<pb::HubTokenRequest>) -> Result<Response<pb::HubToken>, Status> {
        let by = self.operator(&request)?;
        self.0
            .token_create(&by, request.get_ref())
            .await
            .map(Response::new)
            .map_err(status)
    }

    async fn node_remove(&self, request: Request<pb::HubNodeRemove>) -> Result<Response<pb::Ack>, Status> {
        let by = self.operator(&request)?;
        self.0.node_remove(&by, &request.get_ref().name).await.map_err(status)?;
        Ok(Response::new(pb::Ack {}))
    }

    async fn forward(&self, request: Request<pb::RelayCall>) -> Result<Response<pb::RelayReply>, Status> {
        let peer = self.admitted(&request)?;
        wire::protocol(request.metadata()).map_err(status)?;
        let reply = self.0.forward(&peer, request.into_inner()).await;
        reply.map(Response::new).map_err(status)
    }

    type ServeStream = Pin<Box<dyn Stream<Item = Result<pb::ServeDown, Status>> + Send>>;

    async fn serve(&self, request: Request<Streaming<pb::ServeUp>>) -> Result<Response<Self::ServeStream>, Status> {
        let peer = self.admitted(&request)?;
        wire::protocol(request.metadata()).map_err(status)?;
        let (slot, line) = self.0.open_line(&peer, request.metadata()).map_err(status)?;
        tokio::spawn(self.0.clone().attend(slot, line.clone(), request.into_inner()));
        Ok(Response::new(Box::pin(Reading(line))))
    }

    async fn leave(&self, request: Request<pb::HubLeave>) -> Result<Response<pb::Ack>, Status> {
        let by = peer(&request)?;
        self.0.leave(&by).await.map_err(status)?;
        Ok(Response::new(pb::Ack {}))
    }

    async fn about(&self, request: Request<pb::HubAbout>) -> Result<Response<pb::HubKnowledge>, Status> {
        self.admitted(&request)?;
        let name = request.into_inner().name;
        self.0.about(&name).await.map(Response::new).map_err(status)
    }
}

impl Hub {
    /// Whoever calls, unless it was removed.
    fn admitted<T>(&self, request: &Request<T>) -> Result<PeerIdentity, Status> {
        let peer = peer(request)?;
        if self.0.directory().is_removed(&peer) {
            return Err(status(Error::denied(hello::removed(&peer.name)).with_code("removed")));
        }
        Ok(peer)
    }

    /// A hub that calls: operators reach the flock through the local socket of a hub's own agent.
    fn operator<T>(&self, request: &Request<T>) -> Result<PeerIdentity, Status> {
        let peer = self.admitted(request)?;
        if !peer.hub {
            let message = format!("{} is no hub: run this command on a hub", peer.name);
            return Err(status(Error::denied(message).with_code("hub_only")));
        }
        Ok(peer)
    }
}

fn peer<T>(request: &Request<T>) -> Result<PeerIdentity, Status> {
    let peer = request.extensions().get::<PeerIdentity>().cloned();
    peer.ok_or_else(|| status(Error::denied("a certificate of the flock is needed").with_code("no_identity")))
}

async fn first(inbound: &mut Streaming<pb::Up>) -> Result<pb::SessionHello, Status> {
    let limit = Duration::from_millis(limits::HANDSHAKE_MS);
    match timeout(limit, inbound.message()).await {
        Ok(Ok(Some(pb::Up {
            body: Some(up::Body::Hello(hello)),
        }))) => Ok(hello),
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) => Err(status(
            Error::protocol("the first message of a session must be hello").with_code("no_hello"),
        )),
        Err(_) => Err(status(Error::timeout("no hello came").with_code("no_hello"))),
    }
}
