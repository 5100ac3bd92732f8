//! Errors, versions and deadlines on the wire: what every call between agents, and to the local socket, carries besides its message.

use std::{error::Error as StdError, future::Future, time::Duration};

use flock_core::{Error, ErrorKind, Result, limits};
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status, metadata::MetadataMap};

use crate::text;

/// The metadata key of [`ErrorKind::code`].
pub const KIND_HEADER: &str = "flock-kind";
/// The metadata key of [`Error::code`].
pub const CODE_HEADER: &str = "flock-code";

/// The error as a gRPC status; [`error`] is its inverse.
///
/// ```
/// use flock_agent::wire;
/// use flock_core::Error;
/// let denied = Error::denied("the token has expired").with_code("token_expired");
/// assert_eq!(wire::error(wire::status(denied.clone())), denied);
/// ```
pub fn status(error: Error) -> Status {
    let mut metadata = MetadataMap::new();
    for (key, value) in [(KIND_HEADER, error.kind().code()), (CODE_HEADER, error.code())] {
        if let Ok(value) = value.parse() {
            metadata.insert(key, value);
        }
    }
    Status::with_metadata(grpc_code(error.kind()), cut(error.message()), metadata)
}

/// The status of a failed call as an error: the other end's own words, or what kept the call from reaching it.
pub fn error(status: Status) -> Error {
    let text = |key: &str| status.metadata().get(key).and_then(|value| value.to_str().ok());
    if let Some(kind) = text(KIND_HEADER) {
        let kind = ErrorKind::from_code(kind);
        return Error::new(kind, status.message()).with_code(text(CODE_HEADER).unwrap_or(kind.code()));
    }
    match source(&status) {
        Some(error) => error,
        None => Error::new(kind_of(&status), foreign_message(&status)),
    }
}

/// An error of ours somewhere in the causes of another one, as the connector leaves it inside a transport error.
pub fn source(outer: &(dyn StdError + 'static)) -> Option<Error> {
    let mut next = Some(outer);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        next = cause(error);
    }
    None
}

/// An I/O error passes over the error that it wraps when asked for its source.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped
        .map(|inner| inner as &(dyn StdError + 'static))
        .or_else(|| error.source())
}

/// A request that names our protocol version and carries its deadline, to be kept by [`within`], to the other end. The deadline
/// that travels is [`limits::DEADLINE_MARGIN_MS`] later: gRPC's own timers, here and there, call a late answer a cancelled call.
pub fn request<T>(message: T, timeout_ms: u64) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_millis(
        timeout_ms.saturating_add(limits::DEADLINE_MARGIN_MS),
    ));
    request
        .metadata_mut()
        .insert(limits::PROTOCOL_HEADER, limits::PROTOCOL_MAX.into());
    request
}

/// The request of a stream: it names the protocol as every call does, but has no deadline.
pub fn versioned<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert(limits::PROTOCOL_HEADER, limits::PROTOCOL_MAX.into());
    request
}

/// Calls with a deadline that holds even if the other end is silent.
///
/// # Errors
/// `timeout` when nothing came in time, whoever's timer noticed, naming `what` was asked; else what the other end answered.
pub async fn within<T, F>(timeout_ms: u64, what: &str, call: F) -> Result<T>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let limit = Duration::from_millis(timeout_ms);
    let asked = Instant::now();
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) if !(is_cut_off(&status) && asked.elapsed() >= limit) => Err(error(status)),
        _ => Err(Error::timeout(format!(
            "{what} was not answered within {timeout_ms} ms"
        ))),
    }
}

/// Whether gRPC itself, not the other end's service, ended the call as it does when a timer fires.
fn is_cut_off(status: &Status) -> bool {
    status.metadata().get(KIND_HEADER).is_none() && matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded)
}

/// The protocol version that a call names.
///
/// # Errors
/// `protocol` when the call names none or one that this build does not serve.
pub fn protocol(metadata: &MetadataMap) -> Result<u32> {
    let named = metadata
        .get(limits::PROTOCOL_HEADER)
        .and_then(|value| value.to_str().ok());
    match named.and_then(|text| text.parse().ok()) {
        Some(version) if (limits::PROTOCOL_MIN..=limits::PROTOCOL_MAX).contains(&version) => Ok(version),
        Some(version) => Err(other_protocol(version, version)),
        None => Err(Error::protocol(format!(
            "the call names no {}",
            limits::PROTOCOL_HEADER
        ))),
    }
}

/// An interceptor for services: refuses calls of a protocol version that this build does not serve.
///
/// # Errors
/// The status of [`protocol`]'s error.
#[allow(clippy::result_large_err, reason = "tonic's Interceptor has this signature")]
pub fn check_protocol(request: Request<()>) -> Result<Request<()>, Status> {
    match protocol(request.metadata()) {
        Ok(_) => Ok(request),
        Err(error) => Err(status(error)),
    }
}

/// The newest version that both ends speak, from the range of the other one.
///
/// # Errors
/// `protocol` when the ranges do not meet.
pub fn agree(min: u32, max: u32) -> Result<u32> {
    let newest = max.min(limits::PROTOCOL_MAX);
    if newest >= min.max(limits::PROTOCOL_MIN) {
        Ok(newest)
    } else {
        Err(other_protocol(min, max))
    }
}

fn other_protocol(min: u32, max: u32) -> Error {
    Error::protocol(format!(
        "the other end speaks protocol {min} to {max}, this one {} to {}; bring both to neighbouring versions of flock_of_chefs",
        limits::PROTOCOL_MIN,
        limits::PROTOCOL_MAX
    ))
}

fn grpc_code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Configuration => Code::InvalidArgument,
        ErrorKind::NotStarted | ErrorKind::Fork | ErrorKind::Protocol => Code::FailedPrecondition,
        ErrorKind::Connection => Code::Unavailable,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::NodeNotFound | ErrorKind::ResourceNotFound => Code::NotFound,
        ErrorKind::Denied => Code::PermissionDenied,
        ErrorKind::Rejected => Code::ResourceExhausted,
        ErrorKind::OutcomeUnknown => Code::Aborted,
        ErrorKind::Remote => Code::Unknown,
        ErrorKind::Internal => Code::Internal,
    }
}

/// For statuses that gRPC itself made: there is no kind of ours in them.
fn kind_of(status: &Status) -> ErrorKind {
    match status.code() {
        // Its cause is at this end: the connection broke, as it does when the other end is killed.
        Code::Unknown | Code::Internal if status.source().is_some() => ErrorKind::Connection,
        // A call cut off while its connection closes arrives as one of these two.
        Code::Unavailable | Code::Cancelled => ErrorKind::Connection,
        Code::DeadlineExceeded => ErrorKind::Timeout,
        Code::PermissionDenied | Code::Unauthenticated => ErrorKind::Denied,
        Code::ResourceExhausted => ErrorKind::Rejected,
        Code::Unimplemented | Code::OutOfRange | Code::FailedPrecondition => ErrorKind::Protocol,
        _ => ErrorKind::Remote,
    }
}

/// gRPC's message with its causes: on their own they say as little as "transport error".
fn foreign_message(status: &Status) -> String {
    let mut message = status.message().to_owned();
    let mut next = status.source();
    while let Some(error) = next {
        let text = error.to_string();
        if !text.is_empty() && !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        next = cause(error);
    }
    cut(&message).to_owned()
}

/// Longer messages are cut, so that a long error is not lost altogether.
fn cut(message: &str) -> &str {
    text::cut(message, limits::STATUS_MESSAGE_BYTES)
}

#[cfg(test)]
mod tests;
