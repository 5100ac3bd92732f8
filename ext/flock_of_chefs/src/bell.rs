//! Where Ruby threads sleep: socket pairs that Ruby watches on one side and Rust rings on the other.
//!
//! They are kept for later waits, for making one costs as much as a short call. A wait has its bell for itself: a trap, or another fiber
//! of its thread, that waits meanwhile takes another one. What a wait leaves in its bell only makes the next one look once too often.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Wake, Waker},
};

use flock_core::{Error, Result};
use magnus::Ruby;

use crate::{guard::Failure, runtime::check_process};

/// How many are kept: as many threads as usually wait at a time.
const KEPT: usize = 16;

static IDLE: Mutex<Vec<Arc<Pair>>> = Mutex::new(Vec::new());

struct Pair {
    wake: UnixStream,
    ready: UnixStream,
}

/// A bell of one wait; dropped it is there for others.
pub struct Bell(Arc<Pair>);

/// Wakes a bell's wait, and may outlive it.
pub struct Ringer(Arc<Pair>);

impl Bell {
    /// A bell that no other wait has.
    ///
    /// # Errors
    /// `internal` when there is no descriptor for it.
    pub fn take() -> Result<Self> {
        let kept = idle().pop();
        kept.map_or_else(Pair::new, Ok).map(Self)
    }

    /// What rings it.
    pub fn ringer(&self) -> Ringer {
        Ringer(Arc::clone(&self.0))
    }

    /// The same for a future that the waiting thread polls itself.
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.0))
    }

    /// Sleeps until it is rung, perhaps for nothing: look whether it is so, and wait again.
    ///
    /// # Errors
    /// Whatever Ruby raises in the thread meanwhile; `fork` in a child that a trap has forked from the wait.
    pub fn wait(&self, ruby: &Ruby) -> Result<(), Failure> {
        ruby.thread_wait_fd(&self.0.ready)?;
        // What is read in a child, its parent would wait for.
        check_process()?;
        let _ = (&self.0.ready).read(&mut [0; 16]);
        Ok(())
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let mut idle = idle();
        if idle.len() < KEPT {
            idle.push(Arc::clone(&self.0));
        }
    }
}

impl Ringer {
    /// Wakes whoever waits; does nothing where it was rung often enough.
    pub fn ring(&self) {
        self.0.wake_by_ref();
    }
}

impl Wake for Pair {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A byte and no hang-up: a child that is forked meanwhile holds copies of both ends.
        let _ = (&self.wake).write(&[1]);
    }
}

impl Pair {
    fn new() -> Result<Arc<Self>> {
        let made = UnixStream::pair().and_then(|(wake, ready)| {
            wake.set_nonblocking(true)?;
            ready.set_nonblocking(true)?;
            Ok(Arc::new(Self { wake, ready }))
        });
        made.map_err(|error| {
            Error::internal(format!(
                "no descriptor to wait with: {error}; raise the limit of open files (ulimit -n)"
            ))
        })
    }
}

fn idle() -> MutexGuard<'static, Vec<Arc<Pair>>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}
