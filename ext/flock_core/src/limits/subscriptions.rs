//! Of subscriptions and of the journal that they are matched with.

/// Subscriptions that one node may declare.
pub const SUBSCRIPTIONS: usize = 1_000;
/// Largest subscription, in bytes of its encoded form.
pub const SUBSCRIPTION_BYTES: usize = 64 * 1024;
/// All subscriptions of one node together, in bytes of their encoded form.
pub const SUBSCRIPTIONS_BYTES: usize = 4 * 1024 * 1024;
/// Largest `subscriptions.json`, in bytes.
pub const SUBSCRIPTIONS_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Subscriptions that may concern one source.
pub const SUBSCRIBED: usize = 100_000;
/// Subscriptions in one message between a member and its hub, in bytes; one subscription is sent in any case.
pub const SUBSCRIPTIONS_PART_BYTES: usize = 256 * 1024;
/// Changed subscriptions that a hub remembers for a member that does not read; beyond it the member gets all of them again.
pub const SUBSCRIBED_NEWS: usize = 10_000;
/// Parts of sets that wait for a member's store; then its stream waits.
pub const SUBSCRIBED_QUEUE: usize = 16;
/// How long a member waits before it declares again what its hub could not take, doubled up to [`DECLARE_RETRY_CAP_MS`].
pub const DECLARE_RETRY_MS: u64 = 1_000;
/// See [`DECLARE_RETRY_MS`].
pub const DECLARE_RETRY_CAP_MS: u64 = 10 * 60 * 1000;
/// Notifications of subscriptions that wait for room in the outbox; beyond it there is one per subscription, whatever runs it comes of.
pub const FIRES: u64 = 100_000;
/// Notifications of subscriptions that one commit moves into the outbox.
pub const FIRES_AT_ONCE: usize = 256;
/// Longest line of a journal file, in bytes.
pub const JOURNAL_LINE_BYTES: usize = 32 * 1024;
/// What is read from one journal file at once, in bytes.
pub const JOURNAL_READ_BYTES: u64 = 1024 * 1024;
/// Lines of a journal file that share one commit.
pub const JOURNAL_BATCH: usize = 256;
/// Journal files that are looked at in one pass; the oldest come first.
pub const JOURNAL_FILES: usize = 1_000;
/// Largest `journal/watched`, in bytes; keys beyond it are noticed by the next poll only.
pub const WATCHED_FILE_BYTES: usize = 4 * 1024 * 1024;
/// Changes that one result file may report.
pub const RESULT_CHANGES: usize = 10_000;
/// Different selectors of sources that one list of subscriptions looks up; the sources of the others are not shown.
pub const SOURCE_SELECTORS: usize = 100;
/// Sources that are shown of one subscription.
pub const SOURCES_SHOWN: usize = 100;
