//! From a group of rows to an event for Ruby, and from Ruby's answer to the durable claim.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, Result};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Inner, JobClaimed,
    decide::{Decision, Group, decide},
    desk::{Desk, Offer, Running},
    files::{JobFile, Paths},
};
use crate::{
    pb,
    run_state::Snapshot,
    store::inbox::{self, Claim, Lineage},
};

impl Inner {
    /// Tells Ruby of the group.
    pub(super) async fn offer(&self, desk: &mut Desk, group: Group, snapshot: Arc<Snapshot>) -> Result<()> {
        let rows = group.rows.clone();
        let lineage = self.options.store.read(move |conn| inbox::lineage(conn, &rows)).await?;
        let offer = self.draw_up(group, snapshot, &lineage);
        let paths = self.paths(&offer.job);
        JobFile {
            offer: &offer,
            lineage: &lineage,
            data_dir: &self.options.data_dir,
            socket: &self.options.socket,
            node: self.options.gate.own().as_str(),
            timeout_ms: self.options.worker_timeout_ms,
        }
        .write(&paths)?;
        if self.events.push(&offer.job, self.event(&offer, &paths)) {
            desk.offers.push(offer);
        } else {
            paths.remove();
        }
        Ok(())
    }

    fn draw_up(&self, group: Group, snapshot: Arc<Snapshot>, lineage: &Lineage) -> Offer {
        let mut chain = lineage.chain.clone();
        chain.push(pb::Hop {
            node: self.options.gate.own().to_string(),
            key: snapshot.shown(&group.key),
            action: group.action.clone(),
        });
        Offer {
            job: Uuid::now_v7().to_string(),
            key: group.key,
            action: group.action,
            snapshot,
            chain,
            cause_root: lineage.cause_root.clone(),
            until: Instant::now() + Duration::from_millis(self.options.claim_timeout_ms),
        }
    }

    fn event(&self, offer: &Offer, paths: &Paths) -> Value {
        json!({
            "type": "run",
            "job": offer.job,
            "job_file": paths.job,
            "ruby": offer.snapshot.ruby,
            "timeout_ms": self.options.worker_timeout_ms,
            "warm": self.options.warm.allows(),
            "generation": offer.snapshot.generation,
            "snapshot_dir": offer.snapshot.dir,
        })
    }

    /// Claims whatever is stored for the job's key and action by now and has not outlived its time: all of it arrived before the
    /// action begins.
    pub(super) async fn claimed(&self, claimed: &JobClaimed) -> Result<()> {
        let mut desk = self.desk.lock().await;
        let Some(offer) = desk.offer(&claimed.job) else {
            return Err(unknown_job(&claimed.job));
        };
        let rows = self.record(offer, claimed).await?;
        desk.withdraw(&claimed.job);
        // The task has to reckon anew when to look next.
        self.options.wake.notify_one();
        if rows == 0 {
            self.paths(&claimed.job).remove();
            return Err(Error::rejected(format!(
                "nothing is left to run for job {}; end its worker",
                claimed.job
            ))
            .with_code("nothing_to_run"));
        }
        desk.running.insert(claimed.job.clone(), Running::new(true));
        Ok(())
    }

    async fn record(&self, offer: &Offer, claimed: &JobClaimed) -> Result<usize> {
        let (snapshot, gate) = (Arc::clone(&offer.snapshot), self.options.gate.clone());
        let (key, action) = (offer.key.clone(), offer.action.clone());
        let (chain, cause_root) = (offer.chain.clone(), offer.cause_root.clone());
        let (claimed, timeout_ms, now_ms) = (claimed.clone(), self.options.worker_timeout_ms, self.now_ms());
        let clock_ok = self.clock_ok();
        let job = move |conn: &rusqlite::Connection| {
            inbox::expire(conn, now_ms, clock_ok)?;
            let candidates = inbox::candidates_of(conn, &key, &action, now_ms)?;
            let runs = |c: &&inbox::Candidate| decide(c, Some(&snapshot), &gate) == Decision::Run;
            let rows: Vec<i64> = candidates.iter().filter(runs).map(|c| c.row).collect();
            let claim = Claim {
                job: &claimed.job,
                key: &key,
                action: &action,
                generation: snapshot.generation,
                pid: claimed.pid,
                pid_start: claimed.pid_start,
                timeout_ms,
                chain: &chain,
                cause_root: &cause_root,
                now_ms,
            };
            inbox::claim(conn, &claim, &rows)
        };
        self.options.store.write(job).await
    }

    pub(super) fn paths(&self, job: &str) -> Paths {
        Paths::new(&self.options.data_dir, job)
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.options.clock.now_ms()
    }
}

fn unknown_job(job: &str) -> Error {
    Error::rejected(format!("job {job} is not on offer (any more); end its worker")).with_code("job_unknown")
}
