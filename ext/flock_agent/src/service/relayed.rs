//! The second way to the peer port: what a hub relays for nodes that cannot dial this one.

use flock_core::{Error, Result, id::NodeName};

use super::peer::Peer;
use crate::{link::Relayed, pb, transport::DenyList};

/// The Peer service behind a hub's word: the hub has verified who calls, everything else is judged here as ever.
pub struct RelayedPeer {
    /// Answers.
    pub peer: Peer,
    /// Who was removed; the hub may hear of it later.
    pub deny: DenyList,
}

#[tonic::async_trait]
impl Relayed for RelayedPeer {
    async fn answer(&self, call: pb::ServeDown) -> Result<Vec<u8>> {
        let from = NodeName::parse(&call.from)?;
        if self.deny.denies(&from) {
            return Err(Error::denied(format!("{from} was removed from the flock")).with_code("removed"));
        }
        self.peer.answer(&from, call.method.parse()?, &call.body).await
    }
}
