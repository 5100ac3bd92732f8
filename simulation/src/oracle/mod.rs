//! What must hold. One concern per file; each says what is wrong in the words of someone who has to find it.

mod deliveries;
pub mod directory;
mod ledger;
mod registry;
mod waits;

use std::sync::Arc;

use crate::{
    chef::Process,
    flock::{Flock, NAMES},
    node::Command,
};

/// Every simulated second, whatever goes on.
pub fn watch(flock: &Arc<Flock>) {
    for problem in [registry::watch(flock), waits::watch(flock)].concat() {
        flock.violation("oracle", problem);
    }
}

/// Asks the nodes for what the next look needs; answers whether by the last look everything had ended.
pub fn look(flock: &Arc<Flock>) -> bool {
    for name in NAMES {
        flock.node(name).ask(Command::Look);
    }
    let idle = !flock.state().processes.values().any(Process::lives);
    idle && deliveries::unfinished(flock).is_empty()
        && directory::check(flock).is_empty()
        && registry::check(flock).is_empty()
}

/// All of it, when everything should have ended.
pub fn judge(flock: &Arc<Flock>) {
    let problems = [
        deliveries::unfinished(flock),
        deliveries::lost(flock),
        ledger::check(flock),
        registry::check(flock),
        directory::check(flock),
    ];
    for problem in problems.concat() {
        flock.violation("oracle", problem);
    }
}
