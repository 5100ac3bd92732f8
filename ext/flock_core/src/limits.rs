//! Every cap of the project, in one place. Durations are milliseconds.

mod apis;
mod calls;
mod delivery;
mod hub;
mod identity;
mod operators;
mod runs;
mod store;
mod subscriptions;
mod transport;

pub use apis::*;
pub use calls::*;
pub use delivery::*;
pub use hub::*;
pub use identity::*;
pub use operators::*;
pub use runs::*;
pub use store::*;
pub use subscriptions::*;
pub use transport::*;

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
