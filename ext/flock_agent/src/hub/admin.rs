//! What operators ask of a hub: join tokens, removing nodes.

use flock_core::{Error, Result, holder::Holder};

use super::{Inner, keys::Removed};
use crate::{identity::enrol, pb, transport::PeerIdentity};

impl Inner {
    /// Makes a join token; the registry keeps only the SHA-256 of its secret.
    pub(super) async fn token_create(&self, by: &PeerIdentity, request: &pb::HubTokenRequest) -> Result<pb::HubToken> {
        let now_ms = self.options.clock.now_ms();
        let token = enrol::create_token(&*self.options.registry, request, now_ms).await?;
        let (uses, nodes, operator) = (request.uses.max(1), &request.node_glob, &request.operator);
        tracing::info!(by = %by.name, id = token.id, uses, nodes, operator, "join token created");
        Ok(token)
    }

    /// Removes a node or an operator; its session ends and its certificate is denied as soon as the directory hears of it, on every hub.
    pub(super) async fn node_remove(&self, by: &PeerIdentity, name: &str) -> Result<()> {
        let name = Holder::parse(name)?;
        if name == by.name || name == self.options.name {
            let message = format!("{name} is the hub that this goes through; it can only be removed from another hub");
            return Err(Error::configuration(message).with_code("own_hub"));
        }
        let removed = Removed {
            removed_ms: self.options.clock.now_ms(),
            by: by.name.to_string(),
        };
        self.book.remove(&name, &removed).await?;
        tracing::info!(by = %by.name, node = %name, "removed from the flock");
        Ok(())
    }

    /// Removes the caller, for good and by its own will.
    pub(super) async fn leave(&self, by: &PeerIdentity) -> Result<()> {
        if by.hub {
            let message = format!("{} is a hub; it does not leave through one", by.name);
            return Err(Error::configuration(message).with_code("own_hub"));
        }
        let removed = Removed {
            removed_ms: self.options.clock.now_ms(),
            by: by.name.to_string(),
        };
        self.book.remove(&by.name.clone().into(), &removed).await?;
        tracing::info!(node = %by.name, "left the flock");
        Ok(())
    }
}
