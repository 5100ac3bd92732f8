//! How a Ruby thread waits for Rust: a task, a slot for its result, and a [bell](crate::bell) that Ruby watches.
//!
//! Ruby's own wait for a descriptor answers Ctrl-C, `Timeout`, `Thread#kill` and traps at once and runs Rust's
//! destructors on the way out; releasing the lock around a blocking call does neither on Ruby 3.1.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use flock_core::{Error, Result};
use magnus::Ruby;
use tokio::{
    runtime::Handle,
    sync::oneshot::{self, error::TryRecvError},
    task::AbortHandle,
    time::timeout,
};

use crate::{
    bell::{Bell, Ringer},
    guard::{Failure, panicked},
};

/// What a wait is given beyond the limit of the work that it waits for, so that the work's own, better error wins.
const SLACK: Duration = Duration::from_millis(500);

/// Runs work that ends by itself within `limit` on the runtime and waits for it; an interrupt cancels the work.
///
/// # Errors
/// The work's own; `timeout` when it does not keep its limit; `internal` when it panics; whatever Ruby raises meanwhile.
pub fn wait<T: Send + 'static>(
    ruby: &Ruby,
    runtime: &Handle,
    limit: Duration,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T, Failure> {
    let (finish, pending) = pair()?;
    let task = runtime.spawn(async move {
        let late = || Error::timeout(format!("not finished within {} ms", limit.as_millis()));
        let bound = limit.saturating_add(SLACK);
        finish.with(timeout(bound, caught(work)).await.unwrap_or_else(|_| Err(late())));
    });
    let _cancel = Cancel(task.abort_handle());
    pending.wait(ruby)
}

/// Polls work that ends by itself on this very thread, within the runtime: for what is mostly there already, or comes as one wake-up, so
/// that no other thread has to be woken for it. It must not block; an interrupt drops it.
///
/// # Errors
/// The work's own; whatever Ruby raises meanwhile.
pub fn wait_here<T>(ruby: &Ruby, runtime: &Handle, work: impl Future<Output = Result<T>>) -> Result<T, Failure> {
    let bell = Bell::take()?;
    let waker = bell.waker();
    let mut work = pin!(work);
    loop {
        let polled = {
            let _inside = runtime.enter();
            work.as_mut().poll(&mut Context::from_waker(&waker))
        };
        match polled {
            Poll::Ready(result) => return Ok(result?),
            Poll::Pending => bell.wait(ruby)?,
        }
    }
}

/// Runs blocking work that ends by itself on a thread of its own and waits for it; an interrupt leaves it running.
///
/// # Errors
/// `internal` when there is no thread for it or it panics; whatever Ruby raises meanwhile.
pub fn wait_blocking(ruby: &Ruby, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let (finish, pending) = pair()?;
    thread::Builder::new()
        .name("flock-stop".to_owned())
        .spawn(move || finish.with(catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panicked(panic.as_ref()))))
        .map_err(|error| Error::internal(format!("no thread: {error}")))?;
    pending.wait(ruby)
}

/// The worker's end: puts the result into the slot and wakes Ruby; dropped without a result it wakes Ruby all the same.
struct Finish<T> {
    slot: Option<oneshot::Sender<Result<T>>>,
    ringer: Ringer,
}

impl<T> Finish<T> {
    fn with(mut self, result: Result<T>) {
        if let Some(slot) = self.slot.take() {
            // Nobody waits any more: the result has no reader.
            let _ = slot.send(result);
        }
    }
}

impl<T> Drop for Finish<T> {
    fn drop(&mut self) {
        drop(self.slot.take());
        self.ringer.ring();
    }
}

/// Ruby's end.
struct Pending<T> {
    slot: oneshot::Receiver<Result<T>>,
    bell: Bell,
}

impl<T> Pending<T> {
    fn wait(mut self, ruby: &Ruby) -> Result<T, Failure> {
        loop {
            match self.slot.try_recv() {
                Ok(result) => return Ok(result?),
                Err(TryRecvError::Empty) => self.bell.wait(ruby)?,
                Err(TryRecvError::Closed) => {
                    return Err(Error::not_started("stopped while a call was waiting; start it again").into());
                }
            }
        }
    }
}

fn pair<T>() -> Result<(Finish<T>, Pending<T>)> {
    let bell = Bell::take()?;
    let (sender, slot) = oneshot::channel();
    Ok((
        Finish {
            slot: Some(sender),
            ringer: bell.ringer(),
        },
        Pending { slot, bell },
    ))
}

struct Cancel(AbortHandle);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The work with its panics turned into errors.
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or_else(|panic| Poll::Ready(Err(panicked(panic.as_ref()))))
    })
    .await
}
