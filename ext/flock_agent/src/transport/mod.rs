//! Who is at the other end of a peer connection.

use flock_core::id::NodeName;

/// The caller of a peer call as its certificate names it; the transport puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The node.
    pub name: NodeName,
    /// Whether the certificate is a hub's.
    pub hub: bool,
    /// Of the certificate, in hexadecimal.
    pub serial: String,
    /// The enrolment that its certificates come from.
    pub enrolment: String,
}
