//! Who speaks in a call: the node at the other end, or an operator for whom a hub speaks.

use flock_core::{
    Error, Result,
    holder::{Holder, OperatorName},
    id::NodeName,
};

use crate::transport::PeerIdentity;

/// The node whose certificate was seen, by this node or by the hub that relays for it.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The node.
    pub node: NodeName,
    /// Whether it is a hub: only hubs let operators in, and may say so.
    pub hub: bool,
}

impl From<&PeerIdentity> for Speaker {
    fn from(peer: &PeerIdentity) -> Self {
        Self {
            node: peer.name.clone(),
            hub: peer.hub,
        }
    }
}

impl Speaker {
    /// Whose rights a message is judged by: those of `operator`, which the message names, or where it names none the node's own.
    ///
    /// # Errors
    /// `denied` with code `not_a_hub` when it is not a hub that speaks for an operator.
    pub fn asker(&self, operator: &str) -> Result<Holder> {
        if operator.is_empty() {
            return Ok(self.node.clone().into());
        }
        let operator = OperatorName::parse(operator)?;
        match self.hub {
            true => Ok(Holder::Operator(operator)),
            false => Err(
                Error::denied(format!("{} is no hub and may not speak for {operator}", self.node))
                    .with_code("not_a_hub"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hub_speaks_for_operators() {
        let speaker = |hub| Speaker {
            node: NodeName::parse("a").unwrap(),
            hub,
        };
        assert_eq!(speaker(true).asker("alice").unwrap().as_str(), "operator/alice");
        assert_eq!(speaker(true).asker("").unwrap().as_str(), "a");
        assert_eq!(speaker(false).asker("alice").unwrap_err().code(), "not_a_hub");
        assert_eq!(speaker(true).asker("a/b").unwrap_err().code(), "bad_operator_name");
    }
}
