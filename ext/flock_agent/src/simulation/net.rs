//! The two socket types that the transport uses, in the shape that tokio's have.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Listener, Stream, world};

/// As [`tokio::net::TcpListener`].
pub struct TcpListener(Box<dyn Listener>);

/// As [`tokio::net::TcpStream`].
pub struct TcpStream(Box<dyn Stream>);

fn nowhere() -> io::Error {
    io::Error::new(io::ErrorKind::NetworkDown, "no world was entered")
}

impl TcpListener {
    /// Listens.
    ///
    /// # Errors
    /// Those of the world.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        world().ok_or_else(nowhere)?.bind(address).await.map(Self)
    }

    /// The next connection.
    ///
    /// # Errors
    /// Those of the world.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = self.0.accept().await?;
        Ok((TcpStream(stream), address))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Those of the world.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl TcpStream {
    /// Dials `host:port`.
    ///
    /// # Errors
    /// Those of the world.
    pub async fn connect(address: &str) -> io::Result<Self> {
        world().ok_or_else(nowhere)?.connect(address).await.map(Self)
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    pub fn set_nodelay(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// Those of the world.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
