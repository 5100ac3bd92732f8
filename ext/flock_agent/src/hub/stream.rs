//! One member's open stream.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use flock_core::{Error, limits};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::{Inner, book, hello, slot::Slot};
use crate::{
    pb::{self, down, up},
    transport::PeerIdentity,
    wire,
};

// Boxed: the queue's memory is allocated in blocks, for every member.
type Queue = mpsc::Sender<Result<Box<pb::Down>, Status>>;

/// Why a stream is over.
pub(super) enum End {
    /// The other end went, or the session ended for a reason that the slot knows.
    Closed,
    /// The member stops.
    Bye,
    /// The member did not read.
    Slow,
    /// The member sent what it may not send.
    Bad(Error),
}

/// Serves one stream until it is over.
#[derive(Clone)]
pub(super) struct MemberStream {
    pub hub: Arc<Inner>,
    pub peer: PeerIdentity,
    pub slot: Arc<Slot>,
    pub queue: Queue,
}

impl MemberStream {
    pub(super) async fn run(self, welcome: pb::Welcome, inbound: Streaming<pb::Up>) {
        self.slot.tell(|news| {
            news.denied = true;
            news.subscribed.all();
        });
        let end = match self.send(down::Body::Welcome(welcome)).await {
            Ok(()) => self.serve(inbound).await.err().unwrap_or(End::Closed),
            Err(end) => end,
        };
        match end {
            End::Closed => self.say_fenced(),
            End::Bye => self.hub.close(&self.slot).await,
            End::Slow => tracing::warn!(member = %self.slot.name, "it does not read what it is sent: disconnected"),
            End::Bad(error) => {
                tracing::warn!(member = %self.slot.name, %error, "disconnected");
                let _ = self.queue.try_send(Err(wire::status(error)));
            }
        }
        self.slot.ended.cancel();
    }

    async fn serve(&self, mut inbound: Streaming<pb::Up>) -> Result<(), End> {
        loop {
            tokio::select! {
                biased;
                () = self.slot.ended.cancelled() => return Err(End::Closed),
                () = self.hub.options.cancel.cancelled() => return Err(End::Closed),
                () = self.queue.closed() => return Err(End::Closed),
                () = self.slot.wake.notified() => self.tell_news().await?,
                up = inbound.message() => match up {
                    Ok(Some(pb::Up { body: Some(body) })) => self.take(body).await?,
                    // Of a newer protocol.
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return Err(End::Closed),
                },
            }
        }
    }

    async fn take(&self, body: up::Body) -> Result<(), End> {
        self.slot.heard(self.hub.elapsed_ms());
        match body {
            up::Body::Heartbeat(beat) => self.beat(beat).await,
            up::Body::Announce(node) => self.announce(node).await,
            up::Body::Watch(watch) => self.watch(watch),
            up::Body::Declare(part) => {
                self.declare(part);
                Ok(())
            }
            up::Body::Bye(_) => Err(End::Bye),
            up::Body::Hello(_) => Err(End::Bad(Error::protocol(
                "hello was said already; open a new stream for a new session",
            ))),
        }
    }

    async fn beat(&self, beat: pb::Heartbeat) -> Result<(), End> {
        match self.hub.book.renew(&self.slot.session).await {
            Err(error) if book::is_fenced(&error) => {
                self.hub.supersede(&self.slot);
                return Err(End::Closed);
            }
            Err(error) => tracing::warn!(member = %self.slot.name, %error, "its lease cannot be renewed"),
            Ok(()) => self.hub.settle(&self.slot).await,
        }
        let beat = pb::Beat {
            sent_ms: beat.sent_ms,
            now_ms: self.hub.options.clock.now_ms(),
            revision: self.hub.directory().revision(),
        };
        self.slot.measured(beat.sent_ms, beat.now_ms);
        self.slot.wake.notify_one();
        self.send(down::Body::Beat(beat)).await
    }

