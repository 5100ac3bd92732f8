//! Join tokens: what the registry keeps of them, and how they are made.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flock_core::{
    Error, Result, glob,
    holder::{Holder, OPERATOR_PREFIX, OperatorName},
    id::escape,
    limits,
};
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
    /// The one operator that it lets in, without the prefix; "" = it lets in nodes.
    #[serde(default)]
    pub operator: String,
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

/// Makes a token; `ttl_ms` 0 = [`limits::TOKEN_TTL_MS`], `uses` 0 = one, `node_glob` "" = any name, `operator` "" = for nodes.
///
/// # Errors
/// `configuration` (`bad_token`, `bad_operator_name`) when it would last too long, admit too many, or both nodes and operators.
pub fn new_token(asked: &pb::HubTokenRequest, now_ms: u64) -> Result<NewToken> {
    let (uses, glob) = (asked.uses, asked.node_glob.as_str());
    let ttl_ms = if asked.ttl_ms == 0 {
        limits::TOKEN_TTL_MS
    } else {
        asked.ttl_ms
    };
    if !asked.operator.is_empty() {
        OperatorName::parse(&asked.operator)?;
        if !glob.is_empty() || uses > 1 {
            return Err(bad(
                "a token for an operator lets in that one, once: leave out nodes and uses".to_owned(),
            ));
        }
    }
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
            operator: asked.operator.clone(),
        },
        secret,
    })
}

/// Makes a token and puts it into the registry; tokens that ended more than a day ago go.
///
/// # Errors
/// As [`new_token`]; `rejected` (`tokens`) when [`limits::TOKENS`] are there; the registry's.
pub async fn create_token(registry: &dyn Registry, asked: &pb::HubTokenRequest, now_ms: u64) -> Result<pb::HubToken> {
    let token = new_token(asked, now_ms)?;
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
    pub(super) fn admits(&self, name: &Holder, now_ms: u64) -> Result<()> {
        if self.expires_ms <= now_ms {
            return Err(denied(
                "token_expired",
                "the join token has expired; make another with `flockctl token create` on a hub",
            ));
        }
        if name.is_operator() == self.operator.is_empty() || (name.is_operator() && name.name() != self.operator) {
            return Err(denied("token_name", &self.meant(name)));
        }
        if !self.node_glob.is_empty() && !glob::matches(&self.node_glob, name.as_str()) {
            let message = format!(
                "the join token lets in names like {}, not {name}; make one that does (`flockctl token create --node {name}` on a hub), or join as another name",
                self.node_glob
            );
            return Err(denied("token_name", &message));
        }
        Ok(())
    }
}

impl TokenRecord {
    fn meant(&self, name: &Holder) -> String {
        match self.operator.as_str() {
            "" => format!(
                "the join token is for nodes, not for {name}; make one with `flockctl token create --operator NAME`"
            ),
            operator => format!("the join token is for {OPERATOR_PREFIX}{operator}, not for {name}"),
        }
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
        let token = new_token(&pb::HubTokenRequest::default(), 1000).unwrap();
        assert_eq!(
            (token.record.uses_left, token.record.expires_ms),
            (1, 1000 + limits::TOKEN_TTL_MS)
        );
        assert!(token.record.opens_with(&token.secret) && !token.record.opens_with("other"));
        assert!(!serde_json::to_string(&token.record).unwrap().contains(&token.secret));
        let long = pb::HubTokenRequest {
            ttl_ms: limits::TOKEN_TTL_MAX_MS + 1,
            ..Default::default()
        };
        assert_eq!(new_token(&long, 0).err().unwrap().code(), "bad_token");
    }

    #[test]
    fn a_token_is_for_one_operator_or_for_nodes() {
        let asked = |operator: &str, node_glob: &str, uses| pb::HubTokenRequest {
            operator: operator.into(),
            node_glob: node_glob.into(),
            uses,
            ..Default::default()
        };
        let admits = |token: &NewToken, name: &str| {
            token
                .record
                .admits(&Holder::parse(name).unwrap(), 0)
                .map_err(|e| e.code().to_owned())
        };
        let (alice, nodes) = (
            new_token(&asked("alice", "", 1), 0).unwrap(),
            new_token(&asked("", "", 0), 0).unwrap(),
        );
        assert_eq!(admits(&alice, "operator/alice"), Ok(()));
        assert_eq!(admits(&nodes, "alice"), Ok(()));
        for (token, name) in [(&alice, "alice"), (&alice, "operator/bob"), (&nodes, "operator/alice")] {
            assert_eq!(admits(token, name), Err("token_name".into()), "{name}");
        }
        for bad in [asked("a/b", "", 0), asked("alice", "web*", 0), asked("alice", "", 2)] {
            assert!(new_token(&bad, 0).is_err(), "{bad:?}");
        }
    }
}
