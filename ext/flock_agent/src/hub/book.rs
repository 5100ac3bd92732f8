//! What a hub writes into the registry, each call with a deadline.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use flock_core::{Error, Result, holder::Holder, id::NodeName, lease::Presence, limits};
use uuid::Uuid;

use super::{
    hello,
    keys::{self, ENROLLED, LIVE, Live, NODES, REMOVED, Removed},
};
use crate::{
    identity::enrol::{EnrolledRecord, TOKENS, TokenRecord},
    pb,
    registry::{Committed, Entry, Expect, Listing, Op, Registry, Session},
    transport::PeerIdentity,
};

fn never_seen(name: &Holder) -> Error {
    Error::node_not_found(match name.is_operator() {
        true => format!("no operator of the flock is called {}", name.name()),
        false => format!("no node of the flock is called {name}; `flockctl nodes` lists them"),
    })
}

/// The registry as hubs use it.
#[derive(Clone)]
pub(super) struct Book {
    registry: Arc<dyn Registry>,
    hub: NodeName,
}

impl Book {
    pub(super) fn new(registry: Arc<dyn Registry>, hub: NodeName) -> Self {
        Self { registry, hub }
    }

    /// Opens a session for a member and ends its earlier one. The lease is the registry's own backstop, for a hub that dies.
    pub(super) async fn open(&self, name: &NodeName, lease_ms: u64) -> Result<Session> {
        within(self.registry.open_session(&name.escaped(), lease_ms.saturating_mul(2))).await
    }

    /// The session that a hub of this name held before.
    pub(super) fn session(name: &NodeName, epoch: u64) -> Session {
        Session {
            owner: name.escaped(),
            epoch,
        }
    }

    pub(super) async fn renew(&self, session: &Session) -> Result<()> {
        within(self.registry.renew(session)).await
    }

    pub(super) async fn close(&self, session: &Session) -> Result<()> {
        within(self.registry.close_session(session)).await
    }

    /// Writes that a member lives and what it says of itself; answers the commit, and whether what it says is new.
    ///
    /// # Errors
    /// Code `fenced` for a session that is not its owner's newest, `removed` for a node that was removed meanwhile.
    pub(super) async fn announce(
        &self,
        name: &NodeName,
        session: &Session,
        node: &pb::NodeInfo,
    ) -> Result<(Committed, bool)> {
        let value = keys::encode_node(node)?;
        let key = keys::key(NODES, name);
        let not_removed = Op::Check {
            key: keys::key(REMOVED, name),
            expect: Expect::Absent,
        };
        let mut ops = vec![not_removed, self.live(name, session, Presence::Alive)?];
        let new = self.get(&key).await?.is_none_or(|entry| entry.value != value);
        if new {
            ops.push(Op::Put {
                key,
                value,
                expect: Expect::Any,
                session: None,
            });
        }
        let committed = self.txn(ops).await.map_err(|error| match error.code() {
            "conflict" => Error::denied(hello::removed(name)).with_code("removed"),
            _ => error,
        })?;
        Ok((committed, new))
    }

    /// Writes whether a member lives.
    pub(super) async fn presence(&self, name: &NodeName, session: &Session, presence: Presence) -> Result<()> {
        let op = self.live(name, session, presence)?;
        self.txn(vec![op]).await.map(|_| ())
    }

    /// Enters a node that the registry has forgotten, so that no token gives its name away: it was restored from a backup that is older
    /// than the node.
    pub(super) async fn enter(&self, peer: &PeerIdentity, now_ms: u64) -> Result<()> {
        let key = keys::key(ENROLLED, &peer.name);
        if self.get(&key).await?.is_some() {
            return Ok(());
        }
        let put = Op::Put {
            key,
            value: keys::encode(&EnrolledRecord::of(peer, now_ms))?,
            expect: Expect::Absent,
            session: None,
        };
        match self.txn(vec![put]).await {
            Err(error) if error.code() != "conflict" => Err(error),
            _ => Ok(()),
        }
    }

