//! Sessions, the directory and the registry.

/// How often a member says that it lives, at most; half a lease where that is shorter.
pub const HEARTBEAT_MS: u64 = 15_000;
/// Lease of a member's session; silent for one = suspect, for two = gone.
pub const LEASE_MS: u64 = 30_000;
/// Shortest and longest lease of a member; the registry's own leases are twice as long.
pub const LEASE_MIN_MS: u64 = 100;
/// See [`LEASE_MIN_MS`].
pub const LEASE_MAX_MS: u64 = 5 * 60 * 1000;
/// Members that one hub serves.
pub const MEMBERS: usize = 60_000;
/// Names whose presence one member may watch.
pub const WATCHED_NAMES: usize = 10_000;
/// Messages that wait for one member's stream; a member that falls further behind is disconnected and starts afresh.
pub const SESSION_QUEUE: usize = 256;
/// How long one message may wait for a member whose queue is full before the member is disconnected, at most; one lease where that is shorter.
pub const SESSION_SEND_MS: u64 = 10_000;
/// Encoded facts of one node that a hub takes, in bytes.
pub const NODE_INFO_BYTES: usize = 64 * 1024;
/// How long a hub gathers changes of presence before it tells those who watch the node.
pub const PRESENCE_COALESCE_MS: u64 = 20;
/// Shortest pause between two notices that the directory changed.
pub const CHANGED_COALESCE_MS: u64 = 1_000;
/// What a removed member is given to read why, before its connections are closed.
pub const REMOVED_FLUSH_MS: u64 = 250;
/// Removed nodes that one message tells of.
pub const DENIED_PART: usize = 2_000;
/// Removed nodes that a member takes in.
pub const DENIED: usize = 200_000;
/// How long a removed node is denied: its last certificate has expired by then, and can be renewed no more.
pub const REMOVED_KEPT_MS: u64 = 130 * 24 * 60 * 60 * 1000;
/// How long a dead join token is kept, so that "expired" can be told from "never existed".
pub const TOKEN_KEPT_MS: u64 = 24 * 60 * 60 * 1000;
/// Old registry entries that are cleared away on the occasion of a new one.
pub const OLD_AT_ONCE: usize = 32;
/// Nodes in one page of a resolved selector.
pub const RESOLVE_PAGE: usize = 1_000;
/// Nodes that one selector may mean.
pub const RESOLVE_NODES: usize = 10_000;
/// Deadline of one call to the registry.
pub const REGISTRY_CALL_MS: u64 = 5_000;
/// Registry changes that wait for a hub's directory.
pub const DIRECTORY_QUEUE: usize = 1_024;
/// Nodes, and answers to selectors, that a member remembers for the time without a hub.
pub const LINK_CACHE_NODES: usize = 10_000;
/// See [`LINK_CACHE_NODES`].
pub const LINK_CACHE_QUERIES: usize = 256;
/// Events of the hub link that wait for a slow listener; older ones are dropped and it is told so.
pub const LINK_EVENTS: usize = 1_024;
/// Messages of a member that wait for its stream to the hub.
pub const LINK_QUEUE: usize = 16;
/// Shortest pause between two writes of `directory.json`.
pub const DIRECTORY_SAVE_MS: u64 = 5_000;
/// Largest `directory.json` that is read, in bytes: as many nodes as the cache holds, with all their facts.
pub const DIRECTORY_BYTES: u64 = 256 * 1024 * 1024;
/// Longest pause between tries of a member that was fenced; at least half of it passes.
pub const FENCED_RETRY_MS: u64 = 60_000;
/// The same for a member that was removed from the flock.
pub const REMOVED_RETRY_MS: u64 = 15 * 60 * 1000;
/// Registry changes that are kept for watchers; older ones are compacted and answered with `Resync`.
pub const REGISTRY_CHANGES: u64 = 10_000;
/// Bytes of those changes, keys and values together; whichever of the two limits is reached first compacts.
pub const REGISTRY_CHANGES_BYTES: u64 = 64 * 1024 * 1024;
/// Revisions for which the registry remembers a command id, so that a repeated command changes nothing.
pub const REGISTRY_COMMANDS: u64 = 50_000;
/// Longest command id, in bytes.
pub const REGISTRY_COMMAND_ID_BYTES: usize = 128;
/// Entries that the registry holds.
pub const REGISTRY_KEYS: u64 = 500_000;
/// Sequences that the registry holds.
pub const REGISTRY_SEQUENCES: u64 = 10_000;
/// Longest key in the registry, in bytes.
pub const REGISTRY_KEY_BYTES: usize = 1024;
/// Steps of one registry transaction.
pub const REGISTRY_TXN_OPS: usize = 128;
/// Watches on one registry.
pub const REGISTRY_WATCHERS: usize = 1024;
/// Changes that wait for one watcher; one that falls further behind is told to list again.
pub const REGISTRY_WATCH_QUEUE: usize = 1024;
/// Shortest and longest lease of a registry session.
pub const REGISTRY_LEASE_MIN_MS: u64 = 100;
/// See [`REGISTRY_LEASE_MIN_MS`].
pub const REGISTRY_LEASE_MAX_MS: u64 = 10 * 60 * 1000;
/// How often the registry looks for sessions that went silent, at most.
pub const REGISTRY_SWEEP_MS: u64 = 500;
/// Largest value in the registry, in bytes.
pub const REGISTRY_VALUE_BYTES: usize = 256 * 1024;
/// Largest transaction in the registry, in bytes.
pub const REGISTRY_TXN_BYTES: usize = 512 * 1024;
