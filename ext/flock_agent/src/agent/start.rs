//! Start: every part in its order, so that nothing is served before what it needs is there.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use flock_core::{Result, limits};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

#[cfg(not(feature = "simulation"))]
use super::metrics::page;
use super::{DataDirLock, Parts, doors::Doors, inquiries::Answering, relay_first::RelayFirst, systemd, ways::Ways};
#[cfg(not(feature = "simulation"))]
use crate::service::local::serve as serve_local;
use crate::{
    apis::{self, Hosts},
    calls::{Callee, CalleeParts, Caller, ChefRequests, Waits},
    clock::Clock,
    config::Config,
    dispatch::Errands,
    identity::{Identity, renew},
    logging,
    run_state::RunWatch,
    service::{local::Operators, peer::Peer},
    store::Store,
    subscriptions::Subscriptions,
    transport::{DenyList, Dialer, ServerLimits, net::TcpListener, serve_peers_within},
    vital::vital,
};

/// What several parts share.
pub(super) struct Ground {
    pub config: Config,
    pub identity: Identity,
    pub store: Store,
    pub clock: Clock,
    pub deny: DenyList,
    pub runs: RunWatch,
    pub tasks: TaskTracker,
    pub cancel: CancellationToken,
    pub left: CancellationToken,
}

pub(super) async fn start(config_path: Option<PathBuf>, clock: Clock) -> Result<(Parts, Value)> {
    let mut config = Config::load(config_path.as_deref())?;
    logging::start(config.log.format, &config.log.level);
    let mut identity = Identity::load_with(&config, clock.clone())?;
    let lock = Arc::new(DataDirLock::acquire(&config.data_dir, clock.now_ms())?);
    let doors = Doors::open(&config).await?;
    if let Some(chosen) = doors.chosen_port(&config) {
        config.listen = Some(chosen);
        // Its own address is what a hub dials.
        identity = Identity::load_with(&config, clock.clone())?;
    }
    let cancel = CancellationToken::new();
    // Whatever fails from here on must leave no task behind.
    let guard = cancel.clone().drop_guard();
    let ground = Ground {
        store: Store::open(&config.data_dir.join("state.db"))?,
        deny: DenyList::default(),
        runs: RunWatch::spawn(&config.data_dir, cancel.clone()),
        tasks: TaskTracker::new(),
        config,
        identity,
        clock,
        cancel,
        left: CancellationToken::new(),
    };
    let parts = match ground.raise(Arc::clone(&lock), doors).await {
        Ok(parts) => parts,
        Err(error) => {
            ground.cancel.cancel();
            ground.store.close().await;
            return Err(error);
        }
    };
    guard.disarm();
    systemd::ready();
    Ok((parts, ground.info()))
}

impl Ground {
    async fn raise(&self, lock: Arc<DataDirLock>, doors: Doors) -> Result<Parts> {
        let (wake, clock_ok) = (Arc::<Notify>::default(), Arc::new(AtomicBool::new(true)));
        let receiver = self.receiver(&wake);
        let errands = Errands::default();
        let requests = Arc::<ChefRequests>::default();
        let following = Arc::clone(&requests).follow(self.runs.clone(), self.cancel.clone());
        self.spawn_vital("following requested Chef runs", following);
        let (waits, hosts) = (Arc::<Waits>::default(), Hosts::default());
        let callee = Callee::new(CalleeParts {
            gate: receiver.gate().clone(),
            runs: self.runs.clone(),
            requests: Arc::clone(&requests),
            errands: errands.clone(),
            attributes: self.config.attributes.clone(),
            apis: Arc::new(hosts.clone()),
            waits: Arc::clone(&waits),
            store: self.store.clone(),
        });
        let peer = Peer::new(receiver.clone(), self.runs.clone(), callee.clone());
        let routes = Routes::new(peer.clone().server()).add_service(peer.clone().calls_server());
        let (routes, hub) = self.hub(routes).await?;
        let subscriptions = Subscriptions::open(&self.store).await?;
        let dispatcher = self
            .dispatcher(&receiver, &wake, &clock_ok, &subscriptions, (errands.clone(), requests))
            .await?;
        let dialer = Dialer::new(self.identity.tls(), self.deny.clone());
        // It brings the list of removed nodes from disk: nobody may come in before.
        let link = self.link(&dialer, &peer, &hosts).await?;
        self.subscribe(&subscriptions, &link)?;
        let ways = Ways {
            link: link.clone(),
            dialer,
            relay_first: RelayFirst::default(),
        };
        let sender = self.sender(&ways, &receiver).await?;
        self.follow(&link, &sender, clock_ok);
        let caller = Caller::new(self.identity.name().clone(), callee, Arc::new(ways.clone()), waits);
        let answers = self.answers(Answering {
            ways,
            caller,
            peer,
            receiver,
            hub: hub.clone(),
            dispatcher: dispatcher.clone(),
            hosts: hosts.clone(),
            subscriptions,
            errands,
        });
        let local = self.local(answers, &wake, &sender).await;
        let routes = match &hub {
            Some(_) => routes.add_service(Operators::new(local.clone()).server()),
            None => routes,
        };
        if let Some(listener) = doors.peers {
            self.serve(listener, routes);
        }
        self.spawn_vital("looking for APIs", apis::follow(self.wanted(&hosts)));
        #[cfg(not(feature = "simulation"))]
        if let Some(listener) = doors.metrics {
            let served = page::serve(listener, Arc::clone(&local.inquiries), self.cancel.clone());
            self.spawn_vital("serving metrics", served);
        }
        #[cfg(not(feature = "simulation"))]
        self.spawn_door("the local socket", serve_local(doors.local, local));
        let renewing = renew::run(self.identity.clone(), self.cancel.clone());
        self.spawn_vital("renewing the certificate", renewing);
        Ok(Parts {
            dispatcher,
            hosts,
            sender,
            link,
            hub,
            store: self.store.clone(),
            tasks: self.tasks.clone(),
            cancel: self.cancel.clone(),
            stopping: AtomicBool::new(false),
            #[cfg(feature = "simulation")]
            local,
            left: self.left.clone(),
            data_dir: self.config.data_dir.clone(),
            _lock: lock,
        })
    }

    pub(super) fn spawn_vital(&self, what: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(vital(what, self.cancel.clone(), task));
    }

    /// A door that is shut for good is as bad as a fault: the agent ends, to be started again.
    fn spawn_door(&self, what: &'static str, served: impl Future<Output = Result<()>> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.spawn_vital(what, async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "{what} ended; the agent ends");
                cancel.cancel();
            }
        });
    }

    fn serve(&self, listener: TcpListener, routes: Routes) {
        let limits = ServerLimits {
            stop_ms: limits::SERVERS_STOP_MS,
            ..ServerLimits::default()
        };
        let (tls, deny, cancel) = (self.identity.tls(), self.deny.clone(), self.cancel.clone());
        let served = serve_peers_within(limits, listener, tls, deny, routes, cancel);
        self.spawn_door("the peer port", served);
    }

    fn info(&self) -> Value {
        json!({
            "name": self.identity.name().as_str(),
            "flock_id": self.identity.flock_id(),
            "hub": self.identity.is_hub(),
            "listen": self.config.public_address(),
            "socket": self.config.socket,
            "log_format": self.config.log.format,
            "log_level": self.config.log.level,
            "data_dir": self.config.data_dir,
            "chef": self.config.chef,
        })
    }
}