    /// That a node was removed, and by whom.
    pub(super) async fn removal(&self, name: &NodeName) -> Result<Option<Removed>> {
        let key = keys::key(REMOVED, name);
        Ok(self.get(&key).await?.and_then(|entry| keys::decode(&key, &entry.value)))
    }

    pub(super) async fn is_removed(&self, name: &NodeName) -> Result<bool> {
        Ok(self.get(&keys::key(REMOVED, name)).await?.is_some())
    }

    /// Removes a node or an operator from the flock; removing it again changes nothing. Of an operator the join tokens go with it, so that
    /// only a new one brings it back.
    ///
    /// # Errors
    /// `node_not_found` when the flock never knew the name.
    pub(super) async fn remove(&self, name: &Holder, removed: &Removed) -> Result<()> {
        let key = |prefix: &str| format!("{prefix}{}", name.escaped());
        let again = self.get(&key(REMOVED)).await?.is_some();
        if !again && self.get(&key(NODES)).await?.is_none() && self.get(&key(ENROLLED)).await?.is_none() {
            return Err(never_seen(name));
        }
        let delete = |prefix| Op::Delete {
            key: key(prefix),
            expect: Expect::Any,
        };
        let mut tokens = self.tokens_of(name).await?;
        self.delete(tokens.split_off(tokens.len().min(limits::OLD_AT_ONCE)))
            .await?;
        let mut ops = vec![delete(NODES), delete(LIVE)];
        ops.extend(tokens.into_iter().map(forget));
        ops.extend(self.outlived(removed.removed_ms).await?);
        if !again {
            let value = keys::encode(removed)?;
            ops.push(Op::Put {
                key: key(REMOVED),
                value,
                expect: Expect::Any,
                session: None,
            });
        }
        self.txn(ops).await?;
        // From here on nothing new can be declared in its name.
        match name.node() {
            Some(node) => self.drop_subscriptions(node).await,
            None => Ok(()),
        }
    }

    /// Makes a member's subscriptions exactly these; what is there already keeps its revision, unless its resource is shown by another
    /// key now. Answers the revision at which that was true.
    ///
    /// Every new one is a transaction of its own: whoever has seen a revision has then seen all subscriptions made up to it.
    ///
    /// # Errors
    /// Code `removed` for a node that was removed meanwhile, `conflict` when somebody else changes them at the same time.
    pub(super) async fn declare(&self, name: &NodeName, wanted: &BTreeMap<String, Vec<u8>>) -> Result<u64> {
        let listing = self.list(&keys::subscriptions_of(name)).await?;
        let mut revision = listing.revision;
        let (kept, surplus): (Vec<_>, Vec<_>) = listing
            .entries
            .into_iter()
            .partition(|entry| wanted.contains_key(&entry.key));
        let known: BTreeMap<&str, &Entry> = kept.iter().map(|entry| (entry.key.as_str(), entry)).collect();
        for (key, value) in wanted {
            let expect = match known.get(key.as_str()) {
                Some(entry) if shown_key(&entry.value) == shown_key(value) => continue,
                Some(entry) => Expect::Revision(entry.revision),
                None => Expect::Absent,
            };
            revision = self.subscribe(name, key, value, expect).await?;
        }
        // Old ones go last: an exchange leaves no gap in which a change is missed.
        match self.delete(surplus).await? {
            Some(deleted) => Ok(deleted),
            None => Ok(revision),
        }
    }

    /// Deletes all subscriptions of a node.
    pub(super) async fn drop_subscriptions(&self, name: &NodeName) -> Result<()> {
        let all = self.list(&keys::subscriptions_of(name)).await?.entries;
        self.delete(all).await.map(|_| ())
    }

