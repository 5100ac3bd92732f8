//! What all machines of one simulation share.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flock_agent::simulation::Planted;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    chef::Process,
    log::Log,
    node::Node,
    oracle::{directory::View, waiters::Watched},
};

/// The hub and its members, in the order of their addresses.
pub const NAMES: [&str; 5] = ["hub", "ada", "bob", "cyd", "dan"];
/// When every simulation begins, in milliseconds since 1970.
pub const EPOCH_MS: u64 = 1_800_000_000_000;

/// One action that really ran; no crash takes it back.
#[derive(Debug, Clone)]
pub struct Act {
    pub node: &'static str,
    /// (sender, notification) that the job served.
    pub served: Vec<(String, String)>,
}

/// A notification that its recipe was told is safe.
#[derive(Debug, Clone)]
pub struct Promise {
    pub sender: &'static str,
}

/// What changes.
pub struct State {
    pub rng: StdRng,
    pub log: Log,
    pub now_ms: u64,
    pub ledger: Vec<Act>,
    /// How often what was handed over may be run again after an end that is not known.
    pub retries: BTreeMap<String, u32>,
    pub promises: BTreeMap<String, Promise>,
    pub processes: BTreeMap<u32, Process>,
    pub next_pid: u32,
    pub join: Option<String>,
    pub violations: Vec<String>,
    /// Machines that lose power in the next moment.
    pub doomed: BTreeSet<&'static str>,
    /// What gets its power back, and when.
    pub revivals: Vec<(u64, &'static str)>,
    /// Whether calls are repeated and answers lost.
    pub stormy: bool,
    /// Until when commits are slow.
    pub slow_disk_until_ms: u64,
    /// Waits of clients: what they wait for, and when they must have an answer.
    pub waits: BTreeMap<String, u64>,
    /// Waits for what other nodes say of themselves, by their numbers.
    pub waiters: BTreeMap<u64, Watched>,
    pub next_wait: u64,
    /// Since when no fault is at work.
    pub healed_ms: Option<u64>,
    /// Since when, besides, everyone has a session and nothing is left of faults.
    pub calm_ms: Option<u64>,
    /// Seen in the registry: the highest epoch of each node.
    pub epochs: BTreeMap<String, u64>,
    pub planted: BTreeSet<&'static str>,
    /// The member that stays without power for days.
    pub lost: Option<&'static str>,
    /// Whether so much time has passed that what ended is forgotten.
    pub days_passed: bool,
    /// Machines without power.
    pub off: BTreeSet<&'static str>,
    /// What each node said when it was asked last.
    pub views: BTreeMap<&'static str, View>,
    /// Every resource that the recipes of this flock declare.
    pub keys: Vec<String>,
}

/// A flock and its machines.
pub struct Flock {
    pub nodes: Vec<Arc<Node>>,
    state: Mutex<State>,
}

impl Flock {
    /// Machines that were never started, under `dir`.
    pub fn new(seed: u64, dir: &Path, planted: Option<&'static str>, live: bool) -> Arc<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        let nodes = NAMES.map(|name| Node::new(name, dir, rng.random_range(-15_000..=15_000)));
        let state = State {
            rng,
            log: Log::new(live),
            now_ms: 0,
            ledger: Vec::new(),
            retries: BTreeMap::new(),
            promises: BTreeMap::new(),
            processes: BTreeMap::new(),
            next_pid: 1_000,
            join: None,
            violations: Vec::new(),
            doomed: BTreeSet::new(),
            revivals: Vec::new(),
            stormy: false,
            slow_disk_until_ms: 0,
            waits: BTreeMap::new(),
            waiters: BTreeMap::new(),
            next_wait: 0,
            healed_ms: None,
            calm_ms: None,
            epochs: BTreeMap::new(),
            planted: planted.into_iter().collect(),
            lost: None,
            days_passed: false,
            off: BTreeSet::new(),
            views: BTreeMap::new(),
            keys: Vec::new(),
        };
        Arc::new(Self {
            nodes: nodes.into_iter().map(Arc::new).collect(),
            state: Mutex::new(state),
        })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn node(&self, name: &str) -> &Arc<Node> {
        &self.nodes[NAMES.iter().position(|known| *known == name).unwrap_or_default()]
    }

    pub fn log(&self, who: &str, what: &str) {
        let mut state = self.state();
        let now_ms = now_ms(&state);
        state.log.add(now_ms, who, what);
    }

    /// Something that must never be.
    pub fn violation(&self, who: &str, what: String) {
        self.log(who, &format!("VIOLATION {what}"));
        self.state().violations.push(format!("{who}: {what}"));
    }

    pub fn is_off(&self, name: &str) -> bool {
        self.state().off.contains(name)
    }

    /// The worst moment for a power cut: `who` has just been told that something is on disk. It comes in some of them.
    pub fn tempt(&self, who: &'static str) {
        if self.state().stormy && self.chance(4) {
            self.state().doomed.insert(who);
        }
    }

    /// A number drawn from the seed.
    pub fn draw(&self, from: u64, to: u64) -> u64 {
        self.state().rng.random_range(from..=to)
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub fn chance(&self, percent: u32) -> bool {
        self.state().rng.random_range(0..100) < percent
    }
}

/// The simulated time within a step, where there is one.
pub fn now_ms(state: &State) -> u64 {
    let within = turmoil::sim_elapsed().map(|elapsed| u64::try_from(elapsed.as_millis()).unwrap_or_default());
    within.unwrap_or(state.now_ms)
}

/// The name under which a planted fault is asked for.
pub fn fault_name(fault: Planted) -> &'static str {
    match fault {
        Planted::EarlyAck => "early-ack",
        Planted::NoDeduplication => "no-deduplication",
        Planted::LostResync => "lost-resync",
        Planted::LostWakeUp => "lost-wake-up",
    }
}
