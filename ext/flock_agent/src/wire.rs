//! Errors on the wire: a status whose metadata carries our kind and code.

use flock_core::{Error, ErrorKind};
use tonic::{Code, Status, metadata::MetadataValue};

const KIND: &str = "flock-kind";
const CODE: &str = "flock-code";

/// The status that carries `error`.
pub fn status(error: Error) -> Status {
    let mut status = Status::new(code_of(error.kind()), error.message());
    for (key, value) in [(KIND, error.kind().code()), (CODE, error.code())] {
        if let Ok(value) = MetadataValue::try_from(value) {
            status.metadata_mut().insert(key, value);
        }
    }
    status
}

/// The error that `status` carries; one that is not of our making is a failed connection.
pub fn error(status: Status) -> Error {
    let text = |key| status.metadata().get(key).and_then(|value| value.to_str().ok());
    match (text(KIND), text(CODE)) {
        (Some(kind), Some(code)) => Error::new(ErrorKind::from_code(kind), status.message()).with_code(code),
        _ if status.code() == Code::DeadlineExceeded => Error::timeout(status.message()),
        _ => Error::connection(status.message()),
    }
}

fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Denied => Code::PermissionDenied,
        ErrorKind::NodeNotFound | ErrorKind::ResourceNotFound => Code::NotFound,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::Rejected => Code::ResourceExhausted,
        ErrorKind::Connection => Code::Unavailable,
        ErrorKind::Configuration | ErrorKind::Protocol => Code::InvalidArgument,
        _ => Code::Internal,
    }
}
