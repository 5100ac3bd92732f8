use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming, service::Routes};

use crate::{
    pb::{self, hub_server, peer_server},
    transport::PeerIdentity,
};

/// Answers with the caller's name, and holds sessions open for as long as the caller likes.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    /// Calls that got through.
    pub calls: Arc<AtomicUsize>,
}

impl Echo {
    pub fn routes(self, routes: Routes) -> Routes {
        routes
            .add_service(peer_server::PeerServer::new(self.clone()))
            .add_service(hub_server::HubServer::new(self))
    }
}

fn caller<T>(request: &Request<T>) -> Result<PeerIdentity, Status> {
    let caller = request.extensions().get::<PeerIdentity>().cloned();
    caller.ok_or_else(|| Status::internal("a call without an identity came through"))
}

#[tonic::async_trait]
impl peer_server::Peer for Echo {
    async fn offer(&self, _: Request<pb::Envelope>) -> Result<Response<pb::Receipt>, Status> {
        Err(Status::unimplemented("offer"))
    }

    async fn report_outcome(&self, _: Request<pb::Outcome>) -> Result<Response<pb::Ack>, Status> {
        Err(Status::unimplemented("report_outcome"))
    }

    async fn resources(&self, request: Request<pb::ResourcesRequest>) -> Result<Response<pb::Resources>, Status> {
        let peer = caller(&request)?;
        self.calls.fetch_add(1, Ordering::SeqCst);
        let node = format!("{} {}", peer.name, peer.serial);
        Ok(Response::new(pb::Resources {
            node,
            ..pb::Resources::default()
        }))
    }
}

#[tonic::async_trait]
impl hub_server::Hub for Echo {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<pb::Down, Status>> + Send>>;

    async fn session(&self, request: Request<Streaming<pb::Up>>) -> Result<Response<Self::SessionStream>, Status> {
        caller(&request)?;
        Ok(Response::new(Box::pin(tokio_stream::pending())))
    }

    async fn resolve(&self, _: Request<pb::ResolveRequest>) -> Result<Response<pb::Resolved>, Status> {
        Err(Status::unimplemented("resolve"))
    }

    async fn token_create(&self, _: Request<pb::HubTokenRequest>) -> Result<Response<pb::HubToken>, Status> {
        Err(Status::unimplemented("token_create"))
    }

    async fn leave(&self, _: Request<pb::HubLeave>) -> Result<Response<pb::Ack>, Status> {
        Err(Status::unimplemented("leave"))
    }

    async fn about(&self, _: Request<pb::HubAbout>) -> Result<Response<pb::HubKnowledge>, Status> {
        Err(Status::unimplemented("about"))
    }

    async fn node_remove(&self, _: Request<pb::HubNodeRemove>) -> Result<Response<pb::Ack>, Status> {
        Err(Status::unimplemented("node_remove"))
    }

    async fn forward(&self, _: Request<pb::RelayCall>) -> Result<Response<pb::RelayReply>, Status> {
        Err(Status::unimplemented("forward"))
    }

    type ServeStream = Pin<Box<dyn Stream<Item = Result<pb::ServeDown, Status>> + Send>>;

    async fn serve(&self, _: Request<Streaming<pb::ServeUp>>) -> Result<Response<Self::ServeStream>, Status> {
        Err(Status::unimplemented("serve"))
    }
}
