//! Start: every part in its order, so that nothing is served before what it needs is there.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use flock_core::{Error, Result, lease::Presence, limits};
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast::error::RecvError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

use super::{
    DataDirLock, Parts,
    doors::Doors,
    facts, hubside,
    inquiries::Answers,
    ports::{Books, Own, skewed},
    relay_first::RelayFirst,
    systemd,
    ways::Ways,
};
#[cfg(not(feature = "simulation"))]
use crate::service::local::serve as serve_local;
use crate::{
    apis::{self, Hosts, HostsParts},
    calls::{Callee, CalleeParts, Caller, ChefRequests, Waits},
    clock::Clock,
    config::Config,
    delivery::{
        gate::Gate,
        receive::Receiver,
        send::{Sender, SenderParts},
    },
    dispatch::{DispatchOptions, Dispatcher, Errands, Warmth},
    hub::Hub,
    identity::{Identity, renew},
    link::{Link, LinkEvent, LinkOptions},
    logging, memory,
    run_state::RunWatch,
    service::{
        local::{LocalService, Operators},
        peer::Peer,
        relayed::RelayedPeer,
    },
    spool::Intake,
    store::{Store, meta},
    subscriptions::{SubscriptionParts, Subscriptions},
    transport::{DenyList, Dialer, ServerLimits, net::TcpListener, serve_peers_within},
    vital::vital,
};

