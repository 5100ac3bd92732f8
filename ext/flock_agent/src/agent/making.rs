//! How each part of an agent is made from what all share; [`super::start`] says in which order.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use flock_core::{Error, Result, lease::Presence, limits};
use tokio::sync::{Notify, broadcast::error::RecvError};
use tonic::service::Routes;

use super::{
    facts, hubside,
    inquiries::{Answering, Answers},
    ports::{Books, Own, skewed},
    start::Ground,
    ways::Ways,
};
use crate::{
    apis::{Hosts, HostsParts},
    calls::ChefRequests,
    delivery::{
        gate::Gate,
        receive::Receiver,
        send::{Sender, SenderParts},
    },
    dispatch::{DispatchOptions, Dispatcher, Errands, Warmth},
    hub::Hub,
    link::{Link, LinkEvent, LinkOptions},
    memory,
    service::{local::LocalService, peer::Peer, relayed::RelayedPeer},
    spool::Intake,
    store::meta,
    subscriptions::{SubscriptionParts, Subscriptions},
    transport::Dialer,
};

impl Ground {
    pub(super) fn books(&self) -> Books {
        Books {
            store: self.store.clone(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn receiver(&self, wake: &Arc<Notify>) -> Receiver {
        Receiver::new(
            self.store.clone(),
            Gate::new(self.identity.name().clone(), self.config.policy.clone()).denying(self.deny.clone()),
            self.runs.clone(),
            self.clock.clone(),
            Arc::clone(wake),
            Arc::new(self.books()),
        )
    }

    pub(super) async fn dispatcher(
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

    pub(super) async fn link(&self, dialer: &Dialer, peer: &Peer, hosts: &Hosts) -> Result<Link> {
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

    pub(super) fn subscribe(&self, subscriptions: &Subscriptions, link: &Link) -> Result<()> {
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

    pub(super) async fn sender(&self, ways: &Ways, receiver: &Receiver) -> Result<Sender> {
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
    pub(super) fn follow(&self, link: &Link, sender: &Sender, clock_ok: Arc<AtomicBool>) {
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

    pub(super) async fn local(&self, answers: Answers, wake: &Arc<Notify>, sender: &Sender) -> LocalService {
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
            hosts: answers.parts.hosts.clone(),
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

    pub(super) fn wanted(&self, hosts: &Hosts) -> HostsParts {
        HostsParts {
            data_dir: self.config.data_dir.clone(),
            config: self.config.path.clone(),
            socket: self.config.socket.clone(),
            runs: self.runs.clone(),
            hosts: hosts.clone(),
            cancel: self.cancel.clone(),
        }
    }

    pub(super) async fn hub(&self, routes: Routes) -> Result<(Routes, Option<Hub>)> {
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

    pub(super) fn answers(&self, parts: Answering) -> Answers {
        Answers {
            config: self.config.clone(),
            identity: self.identity.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            deny: self.deny.clone(),
            runs: self.runs.clone(),
            parts,
            started_ms: self.clock.now_ms(),
            left: self.left.clone(),
        }
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
