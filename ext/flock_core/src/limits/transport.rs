//! Connections between nodes, and what goes through a hub.

/// Connections on the peer port in all.
pub const CONNECTIONS: usize = 60_000;
/// Connections that have not shown a certificate (enrolling).
pub const CONNECTIONS_UNAUTHENTICATED: usize = 64;
/// Connections in the middle of a TLS handshake.
pub const CONNECTIONS_HANDSHAKING: usize = 512;
/// Connections that wait to be served; more wait in the handshake's place.
pub const CONNECTIONS_READY: usize = 16;
/// Time that a TLS handshake may take, and the greeting of a client of the local socket.
pub const HANDSHAKE_MS: u64 = 5_000;
/// Calls that such a connection may have under way: enrolling needs one after the other, and each may hold [`ENROL_BYTES`].
pub const CALLS_UNAUTHENTICATED: usize = 2;
/// How long a connection without a certificate may last.
pub const UNAUTHENTICATED_MS: u64 = 30_000;
/// Handshakes' refusals that are logged in one second; the rest is only counted.
pub const REFUSALS_LOGGED: u32 = 10;
/// Connections to other nodes that are kept for the next call; beyond it the longest unused go.
pub const DIALLED: usize = 1_024;
/// How long a connection to another node is kept without a call.
pub const DIALLED_IDLE_MS: u64 = 5 * 60 * 1000;
/// Concurrent calls on one connection.
pub const CALLS_PER_CONNECTION: usize = 128;
/// Time that connecting to another node may take, handshake included.
pub const CONNECT_MS: u64 = 3_000;
/// Deadline of a call to another node.
pub const CALL_MS: u64 = 10_000;
/// How much later than the caller's own deadline the one is that travels with the call, so that the caller's decides.
pub const DEADLINE_MARGIN_MS: u64 = 250;
/// Finding and dialling a node, before a call to it: a lookup and a second address included.
pub const REACH_MS: u64 = 8_000;
/// Delivering one notification or outcome: finding, dialling and calling, each with a deadline of its own.
pub const DELIVERY_MS: u64 = REACH_MS + CALL_MS + 2_000;
/// Longest message of an error on the wire, in bytes: it travels in a header.
pub const STATUS_MESSAGE_BYTES: usize = 2 * 1024;
/// HTTP/2 keepalive: interval, also while idle, and how long the answer may take.
pub const KEEPALIVE_MS: u64 = 15_000;
/// See [`KEEPALIVE_MS`].
pub const KEEPALIVE_TIMEOUT_MS: u64 = 5_000;
/// HTTP/2 flow control on the peer port, both ends: what one stream, less than one connection, may have on its way unread.
pub const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
/// See [`STREAM_WINDOW_BYTES`].
pub const CONNECTION_WINDOW_BYTES: u32 = 8 * STREAM_WINDOW_BYTES;
/// Calls that a hub holds at the same time for one member that it relays to, and for one caller.
pub const RELAYED_CALLS: usize = 64;
/// Bytes of those calls that a hub holds for one caller.
pub const RELAYED_CALLER_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of relayed calls that a hub holds in all.
pub const RELAYED_BYTES: usize = 64 * 1024 * 1024;
/// Relayed calls that a member works on at the same time; the rest waits at the hub.
pub const RELAYED_AT_ONCE: usize = 16;
/// Deadline of a relayed call at its hub: the hub's answer, which tells whether the call left, comes before the caller's own deadline.
pub const RELAY_MS: u64 = CALL_MS - 1_000;
/// What a sender waits when its hub has too much to relay.
pub const RELAY_RETRY_AFTER_MS: u64 = 500;
/// How long a node that could only be reached through the hub is not dialled again.
pub const RELAY_FIRST_MS: u64 = 60_000;
/// Nodes for which that is remembered.
pub const RELAY_FIRST_NODES: usize = 1_024;
