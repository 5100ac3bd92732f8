//! One TLS connection, in either direction: it can be cut from outside and holds what it counts against.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::Sleep,
};
use tokio_rustls::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::{PeerInfo, deny::Registration, net::TcpStream};

/// tokio's timers reach about two years; a certificate that lasts longer is looked at again then, when the connection closes.
const LONGEST: Duration = Duration::from_secs(300 * 24 * 60 * 60);

/// What a connection gives back when it ends.
#[derive(Default)]
pub(super) struct Held {
    /// Places that it takes.
    pub permits: Vec<OwnedSemaphorePermit>,
    /// Its entry in the deny list.
    pub registration: Option<Registration>,
    /// Turns false with the connection.
    pub alive: Option<Arc<AtomicBool>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(alive) = &self.alive {
            alive.store(false, Ordering::Release);
        }
    }
}

pub(super) struct Connection {
    io: TlsStream<TcpStream>,
    /// Bytes that were read to see that the other end speaks.
    ahead: Vec<u8>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    deadline: Option<Pin<Box<Sleep>>>,
    info: PeerInfo,
    _held: Held,
}

impl Connection {
    /// A connection that ends when `cut` is cancelled or after `lasts_ms`, if that is said.
    pub fn new(
        io: TlsStream<TcpStream>,
        cut: CancellationToken,
        lasts_ms: Option<u64>,
        info: PeerInfo,
        held: Held,
    ) -> Self {
        let after = |ms| Box::pin(tokio::time::sleep(Duration::from_millis(ms).min(LONGEST)));
        Self {
            io,
            ahead: Vec::new(),
            cut: Box::pin(cut.cancelled_owned()),
            deadline: lasts_ms.map(after),
            info,
            _held: held,
        }
    }

    /// Waits for the first bytes of the other end: with TLS 1.3 a server's refusal arrives only here.
    pub async fn hear(&mut self) -> io::Result<()> {
        let mut first = [0; 64];
        match self.io.read(&mut first).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.ahead = first.get(..n).unwrap_or_default().to_vec();
                Ok(())
            }
        }
    }

    /// In every operation: a connection that waits for its peer to read must end as well.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let deadline = self.deadline.as_mut();
        if self.cut.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "cut: the node was removed, or this agent stops",
            ));
        }
        if deadline.is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the time of this connection is over",
            ));
        }
        Ok(())
    }
}

impl Connected for Connection {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_ended(cx)?;
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let n = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead.drain(..n).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_ended(cx)?;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ended(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ended(cx)?;
        ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}
