//! What a call and an observation must look like; checked where they come in.

use flock_core::{Error, Result, id::NodeName, limits};

use crate::pb;

/// Checks a call before anything is done with it.
///
/// # Errors
/// `protocol` with code `bad_call`.
pub(super) fn call(call: &pb::CallRequest) -> Result<()> {
    NodeName::parse(&call.node)?;
    if !(call.api.is_empty() || is_word(&call.api)) {
        return bad(&format!("{:?} is not the name of an API, as in human_api", call.api));
    }
    if !is_word(call.method.trim_end_matches(['?', '!', '='])) {
        return bad(&format!("{:?} is not the name of a method", call.method));
    }
    if call.arguments.len() > limits::CALL_BYTES {
        return Err(too_large("its arguments have", call.arguments.len()));
    }
    timeout(call.timeout_ms, limits::CALL_MAX_MS)
}

/// Checks a wait for changes.
///
/// # Errors
/// `protocol` with code `bad_call`.
pub(super) fn observation(asked: &pb::ObserveRequest) -> Result<()> {
    if asked.topics.len() > limits::TOPICS {
        return bad(&format!(
            "{} topics; at most {} are watched at once",
            asked.topics.len(),
            limits::TOPICS
        ));
    }
    for known in &asked.topics {
        topic(known)?;
        if known.name.is_empty() {
            return bad("a topic has no name");
        }
    }
    timeout(asked.timeout_ms, limits::OBSERVE_MAX_MS)
}

/// Checks what is watched, or waited for, at a node.
///
/// # Errors
/// `protocol` with code `bad_call`.
pub(super) fn topic(topic: &pb::Topic) -> Result<()> {
    NodeName::parse(&topic.node)?;
    match topic.name.len().max(topic.version.len()) > limits::TOPIC_BYTES {
        true => bad("a topic's name or version is too long"),
        false => Ok(()),
    }
}

/// Checks what is said of who waits.
///
/// # Errors
/// `protocol` with code `bad_call`.
pub(super) fn waiter(waiter: Option<&pb::Waiter>) -> Result<()> {
    let mut said = waiter
        .into_iter()
        .flat_map(|waiter| [&waiter.id, &waiter.run_id, &waiter.at]);
    if said.any(|text| text.len() > limits::TOPIC_BYTES) {
        return bad("what it says of its waiter is too long");
    }
    Ok(())
}

/// The error of what does not fit into one message.
pub(super) fn too_large(what: &str, bytes: usize) -> Error {
    Error::protocol(format!(
        "{what} {bytes} bytes; at most {} travel with one call",
        limits::CALL_BYTES
    ))
    .with_code("too_large")
}

fn timeout(asked_ms: u64, most_ms: u64) -> Result<()> {
    if asked_ms <= most_ms {
        return Ok(());
    }
    bad(&format!("its timeout is {asked_ms} ms, at most {most_ms} is possible"))
}

fn is_word(text: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    !text.is_empty() && text.len() <= limits::API_NAME_BYTES && text.chars().all(word)
}

fn bad<T>(message: &str) -> Result<T> {
    Err(Error::protocol(message).with_code("bad_call"))
}
