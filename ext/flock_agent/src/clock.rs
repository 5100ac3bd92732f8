//! The clocks of the machine, as a value that tests can replace.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use flock_core::limits;
use tokio::time::Instant;

type Source = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Where time comes from: the time of day for people and certificates, and a clock that never jumps for leases.
#[derive(Clone)]
pub struct Clock {
    wall: Source,
    monotonic: Source,
    steps: Arc<Mutex<Steps>>,
    settle_ms: u64,
}

/// How the time of day has been running beside the clock that never jumps.
#[derive(Default)]
struct Steps {
    /// The time of day less the monotonic time, when last looked at.
    offset_ms: Option<i64>,
    /// When it jumped last, on the monotonic clock.
    jumped_ms: Option<u64>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            now_ms.saturating_add_signed(offset_ms())
        })
    }

    /// A time of day of one's own, in milliseconds since 1970; the monotonic clock is the machine's.
    pub fn from_fn(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let start = Instant::now();
        Self {
            wall: Arc::new(now),
            monotonic: Arc::new(move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)),
            steps: Arc::default(),
            settle_ms: limits::CLOCK_SETTLE_MS,
        }
    }

    /// Whether the time of day has been running evenly for [`limits::CLOCK_SETTLE_MS`]: before, nothing should end by age. A jump is
    /// more than [`limits::CLOCK_SKEW_EXPIRY_MS`] between two looks; all clones look together. The first look sees no jump.
    pub fn is_settled(&self) -> bool {
        let (wall_ms, now_ms) = (self.now_ms(), self.monotonic_ms());
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let offset_ms = signed(wall_ms).saturating_sub(signed(now_ms));
        let before = steps.offset_ms.replace(offset_ms).unwrap_or(offset_ms);
        if before.abs_diff(offset_ms) > limits::CLOCK_SKEW_EXPIRY_MS {
            tracing::warn!(
                by_ms = offset_ms.saturating_sub(before),
                "the clock of this machine jumped; nothing expires for a while"
            );
            steps.jumped_ms = Some(now_ms);
        }
        steps
            .jumped_ms
            .is_none_or(|jumped_ms| now_ms.saturating_sub(jumped_ms) >= self.settle_ms)
    }

    /// The same clock, believed again so soon after a jump: for a simulation, whose days pass by jumps.
    pub fn settling_within(mut self, settle_ms: u64) -> Self {
        self.settle_ms = settle_ms;
        self
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

/// By how much process specs have this process be off: a number of milliseconds in the file that `FLOCK_TEST_CLOCK` names.
#[cfg(feature = "testing")]
fn offset_ms() -> i64 {
    let told = std::env::var_os("FLOCK_TEST_CLOCK").and_then(|file| std::fs::read_to_string(file).ok());
    told.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

#[cfg(not(feature = "testing"))]
fn offset_ms() -> i64 {
    0
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    #[test]
    fn a_jump_either_way_is_seen_at_once_and_believed_after_a_while() {
        for (from, to) in [(10 * DAY_MS, 11 * DAY_MS), (10 * DAY_MS, 9 * DAY_MS)] {
            let (wall, monotonic) = (Arc::new(AtomicU64::new(from)), Arc::new(AtomicU64::new(5)));
            let (w, m) = (Arc::clone(&wall), Arc::clone(&monotonic));
            let clock =
                Clock::from_fn(move || w.load(Ordering::SeqCst)).with_monotonic(move || m.load(Ordering::SeqCst));
            assert!(clock.is_settled(), "it has to begin somewhere");
            for source in [&wall, &monotonic] {
                source.fetch_add(DAY_MS / 2, Ordering::SeqCst);
            }
            assert!(clock.clone().is_settled(), "time passes evenly");
            wall.store(to + DAY_MS / 2, Ordering::SeqCst);
            assert!(!clock.is_settled() && !clock.clone().is_settled());
            for source in [&wall, &monotonic] {
                source.fetch_add(limits::CLOCK_SETTLE_MS, Ordering::SeqCst);
            }
            assert!(clock.is_settled());
        }
    }

    #[test]
    fn slow_corrections_are_no_jump() {
        let step = Arc::new(AtomicU64::new(0));
        let (w, m) = (Arc::clone(&step), Arc::clone(&step));
        let clock = Clock::from_fn(move || DAY_MS + w.load(Ordering::SeqCst) * 60_000)
            .with_monotonic(move || m.load(Ordering::SeqCst) * 30_000);
        for _ in 0..100 {
            assert!(clock.is_settled());
            step.fetch_add(1, Ordering::SeqCst);
        }
    }
}
