//! Pauses between tries: full jitter, so that those that failed together do not come back together.

use flock_core::limits;

/// A random pause below the first one doubled `failures` times, and below `cap_ms`; in milliseconds.
pub(crate) fn full_jitter(failures: u32, cap_ms: u64) -> u64 {
    let doubled = limits::BACKOFF_BASE_MS.saturating_mul(1_u64 << failures.min(20));
    rand::random_range(0..=doubled.min(cap_ms))
}

/// A random pause between half of `cap_ms` and all of it, for what will not pass by itself.
pub(crate) fn slow(cap_ms: u64) -> u64 {
    rand::random_range(cap_ms / 2..=cap_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_cap_and_spread() {
        let pauses: Vec<u64> = (0..200).map(|_| full_jitter(40, 1_000)).collect();
        assert!(pauses.iter().all(|pause| *pause <= 1_000));
        assert!(pauses.iter().any(|pause| *pause < 500) && pauses.iter().any(|pause| *pause > 500));
        assert!((0..200).all(|_| full_jitter(0, 1_000) <= limits::BACKOFF_BASE_MS));
        assert!((0..200).all(|_| (500..=1_000).contains(&slow(1_000))));
    }
}
