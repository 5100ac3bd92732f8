//! A host's end of its stream: what the process in which APIs live runs of this crate.

use std::{path::Path, pin::Pin, time::Duration};

use flock_core::{Error, Result, limits};
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::{
    client,
    pb::{self, host_up::Body, local_client::LocalClient},
    wire,
};

/// A connected host.
pub struct HostClient {
    ups: mpsc::Sender<pb::HostUp>,
    downs: Mutex<Downs>,
}

struct Downs {
    stream: Streaming<pb::HostDown>,
    /// One for all looks at the stream: setting a new timer wakes the runtime, putting one off does not.
    patience: Pin<Box<Sleep>>,
}

impl HostClient {
    /// Connects to the agent at `socket` and says what is offered here.
    ///
    /// # Errors
    /// `connection` when no agent answers; `denied` when it does not want this host; `timeout`.
    pub async fn connect(socket: &Path, hello: pb::HostHello, limit: Duration) -> Result<Self> {
        let (ups, queue) = mpsc::channel(limits::HOST_UNSENT);
        let mut stub = LocalClient::new(client::channel(socket))
            .max_decoding_message_size(limits::HOST_MESSAGE_BYTES)
            .max_encoding_message_size(limits::HOST_MESSAGE_BYTES);
        let closed = |_| Error::internal("the stream's own queue is closed");
        ups.send(up(Body::Hello(hello))).await.map_err(closed)?;
        let opened = timeout(limit, stub.host(wire::versioned(ReceiverStream::new(queue)))).await;
        let late = |_| Err(Error::timeout("the agent did not take this host in"));
        let downs = opened.map(|opened| opened.map_err(wire::error)).unwrap_or_else(late)?;
        Ok(Self {
            ups,
            downs: Mutex::new(Downs {
                stream: downs.into_inner(),
                patience: Box::pin(sleep(limit)),
            }),
        })
    }

    /// What the agent wants next; `None` when the time is over.
    ///
    /// # Errors
    /// `connection` with code `closed` when the agent has ended the stream.
    pub async fn next(&self, limit: Duration) -> Result<Option<pb::host_down::Body>> {
        let mut downs = self.downs.lock().await;
        let Downs { stream, patience } = &mut *downs;
        patience.as_mut().reset(Instant::now() + limit);
        tokio::select! {
            biased;
            next = stream.message() => match next {
                Ok(Some(down)) => Ok(down.body),
                Ok(None) => Err(closed()),
                Err(status) => Err(wire::error(status).with_code("closed")),
            },
            () = patience => Ok(None),
        }
    }

    /// How a call ended.
    ///
    /// # Errors
    /// `connection` with code `closed`.
    pub async fn reply(&self, reply: pb::HostReply) -> Result<()> {
        self.say(Body::Reply(reply)).await
    }

    /// Something of an API changed.
    ///
    /// # Errors
    /// `connection` with code `closed`.
    pub async fn changed(&self, api: String) -> Result<()> {
        self.say(Body::Changed(pb::ApiChange { api })).await
    }

    async fn say(&self, body: Body) -> Result<()> {
        self.ups.send(up(body)).await.map_err(|_| closed())
    }
}

fn up(body: Body) -> pb::HostUp {
    pb::HostUp { body: Some(body) }
}

fn closed() -> Error {
    Error::connection("the agent has ended the stream of this host").with_code("closed")
}
