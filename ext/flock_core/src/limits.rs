//! Every cap of the project, in one place. Durations are milliseconds.

mod apis;
mod calls;
mod delivery;
mod operators;
mod runs;
mod subscriptions;

pub use apis::*;
pub use calls::*;
pub use delivery::*;
pub use operators::*;
pub use runs::*;
pub use subscriptions::*;

/// Protocol versions that this build serves.
pub const PROTOCOL_MIN: u32 = 1;
/// The newest protocol version that this build speaks.
pub const PROTOCOL_MAX: u32 = 1;
/// The metadata key that carries the protocol version with every call.
pub const PROTOCOL_HEADER: &str = "flock-protocol";

/// Largest message on either socket, in bytes.
pub const MESSAGE_BYTES: usize = 1024 * 1024;
/// Largest answer on the local socket, in bytes: [`RESOLVE_NODES`] nodes with all their facts. Lists of notifications are cut to
/// [`MESSAGE_BYTES`].
pub const LOCAL_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Largest draft, in bytes of its encoded form; a spool file may be twice that.
pub const DRAFT_BYTES: usize = 64 * 1024;
/// Largest envelope, in bytes of its encoded form: a draft with the names and counters of one delivery.
pub const ENVELOPE_BYTES: usize = DRAFT_BYTES + 1024;
/// Largest message that another node may send to the peer service, in bytes: an envelope, and room for what newer versions add.
pub const PEER_MESSAGE_BYTES: usize = 2 * ENVELOPE_BYTES;
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

/// Longest code of an outcome, in bytes.
pub const CODE_BYTES: usize = 64;

/// Time for one reader of the metrics page.
pub const METRICS_MS: u64 = 10_000;
/// Readers of the metrics page at a time.
pub const METRICS_READERS: usize = 8;

/// Nodes of whose handshakes a node remembers the last.
pub const ENCOUNTERS: usize = 10_000;

/// Records of one chain of notifications that a node tells, of what it sent and of what it received each.
pub const TRACED: usize = 200;

/// Traces that a node answers at a time, and those of one caller among them.
pub const TRACES: usize = 16;
/// See [`TRACES`].
pub const TRACES_OF_CALLER: usize = 4;

/// Longest chain of notifications that cause one another.
pub const CHAIN_HOPS: usize = 8;
/// Hops that a draft may carry at all; one that has more than [`CHAIN_HOPS`] is kept, and denied by its target as a loop.
pub const DRAFT_HOPS: usize = 64;
/// Time to live of a notification without `ttl:`.
pub const TTL_DEFAULT_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Longest time to live that may be asked for.
pub const TTL_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Most runs of one notification that `retry:` may ask for.
pub const RETRY_MAX: u32 = 10;

/// Bytes of the disk that are kept for outcomes, receipts and the end of what runs; of small disks an eighth.
pub const DISK_RESERVE_BYTES: u64 = 64 * 1024 * 1024;
/// Files that must be left to be made, on file systems that count them.
pub const DISK_FILES: u64 = 256;
/// What a node whose disk is nearly full asks its callers to wait.
pub const DISK_RETRY_AFTER_MS: u64 = 30_000;
/// How long after a jump of the time of day nothing ends by age.
pub const CLOCK_SETTLE_MS: u64 = 60 * 60 * 1000;

/// Unfinished notifications that one inbox holds.
pub const INBOX_TOTAL: u64 = 10_000;
/// Unfinished notifications of one sender that one inbox holds.
pub const INBOX_PER_SENDER: u64 = 1_000;
/// Unfinished deliveries that one outbox holds.
pub const OUTBOX_TOTAL: u64 = 50_000;
/// How long after the time to live a sender waits for the outcome of what its target stored, before it calls it unknown.
pub const OUTCOME_GRACE_MS: u64 = 24 * 60 * 60 * 1000;
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

/// Finished rows that one pass of the retention removes.
pub const TRIM_ROWS: u64 = 1_000;

