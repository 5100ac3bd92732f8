//! Of the tasks that deliver.

/// Least time between two looks at the store that commits cause: a run that notifies much commits as much, and is not to wait for those who look.
pub const COMMIT_GAP_MS: u64 = 3;
/// How often unfinished deliveries and unreported outcomes are looked at although nothing woke their task.
pub const DELIVERY_POLL_MS: u64 = 30_000;
