//! A stream over the local socket, for both of its ends.
//!
//! Linux tells the writer of a Unix socket of room whenever the other end has read something. tokio's own stream always listens for that, so
//! that every message would wake who sent it once more, for nothing. This one listens for room only while it has to wait for some.

use std::{
    io::{self, IoSlice, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd};

/// A connected stream.
pub(crate) struct LocalStream {
    socket: AsyncFd<UnixStream>,
    /// The same socket while it is full.
    full: Option<AsyncFd<UnixStream>>,
}

impl LocalStream {
    /// The same connection, listened to as above. Must be called within a tokio runtime.
    pub fn new(stream: tokio::net::UnixStream) -> io::Result<Self> {
        Ok(Self {
            socket: listen(stream.into_std()?, Interest::READABLE)?,
            full: None,
        })
    }

    fn poll_writing(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&UnixStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Some(full) = &self.full else {
                match write(self.socket.get_ref()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let same = self.socket.get_ref().try_clone()?;
                        self.full = Some(listen(same, Interest::WRITABLE)?);
                        continue;
                    }
                    written => return Poll::Ready(written),
                }
            };
            let written = ready!(full.poll_write_ready(cx))?.try_io(|full| write(full.get_ref()));
            if let Ok(written) = written {
                self.full = None;
                return Poll::Ready(written);
            }
        }
    }
}

#[allow(
    deprecated,
    reason = "what replaces it is unsafe, for types whose descriptor may change; std's stream has one for as long as it lives"
)]
fn listen(socket: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(socket, interest)
}

impl AsyncRead for LocalStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(cx))?;
            let room = buf.initialize_unfilled();
            let most = room.len();
            let Ok(read) = ready.try_io(|socket| socket.get_ref().read(room)) else {
                continue;
            };
            let read = read?;
            if read > 0 && read < most {
                // There is no more now: spares a read that only says so.
                ready.clear_ready();
            }
            buf.advance(read);
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, |mut socket| socket.write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, |mut socket| socket.write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;
    use crate::fixtures::{GLANCE, PATIENCE};

    fn pair() -> (LocalStream, LocalStream) {
        let (one, other) = tokio::net::UnixStream::pair().unwrap();
        (LocalStream::new(one).unwrap(), LocalStream::new(other).unwrap())
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|n| (n % 251) as u8).collect()
    }

    #[tokio::test]
    async fn what_is_more_than_the_socket_takes_arrives_whole_and_in_order() {
        let (mut one, mut other) = pair();
        let sent = bytes(5_000_000);
        let expected = sent.clone();
        let writing = tokio::spawn(async move {
            one.write_all(&sent).await.unwrap();
            one.shutdown().await.unwrap();
            one
        });
        tokio::time::sleep(GLANCE).await;
        assert!(!writing.is_finished(), "nobody has read anything");
        let mut read = Vec::new();
        timeout(PATIENCE, other.read_to_end(&mut read)).await.unwrap().unwrap();
        assert_eq!(read, expected);
        let mut one = timeout(PATIENCE, writing).await.unwrap().unwrap();
        other.write_all(b"and back").await.unwrap();
        drop(other);
        let mut back = Vec::new();
        timeout(PATIENCE, one.read_to_end(&mut back)).await.unwrap().unwrap();
        assert_eq!(back, b"and back");
    }

    #[tokio::test]
    async fn a_reader_that_waits_hears_each_message() {
        let (mut one, mut other) = pair();
        for n in 0..1_000_u32 {
            let reading = async { other.read_u32().await.unwrap() };
            let writing = async {
                tokio::task::yield_now().await;
                one.write_u32(n).await.unwrap();
            };
            let (read, ()) = timeout(PATIENCE, async { tokio::join!(reading, writing) })
                .await
                .unwrap();
            assert_eq!(read, n);
        }
    }

    #[tokio::test]
    async fn who_writes_to_nobody_is_told() {
        let (mut one, other) = pair();
        drop(other);
        let error = timeout(Duration::from_secs(10), one.write_all(&bytes(10)))
            .await
            .unwrap();
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
