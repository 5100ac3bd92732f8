//! One error for everything: what kind, whose fault, whether to try again.

/// The result of anything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong; each kind is one Ruby class (`FlockOfChefs::<Kind>Error`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Wrong configuration, wrong command line, wrong argument.
    Configuration,
    /// Used before start or after stop.
    NotStarted,
    /// Used in a forked child.
    Fork,
    /// The other end cannot be reached.
    Connection,
    /// The deadline passed.
    Timeout,
    /// No node has that name.
    NodeNotFound,
    /// No such resource or record.
    ResourceNotFound,
    /// Policy or identity forbids it.
    Denied,
    /// A limit is reached.
    Rejected,
    /// Whether it happened cannot be known.
    OutcomeUnknown,
    /// Malformed message or other protocol version.
    Protocol,
    /// The other end failed.
    Remote,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// The stable word for programs, `"denied"`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::NotStarted => "not_started",
            Self::Fork => "fork",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::NodeNotFound => "node_not_found",
            Self::ResourceNotFound => "resource_not_found",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Protocol => "protocol",
            Self::Remote => "remote",
            Self::Internal => "internal",
        }
    }

    /// The kind of a code, as it came over the wire; anything unknown is [`ErrorKind::Remote`].
    pub fn from_code(code: &str) -> Self {
        const ALL: [ErrorKind; 13] = [
            ErrorKind::Configuration,
            ErrorKind::NotStarted,
            ErrorKind::Fork,
            ErrorKind::Connection,
            ErrorKind::Timeout,
            ErrorKind::NodeNotFound,
            ErrorKind::ResourceNotFound,
            ErrorKind::Denied,
            ErrorKind::Rejected,
            ErrorKind::OutcomeUnknown,
            ErrorKind::Protocol,
            ErrorKind::Remote,
            ErrorKind::Internal,
        ];
        ALL.into_iter().find(|kind| kind.code() == code).unwrap_or(Self::Remote)
    }

    /// Who has to act: see [`Fault`].
    pub fn fault(self) -> Fault {
        match self {
            Self::Configuration | Self::NotStarted | Self::Fork => Fault::Caller,
            Self::NodeNotFound | Self::ResourceNotFound | Self::Denied => Fault::Caller,
            Self::Connection | Self::Timeout | Self::OutcomeUnknown => Fault::Network,
            Self::Rejected | Self::Protocol | Self::Remote => Fault::Peer,
            Self::Internal => Fault::Ours,
        }
    }

    /// Whether the same request may succeed later without anyone changing anything.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Connection | Self::Timeout | Self::Rejected)
    }
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The one who asked.
    Caller,
    /// The way between.
    Network,
    /// The other end.
    Peer,
    /// This library.
    Ours,
}

/// An error: its kind, a narrower code for programs, and a sentence for people that names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    code: String,
    message: String,
}

impl Error {
    /// An error whose code is its kind's.
    ///
    /// ```
    /// use flock_core::{Error, ErrorKind};
    /// let error = Error::new(ErrorKind::Denied, "bender9 may not restart service[nginx]; see [[allow]]");
    /// assert_eq!(error.code(), "denied");
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: kind.code().to_owned(),
            message: message.into(),
        }
    }

    /// The same error under a narrower code, such as `"token_expired"`.
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable word for programs: the kind's or a narrower one.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same request may succeed later.
    pub fn retryable(&self) -> bool {
        self.kind.retryable()
    }
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),+ $(,)?) => {
        impl Error {
            $(
                #[doc = concat!("An error of kind [`ErrorKind::", stringify!($kind), "`].")]
                pub fn $name(message: impl Into<String>) -> Self {
                    Self::new(ErrorKind::$kind, message)
                }
            )+
        }
    };
}

constructors! {
    configuration => Configuration,
    not_started => NotStarted,
    connection => Connection,
    timeout => Timeout,
    node_not_found => NodeNotFound,
    resource_not_found => ResourceNotFound,
    denied => Denied,
    rejected => Rejected,
    protocol => Protocol,
    remote => Remote,
    internal => Internal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_there_and_back_and_unknown_ones_are_remote() {
        for kind in [
            ErrorKind::Configuration,
            ErrorKind::OutcomeUnknown,
            ErrorKind::Fork,
            ErrorKind::Internal,
        ] {
            assert_eq!(ErrorKind::from_code(kind.code()), kind);
        }
        assert_eq!(ErrorKind::from_code("novel"), ErrorKind::Remote);
    }

    #[test]
    fn a_narrower_code_keeps_the_kind() {
        let error = Error::rejected("full").with_code("conflict");
        assert_eq!(
            (error.kind(), error.code(), error.to_string()),
            (ErrorKind::Rejected, "conflict", "full".into())
        );
        assert!(error.retryable());
    }

    #[test]
    fn what_only_the_caller_can_mend_is_not_retryable() {
        for kind in [
            ErrorKind::Configuration,
            ErrorKind::Denied,
            ErrorKind::Fork,
            ErrorKind::NodeNotFound,
        ] {
            assert_eq!((kind.fault(), kind.retryable()), (Fault::Caller, false));
        }
        assert_eq!(ErrorKind::Internal.fault(), Fault::Ours);
    }
}
