//! One session with one hub.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, Result, limits};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

use super::{LinkEvent, LinkState, Shared, Subscribing, calls};
use crate::{
    pb::{self, down, up},
    wire,
};

/// A session that the hub has welcomed.
pub(super) struct Opened {
    pub hub: String,
    pub epoch: u64,
    shared: Arc<Shared>,
    outbound: mpsc::Sender<pb::Up>,
    inbound: Streaming<pb::Down>,
    facts: watch::Receiver<pb::NodeInfo>,
    lease: Duration,
    heard: Instant,
    /// What the follower of subscriptions has no room for yet; nothing more is read before.
    held: Option<Subscribing>,
    /// When that was handed over.
    handed: Instant,
    /// The parts of the list of removed nodes that came before its last.
    denied: Vec<String>,
}

/// Says hello and waits for the welcome.
///
/// # Errors
/// `denied` with the fence's code, `protocol` when the hub answers something else, `timeout`, `connection`.
pub(super) async fn open(shared: &Arc<Shared>, hub: &str, channel: &Channel) -> Result<Opened> {
    let opening = greet(shared, hub, channel);
    let limit = Duration::from_millis(limits::CALL_MS);
    let late = |_| {
        Err(Error::timeout(format!(
            "the hub {hub} did not welcome us within {} ms",
            limits::CALL_MS
        )))
    };
    timeout(limit, opening).await.unwrap_or_else(late)
}

async fn greet(shared: &Arc<Shared>, hub: &str, channel: &Channel) -> Result<Opened> {
    let (outbound, queue) = mpsc::channel(limits::LINK_QUEUE);
    let mut facts = shared.options.facts.clone();
    let announce = shared.own_words(&facts.borrow_and_update());
    let sent_ms = shared.options.clock.now_ms();
    // Before the call: the hub answers it only when it has read the hello.
    let _ = outbound.try_send(up(up::Body::Hello(shared.hello(announce))));
    let request = wire::versioned(ReceiverStream::new(queue));
    let mut inbound = calls::client(channel)
        .session(request)
        .await
        .map_err(wire::error)?
        .into_inner();
    match inbound.message().await.map_err(wire::error)?.and_then(|down| down.body) {
        Some(down::Body::Welcome(welcome)) => {
            shared.welcomed(hub, sent_ms, &welcome);
            let lease_ms = welcome.lease_ms.clamp(limits::LEASE_MIN_MS, limits::LEASE_MAX_MS);
            let lease = Duration::from_millis(lease_ms);
            Ok(Opened {
                hub: hub.to_owned(),
                epoch: welcome.epoch,
                shared: shared.clone(),
                outbound,
                inbound,
                facts,
                lease,
                heard: Instant::now(),
                held: None,
                handed: Instant::now(),
                denied: Vec::new(),
            })
        }
        Some(down::Body::Fenced(fenced)) => Err(fence(fenced)),
        _ => Err(Error::protocol(format!(
            "the hub {hub} answered hello with something else"
        ))),
    }
}

impl Shared {
    fn hello(&self, announce: pb::NodeInfo) -> pb::SessionHello {
        let state = self.state.borrow();
        pb::SessionHello {
            protocol_min: limits::PROTOCOL_MIN,
            protocol_max: limits::PROTOCOL_MAX,
            flock_id: self.options.flock_id.clone(),
            epoch: state.epoch,
            last_revision: state.revision,
            incarnation: self.options.incarnation,
            announce: Some(announce),
        }
    }

    fn own_words(&self, facts: &pb::NodeInfo) -> pb::NodeInfo {
        pb::NodeInfo {
            name: self.options.name.to_string(),
            ..facts.clone()
        }
    }

    fn welcomed(&self, hub: &str, sent_ms: u64, welcome: &pb::Welcome) {
        let before = self.state.borrow().revision;
        if welcome.revision < before {
            tracing::warn!(
                hub,
                revision = welcome.revision,
                before,
                "the registry went back: was it restored from a backup? everything is announced again"
            );
            self.remember(|cache| cache.forget_answers());
            self.emit(LinkEvent::Changed);
        }
        let offset = offset(sent_ms, self.options.clock.now_ms(), welcome.now_ms);
        self.state.send_replace(LinkState {
            connected: true,
            served: false,
            hub: hub.to_owned(),
            epoch: welcome.epoch,
            revision: welcome.revision,
            clock_offset_ms: Some(offset),
            problem: None,
        });
    }

    fn deny(&self, names: Vec<String>) {
        self.options.deny.set(names.clone());
        self.remember(|cache| cache.set_denied(names));
    }
}

impl Opened {
    /// Holds the session until it is over and says why it is, and when the hub was last heard.
    pub(super) async fn hold(mut self) -> (Error, u64) {
        let problem = match self.pump().await {
            Ok(()) => {
                let _ = self.say(up::Body::Bye(pb::Bye {})).await;
                // The hub closes the stream when it has read the good-bye; a connection dropped before might swallow it.
                let _ = timeout(Duration::from_millis(limits::STOP_MS / 2), self.drained()).await;
                Error::not_started("the link was stopped")
            }
            Err(error) => error,
        };
        let silent_ms = u64::try_from(self.heard.elapsed().as_millis()).unwrap_or(u64::MAX);
        (problem, self.shared.options.clock.now_ms().saturating_sub(silent_ms))
    }

    async fn drained(&mut self) {
        while let Ok(Some(_)) = self.inbound.message().await {}
    }

