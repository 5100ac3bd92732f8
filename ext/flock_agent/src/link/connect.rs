//! How the link reaches a hub.

use flock_core::Result;
use tonic::transport::Channel;

use crate::transport::{Dialer, Expect};

/// Opens connections to hubs.
#[tonic::async_trait]
pub trait Connect: Send + Sync + 'static {
    /// A connection to the hub at `address`, its certificate checked.
    ///
    /// # Errors
    /// `connection` when nothing answers, `denied` when it is no hub of the flock or does not admit this node.
    async fn hub(&self, address: &str) -> Result<Channel>;

    /// Drops a connection that may be open but is of no use any more, so that the next [`Connect::hub`] makes a new one.
    async fn forget(&self, _address: &str) {}
}

#[tonic::async_trait]
impl Connect for Dialer {
    async fn hub(&self, address: &str) -> Result<Channel> {
        self.channel(&Expect::Hub, address).await
    }

    async fn forget(&self, address: &str) {
        // The inherent one, which tells hubs and nodes apart.
        Dialer::forget(self, &Expect::Hub, address).await;
    }
}
