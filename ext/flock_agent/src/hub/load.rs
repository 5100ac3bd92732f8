//! What relaying costs a hub now, shared out so that no caller takes it all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use flock_core::{Result, id::NodeName, limits};

use super::{line::busy, lock};

/// Calls and bytes that are held, in all and by caller, until a call is answered. Answers are not counted: one is at most
/// [`limits::RELAYED_MESSAGE_BYTES`], and a caller has few streams open.
#[derive(Debug, Clone, Default)]
pub(super) struct Load(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: usize,
    callers: HashMap<NodeName, Share>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    calls: usize,
    bytes: usize,
}

impl Load {
    /// A place for one call of `bytes`, until it is dropped.
    ///
    /// # Errors
    /// Code `relay_busy` when the caller, or all callers together, hold what they may.
    pub(super) fn take(&self, caller: &NodeName, bytes: usize) -> Result<Place> {
        let mut state = lock(&self.0);
        let share = state.callers.get(caller).copied().unwrap_or_default();
        if state.bytes + bytes > limits::RELAYED_BYTES {
            return Err(busy("the hub has too much to relay".to_owned()));
        }
        if share.calls >= limits::RELAYED_CALLS || share.bytes + bytes > limits::RELAYED_CALLER_BYTES {
            return Err(busy(format!("the hub relays as much for {caller} as it may")));
        }
        state.bytes += bytes;
        let share = state.callers.entry(caller.clone()).or_default();
        share.calls += 1;
        share.bytes += bytes;
        Ok(Place {
            load: self.clone(),
            caller: caller.clone(),
            bytes,
        })
    }
}

/// What one call takes.
#[derive(Debug)]
pub(super) struct Place {
    load: Load,
    caller: NodeName,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.load.0);
        state.bytes -= self.bytes;
        if let Some(share) = state.callers.get_mut(&self.caller) {
            share.calls -= 1;
            share.bytes -= self.bytes;
            if share.calls == 0 {
                state.callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> NodeName {
        NodeName::parse(name).unwrap()
    }

    #[test]
    fn a_caller_has_its_share_and_all_have_a_sum() {
        let load = Load::default();
        let calls: Vec<_> = (0..limits::RELAYED_CALLS)
            .map(|_| load.take(&name("a"), 1).unwrap())
            .collect();
        assert_eq!(load.take(&name("a"), 1).unwrap_err().code(), "relay_busy");
        assert!(load.take(&name("b"), 1).is_ok(), "one caller must not starve another");
        drop(calls);
        let most = limits::RELAYED_CALLER_BYTES;
        let full: Vec<_> = (0..limits::RELAYED_BYTES / most)
            .map(|n| load.take(&name(&format!("n{n}")), most).unwrap())
            .collect();
        assert_eq!(load.take(&name("b"), 1).unwrap_err().code(), "relay_busy");
        drop(full);
        assert_eq!(load.take(&name("b"), most + 1).unwrap_err().code(), "relay_busy");
        let state = lock(&load.0);
        assert!(state.bytes == 0 && state.callers.is_empty(), "{state:?}");
    }
}
