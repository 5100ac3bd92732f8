//! turmoil's sockets in the shape that the agents ask for.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use flock_agent::simulation::{Listener, Pending, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

struct Socket(TcpStream);
struct Door(TcpListener);

pub async fn connect(address: &str) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(address).await?;
    Ok(Box::new(Socket(stream)))
}

pub async fn bind(address: SocketAddr) -> io::Result<Box<dyn Listener>> {
    let listener = TcpListener::bind(address).await?;
    Ok(Box::new(Door(listener)))
}

impl Stream for Socket {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl Listener for Door {
    fn accept(&self) -> Pending<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        Box::pin(async {
            let (stream, address) = self.0.accept().await?;
            Ok((Box::new(Socket(stream)) as Box<dyn Stream>, address))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
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
