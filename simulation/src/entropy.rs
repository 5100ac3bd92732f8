//! All randomness of this process, from one seed: keys, nonces, UUIDs, jitter, hash maps, the branches of `select!`.
//!
//! Everything in Rust asks the C library's `getrandom`, so that one definition of it is enough; no crate needs a seam of its own.
#![allow(unsafe_code, reason = "a symbol of the C library is replaced")]

use std::sync::{Mutex, PoisonError};

use rand::{Rng, SeedableRng, rngs::StdRng};

static SOURCE: Mutex<Option<StdRng>> = Mutex::new(None);

/// From here on everything is drawn from `seed`. Call it before anything else runs, and once.
pub fn seed(seed: u64) {
    *lock() = Some(StdRng::seed_from_u64(seed));
}

fn lock() -> std::sync::MutexGuard<'static, Option<StdRng>> {
    SOURCE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In place of the C library's; the system's own until a seed is set.
///
/// # Safety
/// As `getrandom(2)`: `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, flags: u32) -> isize {
    let mut source = lock();
    let Some(rng) = source.as_mut() else {
        // SAFETY: the arguments are the caller's.
        return unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as isize };
    };
    // SAFETY: the caller gives us that much room.
    rng.fill_bytes(unsafe { std::slice::from_raw_parts_mut(buffer, length) });
    length.cast_signed()
}
