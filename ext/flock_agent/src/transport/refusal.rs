//! Failed connections in words: who refused whom, why, and what to do about it.

use std::io::{Error as IoError, ErrorKind as IoKind};

use flock_core::{Error, ErrorKind};
use rustls::{AlertDescription as Alert, CertificateError, Error as TlsError};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::wire;

/// A time for people, `2026-11-20T08:00:00Z`.
pub fn timestamp(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{seconds} s after 1970"))
}

/// Why a connection with `other` ("bender1 at 10.0.0.5:22222") could not be made.
pub(super) fn explain(other: &str, error: &IoError, now_ms: u64) -> Error {
    if let Some(ours) = error.get_ref().and_then(|inner| wire::source(inner)) {
        return ours;
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(tls) => explain_tls(other, tls, now_ms),
        None => explain_io(other, error),
    }
}

fn explain_io(other: &str, error: &IoError) -> Error {
    let (code, message) = match error.kind() {
        IoKind::ConnectionRefused => (
            "refused",
            format!("{other} refuses connections: is its agent running, and is the port right?"),
        ),
        IoKind::TimedOut => (
            "unreachable",
            format!("{other} does not answer: is the machine up, does a firewall let the port through?"),
        ),
        IoKind::HostUnreachable | IoKind::NetworkUnreachable => {
            ("unreachable", format!("there is no way to {other}: {error}"))
        }
        IoKind::UnexpectedEof | IoKind::ConnectionReset | IoKind::BrokenPipe | IoKind::ConnectionAborted => (
            "closed",
            format!(
                "{other} closed the connection before it was made: it is stopping, has too many connections, or is no agent"
            ),
        ),
        _ => ("connection", format!("no connection with {other}: {error}")),
    };
    Error::connection(message).with_code(code)
}

fn explain_tls(other: &str, error: &TlsError, now_ms: u64) -> Error {
    match error {
        TlsError::InvalidCertificate(reason) => our_refusal(other, reason, now_ms),
        TlsError::AlertReceived(alert) => their_refusal(other, *alert, now_ms),
        TlsError::InvalidMessage(_) | TlsError::PeerIncompatible(_) | TlsError::InappropriateMessage { .. } => {
            Error::protocol(format!("what talks at {other} is not the agent of a flock: {error}"))
                .with_code("not_flock")
        }
        _ => Error::protocol(format!("no TLS connection with {other}: {error}")).with_code("tls"),
    }
}

/// This end refused the other one's certificate.
fn our_refusal(other: &str, reason: &CertificateError, now_ms: u64) -> Error {
    let now = timestamp(now_ms);
    match reason {
        CertificateError::Other(inner) => match wire::source(&*inner.0) {
            Some(ours) => {
                Error::new(ours.kind(), format!("{other} is refused: {}", ours.message())).with_code(ours.code())
            }
            None => denied(
                "bad_certificate",
                format!("the certificate of {other} is refused: {reason}"),
            ),
        },
        CertificateError::UnknownIssuer => denied(
            "other_flock",
            format!("{other} belongs to another flock: its certificate comes from another root"),
        ),
        CertificateError::Revoked => denied("removed", format!("{other} was removed from the flock")),
        CertificateError::ApplicationVerificationFailure => {
            denied("other_flock", format!("{other} belongs to another flock"))
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => denied(
            "certificate_expired",
            format!(
                "the certificate of {other} has expired: its agent was off for long (it renews when it runs again), or the clock here, {now}, is fast"
            ),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => denied(
            "clock_skew",
            format!(
                "the certificate of {other} is not valid yet: the clock here, {now}, is slow; set it and try again"
            ),
        ),
        _ => denied(
            "bad_certificate",
            format!("the certificate of {other} is refused: {reason}"),
        ),
    }
}

/// The other end refused this one's certificate.
fn their_refusal(other: &str, alert: Alert, now_ms: u64) -> Error {
    let now = timestamp(now_ms);
    match alert {
        Alert::CertificateRevoked => denied(
            "removed",
            format!(
                "{other} refuses this node: it was removed from the flock, or another machine took its name; `flockctl join STRING --replace` takes it back in"
            ),
        ),
        Alert::UnknownCA | Alert::AccessDenied => denied(
            "other_flock",
            format!("{other} refuses this node: it belongs to another flock"),
        ),
        Alert::CertificateExpired => denied(
            "certificate_expired",
            format!("{other} refuses this node: its certificate is not valid at this time; the clock here says {now}"),
        ),
        // What rustls says for our own reasons to refuse: another name, another pin.
        Alert::CertificateUnknown => denied(
            "not_expected",
            format!(
                "{other} looked for someone else than this node: it has the join string of another flock, or an address that is now this node's"
            ),
        ),
        _ => denied("refused", format!("{other} refuses this node: {alert:?}")),
    }
}

fn denied(code: &str, message: String) -> Error {
    Error::new(ErrorKind::Denied, message).with_code(code)
}
