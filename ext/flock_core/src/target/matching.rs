//! `match:` and `when_none:`, the two words that say how many and what if none.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

/// How many of the nodes that match are meant; chosen once, when the notification leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Match {
    /// All of them.
    #[default]
    All,
    /// One of them.
    Any,
    /// This many, or all if there are fewer.
    Count(u32),
    /// This share, 1 to 100, rounded up: at least one.
    Percent(u8),
}

impl Match {
    /// How many of `found` nodes are meant.
    ///
    /// ```
    /// use flock_core::target::Match;
    /// assert_eq!(Match::Percent(50).of(3), 2);
    /// ```
    pub fn of(self, found: usize) -> usize {
        match self {
            Self::All => found,
            Self::Any => found.min(1),
            Self::Count(count) => found.min(count as usize),
            Self::Percent(share) => found.saturating_mul(usize::from(share)).div_ceil(100).min(found),
        }
    }
}

impl FromStr for Match {
    type Err = Error;

    /// `""` and `"all"`, `"any"`, `"3"`, `"50%"`.
    fn from_str(text: &str) -> Result<Self> {
        let parsed = match text {
            "" | "all" => Some(Self::All),
            "any" => Some(Self::Any),
            _ => match text.strip_suffix('%') {
                Some(share) => digits(share)
                    .filter(|share| (1..=100).contains(share))
                    .map(Self::Percent),
                None => digits(text).filter(|count| *count > 0).map(Self::Count),
            },
        };
        parsed.ok_or_else(|| {
            Error::configuration(format!(
                "match: {text:?} is none of :all, :any, a number from 1, '1%' to '100%'"
            ))
            .with_code("bad_match")
        })
    }
}

/// A number of digits only: no sign, which `parse` would take.
fn digits<N: FromStr>(text: &str) -> Option<N> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Any => f.write_str("any"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

/// What becomes of a notification for which no node matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum WhenNone {
    /// It ends as undeliverable.
    #[default]
    Undeliverable,
    /// It ends as undeliverable, and the agent's log warns.
    Warn,
    /// It waits for a node that matches, until its time to live ends.
    Wait,
}

impl WhenNone {
    /// The word that wire and people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undeliverable => "undeliverable",
            Self::Warn => "warn",
            Self::Wait => "wait",
        }
    }
}

impl FromStr for WhenNone {
    type Err = Error;

    /// `""` and `"undeliverable"`, `"warn"`, `"wait"`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "" | "undeliverable" => Ok(Self::Undeliverable),
            "warn" => Ok(Self::Warn),
            "wait" => Ok(Self::Wait),
            _ => Err(
                Error::configuration(format!("when_none: {text:?} is none of :undeliverable, :warn, :wait"))
                    .with_code("bad_when_none"),
            ),
        }
    }
}

impl fmt::Display for WhenNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_go_there_and_back() {
        for found in [
            Match::All,
            Match::Any,
            Match::Count(3),
            Match::Percent(1),
            Match::Percent(100),
        ] {
            assert_eq!(found.to_string().parse(), Ok(found));
        }
        assert_eq!("".parse(), Ok(Match::All));
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["some", "0", "-1", "+1", "0%", "101%", "%", "1.5%", " 1", "99999999999"] {
            assert_eq!(text.parse::<Match>().unwrap_err().code(), "bad_match", "{text}");
        }
        assert_eq!("never".parse::<WhenNone>().unwrap_err().code(), "bad_when_none");
    }

    #[test]
    fn when_none_goes_there_and_back() {
        for found in [WhenNone::Undeliverable, WhenNone::Warn, WhenNone::Wait] {
            assert_eq!(found.as_str().parse(), Ok(found));
        }
        assert_eq!("".parse(), Ok(WhenNone::Undeliverable));
    }

    #[test]
    fn shares_are_rounded_up_and_never_exceed_what_is_there() {
        assert_eq!(Match::Percent(1).of(7), 1);
        assert_eq!(Match::Percent(50).of(5), 3);
        assert_eq!(Match::Percent(100).of(5), 5);
        assert_eq!(Match::Count(9).of(5), 5);
        for select in [Match::All, Match::Any, Match::Count(1), Match::Percent(50)] {
            assert_eq!(select.of(0), 0);
        }
    }
}
