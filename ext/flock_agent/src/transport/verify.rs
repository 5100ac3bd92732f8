//! Who may connect, and who may be connected to.

use std::sync::Arc;

use flock_core::{Error, Result};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, OtherError, PeerIncompatible,
    RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::verify_tls13_signature,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{
    DenyList, Encounters, Expect, Shown,
    tls::{provider, unix_time},
};
use crate::identity::cert::{self, CertInfo};

type TlsResult<T> = std::result::Result<T, TlsError>;

/// Judges the certificates of those who connect; none at all is allowed here and restricted to Enrol later.
#[derive(Debug)]
pub(super) struct Clients {
    path: Arc<dyn ClientCertVerifier>,
    flock_id: String,
    deny: DenyList,
    encounters: Encounters,
}

impl Clients {
    pub fn new(roots: Arc<RootCertStore>, flock_id: &str, deny: DenyList) -> Result<Self> {
        Ok(Self {
            path: client_path(roots)?.0,
            flock_id: flock_id.to_owned(),
            deny,
            encounters: Encounters::default(),
        })
    }

    /// Notes there whom it refuses by name.
    pub fn telling(self, encounters: Encounters) -> Self {
        Self { encounters, ..self }
    }

    /// The chain is good but for its time: who shows it is who it says.
    fn untimely(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: UnixTime) {
        let Ok(info) = CertInfo::parse(leaf) else { return };
        let within = unix_time(info.not_after_ms.saturating_sub(1000));
        if self.path.verify_client_cert(leaf, rest, within).is_ok() {
            let error = Error::denied("its certificate was not valid at the time of this node's clock");
            self.refused(&info, &error.with_code("certificate_expired"), now);
        }
    }

    fn refused(&self, info: &CertInfo, error: &Error, now: UnixTime) {
        let ours = info.subject.flock_id == self.flock_id;
        if let (true, Some(name)) = (ours, info.subject.holder.node()) {
            self.encounters.showed(name, info.not_after_ms);
            self.encounters.failed(name, error, now.as_secs().saturating_mul(1000));
        }
    }
}

/// Checks of the chain of a leaf as a client's, at any time of one's choice.
pub(crate) struct ClientPath(Arc<dyn ClientCertVerifier>);

impl ClientPath {
    /// Whether `chain` (leaf first) led to one of the roots at `at_ms`.
    pub fn verify(&self, chain: &[CertificateDer<'_>], at_ms: u64) -> bool {
        let checked = chain
            .split_first()
            .map(|(leaf, rest)| self.0.verify_client_cert(leaf, rest, unix_time(at_ms)));
        matches!(checked, Some(Ok(_)))
    }
}

/// See [`ClientPath`].
///
/// # Errors
/// `internal` when there are no roots.
pub(crate) fn client_path(roots: Arc<RootCertStore>) -> Result<ClientPath> {
    WebPkiClientVerifier::builder_with_provider(roots, provider())
        .allow_unauthenticated()
        .clear_root_hint_subjects()
        .build()
        .map(ClientPath)
        .map_err(|e| Error::internal(format!("the trust bundle cannot be used: {e}")))
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> TlsResult<ClientCertVerified> {
        let verified = self.path.verify_client_cert(leaf, rest, now).inspect_err(|error| {
            if is_untimely(error) {
                self.untimely(leaf, rest, now);
            }
        })?;
        let info = CertInfo::parse(leaf).map_err(other)?;
        // The two alerts are what the other end makes its words of, see `refusal`.
        if info.subject.flock_id != self.flock_id {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        if self.deny.denies_peer(&Shown::from(&info)) {
            let error = Error::denied("it was removed from the flock, or another machine took its name");
            self.refused(&info, &error.with_code("removed"), now);
            return Err(CertificateError::Revoked.into());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> TlsResult<HandshakeSignatureValid> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> TlsResult<HandshakeSignatureValid> {
        verify_tls13_signature(message, leaf, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn is_untimely(error: &TlsError) -> bool {
    matches!(
        error,
        TlsError::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

/// Judges the certificates of those who are dialled.
#[derive(Debug)]
pub(super) struct Servers {
    trust: Trust,
    expect: Expect,
    deny: DenyList,
}

#[derive(Debug)]
enum Trust {
    Flock {
        roots: Arc<RootCertStore>,
        flock_id: String,
    },
    Pin(String),
}

impl Servers {
    pub fn of_flock(roots: Arc<RootCertStore>, flock_id: &str, expect: Expect, deny: DenyList) -> Self {
        Self {
            trust: Trust::Flock {
                roots,
                flock_id: flock_id.to_owned(),
            },
            expect,
            deny,
        }
    }

    /// A secret will be sent to whoever passes: the root of the pin is not enough, it has to be a hub.
    pub fn pinned(pin: &str) -> Self {
        Self {
            trust: Trust::Pin(pin.to_owned()),
            expect: Expect::Hub,
            deny: DenyList::default(),
        }
    }

    fn roots(&self, rest: &[CertificateDer<'_>]) -> TlsResult<Arc<RootCertStore>> {
        let pin = match &self.trust {
            Trust::Flock { roots, .. } => return Ok(Arc::clone(roots)),
            Trust::Pin(pin) => pin,
        };
        let pinned = |der: &&CertificateDer<'_>| cert::spki_sha256(der).is_ok_and(|hash| hash == *pin);
        let root = rest.iter().find(pinned).ok_or_else(|| other(wrong_pin()))?;
        let mut store = RootCertStore::empty();
        store.add(root.clone().into_owned())?;
        Ok(Arc::new(store))
    }

    fn check(&self, info: &CertInfo) -> Result<()> {
        let subject = &info.subject;
        if let Trust::Flock { flock_id, .. } = &self.trust
            && subject.flock_id != *flock_id
        {
            return Err(Error::denied("it belongs to another flock").with_code("other_flock"));
        }
        if self.deny.denies_peer(&Shown::from(info)) {
            return Err(Error::denied(format!("{} was removed from the flock", subject.holder)).with_code("removed"));
        }
        match &self.expect {
            Expect::Hub if !subject.hub => {
                Err(Error::denied(format!("{} answers there, which is no hub", subject.holder)).with_code("wrong_name"))
            }
            Expect::Node(name) if subject.holder != *name => {
                Err(Error::denied(format!("{} answers there, not {name}", subject.holder)).with_code("wrong_name"))
            }
            _ => Ok(()),
        }
    }
}

fn wrong_pin() -> Error {
    Error::denied(
        "its certificate authority is not the one that the join string names; get a new join string with `flockctl token create` on a hub, \
         and if that one fails too, someone may be in between",
    )
    .with_code("wrong_pin")
}

fn other(error: Error) -> TlsError {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> TlsResult<ServerCertVerified> {
        let roots = self.roots(rest)?;
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, rest, now, algorithms)?;
        let info = CertInfo::parse(leaf).map_err(other)?;
        self.check(&info).map_err(other)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> TlsResult<HandshakeSignatureValid> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> TlsResult<HandshakeSignatureValid> {
        verify_tls13_signature(message, leaf, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
