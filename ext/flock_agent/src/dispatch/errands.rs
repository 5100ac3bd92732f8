//! What Ruby is to do besides jobs: a short queue that anybody may fill.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flock_core::{Error, Result, limits};
use serde_json::Value;
use tokio::sync::Notify;

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Errands(Arc<Inner>);

#[derive(Default)]
struct Inner {
    waiting: Mutex<VecDeque<Value>>,
    added: Notify,
}

impl Errands {
    /// Has Ruby do this as soon as it asks for the next event.
    ///
    /// # Errors
    /// `rejected` with code `errands` when it has not asked for long.
    pub fn add(&self, event: Value) -> Result<()> {
        let mut waiting = self.waiting();
        if waiting.len() >= limits::DISPATCH_QUEUE {
            return Err(
                Error::rejected("the agent has not come to what it was asked before; ask again later")
                    .with_code("errands"),
            );
        }
        waiting.push_back(event);
        self.0.added.notify_one();
        Ok(())
    }

    pub(crate) fn take(&self) -> Option<Value> {
        self.waiting().pop_front()
    }

    /// Returns when there may be one.
    pub(super) async fn added(&self) {
        self.0.added.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Value>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
