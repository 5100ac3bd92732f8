//! Relaying: a member that cannot be dialled is handed calls over the stream that it opened itself.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use flock_core::{Error, Result, id::NodeName, limits};
use prost::Message;
use tonic::{Streaming, metadata::MetadataMap};

use super::{
    Inner,
    directory::UNKNOWN,
    line::{Line, not_connected},
    lock,
    slot::Slot,
};
use crate::{
    pb,
    relay::{EPOCH_HEADER, Method},
    transport::PeerIdentity,
};

impl Inner {
    /// Hands a call of `peer` to the member that it names and answers with what that one says.
    ///
    /// # Errors
    /// The member's own; `not_connected` or `relay_busy` when it was carried nowhere (see [`crate::relay`]); `node_not_found`; `timeout`
    /// and `relay_broken` when it may have arrived; `protocol` with code `unknown_method`; `rejected` with code `too_large`.
    pub(super) async fn forward(&self, peer: &PeerIdentity, call: pb::RelayCall) -> Result<pb::RelayReply> {
        let (to, method) = (NodeName::parse(&call.to)?, call.method.parse::<Method>()?);
        let line = self.line_of(&to)?;
        let limit = Duration::from_millis(deadline_ms(call.timeout_ms));
        let message = handed_on(peer, method, call.body, limit)?;
        let _place = self.load.take(&peer.name, message.body.len())?;
        tracing::debug!(from = %peer.name, %to, %method, "relays a call");
        let body = line.call(message)?.within(limit).await?;
        Ok(pb::RelayReply { body })
    }

    fn line_of(&self, to: &NodeName) -> Result<Arc<Line>> {
        let slot = self.sessions.get(to.as_str());
        let line = slot.and_then(|slot| lock(&slot.line).clone());
        line.ok_or_else(|| match self.knows(to) {
            true => not_connected(to.as_str()),
            false => Error::node_not_found(format!(
                "no node called {to} has joined the flock; `flockctl nodes` lists those that have"
            )),
        })
    }

    fn knows(&self, name: &NodeName) -> bool {
        let directory = self.directory();
        !directory.is_loaded() || directory.node(name.as_str()).presence != UNKNOWN
    }

    /// Opens a member's line in its session; an earlier one of the same session ends.
    ///
    /// # Errors
    /// `denied` with code `no_session` unless the call names the session that `peer` has here now.
    pub(super) fn open_line(&self, peer: &PeerIdentity, metadata: &MetadataMap) -> Result<(Arc<Slot>, Arc<Line>)> {
        let named = metadata
            .get(EPOCH_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let slot = self.sessions.get(peer.name.as_str());
        let current = slot.filter(|slot| Some(slot.session.epoch) == named && !slot.ended.is_cancelled());
        let slot = current.ok_or_else(|| {
            Error::denied(format!(
                "{} has no such session with this hub; open one first",
                peer.name
            ))
            .with_code("no_session")
        })?;
        let line = Line::new(peer.name.as_str());
        if let Some(older) = lock(&slot.line).replace(Arc::clone(&line)) {
            older.close();
        }
        Ok((slot, line))
    }

    /// Takes in the member's answers until its stream, its session or the hub ends. Whoever waits for the member hears that it is there:
    /// what it was told with the session may have come too early.
    pub(super) async fn attend(self: Arc<Self>, slot: Arc<Slot>, line: Arc<Line>, mut inbound: Streaming<pb::ServeUp>) {
        self.sessions.tell_watchers(&BTreeSet::from([slot.name.to_string()]));
        loop {
            tokio::select! {
                biased;
                () = slot.ended.cancelled() => break,
                () = self.options.cancel.cancelled() => break,
                () = line.closed.cancelled() => break,
                up = inbound.message() => match up {
                    Ok(Some(up)) => line.answer(up),
                    Ok(None) | Err(_) => break,
                },
            }
        }
        line.close();
        lock(&slot.line).take_if(|held| Arc::ptr_eq(held, &line));
    }
}

/// What the caller asks for, at most what any call may take.
fn deadline_ms(asked_ms: u64) -> u64 {
    match asked_ms {
        0 => limits::RELAY_MS,
        asked_ms => asked_ms.min(limits::RELAY_MS),
    }
}

/// The call as the member gets it: from whom is the certificate's word.
fn handed_on(peer: &PeerIdentity, method: Method, body: Vec<u8>, limit: Duration) -> Result<pb::ServeDown> {
    let message = pb::ServeDown {
        rpc_id: u64::MAX,
        from: peer.name.to_string(),
        method: method.as_str().to_owned(),
        body,
        timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        from_hub: peer.hub,
    };
    if message.encoded_len() > limits::RELAYED_MESSAGE_BYTES {
        // The member would have to end its stream over it.
        return Err(Error::rejected("this call is too large to be relayed").with_code("too_large"));
    }
    Ok(message)
}
