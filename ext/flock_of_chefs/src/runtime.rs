//! The tokio runtime of one Ruby object, and which process it lives in.
//!
//! Threads do not survive a fork. An inherited runtime hangs whoever uses or drops it, and an inherited socket that is
//! dropped is deregistered from the *parent's* poller. So every entry compares process ids, and what is inherited is
//! leaked.

use std::{
    mem,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle};

/// The process that started native code, in this process or in the one it was forked from; 0 = none.
static STARTED_PID: AtomicU32 = AtomicU32::new(0);

/// Most threads of an agent's runtime.
const AGENT_THREADS: usize = 4;
/// Threads of a runtime that only carries calls.
pub const CLIENT_THREADS: usize = 1;

/// Threads of an agent's runtime: half of the processors, the rest is for what Chef runs here. Where there are two processors, a second thread
/// would be woken for every message, and have to share one with whoever waits for the answer.
pub fn agent_threads() -> usize {
    thread::available_parallelism().map_or(1, |count| (count.get() / 2).clamp(1, AGENT_THREADS))
}

/// A running tokio runtime that knows its process.
pub struct Runtime {
    pid: u32,
    inner: tokio::runtime::Runtime,
}

impl Runtime {
    /// Starts the threads.
    ///
    /// # Errors
    /// `fork` when an ancestor of this process has started native code; `internal` when the threads cannot be made.
    pub fn start(threads: usize) -> Result<Self> {
        let pid = claim()?;
        let inner = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("flock-native")
            .on_thread_start(mask_signals)
            .enable_all()
            .build()
            .map_err(|error| Error::internal(format!("no threads for the native extension: {error}")))?;
        Ok(Self { pid, inner })
    }

    /// Where to spawn.
    ///
    /// # Errors
    /// `fork` in a child of the process that started the runtime.
    pub fn handle(&self) -> Result<Handle> {
        same_process(self.pid)?;
        Ok(self.inner.handle().clone())
    }

    /// Whether this is a forked child's copy, which must be neither used nor dropped.
    pub fn is_foreign(&self) -> bool {
        same_process(self.pid).is_err()
    }

    /// Ends the threads without waiting for them; what they were at is dropped.
    pub fn abandon(self) {
        self.inner.shutdown_background();
    }

    /// Ends the threads, waiting for blocking work for so long. Blocks: call it on a thread of its own.
    pub fn shut_down(self, grace: Duration) {
        self.inner.shutdown_timeout(grace);
    }
}

/// Checks an entry that needs no runtime.
///
/// # Errors
/// `fork` in a descendant of a process that has started native code.
pub fn check_process() -> Result<()> {
    match STARTED_PID.load(Ordering::Acquire) {
        0 => Ok(()),
        pid => same_process(pid),
    }
}

fn claim() -> Result<u32> {
    let own = std::process::id();
    match STARTED_PID.compare_exchange(0, own, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Ok(own),
        Err(started) => same_process(started).map(|()| own),
    }
}

fn same_process(started: u32) -> Result<()> {
    let own = std::process::id();
    if started == own {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Fork,
        format!(
            "process {own} was forked from process {started} after that had started flock_of_chefs' native code; \
             start it only after the fork, or use exec (system, spawn) instead of fork"
        ),
    ))
}

/// Keeps signals away from the calling thread: Ruby's handlers belong on Ruby's threads. Faults stay, they are the
/// thread's own.
#[allow(unsafe_code)]
fn mask_signals() {
    // SAFETY: `sigfillset` initialises the set before anyone reads it; the calls touch this thread's mask only.
    unsafe {
        let mut set = mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(set.as_mut_ptr());
        for fault in [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
            libc::SIGTRAP,
            libc::SIGABRT,
        ] {
            libc::sigdelset(set.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
    }
}