/// What several parts share.
struct Ground {
    config: Config,
    identity: Identity,
    store: Store,
    clock: Clock,
    deny: DenyList,
    runs: RunWatch,
    tasks: TaskTracker,
    cancel: CancellationToken,
    left: CancellationToken,
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
        });
        let peer = Peer::new(receiver.clone(), self.runs.clone(), callee.clone());
        let routes = Routes::new(peer.clone().server()).add_service(peer.clone().calls_server());
        let (routes, hub) = self.hub(routes).await?;
        let subscriptions = Subscriptions::open(&self.store).await?;
        let dispatcher = self
            .dispatcher(&receiver, &wake, &clock_ok, &subscriptions, (errands, requests))
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
        let answers = self.answers(&ways, caller, peer, hub.clone(), (&dispatcher, &hosts), subscriptions);
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

    fn spawn_vital(&self, what: &'static str, task: impl Future<Output = ()> + Send + 'static) {
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

    fn books(&self) -> Books {
        Books {
            store: self.store.clone(),
            clock: self.clock.clone(),
        }
    }

    fn receiver(&self, wake: &Arc<Notify>) -> Receiver {
        Receiver::new(
            self.store.clone(),
            Gate::new(self.identity.name().clone(), self.config.policy.clone()).denying(self.deny.clone()),
            self.runs.clone(),
            self.clock.clone(),
            Arc::clone(wake),
            Arc::new(self.books()),
        )
    }

    async fn dispatcher(
        &self,
        receiver: &Receiver,
        wake: &Arc<Notify>,
        clock_ok: &Arc<AtomicBool>,
        subscriptions: &Subscriptions,
        (errands, requests): (Errands, Arc<ChefRequests>),
    ) -> Result<Dispatcher> {
        Dispatcher::spawn(DispatchOptions {
            store: self.store.clone(),
            data_dir: self.config.data_dir.clone(),
            socket: self.config.socket.clone(),
            gate: receiver.gate().clone(),
            clock: self.clock.clone(),
            runs: self.runs.clone(),
            worker_timeout_ms: self.config.worker.timeout_ms,
            warm: Warmth::decide(self.config.worker.warm, memory::total_bytes()),
            claim_timeout_ms: limits::CLAIM_MS,
            errands,
            requests,
            wake: Arc::clone(wake),
            drafts: Arc::new(subscriptions.clone()),
            clock_ok: Arc::clone(clock_ok),
            cancel: self.cancel.clone(),
        })
        .await
    }

    async fn link(&self, dialer: &Dialer, peer: &Peer, hosts: &Hosts) -> Result<Link> {
        let (now_ms, apis) = (self.clock.now_ms(), Arc::new(hosts.clone()));
        Ok(Link::spawn(LinkOptions {
            name: self.identity.name().clone(),
            flock_id: self.identity.flock_id().to_owned(),
            incarnation: self.store.write(move |conn| meta::incarnation(conn, now_ms)).await?,
            hubs: self.identity.hubs(),
            connect: Arc::new(dialer.clone()),
            deny: self.deny.clone(),
            relayed: Some(Arc::new(RelayedPeer {
                peer: peer.clone(),
                deny: self.deny.clone(),
            })),
            facts: facts::follow(&self.config, &self.identity, &self.runs, apis, self.cancel.clone()),
            clock: self.clock.clone(),
            data_dir: Some(self.config.data_dir.clone()),
            cancel: self.cancel.clone(),
        }))
    }

    fn subscribe(&self, subscriptions: &Subscriptions, link: &Link) -> Result<()> {
        let heard = link
            .subscribing()
            .ok_or_else(|| Error::internal("somebody else listens to the link"))?;
        let following = subscriptions.follow(SubscriptionParts {
            store: self.store.clone(),
            data_dir: self.config.data_dir.clone(),
            clock: self.clock.clone(),
            runs: self.runs.clone(),
            link: link.clone(),
            heard,
            cancel: self.cancel.clone(),
        });
        self.tasks.spawn(following);
        Ok(())
    }

    async fn sender(&self, ways: &Ways, receiver: &Receiver) -> Result<Sender> {
        Sender::spawn(SenderParts {
            store: self.store.clone(),
            own_name: self.identity.name().to_string(),
            clock: self.clock.clone(),
            directory: Arc::new(ways.link.clone()),
            courier: Arc::new(ways.clone()),
            local: Arc::new(Own {
                receiver: receiver.clone(),
                name: self.identity.name().clone(),
            }),
            reports: Arc::new(self.books()),
            cancel: self.cancel.clone(),
        })
        .await
    }

    /// Passes on what the link hears: who is back, what a selector may mean now, whether the clock can be trusted.
    fn follow(&self, link: &Link, sender: &Sender, clock_ok: Arc<AtomicBool>) {
        let (mut events, mut states, sender) = (link.events(), link.states(), sender.clone());
        let cancel = self.cancel.clone();
        self.spawn_vital("following the link", async move {
            // What happened before this listened is seen in the state.
            if states.borrow().connected {
                sender.nudge();
            }
            states.mark_changed();
            loop {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    event = events.recv() => match event {
                        Ok(event) => tell(&sender, &event),
                        Err(RecvError::Lagged(_)) => sender.nudge(),
                        Err(RecvError::Closed) => return,
                    },
                    changed = states.changed() => {
                        if changed.is_err() { return }
                        clock_ok.store(!skewed(&states.borrow_and_update()), Ordering::Relaxed);
                    }
                }
            }
        });
    }

    async fn local(&self, answers: Answers, wake: &Arc<Notify>, sender: &Sender) -> LocalService {
        let intake = Intake::new(&self.config.data_dir, self.store.clone(), self.clock.clone());
        // What waited longest leaves first; what cannot be taken in now is tried again by the intake's own task.
        if let Err(error) = intake.pass().await {
            tracing::warn!(%error, "the spool waits");
        }
        let (nudged, wake) = (sender.clone(), Arc::clone(wake));
        let service = LocalService {
            store: self.store.clone(),
            clock: self.clock.clone(),
            inbox: Arc::new(self.books()),
            hosts: answers.hosts.clone(),
            inquiries: Arc::new(answers),
            nudge: Arc::new(move || {
                nudged.nudge();
                wake.notify_one();
            }),
            cancel: self.cancel.clone(),
        };
        self.spawn_vital("taking the spool in", intake.run(self.cancel.clone()));
        service
    }

    fn wanted(&self, hosts: &Hosts) -> HostsParts {
        HostsParts {
            data_dir: self.config.data_dir.clone(),
            config: self.config.path.clone(),
            socket: self.config.socket.clone(),
            runs: self.runs.clone(),
            hosts: hosts.clone(),
            cancel: self.cancel.clone(),
        }
    }

    async fn hub(&self, routes: Routes) -> Result<(Routes, Option<Hub>)> {
        hubside::routes(
            &self.config,
            &self.identity,
            &self.deny,
            &self.clock,
            routes,
            &self.cancel,
        )
        .await
    }

    fn answers(
        &self,
        ways: &Ways,
        caller: Caller,
        peer: Peer,
        hub: Option<Hub>,
        (dispatcher, hosts): (&Dispatcher, &Hosts),
        subscriptions: Subscriptions,
    ) -> Answers {
        Answers {
            config: self.config.clone(),
            identity: self.identity.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            runs: self.runs.clone(),
            ways: ways.clone(),
            caller,
            peer,
            hub,
            dispatcher: dispatcher.clone(),
            hosts: hosts.clone(),
            subscriptions,
            started_ms: self.clock.now_ms(),
            left: self.left.clone(),
        }
    }

    fn info(&self) -> Value {
        json!({
            "name": self.identity.name().as_str(),
            "flock_id": self.identity.flock_id(),
            "hub": self.identity.is_hub(),
            "listen": self.config.public_address(),
            "socket": self.config.socket,
            "log_format": self.config.log.format,
            "data_dir": self.config.data_dir,
            "chef": self.config.chef,
        })
    }
}

fn tell(sender: &Sender, event: &LinkEvent) {
    match event {
        LinkEvent::Presence(node) if node.presence == Presence::Alive.as_str() => sender.present(&node.name),
        LinkEvent::Presence(_) | LinkEvent::Disconnected => {}
        LinkEvent::Changed => sender.directory_changed(),
        LinkEvent::Connected => sender.nudge(),
    }
}