/// Writes that wait for the store's one writer.
pub const STORE_QUEUE: usize = 1024;
/// Writes that share one commit at most.
pub const STORE_GROUP: usize = 256;
/// Files that the spool takes in one pass, and the files it holds before it refuses more.
pub const SPOOL_FILES: usize = 10_000;
/// Quarantined spool files that are kept.
pub const SPOOL_BAD_FILES: usize = 100;
/// How often the agent looks into its spool.
pub const SPOOL_POLL_MS: u64 = 500;
/// Spool files that share one commit.
pub const SPOOL_BATCH: usize = 64;
/// Age at which a half-written spool file belongs to no living writer.
pub const SPOOL_TMP_MS: u64 = 60 * 60 * 1000;

/// Connections on the local socket.
pub const LOCAL_CONNECTIONS: usize = 256;
/// How long a socket may take to answer before its agent counts as alive but slow.
pub const SOCKET_PROBE_MS: u64 = 1_000;
/// How long to wait when the system cannot give us another connection.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// Longest time that one local call may take, but for `await`.
pub const LOCAL_CALL_MS: u64 = 30_000;
/// Longest time that taking a backup may take.
pub const BACKUP_MS: u64 = 10 * 60 * 1000;
/// Pause between two tries to copy a database that someone keeps locked.
pub const BACKUP_PAUSE_MS: u64 = 50;
/// Longest time that one `await` may take.
pub const AWAIT_MS: u64 = 60 * 60 * 1000;
/// How often an `await` looks again although it heard of no change.
pub const AWAIT_POLL_MS: u64 = 1_000;

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
/// First and longest pause of full-jitter retries.
pub const BACKOFF_BASE_MS: u64 = 200;
/// See [`BACKOFF_BASE_MS`].
pub const BACKOFF_CAP_MS: u64 = 30_000;
/// Targets that are dialled at the same time.
pub const DELIVERIES_AT_ONCE: usize = 64;
/// How many of those may be targets whose last attempt failed, so that dead ones do not keep the living waiting.
pub const DELIVERIES_FAILING: usize = 32;
/// Notifications that are offered to one target before their receipts are written.
pub const DELIVERY_BATCH: usize = 64;
/// Longest pause that a busy target may ask for.
pub const BUSY_RETRY_AFTER_MAX_MS: u64 = 5 * 60 * 1000;
/// How often finished rows are looked through for those to remove.
pub const RETENTION_MS: u64 = 60 * 60 * 1000;
/// Selector drafts that are resolved in one pass.
pub const RESOLVE_BATCH: usize = 256;
/// How soon after one look through all of them changes of the directory may cause the next.
pub const RESOLVE_GAP_MS: u64 = 1_000;
/// Outcomes that are read at once to be reported.
pub const REPORT_BATCH: usize = 256;

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

/// Lifetime of a leaf certificate; it is renewed at two thirds of it.
pub const LEAF_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// How far certificates are dated back, for machines whose clock is slow.
pub const BACKDATE_MS: u64 = 10 * 60 * 1000;
/// How long after its end a leaf may still be renewed.
pub const RENEW_GRACE_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// How long the nonce of a renewal is good for.
pub const NONCE_MS: u64 = 60 * 1000;
/// Longest signing request and longest certificate that is read, in bytes.
pub const CERTIFICATE_BYTES: usize = 8 * 1024;
/// Largest message that a caller without a certificate may send, in bytes.
pub const ENROL_BYTES: usize = 64 * 1024;
/// Join tokens that a flock holds, used up and expired ones of the last day included.
pub const TOKENS: usize = 1_000;
/// Nodes that one join token may admit at most.
pub const TOKEN_USES_MAX: u32 = 100_000;
/// Addresses of hubs that a join string names at most.
pub const JOIN_HUBS: usize = 16;
/// Longest join string, in bytes.
pub const JOIN_STRING_BYTES: usize = 16 * 1024;
/// Longest hash of a machine id, in bytes.
pub const MACHINE_ID_BYTES: usize = 128;
/// How often an enrolment is decided on because the registry changed meanwhile.
pub const ENROL_ATTEMPTS: usize = 8;
/// How often it is looked whether the certificate is due: the clock may be set, and a suspended machine's timers stand still.
pub const RENEW_LOOK_MS: u64 = 60 * 60 * 1000;
/// First pause after a renewal that failed; doubled up to [`RENEW_LOOK_MS`].
pub const RENEW_RETRY_MS: u64 = 30 * 1000;

