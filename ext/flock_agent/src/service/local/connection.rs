//! One connection to the local socket: it keeps its place until it is closed, and has to say something for it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use flock_core::limits;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::Sleep,
};
use tonic::transport::server::Connected;

use crate::local_stream::LocalStream;

/// What every HTTP/2 client says first, before it is answered anything: 24 bytes.
const PREFACE_BYTES: usize = 24;

/// An accepted connection.
pub(super) struct Connection {
    stream: LocalStream,
    greeting: Option<Greeting>,
    _place: OwnedSemaphorePermit,
}

/// From there on HTTP/2's own pings notice who does not answer.
struct Greeting {
    heard: usize,
    until: Pin<Box<Sleep>>,
}

impl Connection {
    /// A connection that ends when its client has not greeted within [`limits::HANDSHAKE_MS`].
    pub(super) fn new(stream: LocalStream, place: OwnedSemaphorePermit) -> Self {
        let until = Box::pin(tokio::time::sleep(Duration::from_millis(limits::HANDSHAKE_MS)));
        Self {
            stream,
            greeting: Some(Greeting { heard: 0, until }),
            _place: place,
        }
    }

    fn heard(&mut self, bytes: usize) {
        if let Some(greeting) = &mut self.greeting {
            greeting.heard += bytes;
        }
        self.greeting.take_if(|greeting| greeting.heard >= PREFACE_BYTES);
    }

    fn poll_silent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.greeting {
            Some(greeting) => greeting.until.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.heard(buf.filled().len() - before);
        if read.is_pending() && self.poll_silent(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client never greeted")));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
