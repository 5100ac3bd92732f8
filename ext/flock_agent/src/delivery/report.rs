//! Telling senders how their notifications ended.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flock_core::{Error, Result, limits};

use super::{
    lanes::{Ended, Lanes},
    ports::{Courier, Reports},
    watching::{For, Watching},
};
use crate::{
    clock::Clock,
    pb,
    store::{Store, outbox},
};

/// What the tasks of all senders share.
pub(super) struct Teller {
    pub store: Store,
    pub clock: Clock,
    pub own_name: String,
    pub courier: Arc<dyn Courier>,
    pub reports: Arc<dyn Reports>,
    pub watching: Watching,
}

impl Teller {
    /// Starts a task for each sender that can be told something now.
    pub async fn pass(self: &Arc<Self>, lanes: &mut Lanes) {
        let due = match self.reports.due(&lanes.unavailable(), limits::REPORT_BATCH).await {
            Ok(due) => due,
            Err(error) => return tracing::warn!(%error, "outcomes cannot be read; they are reported later"),
        };
        let mut senders: BTreeMap<String, Vec<pb::Outcome>> = BTreeMap::new();
        for (sender, outcome) in due {
            senders.entry(sender).or_default().push(outcome);
        }
        // Those that failed are waited for as well, until they have all.
        let waiting = lanes.unavailable().into_iter().chain(senders.keys().cloned()).collect();
        self.watching.set(For::Reports, waiting);
        for (sender, outcomes) in senders {
            let teller = Arc::clone(self);
            lanes.start(&sender.clone(), || teller.tell(sender, outcomes));
        }
    }

    async fn tell(self: Arc<Self>, sender: String, outcomes: Vec<pb::Outcome>) -> Ended {
        let mut told = Vec::new();
        let mut ended = Ended::Clear;
        for outcome in outcomes {
            let full = pb::Outcome {
                target: self.own_name.clone(),
                ..outcome.clone()
            };
            match self.tell_one(&sender, full).await {
                Ok(()) => told.push(outcome),
                Err(error) => {
                    tracing::debug!(sender, %error, "an outcome was not reported");
                    ended = Ended::Failed;
                    break;
                }
            }
        }
        match self.reports.reported(&sender, told).await {
            Ok(()) => ended,
            Err(_) => Ended::Failed,
        }
    }

    async fn tell_one(&self, sender: &str, outcome: pb::Outcome) -> Result<()> {
        if sender == self.own_name {
            let (own, now_ms) = (self.own_name.clone(), self.clock.now_ms());
            let job = move |conn: &rusqlite::Connection| outbox::apply_outcome(conn, &own, &outcome, now_ms);
            return self.store.write(job).await.map(drop);
        }
        tokio::time::timeout(
            Duration::from_millis(limits::DELIVERY_MS),
            self.courier.report(sender, outcome),
        )
        .await
        .unwrap_or_else(|_| Err(Error::timeout(format!("{sender} did not answer"))))
    }
}
