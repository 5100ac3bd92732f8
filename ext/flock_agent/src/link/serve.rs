//! The member's open door: the hub that holds the session hands it calls of nodes that cannot dial this one.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, Result, limits};
use prost::Message;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

use super::{Shared, calls};
use crate::{
    backoff::{full_jitter, slow},
    pb,
    relay::EPOCH_HEADER,
    wire::{self, versioned},
};

/// Answers what a hub relays. It is asked only over a connection whose other end proved to be a hub ([`super::Connect::hub`]).
#[tonic::async_trait]
pub trait Relayed: Send + Sync + 'static {
    /// The encoded answer to one call, as the peer port would give it to `call.from`.
    ///
    /// # Errors
    /// As the peer port's; the caller gets them as they are.
    async fn answer(&self, call: pb::ServeDown) -> Result<Vec<u8>>;
}

/// Keeps the door open until this is dropped, which is when the session ends.
pub(super) async fn keep(shared: Arc<Shared>, channel: Channel, epoch: u64) {
    let Some(relayed) = shared.options.relayed.clone() else {
        return;
    };
    let mut failures = 0;
    loop {
        let opened = Instant::now();
        let problem = match open(&channel, epoch).await {
            Ok((calls, answers)) => {
                shared.state.send_modify(|state| state.served = true);
                let problem = answer_all(&relayed, calls, &answers).await;
                shared.state.send_modify(|state| state.served = false);
                problem
            }
            Err(error) => error,
        };
        tracing::debug!(%problem, "the hub relays nothing to this node; the stream is opened again");
        let lasted = opened.elapsed() >= Duration::from_millis(limits::BACKOFF_CAP_MS);
        failures = if lasted { 0 } else { failures + 1 };
        tokio::time::sleep(Duration::from_millis(pause(&problem, failures))).await;
    }
}

fn pause(problem: &Error, failures: u32) -> u64 {
    match problem.retryable() {
        true => full_jitter(failures, limits::BACKOFF_CAP_MS),
        // A hub that does not relay, or a session that it does not know: the session's own end says more.
        false => slow(limits::BACKOFF_CAP_MS),
    }
}

type Answers = mpsc::Sender<pb::ServeUp>;

async fn open(channel: &Channel, epoch: u64) -> Result<(Streaming<pb::ServeDown>, Answers)> {
    let (answers, queue) = mpsc::channel(limits::RELAYED_AT_ONCE);
    let mut request = versioned(ReceiverStream::new(queue));
    request.metadata_mut().insert(EPOCH_HEADER, epoch.into());
    let mut client = calls::client(channel);
    let opened = timeout(Duration::from_millis(limits::CALL_MS), client.serve(request)).await;
    let late = |_| Err(Error::timeout("the hub did not open the stream that it relays over"));
    let calls = opened.map(|opened| opened.map_err(wire::error)).unwrap_or_else(late)?;
    Ok((calls.into_inner(), answers))
}

/// Answers until the stream is over; reads no further while [`limits::RELAYED_AT_ONCE`] calls are being answered.
async fn answer_all(relayed: &Arc<dyn Relayed>, mut calls: Streaming<pb::ServeDown>, answers: &Answers) -> Error {
    let mut busy = JoinSet::new();
    loop {
        tokio::select! {
            call = calls.message(), if busy.len() < limits::RELAYED_AT_ONCE => match call {
                Ok(Some(call)) => drop(busy.spawn(answer(Arc::clone(relayed), call, answers.clone()))),
                Ok(None) => return Error::connection("the hub closed the stream that it relays over"),
                Err(status) => return wire::error(status),
            },
            Some(_) = busy.join_next() => {}
        }
    }
}

async fn answer(relayed: Arc<dyn Relayed>, call: pb::ServeDown, answers: Answers) {
    let (rpc_id, limit) = (call.rpc_id, Duration::from_millis(call.timeout_ms.min(limits::CALL_MS)));
    let late = |_| Err(Error::timeout("the node was too slow to answer"));
    let answer = timeout(limit, relayed.answer(call)).await.unwrap_or_else(late);
    // The stream may have ended meanwhile; the hub has told the caller.
    let _ = answers.send(up(rpc_id, answer)).await;
}

fn up(rpc_id: u64, answer: Result<Vec<u8>>) -> pb::ServeUp {
    let up = match answer {
        Ok(body) => pb::ServeUp {
            rpc_id,
            body,
            ..Default::default()
        },
        Err(error) => refused(rpc_id, &error),
    };
    if up.encoded_len() <= limits::RELAYED_MESSAGE_BYTES {
        return up;
    }
    let error = Error::rejected("the answer of this node is too large to be relayed").with_code("too_large");
    refused(rpc_id, &error)
}

fn refused(rpc_id: u64, error: &Error) -> pb::ServeUp {
    pb::ServeUp {
        rpc_id,
        body: Vec::new(),
        kind: error.kind().code().to_owned(),
        code: error.code().to_owned(),
        message: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_fits_nowhere_becomes_a_refusal() {
        let fits = up(7, Ok(vec![0; limits::RELAYED_MESSAGE_BYTES - 64]));
        assert!(fits.kind.is_empty() && fits.body.len() == limits::RELAYED_MESSAGE_BYTES - 64);
        let large = up(7, Ok(vec![0; limits::RELAYED_MESSAGE_BYTES]));
        assert_eq!(
            (large.rpc_id, large.code.as_str(), large.body.len()),
            (7, "too_large", 0)
        );
    }

    #[test]
    fn a_hub_that_does_not_relay_is_not_asked_all_the_time() {
        let unimplemented = Error::protocol("unimplemented");
        assert!((0..50).all(|_| pause(&unimplemented, 1) >= limits::BACKOFF_CAP_MS / 2));
        assert!((0..50).all(|_| pause(&Error::connection("closed"), 0) <= limits::BACKOFF_BASE_MS));
    }
}
