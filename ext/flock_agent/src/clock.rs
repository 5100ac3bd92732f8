//! The clocks of the machine, as a value that tests can replace.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

type Source = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Where time comes from: the time of day for people and certificates, and a clock that never jumps for leases.
#[derive(Clone)]
pub struct Clock {
    wall: Source,
    monotonic: Source,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }

    /// A time of day of one's own, in milliseconds since 1970; the monotonic clock is the machine's.
    pub fn from_fn(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let start = Instant::now();
        Self {
            wall: Arc::new(now),
            monotonic: Arc::new(move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// The same time of day with a monotonic clock of one's own, in milliseconds since whenever.
    pub fn with_monotonic(mut self, now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.monotonic = Arc::new(now);
        self
    }

    /// The time, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        (self.wall)()
    }

    /// Milliseconds on a clock that never jumps; only differences between two readings of one `Clock` mean something.
    pub fn monotonic_ms(&self) -> u64 {
        (self.monotonic)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
