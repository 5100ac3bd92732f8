//! Fresh certificates at two thirds of the lifetime: a hub makes its own, a member asks a hub.

use std::time::Duration;

use flock_core::{Error, Result, limits};
use rand::RngExt;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use super::{
    Identity, ca,
    cert::CertInfo,
    files::{self, Keyed},
};
use crate::{
    pb::{self, enrol_client::EnrolClient},
    transport::{Target, dial_once},
    wire,
};

/// What a renewal's signature is over begins with this, so that it is good for nothing else.
const DOMAIN: &[u8] = b"flock renew v1\0";

/// When a leaf is to be renewed, Unix time: at two thirds of its lifetime.
pub fn due_ms(info: &CertInfo) -> u64 {
    let issued_ms = info.not_before_ms + limits::BACKDATE_MS;
    issued_ms + info.not_after_ms.saturating_sub(issued_ms) / 3 * 2
}

/// Renews the identity's leaf whenever it is due, until `cancel`; new connections use the new one.
pub async fn run(identity: Identity, cancel: CancellationToken) {
    cancel.run_until_cancelled(follow(&identity)).await;
}

async fn follow(identity: &Identity) {
    let mut pause_ms = limits::RENEW_RETRY_MS;
    loop {
        let wait_ms = due_in_ms(identity);
        if wait_ms > 0 {
            pause_ms = limits::RENEW_RETRY_MS;
            tokio::time::sleep(Duration::from_millis(wait_ms.min(limits::RENEW_LOOK_MS))).await;
        } else if let Err(error) = renew(identity).await {
            tracing::warn!(
                code = error.code(),
                "the certificate of this node was not renewed: {error}"
            );
            // Full jitter: the members of a flock often joined together.
            let jittered = rand::rng().random_range(pause_ms / 2..=pause_ms);
            tokio::time::sleep(Duration::from_millis(jittered)).await;
            pause_ms = (pause_ms * 2).min(limits::RENEW_LOOK_MS);
        }
    }
}

fn due_in_ms(identity: &Identity) -> u64 {
    if identity.is_rebinding() {
        return 0;
    }
    let tls = identity.tls();
    let (current, now_ms) = (tls.current(), tls.clock().now_ms());
    // Made while a clock was ahead: others will not have it before that time.
    if current.info().not_before_ms > now_ms {
        return 0;
    }
    due_ms(current.info()).saturating_sub(now_ms)
}

/// Renews the leaf now.
///
/// # Errors
/// `denied` (`removed`, `replaced`, `cloned`, `certificate_expired`) when the hub refuses; `connection` when no hub is reached.
pub async fn renew(identity: &Identity) -> Result<()> {
    if identity.is_hub() {
        return renew_own(identity);
    }
    let mut last = Error::connection("no hub is known; see [join] in agent.toml");
    for hub in identity.hubs() {
        match renew_at(identity, &hub).await {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn renew_own(identity: &Identity) -> Result<()> {
    let tls = identity.tls();
    let current = tls.current();
    let authority = identity.authority()?;
    let key = ca::key()?;
    let leaf = authority.leaf(&current.info().subject, &key, tls.clock().now_ms())?;
    let node = Keyed {
        key,
        chain: vec![leaf, authority.certificate().clone()],
    };
    identity.adopt(&node, current.roots().to_vec())
}

/// Without a certificate on the connection: the one in force may have expired, and the proof is in the request.
async fn renew_at(identity: &Identity, hub: &str) -> Result<()> {
    let channel = dial_once(Target::Anonymous(identity.tls()), hub).await?;
    let mut client = EnrolClient::new(channel).max_decoding_message_size(limits::MESSAGE_BYTES);
    let challenge = client.challenge(wire::request(pb::ChallengeRequest {}, limits::CALL_MS));
    let nonce = wire::within(limits::CALL_MS, "the challenge of the hub", challenge)
        .await?
        .nonce;
    let key = ca::key()?;
    let request = request(identity, nonce, &key)?;
    let call = client.renew(wire::request(request, limits::CALL_MS));
    let leaf = wire::within(limits::CALL_MS, "the renewal", call).await?;
    adopt(identity, leaf, key)
}

fn request(identity: &Identity, nonce: Vec<u8>, key: &rcgen::KeyPair) -> Result<pb::RenewRequest> {
    let csr = ca::request(key)?;
    let signature = identity.sign(&signed_part(&nonce, &csr))?;
    let chain = identity
        .tls()
        .current()
        .chain()
        .iter()
        .map(|der| der.to_vec())
        .collect();
    Ok(pb::RenewRequest {
        chain,
        nonce,
        signature,
        csr,
        machine_id: files::machine_of(&identity.tls().current().info().subject.holder),
        rebind: identity.is_rebinding(),
    })
}

/// What a renewal is signed over.
pub(super) fn signed_part(nonce: &[u8], csr: &[u8]) -> Vec<u8> {
    [DOMAIN, nonce, csr].concat()
}

fn adopt(identity: &Identity, leaf: pb::Leaf, key: rcgen::KeyPair) -> Result<()> {
    let tls = identity.tls();
    let current = tls.current();
    let chain: Vec<CertificateDer<'static>> = leaf.chain.into_iter().map(CertificateDer::from).collect();
    let info = CertInfo::parse(chain.first().map(AsRef::as_ref).unwrap_or_default())?;
    let path = crate::transport::client_path(current.store()?)?;
    if info.subject != current.info().subject || !path.verify(&chain, tls.clock().now_ms()) {
        return Err(
            Error::protocol("the certificate that the hub sent is not a renewal of ours").with_code("bad_certificate"),
        );
    }
    // The hub has proven itself against the bundle in force; the next one, at a rollover of the root, may hold one more.
    let roots = leaf.roots.into_iter().map(CertificateDer::from).collect();
    identity.adopt(&Keyed { key, chain }, roots)
}

impl Identity {
    /// Signs with the key of the leaf in force.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let unusable = |_| Error::internal("the key cannot sign");
        let random = SystemRandom::new();
        let key = self.0.files.load()?.node.key;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.serialized_der(), &random)
            .map_err(|_| Error::internal("the key cannot be read"))?;
        key.sign(&random, message)
            .map(|signature| signature.as_ref().to_vec())
            .map_err(unusable)
    }
}
