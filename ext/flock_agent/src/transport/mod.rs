//! Connections between nodes: mutual TLS 1.3, identity from the certificate, limits on everything a stranger can do.

mod acceptor;
mod connect;
mod connection;
mod deny;
mod dial;
mod encounters;
mod guard;
mod refusal;
mod server;
mod tls;
mod verify;

use flock_core::{
    holder::{Holder, OperatorName},
    id::NodeName,
};

use crate::identity::cert::CertInfo;

#[cfg(feature = "simulation")]
pub(crate) use crate::simulation as net;
pub use connect::{Target, dial_once};
pub(crate) use connect::{connect_hub, kept_alive};
pub use deny::{DenyList, denied_enrolment};
pub use dial::Dialer;
pub use encounters::Encounters;
pub use guard::PeerInfo;
pub use refusal::timestamp;
#[cfg(not(feature = "simulation"))]
pub(crate) use tokio::net;

pub use server::{ServerLimits, serve_peers, serve_peers_within};
pub use tls::{Credentials, Tls};
pub(crate) use verify::client_path;

/// The certificate at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shown {
    /// Whose it is.
    pub holder: Holder,
    /// Whether that is a hub.
    pub hub: bool,
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// The enrolment that it comes from.
    pub enrolment: String,
}

impl From<&CertInfo> for Shown {
    fn from(info: &CertInfo) -> Self {
        Self {
            holder: info.subject.holder.clone(),
            hub: info.subject.hub,
            serial: info.serial.clone(),
            enrolment: info.subject.enrolment.clone(),
        }
    }
}

/// The node at the other end, as its certificate says; in the extensions of every request that a node makes over mutual TLS, and of no
/// other: what asks for it serves no operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerIdentity {
    /// The node.
    pub name: NodeName,
    /// Whether it is a hub.
    pub hub: bool,
    /// Serial number of its certificate, hexadecimal.
    pub serial: String,
    /// The enrolment that its certificates come from.
    pub enrolment: String,
}

/// The operator at the other end, likewise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OperatorIdentity(pub OperatorName);

/// Whom a dialled address has to prove to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expect {
    /// This node.
    Node(NodeName),
    /// Any hub of the flock.
    Hub,
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node(name) => name.fmt(f),
            Self::Hub => f.write_str("the hub"),
        }
    }
}

#[cfg(test)]
mod tests;
