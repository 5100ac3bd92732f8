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
/// Sources that one draft may carry.
pub const SOURCES: usize = 64;
/// Longest text of an outcome, in bytes.
pub const OUTCOME_MESSAGE_BYTES: usize = 1024;

/// Longest code of an outcome, in bytes.
pub const CODE_BYTES: usize = 64;

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
/// Members that one hub serves.
pub const MEMBERS: usize = 60_000;
/// Names whose presence one member may watch.
pub const WATCHED_NAMES: usize = 10_000;
/// Messages that wait for one member's stream; a member that falls further behind is disconnected and starts afresh.
pub const SESSION_QUEUE: usize = 256;
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

/// How often what a Chef run leaves behind is looked at.
pub const RUN_STATE_POLL_MS: u64 = 250;
/// Largest `run.json`, in bytes.
pub const RUN_FILE_BYTES: u64 = 64 * 1024;
/// Largest `cards.json` and `snapshot.json`, in bytes each.
pub const SNAPSHOT_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The pause before try number `tries` (from 1): [`RUN_PAUSE_BASE_MS`], doubled each time up to [`RUN_PAUSE_CAP_MS`].
pub fn run_pause_ms(tries: u64) -> u64 {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    RUN_PAUSE_BASE_MS.saturating_mul(1 << doublings).min(RUN_PAUSE_CAP_MS)
}
