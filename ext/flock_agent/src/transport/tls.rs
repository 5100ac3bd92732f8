//! The keys and certificates that connections are made with; they can be replaced while the agent runs.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use flock_core::{Error, Result};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::{Resumption, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime},
    server::NoServerSessionStorage,
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
    version::TLS13,
};

use super::{DenyList, Encounters, Expect, verify};
use crate::{clock::Clock, identity::cert::CertInfo};

/// Only HTTP/2 is spoken.
const ALPN: &[u8] = b"h2";

/// The one TLS implementation of the process, installed at first use.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make = || {
        let provider = rustls::crypto::ring::default_provider();
        // Another library of this process may have installed one before; ours is passed explicitly everywhere.
        let _ = provider.clone().install_default();
        Arc::new(provider)
    };
    Arc::clone(PROVIDER.get_or_init(make))
}

/// A certificate with its key, and whom it trusts.
pub struct Credentials {
    key: Arc<CertifiedKey>,
    info: CertInfo,
    chain: Vec<CertificateDer<'static>>,
    roots: Vec<CertificateDer<'static>>,
}

impl Credentials {
    /// From the leaf and its intermediate, the leaf's key, and the trust bundle.
    ///
    /// # Errors
    /// `configuration` when the key is not the certificate's, or a certificate cannot be read.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<Self> {
        let leaf = chain.first().ok_or_else(|| unusable(&"there is no certificate"))?;
        let info = CertInfo::parse(leaf)?;
        let signer = provider()
            .key_provider
            .load_private_key(key.clone_key())
            .map_err(|e| unusable(&e))?;
        // The roots go along so that a node that joins, which knows a root only by its hash, can check it.
        let sent = chain.iter().chain(&roots).cloned().collect();
        let key = CertifiedKey::new(sent, signer);
        key.keys_match().map_err(|e| unusable(&e))?;
        Ok(Self {
            key: Arc::new(key),
            info,
            chain,
            roots,
        })
    }

    /// What the leaf says.
    pub fn info(&self) -> &CertInfo {
        &self.info
    }

    /// Leaf and intermediate.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The trust bundle.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// The trust bundle as rustls wants it.
    pub(crate) fn store(&self) -> Result<Arc<RootCertStore>> {
        let mut store = RootCertStore::empty();
        for root in &self.roots {
            store.add(root.clone()).map_err(|e| unusable(&e))?;
        }
        Ok(Arc::new(store))
    }
}

/// The credentials in force; connections made after [`Tls::replace`] use the new ones.
pub struct Tls {
    current: ArcSwap<Credentials>,
    generation: AtomicU64,
    clock: Clock,
    encounters: Encounters,
}

impl Tls {
    /// Starts with these.
    pub fn new(credentials: Credentials, clock: Clock) -> Self {
        Self {
            current: ArcSwap::from_pointee(credentials),
            generation: AtomicU64::new(1),
            clock,
            encounters: Encounters::default(),
        }
    }

    /// The credentials in force.
    pub fn current(&self) -> Arc<Credentials> {
        self.current.load_full()
    }

    /// Puts others in force.
    pub fn replace(&self, credentials: Credentials) {
        self.current.store(Arc::new(credentials));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Grows with every [`Tls::replace`].
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The clock that certificates are judged by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What became of the connections that were made with these.
    pub fn encounters(&self) -> &Encounters {
        &self.encounters
    }

    pub(super) fn server_config(&self, deny: &DenyList) -> Result<Arc<ServerConfig>> {
        let current = self.current();
        let verifier = verify::Clients::new(current.store()?, &current.info.subject.flock_id, deny.clone())?
            .telling(self.encounters.clone());
        let mut config = ServerConfig::builder_with_details(provider(), time_provider(&self.clock))
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| unusable(&e))?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&current.key))));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A resumed session is not asked for its certificate again: a removed node could come back through it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    /// For dialling `expect`; without `certificate`, as a renewal with an expired one needs it, only Enrol answers.
    pub(super) fn client_config(&self, expect: &Expect, deny: &DenyList, certificate: bool) -> Result<ClientConfig> {
        let current = self.current();
        let flock_id = &current.info.subject.flock_id;
        let verifier = verify::Servers::of_flock(current.store()?, flock_id, expect.clone(), deny.clone());
        let key = certificate.then(|| Arc::clone(&current.key));
        client_config(Arc::new(verifier), key, &self.clock)
    }
}

/// For a node that joins: any hub whose chain ends in the pinned root.
pub(super) fn pinned_config(pin: &str, clock: &Clock) -> Result<ClientConfig> {
    client_config(Arc::new(verify::Servers::pinned(pin)), None, clock)
}

fn client_config(
    verifier: Arc<dyn ServerCertVerifier>,
    key: Option<Arc<CertifiedKey>>,
    clock: &Clock,
) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_details(provider(), time_provider(clock))
        .with_protocol_versions(&[&TLS13])
        .map_err(|e| unusable(&e))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match key {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

#[derive(Debug)]
struct ClockTime(Clock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now_ms()))
    }
}

fn time_provider(clock: &Clock) -> Arc<dyn TimeProvider> {
    Arc::new(ClockTime(clock.clone()))
}

/// A time in milliseconds as rustls wants it.
pub(crate) fn unix_time(ms: u64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_millis(ms))
}

fn unusable(why: &dyn std::fmt::Display) -> Error {
    Error::configuration(format!(
        "the identity cannot be used: {why}; put a backup back (`flockctl restore FILE --replace`) or run `flockctl join STRING --replace`"
    ))
    .with_code("identity_damaged")
}
