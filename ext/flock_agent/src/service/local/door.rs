//! The socket itself: for the owner's processes only, never two agents on one path.

use std::{
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use flock_core::{Error, Result, limits};
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::{Stream, StreamExt, wrappers::UnixListenerStream};
use tokio_util::sync::CancellationToken;

use super::Served;

/// A bound socket; the file goes with it.
#[derive(Debug)]
pub struct LocalDoor {
    path: PathBuf,
    listener: UnixListener,
}

impl LocalDoor {
    /// Binds `path` with mode 0600. The file that a dead agent left is replaced.
    ///
    /// # Errors
    /// `configuration` with code `socket_in_use` when something answers there; `configuration` when it cannot be bound.
    pub async fn bind(path: &Path) -> Result<Self> {
        make_folder(path).map_err(|e| unusable(path, &e))?;
        if UnixStream::connect(path).await.is_ok() {
            return Err(Error::configuration(format!(
                "another agent answers on {}; stop it, or give this one a socket of its own",
                path.display()
            ))
            .with_code("socket_in_use"));
        }
        let listener = place(path).map_err(|e| unusable(path, &e))?;
        Ok(Self {
            path: path.to_owned(),
            listener,
        })
    }

    fn incoming(self) -> (PathBuf, impl Stream<Item = io::Result<UnixStream>>) {
        (self.path, UnixListenerStream::new(self.listener).filter(admissible))
    }
}

/// Serves the socket until cancelled, then removes it.
///
/// # Errors
/// `internal` when the server ends by itself.
pub async fn serve(door: LocalDoor, service: Served, cancel: CancellationToken) -> Result<()> {
    let (path, incoming) = door.incoming();
    let served = tonic::transport::Server::builder()
        .concurrency_limit_per_connection(limits::CALLS_PER_CONNECTION)
        .max_connection_age_grace(std::time::Duration::from_millis(limits::STOP_MS))
        .add_service(service)
        .serve_with_incoming(incoming);
    tokio::select! {
        // Waiting callers are cut off: every one of them has a deadline and a spool.
        () = cancel.cancelled() => {
            let _ = std::fs::remove_file(path);
            Ok(())
        }
        ended = served => ended.map_err(|e| Error::internal(format!("the local socket is no longer served: {e}"))),
    }
}

/// Bound under another name first: the socket must never be seen with other permissions than 0600.
fn place(path: &Path) -> io::Result<UnixListener> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let _ = std::fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    Ok(listener)
}

fn make_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)
}

/// The file's mode keeps others out already; where a bind mount or an old kernel would not, the peer's own uid does.
fn admissible(stream: &io::Result<UnixStream>) -> bool {
    let Ok(stream) = stream else { return true };
    let own = rustix::process::geteuid().as_raw();
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own || peer.uid() == 0 => true,
        Ok(peer) => {
            tracing::warn!(
                uid = peer.uid(),
                "a process of another user was turned away from the local socket"
            );
            false
        }
        Err(_) => false,
    }
}

fn unusable(path: &Path, why: &io::Error) -> Error {
    Error::configuration(format!(
        "cannot listen on {}: {why}; a socket's path has at most 107 bytes and its folder must be writable",
        path.display()
    ))
}
