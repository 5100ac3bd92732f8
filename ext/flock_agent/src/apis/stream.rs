//! A call whose caller takes what the method yields, while it goes on.

use std::sync::Arc;

use flock_core::{Error, Result, limits};
use tokio::sync::mpsc;

use super::host::Host;
use crate::pb;

/// What a method does next.
#[derive(Debug)]
pub enum Item {
    /// It yields: a JSON array of values.
    Yield(Vec<u8>),
    /// It is over.
    End(Result<pb::CallReply>),
}

/// A method at work, and what it has yielded so far; dropped before its end, its host hears that nobody wants more.
pub struct Yielding {
    pub(super) host: Arc<Host>,
    pub(super) id: u64,
    pub(super) items: mpsc::UnboundedReceiver<Item>,
    /// Bytes that were taken, and of which the host has not heard.
    owed: u64,
}

/// The host's end of a stream.
pub(super) struct Sink {
    items: mpsc::UnboundedSender<Item>,
    /// Bytes that nobody has taken.
    open_bytes: u64,
}

/// What one yield counts.
pub(super) fn cost(yielded: &[u8]) -> u64 {
    yielded.len() as u64 + limits::YIELD_VALUE_BYTES
}

impl Yielding {
    pub(super) fn new(host: Arc<Host>, id: u64, items: mpsc::UnboundedReceiver<Item>) -> Self {
        Self {
            host,
            id,
            items,
            owed: 0,
        }
    }

    /// Waits for what comes next; after [`Item::End`] nothing does.
    pub async fn next(&mut self) -> Item {
        self.items.recv().await.unwrap_or_else(gone)
    }

    /// What comes next, if it is there.
    pub fn ready(&mut self) -> Option<Item> {
        match self.items.try_recv() {
            Ok(item) => Some(item),
            Err(mpsc::error::TryRecvError::Empty) => None,
            Err(mpsc::error::TryRecvError::Disconnected) => Some(gone()),
        }
    }

    /// The caller has these values: the method may yield as much again.
    pub fn taken(&mut self, yields: &[Vec<u8>]) {
        self.owed += yields.iter().map(|yielded| cost(yielded)).sum::<u64>();
        if self.owed > 0 && self.host.taken(self.id, self.owed) {
            self.owed = 0;
        }
    }
}

impl Drop for Yielding {
    fn drop(&mut self) {
        self.host.cancel(self.id);
    }
}

impl Sink {
    /// Both ends of a new stream.
    pub(super) fn pair() -> (Self, mpsc::UnboundedReceiver<Item>) {
        let (items, receiver) = mpsc::unbounded_channel();
        (Self { items, open_bytes: 0 }, receiver)
    }

    /// # Errors
    /// `protocol` with code `stream_overrun` when the host sends more than its caller has room for.
    pub(super) fn yields(&mut self, yielded: Vec<u8>) -> Result<()> {
        // The last one within the window may be of any size that a call may have.
        if self.open_bytes >= limits::YIELD_WINDOW_BYTES || yielded.len() > limits::CALL_BYTES {
            return Err(
                Error::protocol("the API's process yielded more than its caller takes").with_code("stream_overrun")
            );
        }
        self.open_bytes += cost(&yielded);
        // Whoever waited may be gone.
        let _ = self.items.send(Item::Yield(yielded));
        Ok(())
    }

    pub(super) fn taken(&mut self, bytes: u64) {
        self.open_bytes = self.open_bytes.saturating_sub(bytes);
    }

    pub(super) fn end(self, outcome: Result<pb::CallReply>) {
        let _ = self.items.send(Item::End(outcome));
    }
}

fn gone() -> Item {
    Item::End(Err(super::api_lost("the API's process ended while it worked on this")))
}
