//! Structured data crosses the boundary as JSON text.

use flock_core::{Error, Result};
use serde_json::Value;

/// The value of an argument that holds JSON.
///
/// # Errors
/// `configuration` when it does not.
pub fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Error::configuration(format!("the argument is not JSON: {error}")).with_code("bad_json"))
}

/// A text member of a JSON object.
///
/// # Errors
/// `configuration` when it is absent or no text.
pub fn text(value: &Value, key: &str) -> Result<String> {
    value
        .get(key)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Error::configuration(format!("the argument lacks the text {key:?}")).with_code("bad_json"))
}

/// Reads a message of a known shape; `what` names it in the error.
///
/// # Errors
/// `configuration` when the text has another shape.
pub fn parse_as<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::configuration(format!("not {what}: {error}")))
}

/// Writes an answer.
///
/// # Errors
/// `internal` when it cannot be shown as JSON.
pub fn print<T: serde::Serialize>(answer: &T) -> Result<String> {
    serde_json::to_string(answer).map_err(|error| Error::internal(format!("an answer cannot be shown: {error}")))
}
