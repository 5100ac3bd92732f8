//! What other nodes may ask of this one.

#[cfg(test)]
mod tests;

use flock_core::{Error, Result, holder::Holder, limits};
use prost::Message;
use tonic::{Request, Response, Status};

use super::speaker::Speaker;
use crate::{
    calls::Callee,
    delivery::receive::Receiver,
    pb::{self, calls_server::CallsServer, peer_server::PeerServer},
    relay::Method,
    run_state::{Card, RunWatch},
    transport::PeerIdentity,
    wire,
};

/// The Peer service; it serves nobody whose certificate the transport has not verified.
#[derive(Clone)]
pub struct Peer {
    receiver: Receiver,
    runs: RunWatch,
    callee: Callee,
}

impl Peer {
    /// What the service and the local door both answer from.
    pub fn new(receiver: Receiver, runs: RunWatch, callee: Callee) -> Self {
        Self { receiver, runs, callee }
    }

    /// The service, with its limits, ready to be added to the routes of the peer port.
    pub fn server(self) -> PeerServer<Self> {
        PeerServer::new(self).max_decoding_message_size(limits::PEER_MESSAGE_BYTES)
    }

    /// The service of calls, likewise.
    pub fn calls_server(self) -> CallsServer<Self> {
        CallsServer::new(self)
            .max_decoding_message_size(limits::CALL_MESSAGE_BYTES)
            .max_encoding_message_size(limits::CALL_MESSAGE_BYTES)
    }

    /// Answers a call that a hub relays for `from`, as the peer port would answer `from` itself.
    ///
    /// # Errors
    /// As the peer port's; `protocol` for a body that is none of this method.
    pub async fn answer(&self, from: &Speaker, method: Method, body: &[u8]) -> Result<Vec<u8>> {
        Ok(match method {
            Method::Offer => self.admit(from, decode(body)?).await?.encode_to_vec(),
            Method::ReportOutcome => {
                self.receiver.outcome(&from.node, decode(body)?).await?;
                pb::Ack {}.encode_to_vec()
            }
            Method::Resources => {
                let asked: pb::ResourcesRequest = decode(body)?;
                self.cards(&from.asker(&asked.operator)?, &asked.node)?.encode_to_vec()
            }
            Method::Call => self.answer_call(from, decode(body)?).await?.encode_to_vec(),
            Method::Observe => {
                let asked = pb::ObserveRequest {
                    timeout_ms: 0,
                    ..decode(body)?
                };
                self.answer_observation(from, asked).await?.encode_to_vec()
            }
            Method::Waiting => {
                let asked: pb::WaitingRequest = decode(body)?;
                self.callee.waiting(&asked.read).encode_to_vec()
            }
        })
    }

    /// The cards of this node that `from` may see, names of sensitive resources hashed. Before the first run there are none.
    ///
    /// # Errors
    /// `denied` when no rule of this node names `from`; `node_not_found` when another node is asked for.
    pub fn cards(&self, from: &Holder, node: &str) -> Result<pb::Resources> {
        let gate = self.receiver.gate();
        gate.may_list(from)?;
        if !node.is_empty() && node != gate.own().as_str() {
            return Err(Error::node_not_found(format!(
                "this is {}, ask {node:?} itself",
                gate.own()
            )));
        }
        let cards = self.visible(from);
        if cards.encoded_len() > limits::MESSAGE_BYTES {
            return Err(Error::rejected("this node has more resources than fit into one answer").with_code("too_large"));
        }
        Ok(cards)
    }

    async fn admit(&self, from: &Speaker, envelope: pb::Envelope) -> Result<pb::Receipt> {
        from.asker(&envelope.operator)?;
        self.receiver.admit(&from.node, envelope).await
    }

    async fn answer_call(&self, from: &Speaker, call: pb::CallRequest) -> Result<pb::CallReply> {
        let asker = from.asker(&call.operator)?;
        self.callee.call(asker, self.meant(call)?).await
    }

    async fn answer_observation(&self, from: &Speaker, asked: pb::ObserveRequest) -> Result<pb::Observed> {
        let asker = from.asker(&asked.operator)?;
        self.callee.observe(asker, asked).await
    }

    fn meant(&self, call: pb::CallRequest) -> Result<pb::CallRequest> {
        let own = self.receiver.gate().own();
        match call.node == own.as_str() {
            true => Ok(call),
            false => Err(Error::node_not_found(format!(
                "this is {own}, call {:?} itself",
                call.node
            ))),
        }
    }

    fn visible(&self, from: &Holder) -> pb::Resources {
        let (gate, view) = (self.receiver.gate(), self.runs.view());
        let snapshot = view.snapshot.as_deref();
        let cards = snapshot.into_iter().flat_map(|snapshot| snapshot.cards.values());
        pb::Resources {
            node: gate.own().to_string(),
            generation: snapshot.map_or(0, |snapshot| snapshot.generation),
            cards: cards.filter(|card| gate.may_see(from, card)).map(Card::shown).collect(),
        }
    }
}

fn decode<M: Message + Default>(body: &[u8]) -> Result<M> {
    M::decode(body).map_err(|e| Error::protocol(format!("a relayed call cannot be read: {e}")).with_code("malformed"))
}

/// Who calls, once version and certificate are in order.
#[allow(clippy::result_large_err, reason = "tonic's own error type")]
fn caller<T>(request: &Request<T>) -> Result<Speaker, Status> {
    let identity = request.extensions().get::<PeerIdentity>();
    let Some(identity) = identity else {
        return Err(Status::unauthenticated(
            "no certificate was shown; join the flock first",
        ));
    };
    wire::protocol(request.metadata()).map_err(wire::status)?;
    Ok(identity.into())
}

#[tonic::async_trait]
impl pb::peer_server::Peer for Peer {
    async fn offer(&self, request: Request<pb::Envelope>) -> Result<Response<pb::Receipt>, Status> {
        let from = caller(&request)?;
        let receipt = self.admit(&from, request.into_inner()).await;
        receipt.map(Response::new).map_err(wire::status)
    }

    async fn report_outcome(&self, request: Request<pb::Outcome>) -> Result<Response<pb::Ack>, Status> {
        let from = caller(&request)?;
        let taken = self.receiver.outcome(&from.node, request.into_inner()).await;
        taken.map(|()| Response::new(pb::Ack {})).map_err(wire::status)
    }

    async fn resources(&self, request: Request<pb::ResourcesRequest>) -> Result<Response<pb::Resources>, Status> {
        let from = caller(&request)?;
        let asked = request.into_inner();
        let asker = from.asker(&asked.operator).map_err(wire::status)?;
        let cards = self.cards(&asker, &asked.node);
        cards.map(Response::new).map_err(wire::status)
    }
}

#[tonic::async_trait]
impl pb::calls_server::Calls for Peer {
    async fn call(&self, request: Request<pb::CallRequest>) -> Result<Response<pb::CallReply>, Status> {
        let from = caller(&request)?;
        let reply = self.answer_call(&from, request.into_inner()).await;
        reply.map(Response::new).map_err(wire::status)
    }

    async fn observe(&self, request: Request<pb::ObserveRequest>) -> Result<Response<pb::Observed>, Status> {
        let from = caller(&request)?;
        let observed = self.answer_observation(&from, request.into_inner()).await;
        observed.map(Response::new).map_err(wire::status)
    }

    async fn waiting(&self, request: Request<pb::WaitingRequest>) -> Result<Response<pb::Waiting>, Status> {
        caller(&request)?;
        Ok(Response::new(self.callee.waiting(&request.into_inner().read)))
    }
}
