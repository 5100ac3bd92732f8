//! One member's session as its hub sees it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use flock_core::{id::NodeName, lease::Presence};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{declare::Declaring, line::Line, lock, subscribed::Subscribed};
use crate::{pb, registry::Session};

/// What a session was not yet told. It holds names, not messages, so that a slow member costs no more than a quick one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub names: BTreeSet<String>,
    pub changed: bool,
    pub denied: bool,
    pub subscribed: Subscribed,
}

const UNMEASURED: i64 = i64::MIN;

/// A member's session; it outlives a broken stream until it is silent for two leases.
#[derive(Debug)]
pub(super) struct Slot {
    pub name: NodeName,
    pub session: Session,
    /// Cancelled when the stream is over, for whatever reason.
    pub ended: CancellationToken,
    /// Wakes the stream when there are news.
    pub wake: Notify,
    /// Whether the member was cut off because it did not read.
    pub slow: AtomicBool,
    /// What the registry was told last; held while it is told, so that two tellers cannot overtake one another.
    pub told: tokio::sync::Mutex<Presence>,
    pub watched: Mutex<BTreeSet<String>>,
    /// Where this member takes what others send it through the hub, while it does.
    pub line: Mutex<Option<Arc<Line>>>,
    pub declaring: Mutex<Declaring>,
    /// Up to there it was told of all subscriptions that concern it.
    told_subscribed: AtomicU64,
    /// The revision of what it said of itself at first, if that was new, and when it was.
    announced: Mutex<Option<(u64, u64)>>,
    /// Read back from the registry after a restart; its member has not been heard since.
    adopted: bool,
    heard_ms: AtomicU64,
    /// When the session began, by the hub's time of day; 0 = it was read back.
    since_ms: AtomicU64,
    /// The member's clock less the hub's; [`UNMEASURED`] until a heartbeat said it.
    clock_offset_ms: AtomicI64,
    news: Mutex<News>,
    fenced: OnceLock<pb::Fenced>,
}

impl Slot {
    /// A session that was last heard at `heard_ms` of the hub's monotonic clock.
    pub(super) fn new(name: NodeName, session: Session, heard_ms: u64) -> Self {
        Self {
            name,
            session,
            ended: CancellationToken::new(),
            wake: Notify::new(),
            slow: AtomicBool::new(false),
            told: tokio::sync::Mutex::new(Presence::Alive),
            watched: Mutex::default(),
            line: Mutex::default(),
            declaring: Mutex::default(),
            told_subscribed: AtomicU64::new(0),
            announced: Mutex::default(),
            adopted: false,
            heard_ms: AtomicU64::new(heard_ms),
            since_ms: AtomicU64::new(0),
            clock_offset_ms: AtomicI64::new(UNMEASURED),
            news: Mutex::default(),
            fenced: OnceLock::new(),
        }
    }

    /// A session that this hub held before it was started again.
    pub(super) fn adopted(name: NodeName, session: Session, heard_ms: u64) -> Self {
        Self {
            adopted: true,
            ..Self::new(name, session, heard_ms)
        }
    }

    /// Whether `other` must not take this one's place: it is older, or the same read back.
    pub(super) fn outlasts(&self, other: &Self) -> bool {
        let (own, others) = (self.session.epoch, other.session.epoch);
        own > others || (own == others && !self.adopted)
    }

    pub(super) fn heard(&self, now_ms: u64) {
        self.heard_ms.store(now_ms, Ordering::Relaxed);
    }

    pub(super) fn heard_ms(&self) -> u64 {
        self.heard_ms.load(Ordering::Relaxed)
    }

    /// It was welcomed at `now_ms` of the hub's time of day.
    pub(super) fn welcomed(&self, now_ms: u64) {
        self.since_ms.store(now_ms, Ordering::Relaxed);
    }

    pub(super) fn since_ms(&self) -> u64 {
        self.since_ms.load(Ordering::Relaxed)
    }

    /// A heartbeat that it sent at `sent_ms` of its clock came at `now_ms` of the hub's.
    pub(super) fn measured(&self, sent_ms: u64, now_ms: u64) {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let offset = signed(sent_ms).saturating_sub(signed(now_ms));
        self.clock_offset_ms.store(offset, Ordering::Relaxed);
    }

    pub(super) fn clock_offset_ms(&self) -> Option<i64> {
        Some(self.clock_offset_ms.load(Ordering::Relaxed)).filter(|offset| *offset != UNMEASURED)
    }

    /// Whether its member has been heard by this hub since the hub began.
    pub(super) fn was_heard(&self) -> bool {
        !self.adopted
    }

    /// At `now_ms` of the hub's monotonic clock, what it says of itself became the registry's at `revision`.
    pub(super) fn announced(&self, revision: u64, now_ms: u64) {
        *lock(&self.announced) = Some((revision, now_ms));
    }

    /// Whether a directory that knows the nodes of `revision` does not know yet what the member said of itself at first. That
    /// is waited for `limit_ms` at most: a registry may go back.
    pub(super) fn is_ahead_of(&self, revision: u64, now_ms: u64, limit_ms: u64) -> bool {
        let said = *lock(&self.announced);
        said.is_some_and(|(at, since_ms)| revision < at && now_ms.saturating_sub(since_ms) < limit_ms)
    }

    /// It is told of all subscriptions up to there.
    pub(super) fn knows_all(&self, revision: u64) {
        self.told_subscribed.store(revision, Ordering::Relaxed);
    }

    /// It is told of what changed up to `revision`; answers how far it knows all then.
    pub(super) fn knows(&self, revision: u64) -> u64 {
        self.told_subscribed
            .fetch_max(revision, Ordering::Relaxed)
            .max(revision)
    }

    /// Adds news and wakes the stream.
    pub(super) fn tell(&self, add: impl FnOnce(&mut News)) {
        add(&mut lock(&self.news));
        self.wake.notify_one();
    }

    /// Adds news for when the stream is woken for others.
    pub(super) fn later(&self, add: impl FnOnce(&mut News)) {
        add(&mut lock(&self.news));
    }

    /// Takes all news.
    pub(super) fn news(&self) -> News {
        std::mem::take(&mut lock(&self.news))
    }

    /// Ends the session for a reason that the member is told.
    pub(super) fn fence(&self, code: &str, message: String) {
        let _ = self.fenced.set(pb::Fenced {
            code: code.to_owned(),
            message,
        });
        self.ended.cancel();
    }

    pub(super) fn fenced(&self) -> Option<pb::Fenced> {
        self.fenced.get().cloned()
    }
}