/// Lifetime of a join token without `--ttl`, and at most.
pub const TOKEN_TTL_MS: u64 = 24 * 60 * 60 * 1000;
/// See [`TOKEN_TTL_MS`].
pub const TOKEN_TTL_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Clock difference at which enrolment is refused, and at which no expiry is applied.
pub const CLOCK_SKEW_JOIN_MS: u64 = 5 * 60 * 1000;
/// See [`CLOCK_SKEW_JOIN_MS`].
pub const CLOCK_SKEW_EXPIRY_MS: u64 = 60 * 1000;

/// Events that wait for the Ruby dispatcher.
pub const DISPATCH_QUEUE: usize = 64;
/// Jobs that run at the same time on one node (Chef's lock admits one action at a time).
pub const JOBS_AT_ONCE: usize = 1;
/// Memory that a machine must have for a warm worker to be kept, in bytes.
pub const WARM_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
/// Deaths in a row from which `doctor` mentions a warm worker.
pub const WARM_FAILURES: u64 = 3;
/// Time limit of one worker.
pub const WORKER_MS: u64 = 600_000;
/// Shortest and longest that agent.toml may set.
pub const WORKER_MIN_MS: u64 = 1_000;
/// See [`WORKER_MIN_MS`].
pub const WORKER_MAX_MS: u64 = 24 * 60 * 60 * 1000;
/// Largest result file, in bytes.
pub const RESULT_BYTES: u64 = 1024 * 1024;
/// What the agent may take to start: opening and migrating the store, binding the ports.
pub const START_MS: u64 = 60_000;
/// What the agent may take to stop, when it is given no longer grace.
pub const STOP_MS: u64 = 2_000;
/// The last part of that: for the store, after everything else has ended or was cut off.
pub const STORE_CLOSE_MS: u64 = 250;
/// The same for a node that has left its flock: the hub has let it go, so that its identity must go, too.
pub const LEFT_CLOSE_MS: u64 = 30_000;
/// What the peer port and the local socket may take of it before the connections that are left are cut.
pub const SERVERS_STOP_MS: u64 = 1_000;
/// What connections that were cut may take to notice.
pub const SERVERS_CUT_MS: u64 = 250;
/// How long Ruby may take from an event to the claim of its job; compiling a large snapshot comes before it.
pub const CLAIM_MS: u64 = 120_000;
/// How often claimed runs are looked after.
pub const RECOVERY_MS: u64 = 1_000;
/// How long a worker that is gone waits for Ruby's own account of it.
pub const REPORT_GRACE_MS: u64 = 5_000;
/// How long after its time limit a worker is ended by the agent itself.
pub const OVERDUE_GRACE_MS: u64 = 30_000;
/// How often times to live and the retention of finished rows are applied.
pub const HOUSEKEEPING_MS: u64 = 60_000;
/// First and longest pause before an action is tried again that could not be run, or that failed and has `retry:`.
pub const RUN_PAUSE_BASE_MS: u64 = 500;
/// See [`RUN_PAUSE_BASE_MS`].
pub const RUN_PAUSE_CAP_MS: u64 = 30_000;
/// Notifications that one action may cause.
pub const RESULT_DRAFTS: usize = 1_000;

/// Notifications of one (sender, key, action) that are taken in at once.
pub const RATE_BURST: u32 = 300;
/// After a burst, one more each time this has passed: slower than any loop through whole Chef runs.
pub const RATE_REFILL_MS: u64 = 30_000;
/// (sender, key, action) triples whose rate is remembered.
pub const RATE_KEYS: usize = 10_000;

/// How many rows a list answers with that was asked for so many; 0 = nothing was said.
pub fn list_rows(asked: u32) -> u32 {
    match asked {
        0 => LIST_DEFAULT,
        asked => asked.min(LIST_MAX),
    }
}

/// The pause before try number `tries` (from 1): [`RUN_PAUSE_BASE_MS`], doubled each time up to [`RUN_PAUSE_CAP_MS`].
pub fn run_pause_ms(tries: u64) -> u64 {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    RUN_PAUSE_BASE_MS.saturating_mul(1 << doublings).min(RUN_PAUSE_CAP_MS)
}
