//! Simulated nodes: identities of their own, let in by a real hub with a join string, held in memory; real links, real mutual TLS.

use std::sync::Arc;

use flock_agent::{
    clock::Clock,
    identity::JoinString,
    link::{Link, LinkOptions},
    pb::{self, enrol_client::EnrolClient},
    transport::{Credentials, DenyList, Dialer, Target, Tls, dial_once},
    wire,
};
use flock_core::{Error, Result, id::NodeName, limits};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A node that was let in.
pub struct Enrolled {
    pub name: NodeName,
    pub tls: Arc<Tls>,
    flock_id: String,
    hub: String,
}

impl Enrolled {
    /// Makes a key and has it signed, as `flockctl join` does.
    pub async fn join(join_string: &str, name: &str) -> Result<Self> {
        let invitation = JoinString::parse(join_string)?;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|e| failed(&e))?;
        let hub = invitation.hubs.first().cloned().unwrap_or_default();
        let leaf = ask(&invitation, &hub, name, request(&key)?).await?;
        let der = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialized_der()));
        let credentials = Credentials::new(der(leaf.chain), &key, der(leaf.roots))?;
        Ok(Self {
            name: NodeName::parse(name)?,
            tls: Arc::new(Tls::new(credentials, Clock::system())),
            flock_id: leaf.flock_id,
            hub,
        })
    }

    /// The agent's own link. `address` is where others reach this node, "" = nowhere; `hub` another address of the hub.
    pub fn link(&self, address: &str, hub: Option<String>, cancel: &CancellationToken) -> Link {
        let (_, facts) = watch::channel(pb::NodeInfo {
            address: address.to_owned(),
            environment: "simulated".to_owned(),
            roles: vec!["member".to_owned()],
            ..Default::default()
        });
        Link::spawn(LinkOptions {
            name: self.name.clone(),
            flock_id: self.flock_id.clone(),
            incarnation: 1,
            hubs: vec![hub.unwrap_or_else(|| self.hub.clone())],
            connect: Arc::new(Dialer::new(Arc::clone(&self.tls), DenyList::default())),
            deny: DenyList::default(),
            relayed: None,
            facts,
            clock: Clock::system(),
            data_dir: None,
            cancel: cancel.clone(),
        })
    }
}

fn request(key: &KeyPair) -> Result<Vec<u8>> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(key).map_err(|e| failed(&e))?;
    Ok(request.der().to_vec())
}

async fn ask(invitation: &JoinString, hub: &str, name: &str, csr: Vec<u8>) -> Result<pb::Leaf> {
    let channel = dial_once(Target::Pinned(invitation.pin.clone(), Clock::system()), hub).await?;
    let request = pb::JoinRequest {
        token_id: invitation.token_id.clone(),
        secret: invitation.secret.clone(),
        name: name.to_owned(),
        csr,
        now_ms: Clock::system().now_ms(),
        protocol_min: limits::PROTOCOL_MIN,
        protocol_max: limits::PROTOCOL_MAX,
        ..Default::default()
    };
    let mut client = EnrolClient::new(channel);
    let call = client.join(wire::request(request, limits::CALL_MS));
    wire::within(limits::CALL_MS, "join", call).await
}

/// Waits until a link has a session.
pub async fn connected(link: &Link) -> Result<()> {
    let mut states = link.states();
    let connected = states.wait_for(|state| state.connected).await;
    connected.map(drop).map_err(|e| failed(&e))
}

/// As many descriptors as the system admits: each node takes at least one.
pub fn raise_descriptors(most: u64) {
    let now = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    let within = Rlimit {
        current: now.maximum,
        ..now
    };
    if setrlimit(Resource::Nofile, wanted).is_err() {
        let _ = setrlimit(Resource::Nofile, within);
    }
}

pub fn failed(why: &dyn std::fmt::Display) -> Error {
    Error::internal(why.to_string())
}
