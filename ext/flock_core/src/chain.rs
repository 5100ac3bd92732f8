//! Chains of notifications that cause one another, and the verdict that ends a loop.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, limits};

/// One step of the way that led to a notification: an action of a resource on a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hop {
    /// The node whose resource was acted on.
    pub node: String,
    /// The resource, `service[nginx]`.
    pub key: String,
    /// The action, `restart`.
    pub action: String,
}

impl Hop {
    /// A hop of its three parts.
    pub fn new(node: impl Into<String>, key: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            key: key.into(),
            action: action.into(),
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} on {}", self.action, self.key, self.node)
    }
}

/// Why a notification is taken for part of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopReason {
    /// Its chain went through the same action of the same resource on the same node before.
    Repeated(Hop),
    /// With it, the chain would have this many hops, more than [`limits::CHAIN_HOPS`].
    TooLong(usize),
}

impl fmt::Display for LoopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(hop) => write!(
                f,
                "loop: {hop} would cause itself again; break the circle of notifies and subscribes"
            ),
            Self::TooLong(hops) => write!(
                f,
                "loop: a chain of {hops} notifications that cause one another, at most {} are followed; shorten it",
                limits::CHAIN_HOPS
            ),
        }
    }
}

impl From<LoopReason> for Error {
    fn from(reason: LoopReason) -> Self {
        Error::denied(reason.to_string()).with_code("loop")
    }
}

/// Whether `next` may follow on `chain`.
///
/// ```
/// use flock_core::chain::{Hop, LoopReason, verdict};
/// let first = Hop::new("bender0", "service[nginx]", "restart");
/// let back = verdict(&[first.clone()], &first);
/// assert_eq!(back, Err(LoopReason::Repeated(first)));
/// ```
///
/// # Errors
/// The reason, when it would close or prolong a loop; as an [`Error`] it is `denied` with code `loop`.
pub fn verdict(chain: &[Hop], next: &Hop) -> Result<(), LoopReason> {
    if chain.contains(next) {
        return Err(LoopReason::Repeated(next.clone()));
    }
    match chain.len() + 1 {
        hops if hops > limits::CHAIN_HOPS => Err(LoopReason::TooLong(hops)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(count: usize) -> Vec<Hop> {
        (0..count)
            .map(|n| Hop::new(format!("n{n}"), "file[/a]", "create"))
            .collect()
    }

    #[test]
    fn a_first_hop_and_the_longest_chain_pass() {
        let next = Hop::new("last", "file[/a]", "create");
        assert_eq!(verdict(&[], &next), Ok(()));
        assert_eq!(verdict(&hops(limits::CHAIN_HOPS - 1), &next), Ok(()));
    }

    #[test]
    fn one_hop_more_is_too_long() {
        let next = Hop::new("last", "file[/a]", "create");
        let found = verdict(&hops(limits::CHAIN_HOPS), &next);
        assert_eq!(found, Err(LoopReason::TooLong(limits::CHAIN_HOPS + 1)));
    }

    #[test]
    fn only_the_same_node_key_and_action_is_a_repetition() {
        let chain = [Hop::new("a", "service[x]", "restart")];
        assert!(verdict(&chain, &Hop::new("b", "service[x]", "restart")).is_ok());
        assert!(verdict(&chain, &Hop::new("a", "service[y]", "restart")).is_ok());
        assert!(verdict(&chain, &Hop::new("a", "service[x]", "reload")).is_ok());
        assert!(verdict(&chain, &chain[0]).is_err());
    }

    #[test]
    fn the_error_is_a_denial_that_names_the_loop() {
        let error = Error::from(LoopReason::Repeated(Hop::new("a", "service[x]", "restart")));
        assert_eq!((error.kind(), error.code()), (crate::ErrorKind::Denied, "loop"));
        assert!(error.message().contains("restart of service[x] on a"));
    }
}
