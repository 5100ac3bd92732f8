//! What keeps the store from growing for ever.

use flock_core::Result;

use super::{Store, journal, outbox, subscribed};

/// Removes finished rows that are too old or too many, in transactions small enough for others to come between.
///
/// # Errors
/// As [`Store::write`].
pub async fn trim(store: &Store, now_ms: u64) -> Result<usize> {
    let mut removed = 0;
    loop {
        let pass = store
            .write(move |conn| Ok(outbox::trim(conn, now_ms)? + journal::trim(conn)? + subscribed::trim(conn, now_ms)?))
            .await?;
        removed += pass;
        if pass == 0 {
            return Ok(removed);
        }
    }
}
