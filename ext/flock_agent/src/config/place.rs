//! Where in agent.toml a value stands that cannot be used.

use toml::de::{DeTable, DeValue};

/// `":12"`, the line of the key with which the complaint begins (`worker.timeout_ms: …`, `allow.0: …`); `""` where it is in no line: the
/// default cannot be used, or something is missing.
pub(super) fn of(text: &str, complaint: &str) -> String {
    let key = key(complaint);
    DeTable::parse(text)
        .ok()
        .and_then(|table| offset(table.get_ref(), key))
        .map_or_else(String::new, |at| format!(":{}", line(text, at)))
}

/// The complaint as it is told: the number of a rule only serves to find it.
pub(super) fn said(complaint: &str) -> &str {
    match complaint.split_once(": ") {
        Some((key, rest)) if key.starts_with("allow.") => rest,
        _ => complaint,
    }
}

/// The line that begins before `offset`, counted from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

fn key(complaint: &str) -> &str {
    complaint.split_once(": ").map_or("", |(key, _)| key)
}

fn offset(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == first)?;
    if rest.is_empty() {
        return Some(name.span().start);
    }
    match value.get_ref() {
        DeValue::Table(inner) => offset(inner, rest),
        DeValue::Array(items) => Some(items.get(rest.parse::<usize>().ok()?)?.span().start),
        _ => None,
    }
}
