//! The states of a notification at one target, and which may follow which.

/// Where a notification stands; see design "Delivery".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// In the sender's outbox.
    Queued,
    /// Sent, not yet acknowledged.
    Offered,
    /// In the target's inbox, acknowledged.
    Stored,
    /// A run of the target is at it.
    Claimed,
    /// The action ran to its end.
    Done,
    /// The action failed.
    Failed,
    /// Whether the action ran to its end cannot be known.
    Unknown,
    /// A newer notification took its place before it left.
    Superseded,
    /// Its time to live ended before it was run.
    Expired,
    /// The target's policy, or a loop verdict, forbids it.
    Denied,
    /// No target, or the target cannot run it.
    Undeliverable,
}

impl State {
    /// All states, in the order of a notification's life.
    pub const ALL: [State; 11] = [
        State::Queued,
        State::Offered,
        State::Stored,
        State::Claimed,
        State::Done,
        State::Failed,
        State::Unknown,
        State::Superseded,
        State::Expired,
        State::Denied,
        State::Undeliverable,
    ];

    /// The word that stores, wire and people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Offered => "offered",
            Self::Stored => "stored",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::Undeliverable => "undeliverable",
        }
    }

    /// The state of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Offered | Self::Stored | Self::Claimed)
    }

    /// Whether `next` may follow. A final state is left only by an operator's retry, which is not a transition but a new attempt.
    pub fn can_become(self, next: State) -> bool {
        use State::*;
        match self {
            Queued => {
                matches!(next, Offered | Stored | Superseded | Expired | Denied | Undeliverable) || next.is_outcome()
            }
            Offered => matches!(next, Queued | Stored | Expired | Denied | Undeliverable) || next.is_outcome(),
            Stored => matches!(next, Claimed | Expired | Denied | Undeliverable) || next.is_outcome(),
            Claimed => matches!(next, Stored | Denied | Undeliverable) || next.is_outcome(),
            _ => false,
        }
    }

    fn is_outcome(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Unknown)
    }
}

/// What two notifications of one sender must share for the newer to make the older needless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot<'a> {
    /// The node that is to act.
    pub target: &'a str,
    /// The resource.
    pub key: &'a str,
    /// The action.
    pub action: &'a str,
    /// `before`, `immediately` or `delayed`.
    pub timing: &'a str,
}

impl Slot<'_> {
    /// Whether a newer notification in this slot takes the place of `older`, which stands in `state`: only while it is still
    /// queued, since whatever was offered may already be on the target's disk.
    pub fn supersedes(&self, older: &Slot<'_>, state: State) -> bool {
        state == State::Queued && self == older
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Slot<'static> = Slot {
        target: "bender1",
        key: "service[nginx]",
        action: "reload",
        timing: "delayed",
    };

    #[test]
    fn words_go_there_and_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("lost"), None);
    }

    #[test]
    fn nothing_follows_a_final_state() {
        for (from, to) in State::ALL.iter().flat_map(|a| State::ALL.map(|b| (*a, b))) {
            assert!(!(from.is_final() && from.can_become(to)), "{from:?} -> {to:?}");
        }
    }

    #[test]
    fn every_state_but_queued_can_be_reached() {
        for to in State::ALL.into_iter().skip(1) {
            assert!(State::ALL.iter().any(|from| from.can_become(to)), "{to:?}");
        }
    }

    #[test]
    fn what_left_the_sender_is_never_superseded() {
        let allowed: Vec<_> = State::ALL
            .into_iter()
            .filter(|s| s.can_become(State::Superseded))
            .collect();
        assert_eq!(allowed, [State::Queued]);
        for state in State::ALL {
            assert_eq!(SLOT.supersedes(&SLOT, state), state == State::Queued, "{state:?}");
        }
    }

    #[test]
    fn only_the_same_slot_is_superseded() {
        let others = [
            Slot { target: "b", ..SLOT },
            Slot {
                key: "service[x]",
                ..SLOT
            },
            Slot {
                action: "restart",
                ..SLOT
            },
            Slot {
                timing: "immediately",
                ..SLOT
            },
        ];
        for other in others {
            assert!(!SLOT.supersedes(&other, State::Queued), "{other:?}");
        }
    }

    #[test]
    fn a_stored_notification_is_claimed_before_it_ends_as_unknown_or_goes_back() {
        assert!(State::Stored.can_become(State::Claimed));
        assert!(State::Claimed.can_become(State::Stored));
        assert!(State::Claimed.can_become(State::Unknown));
        assert!(!State::Claimed.can_become(State::Queued));
        assert!(!State::Stored.can_become(State::Queued));
    }
}
