//! The socket file: private from its first moment, replaced when its agent is dead, never taken from one that lives.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flock_core::{Error, Result, limits};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use crate::local_stream::LocalStream;

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    _file: File,
}

/// The file of a socket of ours, which someone may have replaced meanwhile.
#[derive(Debug)]
struct File {
    path: PathBuf,
    inode: (u64, u64),
}

impl Socket {
    /// Listens at `path`, mode 0600. Its folder is made (0700) where there is none.
    ///
    /// # Errors
    /// `configuration` with code `socket_in_use` when another agent answers there, with code `socket_unusable` when something else is there
    /// or the folder is not ours to write.
    pub async fn bind(path: &Path) -> Result<Self> {
        make_folder(path).map_err(|e| unusable(path, &e))?;
        refuse_living(path).await?;
        let (listener, inode) = listen(path).map_err(|e| unusable(path, &e))?;
        let file = File {
            path: path.to_owned(),
            inode,
        };
        Ok(Self { listener, _file: file })
    }

    /// The connections of root and of our own user, [`limits::LOCAL_CONNECTIONS`] at a time; others are closed at once.
    pub(super) fn incoming(self, cancel: CancellationToken) -> ReceiverStream<io::Result<Connection>> {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = self.accept(&sender) => {}
            }
        });
        ReceiverStream::new(receiver)
    }

    async fn accept(&self, sender: &mpsc::Sender<io::Result<Connection>>) {
        let places = Arc::new(Semaphore::new(limits::LOCAL_CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match self.listener.accept().await {
                Ok((stream, _)) if is_admitted(&stream) => {
                    let connection = LocalStream::new(stream).map(|stream| Connection::new(stream, place));
                    if sender.send(connection).await.is_err() {
                        return;
                    }
                }
                Ok(_) => tracing::warn!("a connection of another user to the local socket was closed"),
                Err(error) => {
                    tracing::warn!(%error, "the local socket cannot accept");
                    tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|found| found == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn is_admitted(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| admits(own, peer.uid()))
}

fn admits(own: u32, peer: u32) -> bool {
    peer == 0 || peer == own
}

fn make_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.exists() => fs::DirBuilder::new().recursive(true).mode(0o700).create(folder),
        _ => Ok(()),
    }
}

async fn refuse_living(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(unusable(
                path,
                &"there is a file that is no socket; move it away, or set another `socket`",
            ));
        }
        Ok(_) => {}
    }
    match tokio::time::timeout(
        Duration::from_millis(limits::SOCKET_PROBE_MS),
        UnixStream::connect(path),
    )
    .await
    {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(Err(error)) => Err(unusable(path, &error)),
        _ => Err(Error::configuration(format!(
            "another agent answers at {}: stop it first, or set another `socket` in agent.toml",
            path.display()
        ))
        .with_code("socket_in_use")),
    }
}

/// Binds in a folder that nobody else can enter, and moves the socket to its place once it is 0600: there is no moment at which the
/// process's umask decides.
fn listen(path: &Path) -> io::Result<(UnixListener, (u64, u64))> {
    let private = path.with_file_name(format!(".{}", std::process::id()));
    let _ = fs::remove_dir_all(&private);
    fs::DirBuilder::new().mode(0o700).create(&private)?;
    let bound = bind_and_move(&private.join("s"), path);
    let _ = fs::remove_dir_all(&private);
    bound
}

fn bind_and_move(from: &Path, to: &Path) -> io::Result<(UnixListener, (u64, u64))> {
    let listener = UnixListener::bind(from)?;
    fs::set_permissions(from, fs::Permissions::from_mode(0o600))?;
    let inode = inode(from)?;
    fs::rename(from, to)?;
    Ok((listener, inode))
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::configuration(format!("the local socket {} cannot be used: {why}", path.display()))
        .with_code("socket_unusable")
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener as Plain;

    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_is_private_and_goes_with_its_agent() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("run/agent.sock");
        let socket = Socket::bind(&path).await.unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing else is left there"
        );
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_dead_agents_socket_is_replaced_and_a_living_ones_is_not() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("agent.sock");
        drop(Plain::bind(&path).unwrap());
        assert!(path.exists());
        let living = Socket::bind(&path).await.unwrap();
        assert_eq!(Socket::bind(&path).await.unwrap_err().code(), "socket_in_use");
        UnixStream::connect(&path).await.unwrap();
        drop(living);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_stays() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("agent.sock");
        fs::write(&path, "precious").unwrap();
        assert_eq!(Socket::bind(&path).await.unwrap_err().code(), "socket_unusable");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_successors_socket_is_not_removed() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("agent.sock");
        let first = Socket::bind(&path).await.unwrap();
        fs::remove_file(&path).unwrap();
        let _second = Socket::bind(&path).await.unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[test]
    fn only_root_and_the_own_user_are_admitted() {
        assert!(admits(1000, 1000) && admits(1000, 0) && admits(0, 0));
        assert!(!admits(1000, 1001) && !admits(0, 1000));
    }
}
