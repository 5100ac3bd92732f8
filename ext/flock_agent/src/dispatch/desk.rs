//! What the dispatcher holds in memory: jobs that Ruby has been told of, jobs that run, and the pause while Chef's lock is elsewhere.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use flock_core::limits;
use serde_json::Value;
use tokio::{
    sync::{Mutex, Notify, mpsc},
    time::Instant,
};

use super::errands::Errands;
use crate::{pb, run_state::Snapshot};

/// A job that Ruby may claim. Its rows are still stored.
pub(super) struct Offer {
    pub(super) job: String,
    pub(super) key: String,
    pub(super) action: String,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) chain: Vec<pb::Hop>,
    pub(super) cause_root: String,
    pub(super) until: Instant,
}

/// A claimed job, as this process has seen it.
pub(super) struct Running {
    /// Whether Ruby started its worker and will report its end; an earlier agent's workers nobody reports.
    pub(super) supervised: bool,
    pub(super) since: Instant,
    /// Since when the worker is known to be gone.
    pub(super) gone: Option<Instant>,
}

impl Running {
    pub(super) fn new(supervised: bool) -> Self {
        Self {
            supervised,
            since: Instant::now(),
            gone: None,
        }
    }
}

/// Nothing is offered until then: someone else holds Chef's lock, or workers cannot be started. It grows with each try.
#[derive(Default)]
pub(super) struct Hold {
    pub(super) until: Option<Instant>,
    tries: u64,
}

impl Hold {
    pub(super) fn longer(&mut self) {
        self.tries = self.tries.saturating_add(1);
        self.until = Some(Instant::now() + Duration::from_millis(limits::run_pause_ms(self.tries)));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn holds(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) offers: Vec<Offer>,
    pub(super) running: HashMap<String, Running>,
    pub(super) hold: Hold,
    /// The generation that Ruby was told to keep a warm worker for.
    pub(super) kept_warm: Option<u64>,
    pub(super) looked_after: Option<Instant>,
    pub(super) housekept: Option<Instant>,
}

impl Desk {
    pub(super) fn is_full(&self) -> bool {
        self.offers.len() + self.running.len() >= limits::JOBS_AT_ONCE
    }

    pub(super) fn offer(&self, job: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.job == job)
    }

    pub(super) fn withdraw(&mut self, job: &str) -> Option<Offer> {
        let at = self.offers.iter().position(|offer| offer.job == job)?;
        Some(self.offers.remove(at))
    }

    pub(super) fn withdraw_late(&mut self) -> Vec<Offer> {
        let now = Instant::now();
        let (late, timely) = self.offers.drain(..).partition(|offer| offer.until <= now);
        self.offers = timely;
        late
    }
}

/// The bounded queue that Ruby pulls from, and what stands before it.
pub(super) struct Events {
    /// What is wanted of the warm worker now; the newest replaces what nobody has pulled.
    standing: std::sync::Mutex<Option<Value>>,
    stood: Notify,
    sender: mpsc::Sender<(String, Value)>,
    outlet: Mutex<Outlet>,
}

struct Outlet {
    receiver: mpsc::Receiver<(String, Value)>,
    /// Taken from the queue and not yet handed on: whoever pulls may lose patience at any moment, and the next one must get it.
    held: Option<(String, Value)>,
}

impl Default for Events {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(limits::DISPATCH_QUEUE);
        Self {
            standing: std::sync::Mutex::default(),
            stood: Notify::new(),
            sender,
            outlet: Mutex::new(Outlet { receiver, held: None }),
        }
    }
}

impl Events {
    /// Whether there is room for one more; only the desk's holder pushes, so that it stays true.
    pub(super) fn has_room(&self) -> bool {
        self.sender.capacity() > 0
    }

    /// Answers whether it was taken.
    pub(super) fn push(&self, job: &str, event: Value) -> bool {
        self.sender.try_send((job.to_owned(), event)).is_ok()
    }

    /// Says what is wanted of the warm worker.
    pub(super) fn stand(&self, event: Value) {
        *self.standing() = Some(event);
        self.stood.notify_one();
    }

    fn standing(&self) -> MutexGuard<'_, Option<Value>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands, an errand, or else the next event whose job is still on offer at `desk`.
    pub(super) async fn next(&self, errands: &Errands, desk: &Mutex<Desk>) -> Option<Value> {
        loop {
            if let Some(event) = self.standing().take().or_else(|| errands.take()) {
                return Some(event);
            }
            tokio::select! {
                () = self.stood.notified() => {}
                () = errands.added() => {}
                event = self.next_job(desk) => return event,
            }
        }
    }

    async fn next_job(&self, desk: &Mutex<Desk>) -> Option<Value> {
        let mut outlet = self.outlet.lock().await;
        loop {
            if outlet.held.is_none() {
                outlet.held = Some(outlet.receiver.recv().await?);
            }
            let desk = desk.lock().await;
            let (job, event) = outlet.held.take()?;
            if desk.offer(&job).is_some() {
                return Some(event);
            }
        }
    }
}
