//! Of what Chef runs leave behind.

/// How often what a Chef run leaves behind is looked at.
pub const RUN_STATE_POLL_MS: u64 = 250;
/// Largest `run.json`, in bytes.
pub const RUN_FILE_BYTES: u64 = 64 * 1024;
/// Largest `cards.json` and `snapshot.json`, in bytes each.
pub const SNAPSHOT_FILE_BYTES: u64 = 64 * 1024 * 1024;
