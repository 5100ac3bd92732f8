//! Channels to other nodes: one per expectation and address, shared by all callers, replaced when it is no longer good.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use flock_core::{Error, Result, id::NodeName, limits};
use tokio::time::Instant;
use tonic::transport::Channel;

use super::{
    DenyList, Expect, Tls,
    connect::{Target, Way},
};

type Key = (Expect, String);
type Slot = Arc<tokio::sync::Mutex<State>>;

/// A cloneable handle to the connections that this agent makes.
#[derive(Clone)]
pub struct Dialer(Arc<Inner>);

struct Inner {
    tls: Arc<Tls>,
    deny: DenyList,
    slots: Mutex<HashMap<Key, (Slot, Instant)>>,
}

/// What the last attempt to connect came to.
#[derive(Default)]
enum State {
    #[default]
    Untried,
    Open(Open),
    Failed(Error, Instant),
}

struct Open {
    channel: Channel,
    way: Arc<Way>,
    generation: u64,
}

impl Dialer {
    /// A dialer that shows these credentials and keeps away from the denied.
    pub fn new(tls: Arc<Tls>, deny: DenyList) -> Self {
        Self(Arc::new(Inner {
            tls,
            deny,
            slots: Mutex::default(),
        }))
    }

    /// The channel to `address` (`host:port`), where `expect` has to answer; connects if there is none yet.
    ///
    /// Ask again for every call instead of keeping it: a channel is replaced when its connection ended or the credentials were renewed.
    /// A call over it ends soon after [`limits::CALL_MS`] at the latest, streams excepted; see [`crate::wire::within`] for shorter ones.
    ///
    /// # Errors
    /// `connection` (`refused`, `unreachable`, `closed`) may pass; `denied` (`removed`, `other_flock`, `wrong_name`,
    /// `certificate_expired`, `clock_skew`) and `protocol` (`not_flock`) name what someone has to change.
    pub async fn channel(&self, expect: &Expect, address: &str) -> Result<Channel> {
        if let Expect::Node(name) = expect
            && self.0.deny.denies(name)
        {
            return Err(Error::denied(format!("{name} was removed from the flock")).with_code("removed"));
        }
        let asked = Instant::now();
        let slot = self.slot(expect, address);
        let mut state = slot.lock().await;
        match &*state {
            State::Open(open) if self.good(open) => return Ok(open.channel.clone()),
            // An attempt failed while this call waited for it: the next one would wait as long for the same answer.
            State::Failed(error, at) if *at >= asked => return Err(error.clone()),
            _ => *state = State::Untried,
        }
        let dialled = self.dial(expect, address).await;
        let channel = dialled.as_ref().map(|open| open.channel.clone()).map_err(Error::clone);
        *state = dialled.map_or_else(|error| State::Failed(error, Instant::now()), State::Open);
        channel
    }

    /// Drops the connection to `address`; calls in flight on it end.
    pub async fn forget(&self, expect: &Expect, address: &str) {
        let found = self.slots().remove(&(expect.clone(), address.to_owned()));
        if let Some((slot, _)) = found
            && let State::Open(open) = std::mem::take(&mut *slot.lock().await)
        {
            open.way.cut.cancel();
        }
    }

    fn good(&self, open: &Open) -> bool {
        open.generation == self.0.tls.generation() && open.way.alive.load(Ordering::Acquire)
    }

    async fn dial(&self, expect: &Expect, address: &str) -> Result<Open> {
        let generation = self.0.tls.generation();
        let target = Target::Member(Arc::clone(&self.0.tls), expect.clone());
        let way = Arc::new(Way::new(target, address, self.0.deny.clone()));
        let made = way.channel().await;
        if let Expect::Node(name) = expect {
            self.note(name, made.as_ref().err());
        }
        Ok(Open {
            channel: made?,
            way,
            generation,
        })
    }

    fn note(&self, name: &NodeName, failed: Option<&Error>) {
        let (known, now_ms) = (self.0.tls.encounters(), self.0.tls.clock().now_ms());
        match failed {
            Some(error) => known.failed(name, error, now_ms),
            None => known.met(name, now_ms),
        }
    }

    fn slot(&self, expect: &Expect, address: &str) -> Slot {
        let mut slots = self.slots();
        let now = Instant::now();
        let idle = Duration::from_millis(limits::DIALLED_IDLE_MS);
        // Dropping a channel closes its connection once its last call has ended.
        slots.retain(|_, (_, used)| now.duration_since(*used) < idle);
        let key = (expect.clone(), address.to_owned());
        if slots.len() >= limits::DIALLED && !slots.contains_key(&key) {
            let oldest = slots
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(key, _)| key.clone());
            oldest.and_then(|oldest| slots.remove(&oldest));
        }
        let (slot, used) = slots.entry(key).or_insert_with(|| (Slot::default(), now));
        *used = now;
        Arc::clone(slot)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, (Slot, Instant)>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