    async fn subscribe(&self, name: &NodeName, key: &str, value: &[u8], expect: Expect) -> Result<u64> {
        let removed = keys::key(REMOVED, name);
        let ops = vec![
            Op::Check {
                key: removed,
                expect: Expect::Absent,
            },
            Op::Put {
                key: key.to_owned(),
                value: value.to_vec(),
                expect,
                session: None,
            },
        ];
        match self.txn(ops).await {
            Ok(committed) => Ok(committed.revision),
            Err(error) if error.code() == "conflict" && self.is_removed(name).await? => {
                Err(Error::denied(hello::removed(name)).with_code("removed"))
            }
            Err(error) => Err(error),
        }
    }

    /// Answers the last revision, if anything was to be deleted.
    async fn delete(&self, entries: Vec<Entry>) -> Result<Option<u64>> {
        let mut revision = None;
        for some in entries.chunks(limits::REGISTRY_TXN_OPS / 2) {
            revision = Some(self.txn(some.iter().cloned().map(forget).collect()).await?.revision);
        }
        Ok(revision)
    }

    /// The join tokens that let in an operator, and nobody else.
    async fn tokens_of(&self, name: &Holder) -> Result<Vec<Entry>> {
        if !name.is_operator() {
            return Ok(Vec::new());
        }
        let own = |entry: &Entry| {
            let token: Option<TokenRecord> = keys::decode(&entry.key, &entry.value);
            token.is_some_and(|token| token.operator == name.name())
        };
        let entries = self.list(TOKENS).await?.entries;
        Ok(entries.into_iter().filter(own).collect())
    }

    /// Forgets, a few at a time, who was removed so long ago that no certificate of theirs is left.
    async fn outlived(&self, now_ms: u64) -> Result<Vec<Op>> {
        let outlived = |entry: &Entry| {
            let removed: Option<Removed> = serde_json::from_slice(&entry.value).ok();
            removed.is_some_and(|removed| removed.removed_ms.saturating_add(limits::REMOVED_KEPT_MS) < now_ms)
        };
        let entries = self.list(REMOVED).await?.entries;
        let dead = entries.into_iter().filter(outlived).take(limits::OLD_AT_ONCE);
        Ok(dead
            .map(|entry| Op::Delete {
                key: entry.key,
                expect: Expect::Revision(entry.revision),
            })
            .collect())
    }

    pub(super) async fn list(&self, prefix: &str) -> Result<Listing> {
        within(self.registry.list(prefix)).await
    }

    pub(super) fn registry(&self) -> &Arc<dyn Registry> {
        &self.registry
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>> {
        within(self.registry.get(key)).await
    }

    async fn txn(&self, ops: Vec<Op>) -> Result<Committed> {
        within(self.registry.txn(&Uuid::new_v4().to_string(), ops)).await
    }

    fn live(&self, name: &NodeName, session: &Session, presence: Presence) -> Result<Op> {
        let live = Live {
            presence: presence.as_str().to_owned(),
            epoch: session.epoch,
            hub: self.hub.to_string(),
        };
        Ok(Op::Put {
            key: keys::key(LIVE, name),
            value: keys::encode(&live)?,
            expect: Expect::Any,
            session: Some(session.clone()),
        })
    }
}

fn forget(entry: Entry) -> Op {
    Op::Delete {
        key: entry.key,
        expect: Expect::Any,
    }
}

/// What a stored subscription calls its resource: the name of one that became sensitive must not stay. All else that its id does not
/// stand for (a line, say) is only for people.
fn shown_key(value: &[u8]) -> Option<String> {
    let fields: serde_json::Value = serde_json::from_slice(value).ok()?;
    Some(fields.get("key")?.as_str()?.to_owned())
}

/// Whether an error says that a newer session of the same owner exists.
pub(super) fn is_fenced(error: &Error) -> bool {
    error.code() == "fenced"
}

/// Bounds a call to the registry.
pub(super) async fn within<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let limit = Duration::from_millis(limits::REGISTRY_CALL_MS);
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        Err(Error::timeout(format!(
            "the registry did not answer within {} ms",
            limits::REGISTRY_CALL_MS
        )))
    })
}