    async fn announce(&self, node: pb::NodeInfo) -> Result<(), End> {
        let node = self.hub.own_words(&self.peer, node).map_err(End::Bad)?;
        match self.hub.book.announce(&self.slot.name, &self.slot.session, &node).await {
            Ok(_) => Ok(()),
            Err(error) if book::is_fenced(&error) => {
                self.hub.supersede(&self.slot);
                Err(End::Closed)
            }
            Err(error) if error.code() == "removed" => {
                self.slot.fence("removed", hello::removed(&self.slot.name));
                Err(End::Closed)
            }
            // A new session announces again.
            Err(error) => Err(End::Bad(error)),
        }
    }

    fn watch(&self, watch: pb::Watch) -> Result<(), End> {
        let names: BTreeSet<String> = watch.names.into_iter().collect();
        if names.len() > limits::WATCHED_NAMES {
            let message = format!(
                "{} names are watched, at most {} may be",
                names.len(),
                limits::WATCHED_NAMES
            );
            return Err(End::Bad(Error::rejected(message).with_code("too_many_watched")));
        }
        self.hub.sessions.watch(&self.slot, names.clone());
        self.slot.tell(|news| news.names = names);
        Ok(())
    }

    async fn tell_news(&self) -> Result<(), End> {
        let news = self.slot.news();
        if news.denied {
            self.tell_denied().await?;
        }
        for name in news.names {
            let node = Some(self.hub.directory().node(&name));
            self.send(down::Body::Presence(pb::Presence { node })).await?;
        }
        if news.changed {
            let revision = self.hub.directory().revision();
            self.send(down::Body::Changed(pb::Changed { revision })).await?;
        }
        self.tell_subscribed(news.subscribed).await
    }

    async fn tell_denied(&self) -> Result<(), End> {
        let Some(removed) = self.hub.directory().removed_if_loaded() else {
            return Ok(());
        };
        let mut parts = removed.chunks(limits::DENIED_PART).peekable();
        loop {
            let names = parts.next().unwrap_or_default().to_vec();
            let more = parts.peek().is_some();
            self.send(down::Body::Denied(pb::Denied { names, more })).await?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Queues one message; a member that leaves the queue full for a lease is cut off.
    pub(super) async fn send(&self, body: down::Body) -> Result<(), End> {
        let limit = Duration::from_millis(self.hub.options.lease_ms.min(limits::SESSION_SEND_MS));
        let message = Ok(Box::new(pb::Down { body: Some(body) }));
        tokio::select! {
            biased;
            () = self.slot.ended.cancelled() => Err(End::Closed),
            sent = timeout(limit, self.queue.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Closed),
                Err(_) => {
                    self.slot.slow.store(true, Ordering::Relaxed);
                    Err(End::Slow)
                }
            },
        }
    }

    fn say_fenced(&self) {
        if let Some(fenced) = self.slot.fenced() {
            let _ = self.queue.try_send(Ok(fenced_message(fenced)));
        }
    }
}

pub(super) fn fenced_message(fenced: pb::Fenced) -> Box<pb::Down> {
    Box::new(pb::Down {
        body: Some(down::Body::Fenced(fenced)),
    })
}

/// The member's end of the queue. What a slow member did not read is not sent after it was given up.
pub(super) struct DownStream {
    pub queue: mpsc::Receiver<Result<Box<pb::Down>, Status>>,
    pub slot: Option<Arc<Slot>>,
}

impl Stream for DownStream {
    type Item = Result<pb::Down, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.slot.as_ref().is_some_and(|slot| slot.slow.load(Ordering::Relaxed)) {
            self.slot = None;
            self.queue.close();
            while self.queue.try_recv().is_ok() {}
            let error =
                Error::rejected("this member did not read what the hub sent for a lease").with_code("slow_member");
            return Poll::Ready(Some(Err(wire::status(error))));
        }
        self.queue
            .poll_recv(context)
            .map(|message| message.map(|sent| sent.map(|boxed| *boxed)))
    }
}
