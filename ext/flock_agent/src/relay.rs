//! What both ends of a relayed call agree on: the methods that a hub carries, and the words that say it carried nothing.

use std::{fmt, str::FromStr};

use flock_core::{Error, Result};

/// The metadata key under which a member names the session that its Serve stream belongs to.
pub const EPOCH_HEADER: &str = "flock-epoch";
/// The hub has no way to the target now.
pub const NOT_CONNECTED: &str = "not_connected";
/// There is no session with a hub.
pub const HUB_AWAY: &str = "hub_away";
/// The hub holds as many calls as it may.
pub const RELAY_BUSY: &str = "relay_busy";

/// A call of the service Peer that a hub carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `Offer`, with an envelope.
    Offer,
    /// `ReportOutcome`, with an outcome.
    ReportOutcome,
    /// `Resources`.
    Resources,
    /// `Call`.
    Call,
    /// `Observe`; a hub holds it for no time.
    Observe,
    /// `Waiting`.
    Waiting,
}

/// All of them.
const METHODS: [Method; 6] = [
    Method::Offer,
    Method::ReportOutcome,
    Method::Resources,
    Method::Call,
    Method::Observe,
    Method::Waiting,
];

impl Method {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::ReportOutcome => "report_outcome",
            Self::Resources => "resources",
            Self::Call => "call",
            Self::Observe => "observe",
            Self::Waiting => "waiting",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Error;

    /// # Errors
    /// `protocol` with code `unknown_method`.
    fn from_str(word: &str) -> Result<Self> {
        METHODS
            .into_iter()
            .find(|method| method.as_str() == word)
            .ok_or_else(|| {
                Error::protocol("this call is not relayed; bring both ends to neighbouring versions of flock_of_chefs")
                    .with_code("unknown_method")
            })
    }
}

/// Whether an error says that no hub handed the call on, so that the target surely has not seen it.
pub fn carried_nothing(error: &Error) -> bool {
    matches!(error.code(), NOT_CONNECTED | RELAY_BUSY | HUB_AWAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_go_there_and_back_and_others_are_none() {
        for method in METHODS {
            assert_eq!(method.as_str().parse(), Ok(method));
        }
        assert_eq!("node_remove".parse::<Method>().unwrap_err().code(), "unknown_method");
    }
}
