//! The target's door: who may bring what in, on disk before it is acknowledged.

mod check;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use flock_core::{Error, ErrorKind, Result, holder::Holder, id::NodeName, limits, notification::State};
use rusqlite::Connection;
use tokio::sync::Notify;

use super::{gate::Gate, rate::Rate};
use crate::{
    clock::Clock,
    pb::{self, receipt::Verdict},
    run_state::RunWatch,
    store::{
        Store,
        inbox::{self, Admitted, Arrival},
        room::Room,
    },
    tally::Tally,
};

#[cfg(test)]
pub(crate) use check::{envelope as check_envelope, outcome as check_outcome};

/// Where the outcomes of this node's own notifications go: the outbox.
#[tonic::async_trait]
pub trait OutcomeSink: Send + Sync + 'static {
    /// Takes in what became of a notification at `from`; once this answers, it is on disk.
    ///
    /// # Errors
    /// `denied` when `from` is not the target of that notification, `internal` when the store refuses.
    async fn outcome(&self, from: &NodeName, outcome: pb::Outcome) -> Result<()>;
}

/// Takes notifications in; cheap to clone.
#[derive(Clone)]
pub struct Receiver(Arc<Inner>);

struct Inner {
    store: Store,
    gate: Gate,
    rate: Arc<Rate>,
    runs: RunWatch,
    clock: Clock,
    wake: Arc<Notify>,
    outcomes: Arc<dyn OutcomeSink>,
    arrived: Tally,
    ended: Tally,
}

impl Receiver {
    /// `wake` is told of every stored notification; the dispatcher waits on it.
    pub fn new(
        store: Store,
        gate: Gate,
        runs: RunWatch,
        clock: Clock,
        wake: Arc<Notify>,
        outcomes: Arc<dyn OutcomeSink>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            gate,
            rate: Arc::default(),
            runs,
            clock,
            wake,
            outcomes,
            arrived: Tally::default(),
            ended: Tally::default(),
        }))
    }

    /// Who may do what here.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Takes a notification of `from` in; `from` is the name in the caller's certificate, or as a hub verified it.
    ///
    /// That a hub speaks for the operator whom it names is for the caller to check.
    ///
    /// A refusal is a receipt, too: denied and refused are final, busy says when to try again. A stored one is on disk.
    ///
    /// # Errors
    /// `rejected` when the store has too many writes waiting, `internal` when it refuses: nothing is known to be stored, offer it again.
    pub async fn admit(&self, from: &NodeName, envelope: pb::Envelope) -> Result<pb::Receipt> {
        if let Err(refusal) = self.examine(from, &envelope) {
            tracing::info!(%from, id = envelope.id, code = refusal.code(), "a notification was refused: {refusal}");
            return Ok(self.counted(receipt(&refusal)));
        }
        Ok(self.counted(self.store(envelope).await?))
    }

    /// Notifications that others offered, by the answer.
    pub fn arrived(&self) -> &Tally {
        &self.0.arrived
    }

    /// Outcomes that others told, by the state.
    pub fn ended(&self) -> &Tally {
        &self.0.ended
    }

    fn counted(&self, receipt: pb::Receipt) -> pb::Receipt {
        self.0.arrived.count(word(receipt.verdict()));
        receipt
    }

    /// Hands an outcome to the outbox.
    ///
    /// # Errors
    /// As [`OutcomeSink::outcome`].
    pub async fn outcome(&self, from: &NodeName, outcome: pb::Outcome) -> Result<()> {
        check::outcome(from, &outcome)?;
        let state = State::parse(&outcome.state).map_or("other", State::as_str);
        self.0.outcomes.outcome(from, outcome).await?;
        self.0.ended.count(state);
        Ok(())
    }

    fn examine(&self, from: &NodeName, envelope: &pb::Envelope) -> Result<()> {
        check::envelope(from, self.0.gate.own(), envelope)?;
        let view = self.0.runs.view();
        self.0
            .gate
            .at_arrival(&asker(envelope)?, envelope, view.snapshot.as_deref())
    }

    async fn store(&self, envelope: pb::Envelope) -> Result<pb::Receipt> {
        let (rate, runs, now_ms) = (Arc::clone(&self.0.rate), self.0.runs.clone(), self.0.clock.now_ms());
        let room = self.0.store.room().clone();
        let job = move |conn: &Connection| store(conn, &room, &rate, &runs, &envelope, now_ms);
        let wake = Arc::clone(&self.0.wake);
        // Also when the caller has given up meanwhile.
        let tell = move |answer: &pb::Receipt| {
            if answer.verdict() == Verdict::Stored {
                wake.notify_one();
            }
        };
        self.0.store.write_then(job, tell).await
    }
}

/// Runs on the store's own thread. What is already known costs no token: a sender that repeats itself for want of an answer is no loop.
fn store(
    conn: &Connection,
    room: &Room,
    rate: &Rate,
    runs: &RunWatch,
    envelope: &pb::Envelope,
    now_ms: u64,
) -> Result<pb::Receipt> {
    if let Some(answer) = inbox::seen(conn, envelope)? {
        return Ok(answered(answer));
    }
    if let Err(low) = room.refuse_low() {
        return Ok(busy(
            limits::DISK_RETRY_AFTER_MS,
            low.code(),
            "the disk of the target is nearly full",
        ));
    }
    let asker = asker(envelope)?;
    if let Err(retry_after_ms) = rate.take(asker.as_str(), &envelope.key, &envelope.action) {
        let why = format!("{asker} asks too often for {} of {}", envelope.action, envelope.key);
        return Ok(busy(retry_after_ms, "rate_limited", &why));
    }
    let arrival = Arrival {
        envelope,
        arrived_run: runs.newest_run(),
        now_ms,
    };
    inbox::admit(conn, &arrival).map(answered)
}

/// Whose rights count: the sender's own, or those of the operator for whom it speaks.
fn asker(envelope: &pb::Envelope) -> Result<Holder> {
    Holder::of(&envelope.sender, &envelope.operator)
}

fn answered(answer: Admitted) -> pb::Receipt {
    let plain = |verdict: Verdict| pb::Receipt {
        verdict: verdict as i32,
        ..Default::default()
    };
    match answer {
        Admitted::Stored => plain(Verdict::Stored),
        Admitted::Duplicate => plain(Verdict::Duplicate),
        Admitted::Busy => busy(
            limits::BUSY_RETRY_AFTER_MS,
            "inbox_full",
            "the inbox of the target is full",
        ),
        Admitted::IdReused => receipt(
            &Error::protocol("this id was used for another notification; each needs an id of its own")
                .with_code("id_reused"),
        ),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Stored => "stored",
        Verdict::Duplicate => "duplicate",
        Verdict::Busy => "busy",
        Verdict::Denied => "denied",
        Verdict::Refused | Verdict::Unspecified => "refused",
    }
}

fn busy(retry_after_ms: u64, code: &str, message: &str) -> pb::Receipt {
    pb::Receipt {
        verdict: Verdict::Busy as i32,
        retry_after_ms,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn receipt(refusal: &Error) -> pb::Receipt {
    let verdict = match refusal.kind() {
        ErrorKind::Denied => Verdict::Denied,
        _ => Verdict::Refused,
    };
    pb::Receipt {
        verdict: verdict as i32,
        retry_after_ms: 0,
        code: refusal.code().to_owned(),
        message: refusal.message().to_owned(),
    }
}
