//! One seed, from the founding of the flock to the verdict.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use flock_core::limits;
use turmoil::{Builder, Sim};

use crate::{
    chef,
    flock::{EPOCH_MS, Flock, NAMES},
    machine,
    node::SETTLING_MS as SETTLED_CLOCK_MS,
    oracle,
    scenario::{self, Event, Fault, STORM_MS},
};

/// The network moves in steps of this many milliseconds.
const STEP_MS: u64 = 10;
/// What founding and joining may take, in milliseconds.
const FOUNDING_MS: u64 = 60_000;
/// From the last fault to the end of everything, in milliseconds.
const SETTLING_MS: u64 = 300_000;
/// How far apart the Chef runs of that time are, in milliseconds.
const CONVERGING_MS: u64 = 40_000;

/// What came of a seed.
pub struct Verdict {
    pub violations: Vec<String>,
    pub log: String,
    /// How many deliveries ended how.
    pub ends: BTreeMap<String, usize>,
}

/// Runs a seed in files under `dir`.
pub fn run(seed: u64, dir: &Path, planted: Option<&'static str>, live: bool) -> Verdict {
    let flock = Flock::new(seed, dir, planted, live);
    machine::enter(&flock);
    let mut stage = Stage::build(seed, &flock);
    let failed = stage.play(seed).err();
    if let Some(error) = failed {
        flock.violation("simulation", error);
    }
    drop(stage);
    let ends = oracle::ends(&flock);
    let mut state = flock.state();
    Verdict {
        violations: std::mem::take(&mut state.violations),
        log: state.log.text(),
        ends,
    }
}

struct Stage<'a> {
    sim: Sim<'a>,
    flock: Arc<Flock>,
    steps: u64,
}

