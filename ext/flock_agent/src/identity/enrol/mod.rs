//! The hub's side of enrolment: who is let in, who is renewed, and what the registry remembers of it.
//!
//! ```text
//! tokens/<id>                TokenRecord
//! enrolled/<name>            EnrolledRecord, kept when a node is removed
//! removed/<name>             the node is denied until it joins with --replace
//! removed/enrolment%2F<id>   certificates of a replaced enrolment are denied until they have expired
//! ```
//! The name of an operator is `operator/NAME` there, escaped as all names: no node has it.
//! The unescaped last segments under `removed/` are the entries of a [`crate::transport::DenyList`].

mod admit;
mod nonce;
mod renewal;
mod token;

use std::sync::Arc;

use flock_core::{Error, Result, holder::Holder, limits};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tonic::{Request, Response, Status};

use super::Identity;
use crate::{
    clock::Clock,
    pb::{self, enrol_server},
    registry::{Entry, Registry},
    transport::{PeerIdentity, PeerInfo},
    wire,
};

pub use token::{NewToken, TOKENS, TokenRecord, create_token, new_token};

/// The prefix of the enrolled nodes' keys.
pub const ENROLLED: &str = "enrolled/";
/// The prefix of the removed nodes' keys.
pub const REMOVED: &str = "removed/";

/// `enrolled/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolledRecord {
    /// Hash of the machine id; "" = unknown.
    pub machine_id: String,
    /// Of the newest leaf.
    pub serial: String,
    /// When the newest leaf was issued, by the hub's clock.
    pub at_ms: u64,
    /// Which `init` or `join` the node's certificates come from.
    #[serde(default)]
    pub enrolment: String,
    /// SHA-256 of the public key that joined: the same request again, after a lost answer, is answered again.
    #[serde(default)]
    pub key: String,
    /// A hub's name is not to be had with a token.
    #[serde(default)]
    pub hub: bool,
}

impl EnrolledRecord {
    /// What can be told of a node by its certificate alone.
    pub(crate) fn of(peer: &PeerIdentity, now_ms: u64) -> Self {
        Self {
            machine_id: String::new(),
            serial: peer.serial.clone(),
            at_ms: now_ms,
            enrolment: peer.enrolment.clone(),
            key: String::new(),
            hub: peer.hub,
        }
    }
}

/// The Enrol service of a hub.
#[derive(Clone)]
pub struct Enrol {
    identity: Identity,
    registry: Arc<dyn Registry>,
    clock: Clock,
    nonces: Arc<nonce::Nonces>,
}

impl Enrol {
    /// The service of the hub `identity`.
    ///
    /// # Errors
    /// `configuration` (`no_hub`) when the identity is a member's.
    pub fn new(identity: Identity, registry: Arc<dyn Registry>, clock: Clock) -> Result<Self> {
        identity.authority()?;
        Ok(Self {
            identity,
            registry,
            clock,
            nonces: Arc::new(nonce::Nonces::new()?),
        })
    }

    /// The service with its message limit, to be added to the routes of the peer port.
    pub fn into_service(self) -> enrol_server::EnrolServer<Self> {
        enrol_server::EnrolServer::new(self)
            .max_decoding_message_size(limits::ENROL_BYTES)
            .max_encoding_message_size(limits::MESSAGE_BYTES)
    }

    /// Enters this hub itself into `enrolled/`, so that no token lets another machine take its name. To be called once the registry
    /// is there; again is no error.
    ///
    /// # Errors
    /// The registry's.
    pub async fn enter_self(&self) -> Result<()> {
        let tls = self.identity.tls().current();
        let info = tls.info();
        let record = EnrolledRecord {
            machine_id: super::machine::id_hash(),
            serial: info.serial.clone(),
            at_ms: self.clock.now_ms(),
            enrolment: info.subject.enrolment.clone(),
            key: String::new(),
            hub: true,
        };
        let put = crate::registry::Op::Put {
            key: enrolled_key(&self.identity.name().into()),
            value: json(&record),
            expect: crate::registry::Expect::Any,
            session: None,
        };
        self.registry.txn(&command_id(), vec![put]).await.map(drop)
    }

    /// Calls `attempt` until the registry did not change under it.
    async fn until_settled<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        for _ in 1..limits::ENROL_ATTEMPTS {
            match attempt().await {
                Err(error) if error.code() == "conflict" => {}
                settled => return settled,
            }
        }
        attempt().await
    }

    async fn enrolled(&self, name: &Holder) -> Result<Option<(Entry, EnrolledRecord)>> {
        let entry = self.registry.get(&enrolled_key(name)).await?;
        entry.map(|entry| Ok((entry.clone(), parse(&entry)?))).transpose()
    }
}

#[tonic::async_trait]
impl enrol_server::Enrol for Enrol {
    async fn join(&self, request: Request<pb::JoinRequest>) -> Result<Response<pb::Leaf>, Status> {
        let from = from(&request);
        let request = request.into_inner();
        let name = printable(&request.name);
        match self.admit(&request).await {
            Ok(leaf) => {
                tracing::info!(node = %name, %from, token = %printable(&request.token_id), replace = request.replace, "joined");
                Ok(Response::new(leaf))
            }
            Err(error) => {
                tracing::warn!(node = %name, %from, code = error.code(), "may not join: {error}");
                Err(wire::status(error))
            }
        }
    }

    async fn challenge(&self, _: Request<pb::ChallengeRequest>) -> Result<Response<pb::Nonce>, Status> {
        let nonce = self.nonces.make(self.clock.now_ms()).map_err(wire::status)?;
        Ok(Response::new(pb::Nonce { nonce }))
    }

    async fn renew(&self, request: Request<pb::RenewRequest>) -> Result<Response<pb::Leaf>, Status> {
        let from = from(&request);
        self.renewed(&request.into_inner())
            .await
            .map(Response::new)
            .map_err(|error| {
                tracing::warn!(%from, code = error.code(), "certificate not renewed: {error}");
                wire::status(error)
            })
    }
}

fn from<T>(request: &Request<T>) -> String {
    let info = request.extensions().get::<PeerInfo>();
    info.map_or_else(|| "unknown".to_owned(), |info| info.address.to_string())
}

/// What a stranger wrote, fit for a log line.
fn printable(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_default).collect()
}

fn enrolled_key(name: &Holder) -> String {
    format!("{ENROLLED}{}", name.escaped())
}

/// The key that denies a node or an operator by its name.
pub fn removed_key(name: &Holder) -> String {
    format!("{REMOVED}{}", name.escaped())
}

/// What somebody runs to be let in again.
fn again(name: &Holder) -> &'static str {
    match name.is_operator() {
        true => "`flockctl join --operator STRING --replace`",
        false => "`flockctl join STRING --replace`",
    }
}

/// `removed/…` of a replaced enrolment.
#[derive(Serialize, Deserialize)]
struct Denial {
    name: String,
    expires_ms: u64,
}

fn denial_ended(value: &[u8], now_ms: u64) -> bool {
    serde_json::from_slice::<Denial>(value).is_ok_and(|denial| denial.expires_ms < now_ms)
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn parse<T: DeserializeOwned>(entry: &Entry) -> Result<T> {
    serde_json::from_slice(&entry.value)
        .map_err(|e| Error::internal(format!("the registry holds something else under {}: {e}", entry.key)))
}

fn command_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
