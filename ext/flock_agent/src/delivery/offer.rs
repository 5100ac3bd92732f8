//! The task of one target: everything that waits for it, in order, until the target has it or cannot take it.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, ErrorKind, Result, limits};

use super::{
    lanes::Ended,
    ports::{Courier, Directory, LocalInbox},
};
use crate::{
    clock::Clock,
    pb::{self, receipt::Verdict},
    relay::RELAY_BUSY,
    store::{
        Store,
        outbox::{self, Answer, Offered},
    },
};

/// What the tasks of all targets share.
pub(super) struct Desk {
    pub store: Store,
    pub clock: Clock,
    pub directory: Arc<dyn Directory>,
    pub own_name: String,
    pub incarnation: u64,
    pub courier: Arc<dyn Courier>,
    pub local: Arc<dyn LocalInbox>,
}

/// What one round of offers came to.
#[derive(Default)]
struct Round {
    answers: Vec<(u64, u32, Answer)>,
    ended: Option<Ended>,
}

impl Round {
    /// It is queued again, unless an earlier call may have carried it there: then only its target can say that it has not.
    fn not_sent(&mut self, seq: u64, attempt: u32, again: bool, why: Answer) {
        if !again {
            self.answers.push((seq, attempt, why));
        }
    }
}

impl Desk {
    /// Delivers to one target until nothing waits or something stands in the way.
    pub async fn deliver(self: Arc<Self>, target: String) -> Ended {
        loop {
            match self.round(&target).await {
                Ok(None) => {}
                Ok(Some(ended)) => return ended,
                Err(error) => {
                    tracing::warn!(target, %error, "deliveries cannot be read or written; they are tried again");
                    return Ended::Failed;
                }
            }
        }
    }

    /// One batch; `None` when there may be more.
    async fn round(&self, target: &str) -> Result<Option<Ended>> {
        let (name, now_ms) = (target.to_owned(), self.clock.now_ms());
        let skewed = !self.clock.is_settled() || self.directory.clock_skewed();
        let offer = move |conn: &rusqlite::Connection| outbox::offer(conn, &name, now_ms, skewed);
        let offered = self.store.write(offer).await?;
        let full = offered.len() == limits::DELIVERY_BATCH;
        let round = self.send_all(target, offered).await;
        self.settle(target, round.answers).await?;
        Ok(round.ended.or((!full).then_some(Ended::Clear)))
    }

    async fn send_all(&self, target: &str, offered: Vec<Offered>) -> Round {
        let mut round = Round::default();
        // Why the rest of the batch is not sent.
        let mut stopped: Option<Answer> = None;
        for Offered {
            seq,
            attempt,
            again,
            envelope,
        } in offered
        {
            if let Some(why) = &stopped {
                round.not_sent(seq, attempt, again, why.clone());
                continue;
            }
            match self.send(target, envelope).await {
                Ok(receipt) => {
                    let of_target = is_of_target(&receipt);
                    let (answer, ended) = read(receipt);
                    stopped = ended.is_some().then(|| answer.clone());
                    match of_target {
                        true => round.answers.push((seq, attempt, answer)),
                        false => round.not_sent(seq, attempt, again, answer),
                    }
                    round.ended = round.ended.or(ended);
                }
                Err(error) => {
                    tracing::debug!(target, %error, "not delivered");
                    if error.kind() == ErrorKind::Connection {
                        round.not_sent(seq, attempt, again, not_taken(&error));
                    }
                    // What else failed concerns this notification alone: it stays offered, the ones behind it go on.
                    let all = matches!(
                        error.kind(),
                        ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::OutcomeUnknown
                    );
                    stopped = all.then(|| not_taken(&error));
                    round.ended = Some(Ended::Failed);
                }
            }
        }
        round
    }

    async fn send(&self, target: &str, envelope: pb::Envelope) -> Result<pb::Receipt> {
        let envelope = pb::Envelope {
            sender: self.own_name.clone(),
            incarnation: self.incarnation,
            ..envelope
        };
        let call = async {
            match target == self.own_name {
                true => self.local.admit(envelope).await,
                false => self.courier.offer(target, envelope).await,
            }
        };
        tokio::time::timeout(Duration::from_millis(limits::DELIVERY_MS), call)
            .await
            .unwrap_or_else(|_| {
                Err(Error::timeout(format!(
                    "{target} did not answer within {} ms",
                    limits::DELIVERY_MS
                )))
            })
    }

    async fn settle(&self, target: &str, answers: Vec<(u64, u32, Answer)>) -> Result<()> {
        if answers.is_empty() {
            return Ok(());
        }
        let (target, now_ms) = (target.to_owned(), self.clock.now_ms());
        let job = move |conn: &rusqlite::Connection| {
            for (seq, attempt, answer) in &answers {
                outbox::settle(conn, &target, *seq, *attempt, answer, now_ms)?;
            }
            Ok(())
        };
        self.store.write(job).await
    }
}

fn not_taken(error: &Error) -> Answer {
    Answer::NotTaken {
        code: error.code().to_owned(),
        message: error.message().to_owned(),
    }
}

/// Whether it tells that the target does not have the notification: a busy hub does not know, nor does who reads an unknown verdict.
fn is_of_target(receipt: &pb::Receipt) -> bool {
    match receipt.verdict() {
        Verdict::Busy => receipt.code != RELAY_BUSY,
        verdict => verdict != Verdict::Unspecified,
    }
}

/// What a receipt means for its notification, and whether it ends the round.
fn read(receipt: pb::Receipt) -> (Answer, Option<Ended>) {
    let verdict = receipt.verdict();
    let pb::Receipt { code, message, .. } = receipt;
    match verdict {
        Verdict::Stored | Verdict::Duplicate => (Answer::Stored, None),
        Verdict::Denied => (Answer::Denied { code, message }, None),
        Verdict::Refused => (Answer::Refused { code, message }, None),
        Verdict::Busy => {
            let pause_ms = receipt
                .retry_after_ms
                .clamp(limits::BACKOFF_BASE_MS, limits::BUSY_RETRY_AFTER_MAX_MS);
            let answer = Answer::NotTaken { code, message };
            (answer, Some(Ended::Busy(Duration::from_millis(pause_ms))))
        }
        // A verdict that this version does not know.
        Verdict::Unspecified => (Answer::NotTaken { code, message }, Some(Ended::Failed)),
    }
}
