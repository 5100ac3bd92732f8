//! A token bucket per (sender, key, action): it slows loops that go through whole Chef runs, where no chain shows them.

use std::{num::NonZeroU32, time::Duration};

use flock_core::limits;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::HashMapStateStore,
};
use sha2::{Digest, Sha256};

/// Half a SHA-256 of the triple: keys may be long, and the map holds many.
type Key = [u8; 16];

/// The buckets of one node.
pub struct Rate {
    buckets: RateLimiter<Key, HashMapStateStore<Key>, DefaultClock>,
    clock: DefaultClock,
}

impl Default for Rate {
    fn default() -> Self {
        let burst = NonZeroU32::new(limits::RATE_BURST).unwrap_or(NonZeroU32::MIN);
        let refill = Duration::from_millis(limits::RATE_REFILL_MS);
        let quota = Quota::with_period(refill).unwrap_or_else(|| Quota::per_second(burst));
        Self {
            buckets: RateLimiter::hashmap(quota.allow_burst(burst)),
            clock: DefaultClock::default(),
        }
    }
}

impl Rate {
    /// Takes a token.
    ///
    /// # Errors
    /// How many milliseconds to wait for one.
    pub fn take(&self, sender: &str, key: &str, action: &str) -> Result<(), u64> {
        if self.buckets.len() >= limits::RATE_KEYS {
            self.buckets.retain_recent();
            if self.buckets.len() >= limits::RATE_KEYS {
                return Err(limits::BUSY_RETRY_AFTER_MS);
            }
        }
        let triple = triple(sender, key, action);
        self.buckets.check_key(&triple).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_millis();
            u64::try_from(wait).unwrap_or(u64::MAX).max(1)
        })
    }
}

/// None of the parts can hold a line feed next to another part's: names and actions hold no control characters.
fn triple(sender: &str, key: &str, action: &str) -> Key {
    let digest = Sha256::digest(format!("{sender}\n{action}\n{key}"));
    let mut half = Key::default();
    half.copy_from_slice(&digest[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_it_is_slow() {
        let rate = Rate::default();
        for _ in 0..limits::RATE_BURST {
            assert_eq!(rate.take("a", "service[x]", "restart"), Ok(()));
        }
        let wait = rate.take("a", "service[x]", "restart").unwrap_err();
        assert!((1..=limits::RATE_REFILL_MS).contains(&wait), "{wait}");
        for (sender, key, action) in [
            ("b", "service[x]", "restart"),
            ("a", "service[y]", "restart"),
            ("a", "service[x]", "stop"),
        ] {
            assert_eq!(rate.take(sender, key, action), Ok(()), "others are not slowed");
        }
    }

    #[test]
    fn the_map_is_bounded() {
        let rate = Rate::default();
        for n in 0..limits::RATE_KEYS {
            assert_eq!(rate.take("a", &format!("file[{n}]"), "create"), Ok(()));
        }
        assert_eq!(rate.take("a", "file[more]", "create"), Err(limits::BUSY_RETRY_AFTER_MS));
        assert!(rate.buckets.len() <= limits::RATE_KEYS);
    }
}
