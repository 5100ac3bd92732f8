//! The certificate authority: a root made once, one intermediate per hub, leaves for everyone.
//!
//! ECDSA P-256 throughout. Every certificate is back-dated, because the clocks of new machines are often slow.

use std::sync::atomic::{AtomicU64, Ordering};

use flock_core::{Error, Result, limits};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use super::cert::{self, Subject};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const ROOT_MS: u64 = 20 * 365 * DAY_MS;
const INTERMEDIATE_MS: u64 = 10 * 365 * DAY_MS;

/// A key that signs certificates, and the certificate that says so.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    not_after_ms: u64,
    leaf_ms: AtomicU64,
}

impl Authority {
    /// A new root for a flock.
    ///
    /// # Errors
    /// `internal` when the system has no randomness.
    pub fn root(flock_id: &str, now_ms: u64) -> Result<Self> {
        let key = key()?;
        let params = ca_params(&format!("flock {flock_id} root"), now_ms, now_ms + ROOT_MS, None)?;
        let certificate = params.self_signed(&key).map_err(failed)?.der().clone();
        Self::from_parts(certificate, key)
    }

    /// A new intermediate for the hub `name`, signed by this root.
    ///
    /// # Errors
    /// As [`Authority::root`].
    pub fn intermediate(&self, flock_id: &str, name: &str, now_ms: u64) -> Result<Self> {
        let key = key()?;
        let until = (now_ms + INTERMEDIATE_MS).min(self.not_after_ms);
        let mut params = ca_params(&format!("flock {flock_id} hub {name}"), now_ms, until, Some(0))?;
        params.name_constraints = Some(nothing_of_the_web());
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?.der().clone();
        Self::from_parts(certificate, key)
    }

    /// The authority that a certificate and its key are.
    ///
    /// # Errors
    /// `configuration` when the certificate cannot be read.
    pub fn from_parts(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self> {
        let not_after_ms = cert::not_after_ms(&certificate)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(failed)?;
        Ok(Self {
            issuer,
            certificate,
            not_after_ms,
            leaf_ms: AtomicU64::new(limits::LEAF_MS),
        })
    }

    /// Leaves from now on last that long; for tests that cannot wait.
    #[cfg(test)]
    pub(crate) fn shorten(&self, leaf_ms: u64) {
        self.leaf_ms.store(leaf_ms, Ordering::Relaxed);
    }

    /// When it ends, Unix time.
    pub fn not_after_ms(&self) -> u64 {
        self.not_after_ms
    }

    /// Whether it is in the last third of its life, so that its successor is to be made.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.not_after_ms.saturating_sub(now_ms) < INTERMEDIATE_MS / 3
    }

    /// Its certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its key.
    pub fn key(&self) -> &KeyPair {
        self.issuer.key()
    }

    /// A leaf of `LEAF_MS` for `subject` and the public key `key`, which the caller has seen proof of.
    ///
    /// # Errors
    /// `internal` when this authority ends before the leaf would begin.
    pub fn leaf(&self, subject: &Subject, key: &impl PublicKeyData, now_ms: u64) -> Result<CertificateDer<'static>> {
        let until = (now_ms + self.leaf_ms.load(Ordering::Relaxed)).min(self.not_after_ms);
        if until <= now_ms {
            return Err(Error::internal("the intermediate certificate of this hub has expired"));
        }
        let mut params = params(subject.holder.as_str(), now_ms, until)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        for uri in subject.uris() {
            params
                .subject_alt_names
                .push(SanType::URI(uri.try_into().map_err(failed)?));
        }
        Ok(params.signed_by(key, &self.issuer).map_err(failed)?.der().clone())
    }
}

/// A new P-256 key.
///
/// # Errors
/// `internal` when the system has no randomness.
pub fn key() -> Result<KeyPair> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed)
}

/// A signing request for a key; whom it is for is said beside it, never in it.
///
/// # Errors
/// `internal` when signing fails.
pub fn request(key: &KeyPair) -> Result<Vec<u8>> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(key).map_err(failed)?.der().to_vec())
}

/// The public key of a signing request whose signature holds.
///
/// # Errors
/// `protocol` with code `bad_csr`.
pub fn requested_key(csr: &[u8]) -> Result<rcgen::PublicKey> {
    let bad = |why: &str| Error::protocol(format!("the signing request cannot be used: {why}")).with_code("bad_csr");
    let request = rcgen::CertificateSigningRequestParams::from_der(&csr.into()).map_err(|e| bad(&e.to_string()))?;
    let is_p256 =
        request.public_key.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256 && request.public_key.der_bytes().len() == 65;
    if is_p256 {
        Ok(request.public_key)
    } else {
        Err(bad("its key must be ECDSA P-256"))
    }
}

fn ca_params(name: &str, now_ms: u64, until_ms: u64, path: Option<u8>) -> Result<CertificateParams> {
    let mut params = params(name, now_ms, until_ms)?;
    params.is_ca = IsCa::Ca(path.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn params(name: &str, now_ms: u64, until_ms: u64) -> Result<CertificateParams> {
    let mut subject = DistinguishedName::new();
    // X.520 allows a common name 64 characters; identity is in the URIs, this is only for people.
    subject.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(serial()?);
    params.not_before = date(now_ms.saturating_sub(limits::BACKDATE_MS))?;
    params.not_after = date(until_ms)?;
    Ok(params)
}

/// Neither host names nor addresses: should the root ever be trusted by a browser, a hub still cannot speak for a web site.
/// Constraints on URIs would be the natural ones; webpki refuses every chain that carries them.
fn nothing_of_the_web() -> NameConstraints {
    NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: vec![
            GeneralSubtree::DnsName(String::new()),
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    }
}

/// Random: rcgen would derive it from the key, and a renewal may keep the key.
fn serial() -> Result<SerialNumber> {
    let mut bytes: [u8; 16] = super::random()?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn date(ms: u64) -> Result<OffsetDateTime> {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_err(|_| Error::internal("the clock of this machine is far in the future"))
}

fn failed(error: rcgen::Error) -> Error {
    Error::internal(format!("a certificate cannot be made: {error}"))
}
