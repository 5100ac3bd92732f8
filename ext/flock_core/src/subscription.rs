//! Subscriptions: which change of a resource is one that a subscriber asked to hear of.
//!
//! No two clocks are compared. What orders a change and a subscription is the registry's revision: every subscription has the one at
//! which it was made, every change the last one up to which its node knew *all* subscriptions. A change that was journalled in a
//! session with a hub is decided at once. One that was journalled without is decided once more, when the next complete set of
//! subscriptions has come; then it is closed.

#[cfg(test)]
mod proptests;

use std::str::FromStr;

use crate::{Error, Result};

/// Hex digits of a subscription's id.
pub const ID_DIGITS: usize = 32;

/// When the notification of a subscription leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timing {
    /// With the change.
    Immediately,
    /// When the run of the change is over, once for all its changes.
    Delayed,
}

impl Timing {
    /// The word that wire and people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Immediately => "immediately",
            Self::Delayed => "delayed",
        }
    }
}

impl FromStr for Timing {
    type Err = Error;

    /// `"immediately"`, `"delayed"`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "immediately" => Ok(Self::Immediately),
            "delayed" => Ok(Self::Delayed),
            _ => Err(bad(&format!("the timing {text:?} is none of :immediately, :delayed"))),
        }
    }
}

/// What the source knew when it journalled a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knowledge {
    /// It knew all subscriptions that were made up to this registry revision.
    pub revision: u64,
    /// Whether a hub told it of every new one at that time.
    pub connected: bool,
}

/// Whether a subscription hears of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Match,
    /// Yes, marked as late: the source was away, nobody can say which of the two was first.
    Late,
    /// No, and it never will: the subscription is newer, or the change is closed.
    Never,
    /// It depends on whether the next complete set holds it.
    Undecided,
}

/// Decides between a subscription that was made at `made` and a change that was journalled with this knowledge.
/// `complete` is the revision of the first complete set that came after the change, if the source was not connected and it has come.
///
/// ```
/// use flock_core::subscription::{Knowledge, Verdict, verdict};
/// let away = Knowledge { revision: 7, connected: false };
/// assert_eq!(verdict(7, away, None), Verdict::Match);
/// assert_eq!(verdict(8, away, None), Verdict::Undecided);
/// assert_eq!(verdict(8, away, Some(9)), Verdict::Late);
/// assert_eq!(verdict(10, away, Some(9)), Verdict::Never);
/// assert_eq!(verdict(8, Knowledge { connected: true, ..away }, None), Verdict::Never);
/// ```
pub fn verdict(made: u64, known: Knowledge, complete: Option<u64>) -> Verdict {
    if made <= known.revision {
        return Verdict::Match;
    }
    if known.connected {
        return Verdict::Never;
    }
    match complete {
        None => Verdict::Undecided,
        // The registry went back (a backup was restored): its revisions say nothing of what was before.
        Some(complete) if complete < known.revision => Verdict::Never,
        Some(complete) if made <= complete => Verdict::Late,
        Some(_) => Verdict::Never,
    }
}

/// Whether the text is a subscription's id.
pub fn is_id(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == ID_DIGITS && text.bytes().all(digit)
}

/// Refuses what is no id.
///
/// # Errors
/// `configuration` with code `bad_subscription`.
pub fn check_id(text: &str) -> Result<()> {
    match is_id(text) {
        true => Ok(()),
        false => Err(bad(&format!(
            "the id {text:?} is not {ID_DIGITS} hex digits in lower case"
        ))),
    }
}

/// That a subscription cannot be taken.
pub fn bad(why: &str) -> Error {
    Error::configuration(format!("the subscription cannot be kept: {why}")).with_code("bad_subscription")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        use Verdict::{Late, Match, Never, Undecided};
        // (subscription made at, known up to, connected, next complete set, verdict)
        let table = [
            (5, 9, true, None, Match),
            (9, 9, true, None, Match),
            (10, 9, true, None, Never),
            (10, 9, true, Some(20), Never),
            (5, 9, false, None, Match),
            (9, 9, false, Some(20), Match),
            (10, 9, false, None, Undecided),
            (10, 9, false, Some(10), Late),
            (10, 9, false, Some(20), Late),
            (21, 9, false, Some(20), Never),
            (3, 0, false, Some(5), Late),
            (3, 0, false, Some(2), Never),
            // After a restored backup.
            (10, 9, false, Some(8), Never),
            (5, 9, false, Some(8), Match),
        ];
        for (made, revision, connected, complete, expected) in table {
            let known = Knowledge { revision, connected };
            assert_eq!(
                verdict(made, known, complete),
                expected,
                "{made} {known:?} {complete:?}"
            );
        }
    }

    #[test]
    fn an_id_is_hex() {
        assert!(is_id("0123456789abcdef0123456789abcdef"));
        for wrong in [
            "",
            "0123456789abcdef",
            "0123456789ABCDEF0123456789ABCDEF",
            "0123456789abcdef0123456789abcdeg",
        ] {
            assert!(!is_id(wrong));
            assert_eq!(check_id(wrong).unwrap_err().code(), "bad_subscription");
        }
    }

    #[test]
    fn timings_are_words() {
        for timing in [Timing::Immediately, Timing::Delayed] {
            assert_eq!(timing.as_str().parse::<Timing>().unwrap(), timing);
        }
        assert!("before".parse::<Timing>().unwrap_err().message().contains(":delayed"));
    }
}
