//! The boundary that nothing but values and Ruby exceptions may cross.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use flock_core::{Error, ErrorKind};
use magnus::{Class, ExceptionClass, Module, RModule, Ruby, kwargs};

/// Why a call from Ruby did not succeed.
pub enum Failure {
    /// An error of ours; becomes the class of its kind.
    Flock(Error),
    /// What Ruby itself raised, or wants to do, while it waited: passed on untouched.
    Ruby(magnus::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Flock(error)
    }
}

impl From<magnus::Error> for Failure {
    fn from(error: magnus::Error) -> Self {
        Self::Ruby(error)
    }
}

/// Runs the body of a bound function. Without it a panic would be Ruby's `fatal`, which nothing can rescue: it would
/// end the Chef run.
pub fn guard<T>(ruby: &Ruby, body: impl FnOnce() -> Result<T, Failure>) -> Result<T, magnus::Error> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Failure::Ruby(error))) => Err(error),
        Ok(Err(Failure::Flock(error))) => Err(exception(ruby, &error)),
        Err(panic) => Err(exception(ruby, &panicked(panic.as_ref()))),
    }
}

/// The error that a caught panic becomes.
pub fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::internal(format!("panic in the native extension: {text}; please report it")).with_code("panic")
}

/// `FlockOfChefs::<Kind>Error.new(message, code:, retryable:)`.
fn exception(ruby: &Ruby, error: &Error) -> magnus::Error {
    let build = || {
        let class: ExceptionClass = ruby
            .class_object()
            .const_get::<_, RModule>("FlockOfChefs")?
            .const_get(class_name(error.kind()))?;
        let words = kwargs!(ruby, "code" => error.code(), "retryable" => error.retryable());
        class.new_instance((error.message(), words))
    };
    build().map_or_else(|raised: magnus::Error| raised, magnus::Error::from)
}

fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Configuration => "ConfigurationError",
        ErrorKind::NotStarted => "NotStartedError",
        ErrorKind::Fork => "ForkError",
        ErrorKind::Connection => "ConnectionError",
        ErrorKind::Timeout => "TimeoutError",
        ErrorKind::NodeNotFound => "NodeNotFoundError",
        ErrorKind::ResourceNotFound => "ResourceNotFoundError",
        ErrorKind::Denied => "DeniedError",
        ErrorKind::Rejected => "RejectedError",
        ErrorKind::OutcomeUnknown => "OutcomeUnknownError",
        ErrorKind::Protocol => "ProtocolError",
        ErrorKind::Remote => "RemoteError",
        ErrorKind::Internal => "InternalError",
    }
}
