//! An operator's way: the first of its hubs that answers.

use std::future::Future;

use flock_core::{Error, ErrorKind, Result};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{Channel, Uri};

use super::has_broken;
use crate::{
    identity::Operator,
    pb,
    transport::{connect_hub, kept_alive},
};

/// A connection to a hub, made at the first call and made again, perhaps to another hub, when it has ended.
pub(super) fn channel(operator: &Operator) -> Channel {
    let operator = operator.clone();
    let connect = tower::service_fn(move |_: Uri| {
        let operator = operator.clone();
        async move { connected(&operator).await }
    });
    kept_alive().connect_with_connector_lazy(connect)
}

async fn connected(operator: &Operator) -> Result<TokioIo<impl AsyncRead + AsyncWrite + Send + Unpin + use<>>> {
    operator.keep_fresh().await?;
    let mut failures = Vec::new();
    for hub in operator.hubs() {
        match connect_hub(operator.tls(), &hub).await {
            Ok(connection) => return Ok(TokioIo::new(connection)),
            Err(error) if is_elsewhere(&error) => failures.push(error.to_string()),
            Err(error) => return Err(refused(operator, error)),
        }
    }
    Err(Error::connection(format!(
        "no hub answers: {}; start its agent, or look whether its port can be reached from here",
        failures.join("; ")
    ))
    .with_code("hub_away"))
}

/// Whether another hub may do better: this one is away, or is none of ours.
fn is_elsewhere(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout)
        || matches!(error.code(), "wrong_name" | "other_flock" | "not_flock" | "tls")
}

/// What a hub says of a certificate is about the operator's, and names the way to another one.
fn refused(operator: &Operator, error: Error) -> Error {
    if error.code() != "removed" {
        return error;
    }
    let name = operator.name();
    Error::denied(format!(
        "{name} was removed from the flock, or its identity was replaced elsewhere; `flockctl token create --operator {}` on a hub and `flockctl join --operator STRING --replace` \
         here bring it back",
        name.name()
    ))
    .with_code("removed")
}

/// Has the hub keep notification `id`. What may have arrived is offered once more: it is the same notification, whichever of them is kept.
///
/// # Errors
/// `outcome_unknown` with code `perhaps_kept` when neither is answered; those of `send`.
pub(super) async fn keep<F>(id: &str, send: impl Fn() -> F) -> Result<pb::Stored>
where
    F: Future<Output = Result<pb::Stored>>,
{
    match send().await {
        Err(error) if may_have_arrived(&error) => {}
        answered => return answered,
    }
    send().await.map_err(|error| match error.kind() {
        ErrorKind::Connection | ErrorKind::Timeout => perhaps_kept(id, &error),
        _ => error,
    })
}

fn may_have_arrived(error: &Error) -> bool {
    has_broken(error) || error.kind() == ErrorKind::Timeout
}

fn perhaps_kept(id: &str, error: &Error) -> Error {
    let message = format!(
        "whether the hub keeps notification {id} is not known ({error}); `flockctl notifications show {id}` tells it when the hub answers"
    );
    Error::new(ErrorKind::OutcomeUnknown, message).with_code("perhaps_kept")
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::VecDeque};

    use super::*;

    /// How often it was sent to a hub that answers like this, and what came of it.
    async fn kept(answers: Vec<Result<u64>>) -> (usize, std::result::Result<u64, String>) {
        let all = answers.len();
        let left = RefCell::new(VecDeque::from(answers));
        let send = || {
            let answer = left.borrow_mut().pop_front().unwrap();
            async move { answer.map(|seq| pb::Stored { seq, duplicate: false }) }
        };
        let came = keep("n1", send).await;
        let told = came.map(|stored| stored.seq).map_err(|error| error.code().to_owned());
        (all - left.borrow().len(), told)
    }

    #[tokio::test]
    async fn what_the_hub_may_have_is_offered_once_more_and_then_called_unknown() {
        let late = || Err(Error::timeout("late"));
        let broken = || Err(Error::connection("broken"));
        let away = || Err(Error::connection("away").with_code("hub_away"));
        let denied = || Err(Error::denied("no").with_code("policy"));
        let unknown = || Err("perhaps_kept".to_owned());
        assert_eq!(kept(vec![Ok(7)]).await, (1, Ok(7)));
        assert_eq!(kept(vec![late(), Ok(7)]).await, (2, Ok(7)));
        assert_eq!(kept(vec![broken(), broken()]).await, (2, unknown()));
        assert_eq!(kept(vec![broken(), late()]).await, (2, unknown()));
        assert_eq!(kept(vec![broken(), away()]).await, (2, unknown()));
        assert_eq!(kept(vec![away()]).await, (1, Err("hub_away".into())));
        assert_eq!(kept(vec![denied()]).await, (1, Err("policy".into())));
    }
}
