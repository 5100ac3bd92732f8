//! Every cap of the project, in one place. Durations are milliseconds.

/// Protocol versions that this build serves.
pub const PROTOCOL_MIN: u32 = 1;
/// The newest protocol version that this build speaks.
pub const PROTOCOL_MAX: u32 = 1;
/// The metadata key that carries the protocol version with every call.
pub const PROTOCOL_HEADER: &str = "flock-protocol";

/// Largest message on either socket, in bytes.
pub const MESSAGE_BYTES: usize = 1024 * 1024;
/// Largest draft, in bytes of its encoded form; a spool file may be twice that.
pub const DRAFT_BYTES: usize = 64 * 1024;
/// Longest node name, in bytes.
pub const NODE_NAME_BYTES: usize = 255;
/// Longest resource key `type[name]`, in bytes.
pub const KEY_BYTES: usize = 4096;
/// Longest action name, in bytes.
pub const ACTION_BYTES: usize = 64;
/// Targets that one draft may name, and that one `query:` may find.
pub const TARGETS: usize = 1000;
/// Roles, recipes, tags or services that one draft may ask for, each.
pub const TARGET_WORDS: usize = 64;
/// Longest role, recipe, tag, service, environment, policy or cloud name, in bytes.
pub const TARGET_WORD_BYTES: usize = 255;
/// Sources that one draft may carry.
pub const SOURCES: usize = 64;
/// Longest text of an outcome, in bytes.
pub const OUTCOME_MESSAGE_BYTES: usize = 1024;

/// Longest chain of notifications that cause one another.
pub const CHAIN_HOPS: usize = 8;
/// Time to live of a notification without `ttl:`.
pub const TTL_DEFAULT_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Longest time to live that may be asked for.
pub const TTL_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Most runs of one notification that `retry:` may ask for.
pub const RETRY_MAX: u32 = 10;

/// Unfinished notifications that one inbox holds.
pub const INBOX_TOTAL: u64 = 10_000;
/// Unfinished notifications of one sender that one inbox holds.
pub const INBOX_PER_SENDER: u64 = 1_000;
/// Unfinished deliveries that one outbox holds.
pub const OUTBOX_TOTAL: u64 = 50_000;
/// What a full inbox asks its callers to wait.
pub const BUSY_RETRY_AFTER_MS: u64 = 5_000;
/// Finished rows of outbox and inbox that are kept, each.
pub const FINISHED_ROWS: u64 = 10_000;
/// How long finished rows are kept.
pub const FINISHED_AGE_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Journal rows that are kept.
pub const JOURNAL_ROWS: u64 = 50_000;
/// Rows that a list answers with when nothing is said, and at most.
pub const LIST_DEFAULT: u32 = 100;
/// See [`LIST_DEFAULT`].
pub const LIST_MAX: u32 = 10_000;

/// Writes that wait for the store's one writer.
pub const STORE_QUEUE: usize = 1024;
/// Writes that share one commit at most.
pub const STORE_GROUP: usize = 256;
/// Files that the spool takes in one pass, and the files it holds before it refuses more.
pub const SPOOL_FILES: usize = 10_000;
/// Quarantined spool files that are kept.
pub const SPOOL_BAD_FILES: usize = 100;

/// Connections on the peer port in all.
pub const CONNECTIONS: usize = 60_000;
/// Connections that have not shown a certificate (enrolling).
pub const CONNECTIONS_UNAUTHENTICATED: usize = 64;
/// Connections in the middle of a TLS handshake.
pub const CONNECTIONS_HANDSHAKING: usize = 512;
/// Time that a TLS handshake may take.
pub const HANDSHAKE_MS: u64 = 5_000;
/// How long a connection without a certificate may last.
pub const UNAUTHENTICATED_MS: u64 = 30_000;
/// Concurrent calls on one connection.
pub const CALLS_PER_CONNECTION: usize = 128;
/// Time that connecting to another node may take, handshake included.
pub const CONNECT_MS: u64 = 3_000;
/// Deadline of a call to another node.
pub const CALL_MS: u64 = 10_000;
/// HTTP/2 keepalive: interval, also while idle, and how long the answer may take.
pub const KEEPALIVE_MS: u64 = 15_000;
/// See [`KEEPALIVE_MS`].
pub const KEEPALIVE_TIMEOUT_MS: u64 = 5_000;
/// First and longest pause of full-jitter retries.
pub const BACKOFF_BASE_MS: u64 = 200;
/// See [`BACKOFF_BASE_MS`].
pub const BACKOFF_CAP_MS: u64 = 30_000;
/// Targets that are dialled at the same time.
pub const DELIVERIES_AT_ONCE: usize = 64;

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
/// Longest pause between tries of a member that was fenced; at least half of it passes.
pub const FENCED_RETRY_MS: u64 = 60_000;
/// The same for a member that was removed from the flock.
pub const REMOVED_RETRY_MS: u64 = 15 * 60 * 1000;
/// Registry changes that are kept for watchers; older ones are compacted and answered with `Resync`.
pub const REGISTRY_CHANGES: u64 = 10_000;
/// Largest value in the registry, in bytes.
pub const REGISTRY_VALUE_BYTES: usize = 256 * 1024;
/// Largest transaction in the registry, in bytes.
pub const REGISTRY_TXN_BYTES: usize = 512 * 1024;

/// Lifetime of a join token without `--ttl`, and at most.
pub const TOKEN_TTL_MS: u64 = 24 * 60 * 60 * 1000;
/// See [`TOKEN_TTL_MS`].
pub const TOKEN_TTL_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Join tokens that the registry keeps.
pub const TOKENS: usize = 1_000;
/// Clock difference at which enrolment is refused, and at which no expiry is applied.
pub const CLOCK_SKEW_JOIN_MS: u64 = 5 * 60 * 1000;
/// See [`CLOCK_SKEW_JOIN_MS`].
pub const CLOCK_SKEW_EXPIRY_MS: u64 = 60 * 1000;

/// Events that wait for the Ruby dispatcher.
pub const DISPATCH_QUEUE: usize = 64;
/// Jobs that run at the same time on one node (Chef's lock admits one action at a time).
pub const JOBS_AT_ONCE: usize = 1;
/// Time limit of one worker.
pub const WORKER_MS: u64 = 600_000;
/// Largest result file, in bytes.
pub const RESULT_BYTES: u64 = 1024 * 1024;
/// What the agent may take to stop, before the grace for running actions.
pub const STOP_MS: u64 = 2_000;