impl Stage<'_> {
    fn build(seed: u64, flock: &Arc<Flock>) -> Self {
        let mut sim = Builder::new()
            .rng_seed(seed)
            .epoch(std::time::UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
            .simulation_duration(Duration::from_secs(24 * 60 * 60))
            .tick_duration(Duration::from_millis(STEP_MS))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(scenario::LATENCY)
            .tcp_capacity(16 * 1024)
            .enable_random_order()
            .build();
        for name in NAMES {
            let node = Arc::clone(flock.node(name));
            node.install(flock);
            let flock = Arc::clone(flock);
            sim.host(name, move || {
                let (node, flock) = (Arc::clone(&node), Arc::clone(&flock));
                async move {
                    node.run(flock).await;
                    Ok(())
                }
            });
        }
        Self {
            sim,
            flock: Arc::clone(flock),
            steps: 0,
        }
    }

    fn play(&mut self, seed: u64) -> Result<(), String> {
        let events = scenario::plan(seed);
        self.flock.state().keys = scenario::keys(&events);
        self.until(
            "the flock is founded",
            FOUNDING_MS,
            oracle::directory::everyone_is_there,
        )?;
        self.calm(scenario::calm(seed, true))?;
        self.flock.state().stormy = true;
        self.storm(&events)?;
        self.flock.state().stormy = false;
        self.repair();
        self.settle("all who are there have ended")?;
        if self.flock.state().lost.is_some() {
            self.let_days_pass()?;
            self.settle("everything has ended")?;
        }
        self.calm(scenario::calm(seed, false))?;
        self.until("what the last runs left has been told", CONVERGING_MS, oracle::look)?;
        oracle::judge(&self.flock);
        Ok(())
    }

    /// Nothing goes wrong, and what is waited for is heard of at once.
    fn calm(&mut self, events: Vec<(u64, Event)>) -> Result<(), String> {
        {
            let mut state = self.flock.state();
            state.calm_ms = Some(state.now_ms);
            state.healed_ms = state.healed_ms.or(state.calm_ms);
        }
        self.play_all(&events, scenario::CALM_MS)?;
        self.until("the waits of a calm time have ended", CONVERGING_MS, oracle::idle)?;
        self.flock.state().calm_ms = None;
        Ok(())
    }

    /// Everyone converges again and again, as nodes do: what waits for a run ends, and what is announced must arrive.
    fn settle(&mut self, what: &str) -> Result<(), String> {
        let end = self.now_ms() + SETTLING_MS;
        while self.now_ms() < end {
            self.advance(5_000)?;
            scenario::converge_all(&self.flock);
            self.advance(5_000)?;
            if self.until(what, CONVERGING_MS, oracle::look)? {
                return Ok(());
            }
        }
        oracle::judge(&self.flock);
        Err(format!("within {SETTLING_MS} ms it did not come to this: {what}"))
    }

    /// Longer than anything may take; then the member that was lost is found again.
    fn let_days_pass(&mut self) -> Result<(), String> {
        let days_ms = limits::TTL_DEFAULT_MS + limits::OUTCOME_GRACE_MS + 600_000;
        oracle::judge(&self.flock);
        self.flock.state().days_passed = true;
        for name in NAMES {
            let days_ms = i64::try_from(days_ms).unwrap_or_default();
            scenario::fault(&mut self.sim, &self.flock, Fault::Clock(name, days_ms));
        }
        // One look sees the jump, one after it has settled lets things end.
        self.advance(SETTLED_CLOCK_MS + 3 * limits::DELIVERY_POLL_MS)?;
        for problem in oracle::overdue(&self.flock) {
            self.flock.violation("oracle", problem);
        }
        let found = self.flock.state().lost.take();
        found
            .into_iter()
            .for_each(|name| scenario::fault(&mut self.sim, &self.flock, Fault::Start(name)));
        Ok(())
    }

    fn storm(&mut self, events: &[(u64, Event)]) -> Result<(), String> {
        self.flock.log("storm", "begins");
        self.flock.state().healed_ms = None;
        self.play_all(events, STORM_MS)?;
        self.flock.log("storm", "is over");
        Ok(())
    }

    fn play_all(&mut self, events: &[(u64, Event)], lasts_ms: u64) -> Result<(), String> {
        let begun = self.now_ms();
        for (at_ms, event) in events {
            self.advance((begun + at_ms).saturating_sub(self.now_ms()))?;
            match event {
                Event::Work(work) => scenario::work(&self.flock, work),
                Event::Fault(fault) => scenario::fault(&mut self.sim, &self.flock, *fault),
            }
        }
        self.advance((begun + lasts_ms).saturating_sub(self.now_ms()))
    }

    fn repair(&mut self) {
        for (n, a) in NAMES.into_iter().enumerate() {
            for b in NAMES.into_iter().skip(n + 1) {
                scenario::fault(&mut self.sim, &self.flock, Fault::Mend(a, b));
            }
            scenario::fault(&mut self.sim, &self.flock, Fault::Clock(a, 0));
            scenario::fault(&mut self.sim, &self.flock, Fault::Start(a));
        }
        let mut state = self.flock.state();
        state.healed_ms = Some(state.now_ms);
    }

    /// Goes on until `done` is true, which is asked every half second; false = that did not come within `limit_ms`.
    fn until(&mut self, what: &str, limit_ms: u64, done: impl Fn(&Arc<Flock>) -> bool) -> Result<bool, String> {
        let end = self.now_ms() + limit_ms;
        while self.now_ms() < end {
            self.advance(500)?;
            if done(&self.flock) {
                self.flock.log("storm", what);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn advance(&mut self, ms: u64) -> Result<(), String> {
        for _ in 0..ms.div_ceil(STEP_MS) {
            self.sim.step().map_err(|e| e.to_string())?;
            self.steps += 1;
            self.flock.state().now_ms = self.now_ms();
            scenario::doom(&mut self.sim, &self.flock);
            chef::advance(&self.flock);
            oracle::waiters::watch(&self.flock);
            if self.now_ms().is_multiple_of(1_000) {
                oracle::watch(&self.flock);
            }
        }
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        self.steps * STEP_MS
    }
}
