//! An operator's way: the first of its hubs that answers.

use flock_core::{Error, ErrorKind, Result};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{Channel, Uri};

use crate::{
    identity::Operator,
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
