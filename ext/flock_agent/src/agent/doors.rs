//! The doors of an agent, taken before anything else begins: who comes second learns it before it has done anything.

use std::net::SocketAddr;

use flock_core::{Error, Result};

#[cfg(not(feature = "simulation"))]
use super::metrics::page;
#[cfg(not(feature = "simulation"))]
use crate::service::local::Socket;
use crate::{config::Config, transport::net::TcpListener};

/// Bound, not served: whoever knocks already waits for the agent to be ready.
pub(super) struct Doors {
    /// For other nodes; `None` on a member that only dials out.
    pub(super) peers: Option<TcpListener>,
    /// For this node. A simulated recipe calls the service itself: the socket is of the real machine.
    #[cfg(not(feature = "simulation"))]
    pub(super) local: Socket,
    /// For Prometheus, where agent.toml asks for it.
    #[cfg(not(feature = "simulation"))]
    pub(super) metrics: Option<tokio::net::TcpListener>,
}

impl Doors {
    pub(super) async fn open(config: &Config) -> Result<Self> {
        Ok(Self {
            peers: listen(config).await?,
            #[cfg(not(feature = "simulation"))]
            local: Socket::bind(&config.socket).await?,
            #[cfg(not(feature = "simulation"))]
            metrics: match config.metrics {
                Some(address) => Some(page::bind(address).await?),
                None => None,
            },
        })
    }

    /// The address with the port that the system chose, where the file says port 0.
    pub(super) fn chosen_port(&self, config: &Config) -> Option<SocketAddr> {
        config.listen.filter(|asked| asked.port() == 0)?;
        self.peers.as_ref()?.local_addr().ok()
    }
}

async fn listen(config: &Config) -> Result<Option<TcpListener>> {
    let Some(address) = config.listen else {
        return Ok(None);
    };
    TcpListener::bind(address).await.map(Some).map_err(|e| {
        Error::configuration(format!(
            "cannot listen on {address}: {e}; another agent may be there: change `listen` in {}",
            config.path.display()
        ))
        .with_code("cannot_listen")
    })
}
