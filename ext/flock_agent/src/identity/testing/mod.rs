//! A hub on loopback with a clock of its own, for the tests of enrolment and transport.

mod services;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use flock_core::{Result, holder::Holder};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::{
    Identity, JoinOptions, ca,
    enrol::{Enrol, REMOVED, create_token, removed_key},
    join_string,
};
use crate::{
    clock::Clock,
    config::Config,
    hub::keys::name_in,
    pb,
    registry::{Expect, Op, Registry, fake::Fake},
    transport::{DenyList, Dialer, Expect as Whom, ServerLimits, serve_peers_within},
    wire,
};

pub(crate) use services::Echo;

/// Only bounds a failure.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;

/// A clock that is off by as much as one says.
#[derive(Clone, Default)]
pub(crate) struct Skewed(Arc<AtomicI64>);

impl Skewed {
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let (skew, real) = (Arc::clone(&self.0), Clock::system());
        Clock::from_fn(move || real.now_ms().saturating_add_signed(skew.load(Ordering::SeqCst)))
    }
}

pub(crate) fn config(dir: &Path, name: &str, more: &str) -> Config {
    let text = format!("name = '{name}'\ndata_dir = '{}'\n{more}", dir.join("data").display());
    Config::parse(Path::new("agent.toml"), &text).unwrap()
}

/// A node: a directory and a configuration.
pub(crate) struct Machine {
    _dir: TempDir,
    pub config: Config,
    pub skew: Skewed,
}

impl Machine {
    pub fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            config: config(dir.path(), name, "listen = ''"),
            _dir: dir,
            skew: Skewed::default(),
        }
    }

    pub async fn join(&self, join_string: &str) -> Result<Identity> {
        Identity::join(&self.config, join_string, JoinOptions::default(), self.skew.clock()).await
    }

    pub async fn replace(&self, join_string: &str) -> Result<Identity> {
        Identity::join(
            &self.config,
            join_string,
            JoinOptions { replace: true },
            self.skew.clock(),
        )
        .await
    }
}

/// A hub that serves Enrol, Peer and Hub on a port of loopback.
pub(crate) struct TestHub {
    pub identity: Identity,
    pub registry: Arc<Fake>,
    pub deny: DenyList,
    pub skew: Skewed,
    pub address: String,
    pub cancel: CancellationToken,
    pub serving: Option<JoinHandle<Result<()>>>,
    pub echo: Echo,
    pub config: Config,
    _dir: TempDir,
}

impl TestHub {
    pub async fn start() -> Self {
        Self::start_within(ServerLimits::default()).await
    }

    pub async fn start_within(limits: ServerLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), "hub1", &format!("listen = '{address}'\n[registry]"));
        let skew = Skewed::default();
        Identity::init(&config, skew.clock().now_ms()).unwrap();
        let identity = Identity::load_with(&config, skew.clock()).unwrap();
        let registry = Arc::new(Fake::default());
        let enrol = Enrol::new(identity.clone(), registry.clone(), skew.clock()).unwrap();
        enrol.enter_self().await.unwrap();
        let (echo, deny, cancel) = (Echo::default(), DenyList::default(), CancellationToken::new());
        let routes = echo.clone().routes(Routes::new(enrol.into_service()));
        let serving = serve_peers_within(limits, listener, identity.tls(), deny.clone(), routes, cancel.clone());
        let serving = Some(tokio::spawn(serving));
        Self {
            identity,
            registry,
            deny,
            skew,
            address,
            cancel,
            serving,
            echo,
            config,
            _dir: dir,
        }
    }

    pub async fn token(&self, ttl_ms: u64, uses: u32, glob: &str) -> pb::HubToken {
        let now_ms = self.skew.clock().now_ms();
        let asked = pb::HubTokenRequest {
            ttl_ms,
            uses,
            node_glob: glob.to_owned(),
            ..Default::default()
        };
        create_token(&*self.registry, &asked, now_ms).await.unwrap()
    }

    /// A join string for the operator `name`.
    pub async fn invite_operator(&self, name: &str) -> String {
        let asked = pb::HubTokenRequest {
            operator: name.to_owned(),
            ..Default::default()
        };
        let now_ms = self.skew.clock().now_ms();
        let token = create_token(&*self.registry, &asked, now_ms).await.unwrap();
        let pin = self.identity.pin().unwrap();
        join_string(
            std::slice::from_ref(&self.address),
            &pin,
            &token.id,
            &token.secret,
            name,
        )
    }

    pub fn join_string(&self, token: &pb::HubToken) -> String {
        join_string(
            std::slice::from_ref(&self.address),
            &self.identity.pin().unwrap(),
            &token.id,
            &token.secret,
            "",
        )
    }

    /// A join string for one node.
    pub async fn invite(&self) -> String {
        self.join_string(&self.token(0, 1, "").await)
    }

    pub async fn joined(&self, name: &str) -> (Machine, Identity) {
        let machine = Machine::new(name);
        let identity = machine.join(&self.invite().await).await.unwrap();
        (machine, identity)
    }

    /// What the hub does when a node is removed.
    pub async fn remove(&self, name: &str) {
        let key = removed_key(&Holder::parse(name).unwrap());
        let put = Op::Put {
            key,
            value: b"{}".to_vec(),
            expect: Expect::Any,
            session: None,
        };
        self.registry.txn(&super::new_enrolment(), vec![put]).await.unwrap();
        self.update_deny().await;
    }

    /// What the hub does when something under `removed/` changes.
    pub async fn update_deny(&self) {
        let entries = self.registry.list(REMOVED).await.unwrap().entries;
        self.deny.set(
            entries
                .iter()
                .filter_map(|entry| name_in(REMOVED, &entry.key))
                .collect(),
        );
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Whom the hub takes the caller for.
pub(crate) async fn whoami(dialer: &Dialer, whom: &Whom, address: &str) -> Result<String> {
    let channel = dialer.channel(whom, address).await?;
    let mut client = pb::peer_client::PeerClient::new(channel);
    let call = client.resources(wire::request(pb::ResourcesRequest::default(), 5_000));
    wire::within(5_000, "Resources", call)
        .await
        .map(|resources| resources.node)
}

pub(crate) fn dialer(identity: &Identity) -> Dialer {
    Dialer::new(identity.tls(), DenyList::default())
}

/// A signing request that a hub accepts.
pub(crate) fn signing_request() -> Vec<u8> {
    ca::request(&ca::key().unwrap()).unwrap()
}
