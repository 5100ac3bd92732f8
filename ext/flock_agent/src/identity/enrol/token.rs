//! Join tokens: what the registry keeps of them, and how they are made.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flock_core::{Error, Result, glob, id::escape, limits};
use serde::{Deserialize, Serialize};

use crate::{
    identity::random,
    pb,
    registry::{Expect, Op, Registry},
    text::{hex, sha256_hex},
};

/// The prefix of the tokens' keys.
pub const TOKENS: &str = "tokens/";
const ID_BYTES: usize = 6;

/// `tokens/<id>`: everything of a token but its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// SHA-256 of the secret, hexadecimal.
    pub hash: String,
    /// Unix time, by the hub's clock.
    pub expires_ms: u64,
    /// How many nodes it may still let in.
    pub uses_left: u32,
    /// Which names; `*` and `?` match; "" = any.
    #[serde(default)]
    pub node_glob: String,
}

/// A token that was just made; the secret is nowhere else.
#[derive(Clone)]
pub struct NewToken {
    /// Its name.
    pub id: String,
    /// What the joining node has to know.
    pub secret: String,
    /// What the registry keeps.
    pub record: TokenRecord,
}

/// Makes a token; `ttl_ms` 0 = [`limits::TOKEN_TTL_MS`], `uses` 0 = one, `glob` "" = any name.
///
/// # Errors
/// `configuration` (`bad_token`) when it would last too long or admit too many.
pub fn new_token(ttl_ms: u64, uses: u32, glob: &str, now_ms: u64) -> Result<NewToken> {
    let ttl_ms = if ttl_ms == 0 { limits::TOKEN_TTL_MS } else { ttl_ms };
    if ttl_ms > limits::TOKEN_TTL_MAX_MS {
        return Err(bad(format!(
            "a token lasts {} hours at most",
            limits::TOKEN_TTL_MAX_MS / 3_600_000
        )));
    }
    if uses > limits::TOKEN_USES_MAX {
        return Err(bad(format!("a token lets in {} nodes at most", limits::TOKEN_USES_MAX)));
    }
    if glob.len() > limits::NODE_NAME_BYTES {
        return Err(bad(format!(
            "a name pattern has {} bytes at most",
            limits::NODE_NAME_BYTES
        )));
    }
    let secret = URL_SAFE_NO_PAD.encode(random::<32>()?);
    Ok(NewToken {
        id: hex(&random::<ID_BYTES>()?),
        record: TokenRecord {
            hash: sha256_hex(secret.as_bytes()),
            expires_ms: now_ms.saturating_add(ttl_ms),
            uses_left: uses.max(1),
            node_glob: glob.to_owned(),
        },
        secret,
    })
}

/// Makes a token and puts it into the registry; tokens that ended more than a day ago go.
///
/// # Errors
/// As [`new_token`]; `rejected` (`tokens`) when [`limits::TOKENS`] are there; the registry's.
pub async fn create_token(
    registry: &dyn Registry,
    ttl_ms: u64,
    uses: u32,
    glob: &str,
    now_ms: u64,
) -> Result<pb::HubToken> {
    let token = new_token(ttl_ms, uses, glob, now_ms)?;
    sweep(registry, now_ms).await?;
    let put = Op::Put {
        key: key(&token.id),
        value: super::json(&token.record),
        expect: Expect::Absent,
        session: None,
    };
    registry.txn(&super::command_id(), vec![put]).await?;
    Ok(pb::HubToken {
        id: token.id,
        secret: token.secret,
        expires_ms: token.record.expires_ms,
    })
}

/// Deletes what has ended: tokens, and denials of enrolments whose certificates have all expired.
async fn sweep(registry: &dyn Registry, now_ms: u64) -> Result<()> {
    let tokens = registry.list(TOKENS).await?.entries;
    let ended = |value: &[u8]| {
        let record: Option<TokenRecord> = serde_json::from_slice(value).ok();
        record.is_none_or(|record| record.expires_ms.saturating_add(limits::TOKEN_KEPT_MS) < now_ms)
    };
    let mut old: Vec<_> = tokens.iter().filter(|entry| ended(&entry.value)).collect();
    if tokens.len() - old.len() >= limits::TOKENS {
        let message = format!("the flock holds {} join tokens; wait until some expire", limits::TOKENS);
        return Err(Error::rejected(message).with_code("tokens"));
    }
    let denials = registry.list(super::REMOVED).await?.entries;
    old.extend(denials.iter().filter(|entry| super::denial_ended(&entry.value, now_ms)));
    for some in old.chunks(64) {
        let delete = |entry: &&crate::registry::Entry| Op::Delete {
            key: entry.key.clone(),
            expect: Expect::Any,
        };
        registry
            .txn(&super::command_id(), some.iter().map(delete).collect())
            .await?;
    }
    Ok(())
}

impl TokenRecord {
    /// Whether this is its secret; takes the same time whatever the answer.
    pub(super) fn opens_with(&self, secret: &str) -> bool {
        let given = sha256_hex(secret.as_bytes());
        let differing = self
            .hash
            .bytes()
            .zip(given.bytes())
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        differing == 0 && self.hash.len() == given.len()
    }

    /// Whether it lets in `name` at `now_ms`; uses are counted elsewhere.
    pub(super) fn admits(&self, name: &str, now_ms: u64) -> Result<()> {
        if self.expires_ms <= now_ms {
            return Err(denied(
                "token_expired",
                "the join token has expired; make another with `flockctl token create` on a hub",
            ));
        }
        if !self.node_glob.is_empty() && !glob::matches(&self.node_glob, name) {
            let message = format!(
                "the join token lets in names like {}, not {name}; make one that does (`flockctl token create --node {name}` on a hub), or join as another name",
                self.node_glob
            );
            return Err(denied("token_name", &message));
        }
        Ok(())
    }
}

/// Whether a stranger's text has the form of a token's id.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 2 * ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn key(id: &str) -> String {
    format!("{TOKENS}{}", escape(id))
}

pub(super) fn denied(code: &str, message: &str) -> Error {
    Error::denied(message).with_code(code)
}

fn bad(message: String) -> Error {
    Error::configuration(message).with_code("bad_token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_keeps_only_the_hash_of_its_secret() {
        let token = new_token(0, 0, "", 1000).unwrap();
        assert_eq!(
            (token.record.uses_left, token.record.expires_ms),
            (1, 1000 + limits::TOKEN_TTL_MS)
        );
        assert!(token.record.opens_with(&token.secret) && !token.record.opens_with("other"));
        assert!(!serde_json::to_string(&token.record).unwrap().contains(&token.secret));
        assert_eq!(
            new_token(limits::TOKEN_TTL_MAX_MS + 1, 1, "", 0).err().unwrap().code(),
            "bad_token"
        );
    }
}
