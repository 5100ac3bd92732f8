//! This node's own subscriptions on their way to the hub.

use std::time::Duration;

use flock_core::limits;
use tokio::time::Instant;

use super::Shared;
use crate::{
    link::{Declaration, Link},
    pb,
    run_state::RunView,
};

/// What is to be declared again, and when.
#[derive(Default)]
pub(super) struct Retry {
    at: Option<Instant>,
    tries: u32,
}

impl Retry {
    fn later(&mut self) {
        let pause_ms = limits::DECLARE_RETRY_MS.saturating_mul(1 << self.tries.min(16));
        self.tries = self.tries.saturating_add(1);
        self.at = Some(Instant::now() + Duration::from_millis(pause_ms.min(limits::DECLARE_RETRY_CAP_MS)));
    }
}

impl Shared {
    /// Declares what the newest snapshot says, if that is news, or what a hub could not take before.
    pub(super) fn declare(&self, view: &RunView, link: &Link, retry: &mut Retry) {
        let mut published = self.published();
        let newest = view.snapshot.as_ref().and_then(|snapshot| {
            Some(Declaration {
                generation: snapshot.generation,
                subscriptions: snapshot.declared.clone()?,
            })
        });
        if let Some(newest) = newest.filter(|newest| published.declared.as_ref() != Some(newest)) {
            (published.declared, published.answer) = (Some(newest.clone()), None);
            *retry = Retry::default();
            return link.declare(newest);
        }
        if retry.at.take_if(|at| *at <= Instant::now()).is_some() {
            published.declared.iter().for_each(|again| link.declare(again.clone()));
        }
    }

    /// What a hub answered. A refusal may pass: the registry was away or full.
    pub(super) fn declared(&self, answer: pb::Declared, retry: &mut Retry) {
        let mut published = self.published();
        let generation = published.declared.as_ref().map(|declared| declared.generation);
        if generation != Some(answer.generation) {
            return;
        }
        if answer.code.is_empty() {
            *retry = Retry::default();
        } else {
            tracing::warn!(
                code = answer.code,
                "the hub did not take this node's subscriptions: {}",
                answer.message
            );
            retry.later();
        }
        published.answer = Some(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rarer() {
        let mut retry = Retry::default();
        for _ in 0..40 {
            retry.later();
            let pause = retry.at.unwrap().saturating_duration_since(Instant::now());
            assert!(pause <= Duration::from_millis(limits::DECLARE_RETRY_CAP_MS));
        }
    }
}
