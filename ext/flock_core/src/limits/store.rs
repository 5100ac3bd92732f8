//! The store and the spool.

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
