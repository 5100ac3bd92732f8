//! Every wait ends by its deadline.

use crate::flock::Flock;

pub fn watch(flock: &Flock) -> Vec<String> {
    let mut state = flock.state();
    let now_ms = state.now_ms;
    let late: Vec<String> = state
        .waits
        .iter()
        .filter(|(_, until)| **until < now_ms)
        .map(|(wait, _)| wait.clone())
        .collect();
    state.waits.retain(|_, until| *until >= now_ms);
    late.into_iter()
        .map(|wait| format!("the wait of {wait} is over its deadline"))
        .collect()
}
