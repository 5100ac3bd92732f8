//! DER: certificates and signing requests of strangers.

use rustls::pki_types::CertificateDer;

use super::Target;
use crate::{
    clock::Clock,
    identity::{
        Identity,
        cert::{CertInfo, not_after_ms, spki_sha256},
        requested_key, testing,
    },
    transport::client_path,
};

pub(super) fn targets() -> Vec<Target> {
    let dir = tempfile::tempdir().unwrap();
    let config = testing::config(dir.path(), "hub1", "listen = '127.0.0.1:1'\n[registry]");
    let identity = Identity::init(&config, Clock::system().now_ms()).unwrap();
    let current = identity.tls().current();
    let (chain, roots) = (current.chain().to_vec(), current.store().unwrap());
    let certificates = [chain.as_slice(), current.roots()].concat();
    let seeds = certificates.iter().map(|der| der.to_vec()).collect();
    let path = client_path(roots).unwrap();
    let now_ms = Clock::system().now_ms();
    assert!(path.verify(&chain, now_ms));
    let intermediate = chain[1].clone();
    vec![
        Target::new("certificate", seeds, move |input| {
            read_certificate(input);
            let changed = [CertificateDer::from(input.to_vec()), intermediate.clone()];
            assert!(!path.verify(&changed, now_ms) || certificates.iter().any(|known| known.as_ref() == input));
        }),
        Target::new("signing_request", vec![testing::signing_request()], |input| {
            drop(requested_key(input))
        }),
    ]
}

fn read_certificate(input: &[u8]) {
    if let Ok(info) = CertInfo::parse(input) {
        let again: Vec<_> = info.subject.uris();
        assert!(again.iter().all(|uri| uri.starts_with("flock://")));
        not_after_ms(input).unwrap();
    }
    let _ = spki_sha256(input);
}
