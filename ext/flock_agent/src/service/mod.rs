//! What others may call: this node's own programs over the local socket, other nodes over the peer port.

pub mod local;
