//! Single calls to the hub that holds the session.

use flock_core::{Error, ErrorKind, Result, limits};
use tonic::transport::Channel;

use super::Link;
use crate::{
    pb::{self, hub_client::HubClient},
    relay::Method,
    wire,
};

pub(super) type Client = HubClient<Channel>;

impl Link {
    /// The nodes that `targets` mean now; `id` is the notification's and decides whom `match` chooses. Without a hub the answer
    /// is what is remembered, marked `stale`: then the presence `unknown` only says that this member never heard of the name.
    ///
    /// # Errors
    /// `configuration` for a `match` that is none; `rejected` with code `too_many_targets` beyond [`limits::RESOLVE_NODES`];
    /// `connection` with code `hub_away` when nothing is remembered.
    pub async fn resolve(&self, targets: pb::Targets, id: &str) -> Result<pb::Nodes> {
        match self.resolve_all(&targets, id).await {
            Ok(nodes) => {
                self.0.remember(|cache| cache.put_answer(&targets, &nodes.nodes));
                Ok(nodes)
            }
            Err(error) if is_away(&error) => {
                let nodes = self.0.cache().answer(&targets, id)?;
                Ok(pb::Nodes {
                    nodes,
                    stale: true,
                    revision: self.state().revision,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// One page of what a selector means, straight from the hub.
    ///
    /// # Errors
    /// As [`Link::resolve`], and `connection` whenever there is no hub.
    pub async fn resolve_page(&self, request: pb::ResolveRequest) -> Result<pb::Resolved> {
        let mut client = self.client()?;
        let request = wire::request(request, limits::CALL_MS);
        wire::within(limits::CALL_MS, "resolving a selector", client.resolve(request)).await
    }

    /// Makes a join token; only on a hub.
    ///
    /// # Errors
    /// `denied` with code `hub_only`; `rejected` with code `tokens`; `connection` without a hub.
    pub async fn token_create(&self, request: pb::HubTokenRequest) -> Result<pb::HubToken> {
        let mut client = self.client()?;
        let request = wire::request(request, limits::CALL_MS);
        wire::within(limits::CALL_MS, "creating a join token", client.token_create(request)).await
    }

    /// Removes a node from the flock; only on a hub. Removing it again is no error.
    ///
    /// # Errors
    /// `denied` with code `hub_only`; `node_not_found`; `configuration` with code `own_hub`; `connection` without a hub.
    pub async fn node_remove(&self, name: &str) -> Result<()> {
        let mut client = self.client()?;
        let request = wire::request(pb::HubNodeRemove { name: name.to_owned() }, limits::CALL_MS);
        let removing = client.node_remove(request);
        wire::within(limits::CALL_MS, "removing a node", removing)
            .await
            .map(|_: pb::Ack| ())
    }

    /// Has the hub hand a call to a node that cannot be dialled, and answers with that node's encoded answer.
    ///
    /// # Errors
    /// That node's own; `hub_away`, or what [`crate::relay::carried_nothing`] knows, when the call surely went nowhere; all else may have arrived.
    pub async fn forward(&self, to: &str, method: Method, body: Vec<u8>) -> Result<Vec<u8>> {
        self.forward_within(limits::CALL_MS, to, method, body).await
    }

    /// The same within `limit_ms`, at most [`limits::CALL_MS`].
    ///
    /// # Errors
    /// As above.
    pub async fn forward_within(&self, limit_ms: u64, to: &str, method: Method, body: Vec<u8>) -> Result<Vec<u8>> {
        let limit_ms = limit_ms.min(limits::CALL_MS);
        let mut client = self.client()?;
        let call = pb::RelayCall {
            to: to.to_owned(),
            method: method.as_str().to_owned(),
            body,
            timeout_ms: limit_ms
                .saturating_sub(limits::CALL_MS - limits::RELAY_MS)
                .max(limit_ms / 2),
        };
        let request = wire::request(call, limit_ms);
        let reply: pb::RelayReply = wire::within(limit_ms, to, client.forward(request)).await?;
        Ok(reply.body)
    }

    /// Has the hub take this node out of the flock.
    ///
    /// # Errors
    /// `connection` without a hub.
    pub async fn leave(&self) -> Result<()> {
        let mut client = self.client()?;
        let leaving = client.leave(wire::request(pb::HubLeave {}, limits::CALL_MS));
        wire::within(limits::CALL_MS, "leaving the flock", leaving)
            .await
            .map(|_: pb::Ack| ())
    }

    /// What the hub of the session knows of `name`.
    ///
    /// # Errors
    /// `configuration` when that is no name of a node; `connection` without a hub.
    pub async fn about(&self, name: &str) -> Result<pb::HubKnowledge> {
        let mut client = self.client()?;
        let request = wire::request(pb::HubAbout { name: name.to_owned() }, limits::CALL_MS);
        wire::within(limits::CALL_MS, "asking the hub about a node", client.about(request)).await
    }

    async fn resolve_all(&self, targets: &pb::Targets, id: &str) -> Result<pb::Nodes> {
        let mut found = pb::Nodes::default();
        let mut request = pb::ResolveRequest {
            targets: Some(targets.clone()),
            id: id.to_owned(),
            ..Default::default()
        };
        loop {
            let page = self.resolve_page(request.clone()).await?;
            if page.total > limits::RESOLVE_NODES as u64 {
                let message = format!(
                    "{} nodes are meant, at most {} may be: narrow the selector or use match:",
                    page.total,
                    limits::RESOLVE_NODES
                );
                return Err(Error::rejected(message).with_code("too_many_targets"));
            }
            found.nodes.extend(page.nodes);
            found.revision = page.revision;
            // `next` only grows; a hub that sends it back would keep us here for ever.
            if page.next <= request.after {
                return Ok(found);
            }
            request.after = page.next;
        }
    }

    fn client(&self) -> Result<Client> {
        match self.0.channel.load_full() {
            Some(channel) => Ok(client(&channel)),
            None => {
                let reason = self
                    .state()
                    .problem
                    .map_or("not connected yet".to_owned(), |problem| problem.to_string());
                Err(Error::connection(format!("there is no session with a hub: {reason}")).with_code("hub_away"))
            }
        }
    }
}

/// Whether an error only says that no hub answers now.
fn is_away(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout)
}

pub(super) fn client(channel: &Channel) -> Client {
    HubClient::new(channel.clone())
        .max_decoding_message_size(limits::RELAYED_MESSAGE_BYTES)
        .max_encoding_message_size(limits::RELAYED_MESSAGE_BYTES)
}
