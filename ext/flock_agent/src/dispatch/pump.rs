//! The task behind the dispatcher: woken by the inbox, by Chef runs and by time, it does whatever is due.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use flock_core::{Result, limits};
use rusqlite::Connection;
use tokio::time::Instant;

use super::{
    Inner,
    decide::{Plan, plan},
    desk::Desk,
};
use crate::{
    run_state::RunView,
    store::inbox::{self},
};

/// Runs until cancelled. A pass that fails is logged and repeated.
pub(super) async fn follow(inner: Arc<Inner>) {
    let mut views = inner.options.runs.subscribe();
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = inner.options.cancel.cancelled() => return,
            () = inner.options.wake.notified() => {}
            Ok(()) = views.changed() => inner.desk.lock().await.hold.clear(),
            () = tokio::time::sleep(pause) => {}
        }
        pause = match inner.pass().await {
            Ok(pause) => pause,
            Err(e) => {
                tracing::error!("the inbox could not be worked on: {e}");
                Duration::from_millis(limits::RECOVERY_MS)
            }
        };
    }
}

impl Inner {
    /// Does what is due; answers how long nothing will be.
    async fn pass(&self) -> Result<Duration> {
        let mut desk = self.desk.lock().await;
        self.keep_warm(&mut desk, self.options.runs.view().snapshot.as_deref());
        for late in desk.withdraw_late() {
            tracing::warn!(
                job = late.job,
                key = late.key,
                "nobody claimed a job in time; it is offered again"
            );
            self.paths(&late.job).remove();
        }
        if is_due(desk.looked_after, limits::RECOVERY_MS) {
            self.look_after(&mut desk).await?;
        }
        if is_due(desk.housekept, limits::HOUSEKEEPING_MS) {
            self.keep_house(&mut desk).await?;
        }
        let waiting_ms = self.offer_next(&mut desk).await?;
        Ok(pause(&desk, waiting_ms))
    }

    /// Offers the oldest group that may run; answers for how many milliseconds rows pause that may run afterwards.
    async fn offer_next(&self, desk: &mut Desk) -> Result<Option<u64>> {
        let view = self.options.runs.view();
        if desk.is_full() || desk.hold.holds() || view.converging || !self.events.has_room() {
            return Ok(None);
        }
        self.end_overdue().await?;
        let (mut plan, pause_ms) = self.plan(&view).await?;
        let next = plan.next.take();
        self.carry_out(plan).await?;
        if let (Some(group), Some(snapshot)) = (next, &view.snapshot) {
            self.offer(desk, group, Arc::clone(snapshot)).await?;
        }
        Ok(pause_ms)
    }

    async fn plan(&self, view: &RunView) -> Result<(Plan, Option<u64>)> {
        let (snapshot, gate, now_ms) = (view.snapshot.clone(), self.options.gate.clone(), self.now_ms());
        let look = move |conn: &Connection| {
            let candidates = inbox::candidates(conn, now_ms)?;
            let plan = plan(candidates, snapshot.as_deref(), &gate);
            Ok((plan, inbox::next_pause_ms(conn, now_ms)?))
        };
        self.options.store.read(look).await
    }

    async fn carry_out(&self, plan: Plan) -> Result<()> {
        if plan.ends.is_empty() && plan.waits.is_empty() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        let write = move |conn: &Connection| {
            for (row, state, code, message) in &plan.ends {
                inbox::conclude(conn, *row, *state, code, message, now_ms)?;
            }
            for (row, code, message) in &plan.waits {
                inbox::note(conn, *row, code, message)?;
            }
            Ok(())
        };
        self.options.store.write(write).await
    }

    /// Housekeeping comes too seldom for what must not run any more.
    async fn end_overdue(&self) -> Result<()> {
        let (now_ms, clock_ok) = (self.now_ms(), self.clock_ok());
        let is_overdue = move |conn: &Connection| Ok(clock_ok && inbox::is_overdue(conn, now_ms)?);
        if !self.options.store.read(is_overdue).await? {
            return Ok(());
        }
        let end = move |conn: &Connection| inbox::expire(conn, now_ms, clock_ok);
        self.options.store.write(end).await.map(drop)
    }

    /// Whether anything may end by the time of day.
    pub(super) fn clock_ok(&self) -> bool {
        self.options.clock.is_settled() && self.options.clock_ok.load(Ordering::Relaxed)
    }

    async fn keep_house(&self, desk: &mut Desk) -> Result<()> {
        desk.housekept = Some(Instant::now());
        let (now_ms, clock_ok) = (self.now_ms(), self.clock_ok());
        let write = move |conn: &Connection| {
            inbox::expire(conn, now_ms, clock_ok)?;
            inbox::trim(conn, now_ms, clock_ok)
        };
        self.options.store.write(write).await.map(drop)
    }
}

fn is_due(last: Option<Instant>, every_ms: u64) -> bool {
    last.is_none_or(|last| last.elapsed() >= Duration::from_millis(every_ms))
}

/// As long as nothing is under way, only housekeeping wakes an idle agent.
fn pause(desk: &Desk, waiting_ms: Option<u64>) -> Duration {
    let mut pause_ms = waiting_ms
        .unwrap_or(limits::HOUSEKEEPING_MS)
        .clamp(10, limits::HOUSEKEEPING_MS);
    if !desk.running.is_empty() {
        pause_ms = pause_ms.min(limits::RECOVERY_MS);
    }
    let now = Instant::now();
    let instants = desk
        .offers
        .iter()
        .map(|offer| offer.until)
        .chain(desk.hold.until.filter(|until| *until > now));
    let soonest = instants.map(|at| at.saturating_duration_since(now)).min();
    soonest
        .unwrap_or(Duration::MAX)
        .min(Duration::from_millis(pause_ms))
        .max(Duration::from_millis(1))
}
