//! Who is told of changes. A watcher that falls behind misses changes, is told so, and costs no more than its queue.

use std::sync::{Mutex, MutexGuard, PoisonError};

use flock_core::{Error, Result, limits, registry::Effect};
use tokio::sync::mpsc;

use super::WatchEvent;

/// Both ends of a watch.
pub(super) type Channel = (mpsc::Sender<WatchEvent>, mpsc::Receiver<WatchEvent>);

/// The watches that are open.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<Vec<Watcher>>);

#[derive(Debug)]
struct Watcher {
    prefix: String,
    sender: mpsc::Sender<WatchEvent>,
    /// The last event in its queue is a `Resync` that it has not taken yet.
    behind: bool,
}

/// Changes that a watcher may be behind. In a simulation few, so that watchers do miss some.
pub(super) const QUEUE: usize = if cfg!(feature = "simulation") {
    1
} else {
    limits::REGISTRY_WATCH_QUEUE
};

/// A channel that holds `missed` already, of which there are at most [`QUEUE`].
pub(super) fn channel(missed: Vec<WatchEvent>) -> Channel {
    // One place more than changes may take: there is always room to say `Resync`.
    let (sender, receiver) = mpsc::channel(QUEUE + 1);
    for event in missed {
        let _ = sender.try_send(event);
    }
    (sender, receiver)
}

impl Watchers {
    /// Refuses a watch more than there may be.
    pub(super) fn refuse_full(&self) -> Result<()> {
        let mut watchers = self.list();
        watchers.retain(|watcher| !watcher.sender.is_closed());
        match watchers.len() < limits::REGISTRY_WATCHERS {
            true => Ok(()),
            false => Err(
                Error::rejected(format!("the registry has {} watches already", watchers.len()))
                    .with_code("too_many_watches"),
            ),
        }
    }

    pub(super) fn join(&self, prefix: String, sender: mpsc::Sender<WatchEvent>) {
        self.list().push(Watcher {
            prefix,
            sender,
            behind: false,
        });
    }

    /// Tells all watchers of one command's changes.
    pub(super) fn publish(&self, revision: u64, effect: &Effect) {
        self.list().retain_mut(|watcher| {
            watcher.tell(revision, effect);
            !watcher.sender.is_closed()
        });
    }

    /// Ends all watches.
    pub(super) fn clear(&self) {
        self.list().clear();
    }

    fn list(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    fn tell(&mut self, revision: u64, effect: &Effect) {
        let changes: Vec<_> = effect
            .changes()
            .filter(|(key, _)| key.starts_with(&self.prefix))
            .collect();
        if changes.is_empty() || !self.caught_up() {
            return;
        }
        if changes.len() >= self.sender.capacity() {
            self.behind = true;
            let _ = self.sender.try_send(WatchEvent::Resync { revision });
            return;
        }
        for (key, value) in changes {
            let event = WatchEvent::Change {
                key: key.to_owned(),
                value: value.map(<[u8]>::to_vec),
                revision,
            };
            let _ = self.sender.try_send(event);
        }
    }

    /// Whether changes may be sent. Until the `Resync` is taken they need not be: the listing that follows it, hence comes after
    /// this commit, holds them.
    fn caught_up(&mut self) -> bool {
        self.behind = self.behind && self.sender.capacity() < self.sender.max_capacity();
        !self.behind
    }
}
