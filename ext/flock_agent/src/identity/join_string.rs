//! The one line that lets a machine in: where the hubs are, how to know them, and a secret.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flock_core::{Error, Result, limits};
use serde::{Deserialize, Serialize};

const PREFIX: &str = "flock1.";
/// Enough to notice a character that was lost or changed when the line was copied.
const CHECK_BYTES: usize = 4;

/// A join string taken apart.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinString {
    /// Where hubs listen, `host:port`; tried in this order.
    #[serde(rename = "h")]
    pub hubs: Vec<String>,
    /// SHA-256 of the root's public key, hexadecimal.
    #[serde(rename = "p")]
    pub pin: String,
    /// Which token.
    #[serde(rename = "t")]
    pub token_id: String,
    /// Its secret.
    #[serde(rename = "s")]
    pub secret: String,
    /// The operator whom it lets in; "" = it is for nodes.
    #[serde(rename = "o", default, skip_serializing_if = "String::is_empty")]
    pub operator: String,
}

/// The printable join string; `operator` is "" in one for nodes.
pub fn join_string(hubs: &[String], pin: &str, token_id: &str, secret: &str, operator: &str) -> String {
    let parts = JoinString {
        hubs: hubs.iter().take(limits::JOIN_HUBS).cloned().collect(),
        pin: pin.to_owned(),
        token_id: token_id.to_owned(),
        secret: secret.to_owned(),
        operator: operator.to_owned(),
    };
    let mut bytes = serde_json::to_vec(&parts).unwrap_or_default();
    bytes.extend(check(&bytes));
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

impl JoinString {
    /// Takes a join string apart.
    ///
    /// # Errors
    /// `configuration` with code `bad_join_string` when it is none, or was not copied whole.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() > limits::JOIN_STRING_BYTES {
            return Err(bad("it is too long"));
        }
        let encoded = text
            .strip_prefix(PREFIX)
            .ok_or_else(|| bad("it does not start with flock1."))?;
        let bytes = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| bad("it was not copied whole"))?;
        let (json, sum) = bytes
            .split_last_chunk::<CHECK_BYTES>()
            .ok_or_else(|| bad("it was not copied whole"))?;
        if check(json) != *sum {
            return Err(bad("it was not copied whole"));
        }
        let parts: Self = serde_json::from_slice(json).map_err(|_| bad("it is of another version"))?;
        if parts.hubs.is_empty() || parts.hubs.len() > limits::JOIN_HUBS {
            return Err(bad("it names no hub"));
        }
        Ok(parts)
    }
}

impl fmt::Debug for JoinString {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinString")
            .field("hubs", &self.hubs)
            .field("token_id", &self.token_id)
            .finish_non_exhaustive()
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(bytes);
    std::array::from_fn(|i| hash[i])
}

fn bad(why: &str) -> Error {
    Error::configuration(format!(
        "this is not a join string: {why}; get one with `flockctl token create` on a hub"
    ))
    .with_code("bad_join_string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_printing() {
        let text = join_string(&["10.0.0.4:22222".into(), "hub2:1".into()], "ab12", "t1", "s3cret", "");
        assert!(text.bytes().all(|b| b.is_ascii_graphic()));
        let parts = JoinString::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(
            (parts.hubs.len(), parts.pin.as_str(), parts.secret.as_str()),
            (2, "ab12", "s3cret")
        );
        assert!(!format!("{parts:?}").contains("s3cret"));
    }

    #[test]
    fn a_damaged_copy_is_noticed() {
        let text = join_string(&["10.0.0.4:22222".into()], "ab12", "t1", "s3cret", "");
        let swapped = text.replacen('J', "K", 1);
        for bad in [
            &text[..text.len() - 1],
            &text[1..],
            "",
            "flock1.",
            "flock1.AAAA",
            swapped.as_str(),
        ] {
            assert_eq!(JoinString::parse(bad).unwrap_err().code(), "bad_join_string", "{bad}");
        }
        assert_eq!(
            JoinString::parse(&join_string(&[], "p", "t", "s", ""))
                .unwrap_err()
                .code(),
            "bad_join_string"
        );
    }
}
