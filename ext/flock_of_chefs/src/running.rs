//! A runtime and the one thing that lives in it, as Ruby objects own them.

use std::{mem, sync::Arc};

use flock_core::Result;
use tokio::runtime::Handle;

use crate::runtime::Runtime;

/// Something of `flock_agent` that runs.
pub struct Running<T> {
    runtime: Runtime,
    inside: Arc<T>,
}

impl<T> Running<T> {
    /// Joins the two.
    pub fn new(runtime: Runtime, inside: T) -> Self {
        Self {
            runtime,
            inside: Arc::new(inside),
        }
    }

    /// Where to spawn, and what to spawn it on.
    ///
    /// # Errors
    /// `fork` in a child of the process that started it.
    pub fn get(&self) -> Result<(Handle, Arc<T>)> {
        Ok((self.runtime.handle()?, Arc::clone(&self.inside)))
    }

    /// Lets go of the inside and keeps the threads.
    pub fn into_runtime(self) -> Runtime {
        self.runtime
    }

    /// Ends it without waiting for anybody; in a forked child leaks it, sockets and all.
    pub fn release(self) {
        if self.runtime.is_foreign() {
            mem::forget(self);
        } else {
            drop(self.inside);
            self.runtime.abandon();
        }
    }
}
