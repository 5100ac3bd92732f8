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
