//! What must hold. One concern per file; each says what is wrong in the words of someone who has to find it.

mod deliveries;
pub mod directory;
mod ledger;
mod registry;
pub mod waiters;
mod waits;

use std::{collections::BTreeMap, sync::Arc};

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
    idle(flock) && calm(flock).is_empty()
}

/// Whether no process of Chef is at work.
pub fn idle(flock: &Arc<Flock>) -> bool {
    !flock.state().processes.values().any(Process::lives)
}

fn calm(flock: &Flock) -> Vec<String> {
    [
        deliveries::unfinished(flock),
        registry::check(flock),
        directory::check(flock),
    ]
    .concat()
}

/// What has not ended although nothing may take so long.
pub fn overdue(flock: &Flock) -> Vec<String> {
    deliveries::overdue(flock)
}

/// How many deliveries are in which state.
pub fn ends(flock: &Flock) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for one in deliveries::sent(flock) {
        *ends.entry(one.state).or_default() += 1;
    }
    ends
}

/// All of it, when everything should have ended.
pub fn judge(flock: &Flock) {
    let problems = [calm(flock), deliveries::lost(flock), ledger::check(flock)];
    for problem in problems.concat() {
        flock.violation("oracle", problem);
    }
}
