//! Nonces that the hub need not remember: it recognises its own by a MAC, and their age by the time inside.

use flock_core::{Error, Result, limits};
use ring::hmac;

use crate::identity::random;

const TIME: usize = 8;
const BODY: usize = TIME + 16;

pub(super) struct Nonces(hmac::Key);

impl Nonces {
    pub fn new() -> Result<Self> {
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?)))
    }

    pub fn make(&self, now_ms: u64) -> Result<Vec<u8>> {
        let mut nonce = now_ms.to_be_bytes().to_vec();
        nonce.extend(random::<16>()?);
        nonce.extend(hmac::sign(&self.0, &nonce).as_ref());
        Ok(nonce)
    }

    /// # Errors
    /// `denied` (`bad_nonce`) when it is not of this hub, or too old.
    pub fn check(&self, nonce: &[u8], now_ms: u64) -> Result<()> {
        let bad = || {
            Error::denied("the nonce of the renewal is not of this hub or too old; try again").with_code("bad_nonce")
        };
        let (body, mac) = nonce.split_at_checked(BODY).ok_or_else(bad)?;
        hmac::verify(&self.0, body, mac).map_err(|_| bad())?;
        let (time, _) = body.split_first_chunk::<TIME>().ok_or_else(bad)?;
        let age_ms = now_ms.abs_diff(u64::from_be_bytes(*time));
        if age_ms <= limits::NONCE_MS { Ok(()) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_a_minute_at_its_own_hub() {
        let (hub, other) = (Nonces::new().unwrap(), Nonces::new().unwrap());
        let mut nonce = hub.make(1_000_000).unwrap();
        assert!(hub.check(&nonce, 1_000_000 + limits::NONCE_MS).is_ok());
        assert!(hub.check(&nonce, 1_000_001 + limits::NONCE_MS).is_err());
        assert!(other.check(&nonce, 1_000_000).is_err());
        nonce[0] ^= 1;
        assert!(hub.check(&nonce, 1_000_000).is_err());
        assert!(hub.check(b"short", 0).is_err());
    }
}
