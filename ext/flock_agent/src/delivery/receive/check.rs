//! Form and sizes of what comes over the wire, checked before anything else looks at it.

use flock_core::{
    Error, Result,
    id::{NodeName, is_uuid, split_key},
    limits,
    notification::State,
    subscription,
};
use prost::Message;

use crate::pb;

/// Whether `envelope` is well-formed, of its sender and for this node.
///
/// # Errors
/// `denied` with code `not_the_sender`; `protocol` with a code that names what is wrong with it.
pub(crate) fn envelope(from: &NodeName, own: &NodeName, envelope: &pb::Envelope) -> Result<()> {
    if envelope.sender != from.as_str() {
        return Err(Error::denied(format!(
            "{from} may not send notifications in the name of {:?}",
            shortened(&envelope.sender)
        ))
        .with_code("not_the_sender"));
    }
    if envelope.target != own.as_str() {
        let target = shortened(&envelope.target);
        return malformed(
            "wrong_target",
            &format!("this is {own}, the notification is for {target:?}"),
        );
    }
    identity(&envelope.id, &envelope.cause_root)?;
    if !(envelope.subscription.is_empty() || subscription::is_id(&envelope.subscription)) {
        return malformed("bad_subscription", "a subscription's id is 32 hex digits in lower case");
    }
    resource(&envelope.key, &envelope.action)?;
    sizes(envelope)
}

/// Whether an outcome is well-formed and of its target.
///
/// # Errors
/// `denied` with code `not_the_target`; `protocol` with a code that names what is wrong with it.
pub(crate) fn outcome(from: &NodeName, outcome: &pb::Outcome) -> Result<()> {
    if outcome.target != from.as_str() {
        let error = Error::denied(format!("{from} may only report outcomes of its own"));
        return Err(error.with_code("not_the_target"));
    }
    if !State::parse(&outcome.state).is_some_and(State::is_final) {
        return malformed("bad_state", "the state of an outcome is a final one");
    }
    if outcome.message.len() > limits::OUTCOME_MESSAGE_BYTES || outcome.code.len() > limits::CODE_BYTES {
        return malformed("too_large", "the text of the outcome is too long");
    }
    identity(&outcome.id, "")
}

fn identity(id: &str, cause_root: &str) -> Result<()> {
    if !is_uuid(id) || !(cause_root.is_empty() || is_uuid(cause_root)) {
        return malformed("bad_id", "an id is a UUID in lower case");
    }
    Ok(())
}

fn resource(key: &str, action: &str) -> Result<()> {
    if split_key(key).is_err() {
        return malformed("bad_key", "a resource is written type[name], as in service[nginx]");
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'?' | b'!');
    if action.is_empty() || action.len() > limits::ACTION_BYTES || !action.bytes().all(fits) {
        return malformed("bad_action", "an action is a word, as in restart");
    }
    Ok(())
}

fn sizes(envelope: &pb::Envelope) -> Result<()> {
    let too_large = envelope.encoded_len() > limits::ENVELOPE_BYTES
        || envelope.sources.len() > limits::SOURCES
        || envelope
            .sources
            .iter()
            .any(|source| source.key.len() > limits::KEY_BYTES)
        || envelope.timing.len() > limits::ACTION_BYTES;
    if too_large {
        return malformed("too_large", "the notification is larger than an agent may send");
    }
    if envelope.retry > limits::RETRY_MAX {
        return malformed("bad_retry", "retry is larger than an agent may ask for");
    }
    Ok(())
}

fn malformed<T>(code: &str, message: &str) -> Result<T> {
    Err(Error::protocol(message).with_code(code))
}

/// Enough of a foreign name to recognise it, not enough to fill a log.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}
