//! Leases: silent for one is suspect, for two is gone. All times are of one monotonic clock, in milliseconds, and passed in.

/// Whether a member is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Presence {
    /// Heard within its lease.
    Alive,
    /// Silent for one lease.
    Suspect,
    /// Silent for two leases; its session has ended.
    Gone,
}

impl Presence {
    /// The word that wire and people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Gone => "gone",
        }
    }

    /// The presence of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Alive, Self::Suspect, Self::Gone]
            .into_iter()
            .find(|presence| presence.as_str() == word)
    }
}

/// The presence of a member that was last heard at `last_heard_ms`. A time that lies ahead (see [`after_start`]) is no silence.
///
/// ```
/// use flock_core::lease::{Presence, presence};
/// assert_eq!(presence(1_000, 30_000, 20_000), Presence::Alive);
/// assert_eq!(presence(1_000, 30_000, 31_000), Presence::Suspect);
/// assert_eq!(presence(1_000, 30_000, 61_000), Presence::Gone);
/// ```
pub fn presence(last_heard_ms: u64, lease_ms: u64, now_ms: u64) -> Presence {
    let silent_ms = now_ms.saturating_sub(last_heard_ms);
    if silent_ms >= lease_ms.saturating_mul(2) {
        Presence::Gone
    } else if silent_ms >= lease_ms {
        Presence::Suspect
    } else {
        Presence::Alive
    }
}

/// When a member goes that is heard no more.
pub fn gone_at(last_heard_ms: u64, lease_ms: u64) -> u64 {
    last_heard_ms.saturating_add(lease_ms.saturating_mul(2))
}

/// What counts as last heard for a member that was known before the judge itself started at `started_ms`: one lease of grace
/// in which members find their way back, or every restart of a hub would mark the whole flock as gone.
pub fn after_start(started_ms: u64, lease_ms: u64) -> u64 {
    started_ms.saturating_add(lease_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_changes_at_one_and_two_leases() {
        for (now_ms, expected) in [
            (100, Presence::Alive),
            (199, Presence::Alive),
            (200, Presence::Suspect),
            (299, Presence::Suspect),
            (300, Presence::Gone),
            (u64::MAX, Presence::Gone),
        ] {
            assert_eq!(presence(100, 100, now_ms), expected, "at {now_ms}");
        }
    }

    #[test]
    fn a_clock_that_stands_behind_is_no_silence() {
        assert_eq!(presence(1_000, 100, 0), Presence::Alive);
    }

    #[test]
    fn gone_at_is_the_first_moment_of_gone() {
        let at = gone_at(100, 100);
        assert_eq!(presence(100, 100, at), Presence::Gone);
        assert_eq!(presence(100, 100, at - 1), Presence::Suspect);
    }

    #[test]
    fn a_start_gives_one_lease_of_grace() {
        let heard = after_start(1_000, 100);
        assert_eq!(presence(heard, 100, 1_199), Presence::Alive);
        assert_eq!(presence(heard, 100, 1_200), Presence::Suspect);
        assert_eq!(presence(heard, 100, 1_300), Presence::Gone);
    }

    #[test]
    fn words_go_there_and_back() {
        for presence in [Presence::Alive, Presence::Suspect, Presence::Gone] {
            assert_eq!(Presence::parse(presence.as_str()), Some(presence));
        }
        assert_eq!(Presence::parse("dead"), None);
    }
}
