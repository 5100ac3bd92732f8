//! What operators ask of a hub: join tokens, removing nodes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flock_core::{Error, Result, id::NodeName, limits};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use super::{
    Inner,
    keys::{Removed, Token},
};
use crate::{pb, transport::PeerIdentity};

impl Inner {
    /// Makes a join token; the registry keeps only the SHA-256 of its secret.
    pub(super) async fn token_create(&self, by: &PeerIdentity, request: &pb::HubTokenRequest) -> Result<pb::HubToken> {
        let ttl_ms = ttl(request.ttl_ms)?;
        let node_glob = glob(&request.node_glob)?;
        let now_ms = self.options.clock.now_ms();
        let (id, secret) = (hex(&random::<8>()?), URL_SAFE_NO_PAD.encode(random::<32>()?));
        let token = Token {
            hash: hex(&Sha256::digest(secret.as_bytes())),
            expires_ms: now_ms.saturating_add(ttl_ms),
            uses_left: request.uses.max(1),
            node_glob,
        };
        self.book.put_token(&id, &token, now_ms).await?;
        tracing::info!(by = %by.name, id, uses = token.uses_left, nodes = token.node_glob, "join token created");
        Ok(pb::HubToken {
            id,
            secret,
            expires_ms: token.expires_ms,
        })
    }

    /// Removes a node; its session ends and its certificate is denied as soon as the directory hears of it, on every hub.
    pub(super) async fn node_remove(&self, by: &PeerIdentity, name: &str) -> Result<()> {
        let name = NodeName::parse(name)?;
        if name == by.name || name == self.options.name {
            let message = format!(
                "{name} is the hub that this goes through; run the command on another hub, or `flockctl leave` on it"
            );
            return Err(Error::configuration(message).with_code("own_hub"));
        }
        let removed = Removed {
            removed_ms: self.options.clock.now_ms(),
            by: by.name.to_string(),
        };
        self.book.remove_node(&name, &removed).await?;
        tracing::info!(by = %by.name, node = %name, "removed from the flock");
        Ok(())
    }
}

fn ttl(asked_ms: u64) -> Result<u64> {
    match asked_ms {
        0 => Ok(limits::TOKEN_TTL_MS),
        asked if asked <= limits::TOKEN_TTL_MAX_MS => Ok(asked),
        asked => {
            let message = format!(
                "a join token may live {} ms at most, not {asked}",
                limits::TOKEN_TTL_MAX_MS
            );
            Err(Error::configuration(message).with_code("bad_ttl"))
        }
    }
}

fn glob(asked: &str) -> Result<String> {
    match asked {
        "" => Ok("*".to_owned()),
        asked if asked.len() <= limits::NODE_NAME_BYTES && !asked.chars().any(char::is_control) => Ok(asked.to_owned()),
        _ => {
            let message = format!(
                "a pattern of node names has at most {} bytes and no control characters",
                limits::NODE_NAME_BYTES
            );
            Err(Error::configuration(message).with_code("bad_glob"))
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::internal("the system gives no random bytes"))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
