//! The second way to the peer port: what a hub relays for nodes that cannot dial this one.

use flock_core::{Error, Result, id::NodeName};

use super::{peer::Peer, speaker::Speaker};
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
        let speaker = Speaker {
            node: from,
            hub: call.from_hub,
        };
        self.peer.answer(&speaker, call.method.parse()?, &call.body).await
    }
}

#[cfg(test)]
mod tests {
    use flock_core::{ErrorKind, policy::Policy};
    use prost::Message;

    use super::*;
    use crate::{
        fixtures::{Target, callee, envelope},
        pb::receipt::Verdict,
    };

    fn relayed(target: &Target) -> RelayedPeer {
        RelayedPeer {
            peer: Peer::new(target.receiver.clone(), target.runs.clone(), callee(target)),
            deny: DenyList::default(),
        }
    }

    fn call(from: &str, method: &str, body: Vec<u8>) -> pb::ServeDown {
        pb::ServeDown {
            from: from.into(),
            method: method.into(),
            body,
            ..Default::default()
        }
    }

    fn offer(from: &str, sender: &str) -> pb::ServeDown {
        call(from, "offer", envelope(sender, 1).encode_to_vec())
    }

    async fn verdict(relayed: &RelayedPeer, call: pb::ServeDown) -> Verdict {
        let answer = relayed.answer(call).await.unwrap();
        pb::Receipt::decode(answer.as_slice()).unwrap().verdict()
    }

    #[tokio::test]
    async fn the_name_that_the_hub_verified_is_the_sender_whatever_the_message_says() {
        let target = Target::new(Policy::default());
        let relayed = relayed(&target);
        assert_eq!(verdict(&relayed, offer("b", "a")).await, Verdict::Denied);
        assert_eq!(verdict(&relayed, offer("a", "a")).await, Verdict::Stored);
        assert_eq!(verdict(&relayed, offer("a", "a")).await, Verdict::Duplicate);
    }

    #[tokio::test]
    async fn who_was_removed_is_refused_although_the_hub_does_not_know_it_yet() {
        let target = Target::new(Policy::default());
        let relayed = relayed(&target);
        relayed.deny.set(vec!["a".into()]);
        assert_eq!(relayed.answer(offer("a", "a")).await.unwrap_err().code(), "removed");
        assert_eq!(verdict(&relayed, offer("b", "b")).await, Verdict::Stored);
    }

    #[tokio::test]
    async fn outcomes_and_cards_go_the_same_way() {
        let target = Target::new(Policy::default());
        let relayed = relayed(&target);
        let outcome = pb::Outcome {
            target: "b".into(),
            ..Default::default()
        };
        let forged = relayed
            .answer(call("a", "report_outcome", outcome.encode_to_vec()))
            .await;
        assert_eq!(forged.unwrap_err().kind(), ErrorKind::Denied);
        let cards = relayed.answer(call("a", "resources", Vec::new())).await.unwrap();
        assert_eq!(pb::Resources::decode(cards.as_slice()).unwrap().node, "target");
        let other = pb::ResourcesRequest {
            node: "other".into(),
            ..Default::default()
        };
        let elsewhere = relayed.answer(call("a", "resources", other.encode_to_vec())).await;
        assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::NodeNotFound);
    }

    #[tokio::test]
    async fn what_is_no_call_is_refused() {
        let target = Target::new(Policy::default());
        let relayed = relayed(&target);
        for (call, code) in [
            (call("a", "drop_everything", Vec::new()), "unknown_method"),
            (call("a", "offer", vec![0xff; 9]), "malformed"),
            (call("", "offer", Vec::new()), "bad_node_name"),
        ] {
            assert_eq!(relayed.answer(call).await.unwrap_err().code(), code);
        }
    }
}
