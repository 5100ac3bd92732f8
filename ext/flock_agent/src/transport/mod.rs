//! Who is at the other end of a connection, and who may not be.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
};

use flock_core::{Error, Result, id::NodeName};
use tonic::transport::Channel;

/// The verified identity of a peer; in the extensions of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The node's name, from the certificate.
    pub name: NodeName,
    /// Whether the certificate is a hub's.
    pub hub: bool,
    /// The certificate's serial number.
    pub serial: String,
    /// The enrolment that its certificates come from.
    pub enrolment: String,
}

/// How a replaced enrolment is written in a [`DenyList`]; no node name holds a slash.
pub fn denied_enrolment(enrolment: &str) -> String {
    format!("enrolment/{enrolment}")
}

/// The names whose certificates are refused.
#[derive(Debug, Clone, Default)]
pub struct DenyList(Arc<RwLock<BTreeSet<String>>>);

impl DenyList {
    /// Replaces the list.
    pub fn set(&self, names: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names.into_iter().collect();
    }

    /// Whether `name` is refused.
    pub fn denies(&self, name: &NodeName) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(name.as_str())
    }
}

/// Whom a dialled address must belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// This node.
    Node(NodeName),
    /// Any hub of the flock.
    Hub,
}

/// Opens connections to other nodes.
#[derive(Debug, Clone)]
pub struct Dialer(());

impl Dialer {
    /// A connection to `address`.
    ///
    /// # Errors
    /// `connection` when the address does not answer, `denied` when it is not who was expected.
    pub async fn channel(&self, _expect: &Expect, address: &str) -> Result<Channel> {
        Err(Error::connection(format!("{address} cannot be reached")))
    }

    /// Drops the connection to `address`; calls in flight on it end.
    pub async fn forget(&self, _expect: &Expect, _address: &str) {}
}