    /// `Ok` = cancelled.
    async fn pump(&mut self) -> Result<()> {
        let cancel = self.shared.options.cancel.clone();
        let mut watched = self.shared.watched.subscribe();
        if !watched.borrow().is_empty() {
            watched.mark_changed();
        }
        let mut declared = self.shared.subscriptions.declared();
        let mut beats = interval(Duration::from_millis(limits::HEARTBEAT_MS).min(self.lease / 2));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut facts_last = true;
        let shared = self.shared.clone();
        loop {
            let reading = self.held.is_none();
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                down = self.inbound.message(), if reading => self.take(down.map_err(wire::error)?)?,
                () = shared.hand_over(&mut self.held), if !reading => self.handed = Instant::now(),
                _ = beats.tick() => self.beat().await?,
                () = tokio::time::sleep_until(self.heard.max(self.handed) + self.lease), if reading => {
                    return Err(self.silent());
                }
                changed = self.facts.changed(), if facts_last => match changed {
                    Ok(()) => self.announce().await?,
                    // Whoever announced has gone; the last word stands.
                    Err(_) => facts_last = false,
                },
                Ok(()) = watched.changed() => {
                    let names = watched.borrow_and_update().iter().cloned().collect();
                    self.say(up::Body::Watch(pb::Watch { names })).await?;
                }
                Ok(()) = declared.changed() => {
                    let declaration = declared.borrow_and_update().clone();
                    for part in declaration.into_iter().flat_map(|whole| whole.parts()) {
                        self.say(up::Body::Declare(part)).await?;
                    }
                }
            }
        }
    }

    async fn beat(&self) -> Result<()> {
        let sent_ms = self.shared.options.clock.now_ms();
        self.say(up::Body::Heartbeat(pb::Heartbeat { sent_ms })).await
    }

    async fn announce(&mut self) -> Result<()> {
        let node = self.shared.own_words(&self.facts.borrow_and_update());
        self.say(up::Body::Announce(node)).await
    }

    async fn say(&self, body: up::Body) -> Result<()> {
        match timeout(self.lease, self.outbound.send(up(body))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::connection(format!("the hub {} closed the session", self.hub))),
            Err(_) => Err(self.silent()),
        }
    }

    fn silent(&self) -> Error {
        Error::connection(format!(
            "the hub {} was silent for a lease of {} ms",
            self.hub,
            self.lease.as_millis()
        ))
    }

    fn take(&mut self, down: Option<pb::Down>) -> Result<()> {
        let Some(down) = down else {
            return Err(Error::connection(format!("the hub {} closed the session", self.hub)));
        };
        self.heard = Instant::now();
        match down.body {
            Some(down::Body::Beat(beat)) => self.measure(&beat),
            Some(down::Body::Presence(pb::Presence { node: Some(node) })) => {
                self.shared.remember(|cache| cache.put_node(node.clone()));
                self.shared.emit(LinkEvent::Presence(Box::new(node)));
            }
            Some(down::Body::Changed(changed)) => {
                self.reached(changed.revision);
                self.shared.emit(LinkEvent::Changed);
            }
            Some(down::Body::Denied(denied)) => self.deny(denied)?,
            Some(down::Body::Declared(declared)) => self.held = Some(Subscribing::Declared(declared)),
            Some(down::Body::Subscribed(part)) => self.held = Some(Subscribing::Subscribed(part)),
            Some(down::Body::Fenced(fenced)) => return Err(fence(fenced)),
            // A second welcome changes nothing; what is not known is of a newer protocol.
            Some(down::Body::Welcome(_) | down::Body::Presence(_)) | None => {}
        }
        Ok(())
    }

    fn deny(&mut self, mut denied: pb::Denied) -> Result<()> {
        self.denied.append(&mut denied.names);
        if self.denied.len() > limits::DENIED {
            return Err(Error::protocol(format!(
                "the hub {} lists more than {} removed nodes",
                self.hub,
                limits::DENIED
            )));
        }
        if !denied.more {
            self.shared.deny(std::mem::take(&mut self.denied));
        }
        Ok(())
    }

    fn measure(&self, beat: &pb::Beat) {
        let offset = offset(beat.sent_ms, self.shared.options.clock.now_ms(), beat.now_ms);
        self.shared.state.send_if_modified(|state| {
            let moved = state.clock_offset_ms != Some(offset);
            state.clock_offset_ms = Some(offset);
            moved
        });
        self.reached(beat.revision);
    }

    fn reached(&self, revision: u64) {
        self.shared.state.send_if_modified(|state| {
            let further = revision > state.revision;
            state.revision = state.revision.max(revision);
            further
        });
    }
}

fn up(body: up::Body) -> pb::Up {
    pb::Up { body: Some(body) }
}

fn fence(fenced: pb::Fenced) -> Error {
    Error::denied(fenced.message).with_code(fenced.code)
}

/// The other clock less ours, if the answer was given halfway between asking and hearing it.
fn offset(sent_ms: u64, heard_ms: u64, other_ms: u64) -> i64 {
    let halfway = sent_ms + heard_ms.saturating_sub(sent_ms) / 2;
    i64::try_from(i128::from(other_ms) - i128::from(halfway)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_taken_from_halfway() {
        assert_eq!(offset(1_000, 1_200, 1_100), 0);
        assert_eq!(offset(1_000, 1_200, 61_100), 60_000);
        assert_eq!(offset(61_000, 61_200, 1_100), -60_000);
    }
}
