//! The sender: resolves what the outbox holds, offers it to its targets, and reports the outcomes of what others sent here.
//!
//! It wakes on every commit of the store, when a node is back, and by the clock: a wake-up that gets lost is only a delay
//! ([`limits::DELIVERY_POLL_MS`]). Nothing is kept in memory but pauses; a restart takes up what the store holds.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use flock_core::{Result, limits};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    lanes::Lanes,
    offer::Desk,
    ports::{Courier, Directory, LocalInbox, Reports},
    report::Teller,
    resolve::Resolver,
    upkeep,
    watching::{For, Watching},
};
use crate::{
    clock::Clock,
    store::{Store, meta, outbox},
    vital::vital,
};

/// What a sender is made of.
pub struct SenderParts {
    /// Holds the outbox.
    pub store: Store,
    /// This node.
    pub own_name: String,
    /// The time of day.
    pub clock: Clock,
    /// Resolves selectors.
    pub directory: Arc<dyn Directory>,
    /// Reaches other nodes.
    pub courier: Arc<dyn Courier>,
    /// Takes in what this node sends itself.
    pub local: Arc<dyn LocalInbox>,
    /// Knows which outcomes are to be reported.
    pub reports: Arc<dyn Reports>,
    /// Ends all tasks where they are.
    pub cancel: CancellationToken,
}

/// A handle to the sender's tasks.
#[derive(Clone)]
pub struct Sender {
    back: broadcast::Sender<Back>,
    directory_changed: Arc<Notify>,
    tasks: TaskTracker,
}

/// Who can be reached again.
#[derive(Debug, Clone)]
enum Back {
    One(String),
    All,
}

impl Sender {
    /// Starts the sender's tasks on the current runtime.
    ///
    /// # Errors
    /// `internal` when the store refuses.
    pub async fn spawn(parts: SenderParts) -> Result<Self> {
        let now_ms = parts.clock.now_ms();
        let incarnation = parts.store.write(move |conn| meta::incarnation(conn, now_ms)).await?;
        let sender = Self {
            back: broadcast::channel(limits::SESSION_QUEUE).0,
            directory_changed: Arc::default(),
            tasks: TaskTracker::new(),
        };
        sender.start(&parts, incarnation);
        sender.tasks.close();
        Ok(sender)
    }

    fn start(&self, parts: &SenderParts, incarnation: u64) {
        let (store, clock, cancel) = (&parts.store, &parts.clock, &parts.cancel);
        let desk = Arc::new(Desk {
            store: store.clone(),
            clock: clock.clone(),
            directory: Arc::clone(&parts.directory),
            own_name: parts.own_name.clone(),
            incarnation,
            courier: Arc::clone(&parts.courier),
            local: Arc::clone(&parts.local),
        });
        let watching = Watching::new(Arc::clone(&parts.directory), parts.own_name.clone());
        let teller = Arc::new(Teller {
            store: store.clone(),
            clock: clock.clone(),
            own_name: parts.own_name.clone(),
            courier: Arc::clone(&parts.courier),
            reports: Arc::clone(&parts.reports),
            watching: watching.clone(),
        });
        let directory = || Arc::clone(&parts.directory);
        let resolver = Resolver::new(
            store.clone(),
            clock.clone(),
            directory(),
            Arc::clone(&self.directory_changed),
        );
        let deliveries = Deliveries { desk, watching };
        self.spawn_vital("resolving", cancel, resolver.run(cancel.clone()));
        let upkeep = upkeep::run(store.clone(), clock.clone(), directory(), cancel.clone());
        self.spawn_vital("the upkeep of the outbox", cancel, upkeep);
        let delivering = run(deliveries, self.wakes(store), cancel.clone());
        self.spawn_vital("delivering", cancel, delivering);
        self.spawn_vital("reporting", cancel, run(teller, self.wakes(store), cancel.clone()));
    }

    fn spawn_vital(
        &self,
        what: &'static str,
        cancel: &CancellationToken,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.tasks.spawn(vital(what, cancel.clone(), task));
    }

    fn wakes(&self, store: &Store) -> Wakes {
        Wakes {
            commits: store.commits(),
            back: self.back.subscribe(),
        }
    }

    /// A node can be reached again: what waits for it is tried at once.
    pub fn present(&self, name: &str) {
        let _ = self.back.send(Back::One(name.to_owned()));
    }

    /// The network may be back, or an operator asks: everything that waits is tried at once.
    pub fn nudge(&self) {
        let _ = self.back.send(Back::All);
        self.directory_changed();
    }

    /// Selectors that matched nothing may match now.
    pub fn directory_changed(&self) {
        self.directory_changed.notify_one();
    }

    /// Waits until all tasks have ended after their cancellation.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

struct Wakes {
    commits: watch::Receiver<u64>,
    back: broadcast::Receiver<Back>,
}

/// Work that is done peer by peer.
trait Work: Send {
    /// Starts the tasks that can be started.
    fn pass(&mut self, lanes: &mut Lanes) -> impl Future<Output = ()> + Send;
}

async fn run(mut work: impl Work, mut wakes: Wakes, cancel: CancellationToken) {
    let floor = Duration::from_millis(limits::DELIVERY_POLL_MS);
    let mut lanes = Lanes::default();
    loop {
        wakes.commits.mark_unchanged();
        let looked = Instant::now();
        work.pass(&mut lanes).await;
        let wake = lanes.wake(floor);
        tokio::select! {
            () = cancel.cancelled() => break,
            commit = next_commit(&mut wakes.commits, looked) => if commit.is_err() { break },
            back = wakes.back.recv() => match back {
                Ok(Back::One(name)) => lanes.forgive(&name),
                // Some names were lost on the way: try them all.
                Ok(Back::All) | Err(broadcast::error::RecvError::Lagged(_)) => lanes.forgive_all(),
                Err(broadcast::error::RecvError::Closed) => break,
            },
            () = lanes.ended() => {}
            () = tokio::time::sleep_until(wake) => {}
        }
    }
    lanes.stop().await;
}

/// The first commit after a pause counts at once; of many in a row only every so many milliseconds one.
///
/// # Errors
/// When the store is closed.
pub(super) async fn next_commit(
    commits: &mut watch::Receiver<u64>,
    looked: Instant,
) -> Result<(), watch::error::RecvError> {
    commits.changed().await?;
    tokio::time::sleep_until(looked + Duration::from_millis(limits::COMMIT_GAP_MS)).await;
    Ok(())
}

struct Deliveries {
    desk: Arc<Desk>,
    watching: Watching,
}

impl Work for Deliveries {
    async fn pass(&mut self, lanes: &mut Lanes) {
        let due: BTreeSet<String> = match self.desk.store.read(outbox::due_targets).await {
            Ok(due) => due.into_iter().collect(),
            Err(error) => return tracing::warn!(%error, "the outbox cannot be read; deliveries wait"),
        };
        lanes.retain(&due);
        for target in &due {
            lanes.start(target, || Arc::clone(&self.desk).deliver(target.clone()));
        }
        self.watching.set(For::Deliveries, due);
    }
}

impl Work for Arc<Teller> {
    async fn pass(&mut self, lanes: &mut Lanes) {
        Teller::pass(self, lanes).await;
    }
}
