//! The machines as the agents see them: network, disk and processes.

mod net;

use std::{io, net::SocketAddr, sync::Arc};

use flock_agent::simulation::{Fate, Listener, Pending, Planted, Stream, World};
use rand::RngExt;

use crate::flock::{Flock, fault_name, now_ms};

/// Hands the agents of this process over to the simulation.
pub fn enter(flock: &Arc<Flock>) {
    flock_agent::simulation::enter(Box::new(Machines(Arc::clone(flock))));
}

struct Machines(Arc<Flock>);

impl World for Machines {
    fn connect<'a>(&'a self, address: &'a str) -> Pending<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(net::connect(address))
    }

    fn bind(&self, address: SocketAddr) -> Pending<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(net::bind(address))
    }

    fn alive(&self, pid: u32, pid_start: u64) -> bool {
        let state = self.0.state();
        state
            .processes
            .get(&pid)
            .is_some_and(|process| process.started == pid_start && process.lives())
    }

    fn kill(&self, pid: u32, pid_start: u64) {
        if self.alive(pid, pid_start) {
            self.0.log("machine", &format!("process {pid} is killed by its agent"));
            if let Some(process) = self.0.state().processes.get_mut(&pid) {
                process.end(None, Some(9));
            }
        }
    }

    fn commit_ms(&self) -> (u64, u64) {
        let mut state = self.0.state();
        let slow = now_ms(&state) < state.slow_disk_until_ms;
        match slow {
            true => (state.rng.random_range(50..=1_500), state.rng.random_range(0..=300)),
            false => (state.rng.random_range(0..=10), state.rng.random_range(0..=5)),
        }
    }

    fn fate(&self) -> Fate {
        let mut state = self.0.state();
        match (state.stormy, state.rng.random_range(0..100)) {
            (true, 0..10) => Fate::Twice,
            (true, 10..20) => Fate::Unanswered,
            _ => Fate::Plain,
        }
    }

    fn planted(&self, fault: Planted) -> bool {
        self.0.state().planted.contains(fault_name(fault))
    }
}
