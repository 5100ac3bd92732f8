//! What a command must look like whatever is in the registry: names, sizes, one step per key.

use std::collections::BTreeSet;

use super::Op;
use crate::{Error, Result, limits};

/// Refuses what is not a key: segments of letters, digits, `-`, `.`, `_` and `%` (see [`crate::id::escape`]) with slashes between.
///
/// # Errors
/// `configuration` with code `bad_registry_key`.
pub fn check_key(key: &str) -> Result<()> {
    let segment = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(in_segment);
    if key.len() <= limits::REGISTRY_KEY_BYTES && key.split('/').all(segment) {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "{key:?} is not a registry key: escaped segments with slashes between, at most {} bytes",
        limits::REGISTRY_KEY_BYTES
    ))
    .with_code("bad_registry_key"))
}

/// Refuses what no key can start with. The empty prefix is that of all keys.
///
/// # Errors
/// `configuration` with code `bad_registry_key`.
pub fn check_prefix(prefix: &str) -> Result<()> {
    if prefix.len() <= limits::REGISTRY_KEY_BYTES && prefix.bytes().all(|byte| in_segment(byte) || byte == b'/') {
        return Ok(());
    }
    Err(Error::configuration(format!("no registry key starts with {prefix:?}")).with_code("bad_registry_key"))
}

/// Refuses an owner that is not one segment of a key.
pub(super) fn check_owner(owner: &str) -> Result<()> {
    check_key(owner)?;
    match owner.contains('/') {
        true => Err(
            Error::configuration(format!("{owner:?} owns no session: escape the node name"))
                .with_code("bad_registry_key"),
        ),
        false => Ok(()),
    }
}

pub(super) fn check_command_id(id: &str) -> Result<()> {
    if (1..=limits::REGISTRY_COMMAND_ID_BYTES).contains(&id.len()) {
        return Ok(());
    }
    let message = format!(
        "a command id has 1 to {} bytes, this has {}",
        limits::REGISTRY_COMMAND_ID_BYTES,
        id.len()
    );
    Err(Error::configuration(message).with_code("bad_command_id"))
}

pub(super) fn check_lease(lease_ms: u64) -> Result<()> {
    if (limits::REGISTRY_LEASE_MIN_MS..=limits::REGISTRY_LEASE_MAX_MS).contains(&lease_ms) {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "a lease lasts {} to {} ms, not {lease_ms}",
        limits::REGISTRY_LEASE_MIN_MS,
        limits::REGISTRY_LEASE_MAX_MS
    ))
    .with_code("bad_lease"))
}

pub(super) fn check_ops(ops: &[Op]) -> Result<()> {
    if ops.len() > limits::REGISTRY_TXN_OPS {
        return Err(too_large(format!(
            "{} steps, at most {}",
            ops.len(),
            limits::REGISTRY_TXN_OPS
        )));
    }
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for op in ops {
        bytes += check_op(op)?;
        if let Some(key) = key_of(op)
            && !seen.insert(key)
        {
            let message = format!("a transaction names {key:?} twice; make it one step");
            return Err(Error::configuration(message).with_code("bad_transaction"));
        }
    }
    match bytes > limits::REGISTRY_TXN_BYTES {
        true => Err(too_large(format!(
            "{bytes} bytes, at most {}",
            limits::REGISTRY_TXN_BYTES
        ))),
        false => Ok(()),
    }
}

/// Checks one step by itself and answers its size.
fn check_op(op: &Op) -> Result<usize> {
    let (name, size) = match op {
        Op::Put { key, value, .. } => (key, value.len()),
        Op::Delete { key, .. } | Op::Check { key, .. } => (key, 0),
        Op::Next { sequence } => (sequence, 0),
    };
    check_key(name)?;
    match size > limits::REGISTRY_VALUE_BYTES {
        true => Err(too_large(format!(
            "{name} has {size} bytes, at most {}",
            limits::REGISTRY_VALUE_BYTES
        ))),
        false => Ok(size + name.len()),
    }
}

fn key_of(op: &Op) -> Option<&str> {
    match op {
        Op::Put { key, .. } | Op::Delete { key, .. } | Op::Check { key, .. } => Some(key),
        Op::Next { .. } => None,
    }
}

fn in_segment(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'%')
}

fn too_large(what: String) -> Error {
    Error::rejected(format!("too large for the registry: {what}")).with_code("too_large")
}
