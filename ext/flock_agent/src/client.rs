//! PLACEHOLDER for the local socket's other end; the integrator drops this commit.

use std::{path::PathBuf, time::Duration};

use flock_core::{Error, Result};
use serde_json::Value;
use tokio::{io::AsyncReadExt, net::UnixStream, time::timeout};

/// A client of the agent of this node.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client; connects at the first call.
    pub fn new(socket: PathBuf, _data_dir: PathBuf) -> Self {
        Self { socket }
    }

    /// Calls an operation.
    pub async fn call(&self, op: &str, _body: Value, limit: Duration) -> Result<Value> {
        let answer = async {
            let mut stream = UnixStream::connect(&self.socket).await.map_err(|error| {
                Error::connection(format!(
                    "no agent answers at {}: {error}; start it",
                    self.socket.display()
                ))
            })?;
            let mut answer = String::new();
            stream
                .read_to_string(&mut answer)
                .await
                .map_err(|error| Error::connection(error.to_string()))?;
            Err(Error::connection(format!("{op}: the agent hung up")))
        };
        timeout(limit, answer)
            .await
            .unwrap_or_else(|_| Err(Error::timeout(format!("{op}: no answer"))))
    }

    /// Hands over a draft.
    pub async fn append(&self, draft: Value, limit: Duration) -> Result<Value> {
        self.call("append", draft, limit).await
    }
}
