//! Whether a warm worker is kept, for which generation, and how it is. Ruby keeps it; this side only says what is wanted.

use std::sync::PoisonError;

use flock_core::{Result, limits};
use serde_json::{Value, json};

use super::{Inner, desk::Desk};
use crate::{
    pb,
    run_state::{Card, Snapshot},
};

/// Whether a warm worker may be kept on this machine, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmth {
    /// It may.
    Allowed,
    /// agent.toml says `worker.warm = false`.
    NotWanted,
    /// The machine has less memory than [`limits::WARM_MEMORY_BYTES`].
    LittleMemory,
}

impl Warmth {
    /// Decides by agent.toml and the machine's memory in bytes; unknown memory is taken for enough.
    ///
    /// ```
    /// use flock_agent::dispatch::Warmth;
    /// assert_eq!(Warmth::decide(true, Some(512 << 20)), Warmth::LittleMemory);
    /// ```
    pub fn decide(wanted: bool, memory_bytes: Option<u64>) -> Self {
        match (wanted, memory_bytes) {
            (false, _) => Self::NotWanted,
            (true, Some(bytes)) if bytes < limits::WARM_MEMORY_BYTES => Self::LittleMemory,
            (true, _) => Self::Allowed,
        }
    }

    /// Whether it may.
    pub fn allows(self) -> bool {
        self == Self::Allowed
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Allowed => "",
            Self::NotWanted => "worker.warm = false",
            Self::LittleMemory => "this machine has less than 1 GiB of memory",
        }
    }
}

impl Inner {
    /// Tells Ruby which generation is to be kept warm, when that has changed.
    pub(super) fn keep_warm(&self, desk: &mut Desk, snapshot: Option<&Snapshot>) {
        let wanted = snapshot.filter(|snapshot| self.options.warm.allows() && is_firable(snapshot));
        let generation = wanted.map(|snapshot| snapshot.generation);
        if desk.kept_warm == generation {
            return;
        }
        desk.kept_warm = generation;
        self.events.stand(match wanted {
            Some(snapshot) => prepare(snapshot),
            None => json!({"type": "retire"}),
        });
    }

    pub(super) fn worker_state(&self) -> pb::WorkerState {
        let told = self.worker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !self.options.warm.allows() {
            return pb::WorkerState {
                state: "off".to_owned(),
                message: self.options.warm.reason().to_owned(),
                ..Default::default()
            };
        }
        match told.state.as_str() {
            "" => pb::WorkerState {
                state: "cold".to_owned(),
                ..told
            },
            _ => told,
        }
    }

    pub(super) fn note_worker(&self, state: pb::WorkerState) -> Result<Value> {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(json!({}))
    }
}

fn prepare(snapshot: &Snapshot) -> Value {
    json!({
        "type": "prepare",
        "generation": snapshot.generation,
        "snapshot_dir": snapshot.dir,
        "ruby": snapshot.ruby,
    })
}

fn is_firable(snapshot: &Snapshot) -> bool {
    let firable = |card: &Card| !card.nested && !card.duplicate;
    snapshot.cards.values().any(firable)
}
