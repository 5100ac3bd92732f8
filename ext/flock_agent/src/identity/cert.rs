//! What a certificate says: the URIs that name its holder, its validity, its serial number.

use flock_core::{
    Error, Result,
    holder::{Holder, OperatorName},
    id::{NodeName, escape, unescape},
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use crate::text::{hex, sha256_hex};

const SCHEME: &str = "flock://";
const OPERATOR: &str = "operator";

/// Whom a certificate is about to name, or names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The flock.
    pub flock_id: String,
    /// The node, or the operator.
    pub holder: Holder,
    /// Whether the node serves the registry.
    pub hub: bool,
    /// One per `init` or `join`, kept over renewals: what a replaced or removed node is told apart by.
    pub enrolment: String,
}

impl Subject {
    /// `flock://<flock_id>/node/<name>` or `…/operator/<name>`, `…/enrolment/<id>`, and `…/hub/<name>` for a hub.
    pub fn uris(&self) -> Vec<String> {
        let uri = |role: &str, value: &str| format!("{SCHEME}{}/{role}/{}", self.flock_id, escape(value));
        let role = if self.holder.is_operator() { OPERATOR } else { "node" };
        let mut uris = vec![uri(role, self.holder.name()), uri("enrolment", &self.enrolment)];
        if self.hub {
            uris.push(uri("hub", self.holder.name()));
        }
        uris
    }

    fn from_uris<'a>(uris: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (mut flock, mut node, mut operator, mut hub, mut enrolment) = (None, None, None, None, None);
        for uri in uris {
            let (id, path) = uri.strip_prefix(SCHEME)?.split_once('/')?;
            let (role, value) = path.split_once('/')?;
            // One holder, one flock: a second, other value of anything is nobody's certificate.
            once(&mut flock, id.to_owned())?;
            match role {
                "node" => once(&mut node, unescape(value)?)?,
                OPERATOR => once(&mut operator, unescape(value)?)?,
                "hub" => once(&mut hub, unescape(value)?)?,
                "enrolment" => once(&mut enrolment, unescape(value)?)?,
                _ => {}
            }
        }
        let holder: Holder = match (node, operator) {
            (Some(name), None) => NodeName::parse(&name).ok()?.into(),
            (None, Some(name)) => Holder::Operator(OperatorName::parse(&name).ok()?),
            _ => return None,
        };
        if hub.as_ref().is_some_and(|hub| holder.as_str() != hub) {
            return None;
        }
        Some(Self {
            flock_id: flock?,
            holder,
            hub: hub.is_some(),
            enrolment: enrolment?,
        })
    }
}

fn once(slot: &mut Option<String>, value: String) -> Option<()> {
    let kept = slot.get_or_insert_with(|| value.clone());
    (*kept == value).then_some(())
}

/// What a leaf says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertInfo {
    /// Its holder.
    pub subject: Subject,
    /// Hexadecimal.
    pub serial: String,
    /// Unix time.
    pub not_before_ms: u64,
    /// Unix time.
    pub not_after_ms: u64,
    /// The public key, an uncompressed P-256 point.
    pub public_key: Vec<u8>,
}

impl CertInfo {
    /// Reads a leaf; says nothing about whether to trust it.
    ///
    /// # Errors
    /// `protocol` with code `bad_certificate` when it is no certificate, or none that names one node or operator of one flock.
    pub fn parse(der: &[u8]) -> Result<Self> {
        let certificate = parse(der)?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names
            .map(|extension| extension.value.general_names.clone())
            .unwrap_or_default();
        let uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let subject = Subject::from_uris(uris).ok_or_else(|| bad("it names no node of a flock"))?;
        Ok(Self {
            subject,
            serial: hex(certificate.raw_serial()),
            not_before_ms: millis(certificate.validity().not_before.timestamp()),
            not_after_ms: millis(certificate.validity().not_after.timestamp()),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
        })
    }
}

/// When a certificate ends, Unix time.
///
/// # Errors
/// As [`CertInfo::parse`].
pub fn not_after_ms(der: &[u8]) -> Result<u64> {
    Ok(millis(parse(der)?.validity().not_after.timestamp()))
}

/// SHA-256 over the subject public key info, lower-case hexadecimal: the pin of a join string.
///
/// # Errors
/// As [`CertInfo::parse`].
pub fn spki_sha256(der: &[u8]) -> Result<String> {
    Ok(sha256_hex(parse(der)?.public_key().raw))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(bad("it is not X.509")),
    }
}

fn bad(why: &str) -> Error {
    Error::protocol(format!("a certificate cannot be used: {why}")).with_code("bad_certificate")
}

fn millis(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)
}
