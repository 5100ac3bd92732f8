//! The hosts of this node: which are wanted, which are connected, and what they offer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flock_core::{Error, Result, holder::Holder};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use super::{Apis, Yielding, api_down, host::Host, no_api, no_method};
use crate::{pb, text};

/// Where the APIs of a host come from. A cookbook's wins where both offer one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The libraries of the snapshot's cookbooks.
    Cookbook,
    /// The files of `data_dir/apis`.
    Files,
}

impl Kind {
    /// As in events and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cookbook => "cookbook",
            Self::Files => "files",
        }
    }
}

/// The hosts; cheap to clone.
#[derive(Clone)]
pub struct Hosts(Arc<Inner>);

struct Inner {
    book: Mutex<Book>,
    /// Versions and names, in one number.
    changes: watch::Sender<u64>,
    told: Notify,
}

#[derive(Default)]
struct Book {
    wanted: BTreeMap<Kind, Ticket>,
    connected: BTreeMap<Kind, Arc<Host>>,
    /// What a host that is gone offered: its callers hear that it is down, not that there is no such thing.
    known: BTreeMap<Kind, BTreeMap<String, BTreeSet<String>>>,
    /// What Ruby told of its processes.
    states: BTreeMap<Kind, Told>,
    /// What Ruby has not been told yet.
    event: Option<Value>,
    last_event: Option<Value>,
}

/// What admits a process as a host: it is for one version of the code, over all starts of it.
struct Ticket {
    digest: String,
    token: String,
}

/// A host that there should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Want {
    pub(super) kind: Kind,
    /// Of its code: another one is another host.
    pub(super) digest: String,
    /// Names, as far as they are known before it says hello.
    pub(super) apis: Vec<String>,
    /// What Ruby needs to start it.
    pub(super) start: Value,
}

/// Ruby's word on one process.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    pub(super) state: String,
    pub(super) failures: u64,
    pub(super) message: String,
}

#[derive(Deserialize)]
struct HostTold {
    kind: Kind,
    #[serde(flatten)]
    told: Told,
}

impl Default for Hosts {
    fn default() -> Self {
        Self(Arc::new(Inner {
            book: Mutex::default(),
            changes: watch::Sender::new(0),
            told: Notify::new(),
        }))
    }
}

impl Hosts {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bump(&self) {
        self.0.changes.send_modify(|count| *count += 1);
    }

    /// Says which hosts there should be; Ruby hears of it when that has changed.
    pub(super) fn want(&self, wants: &[Want], common: &Value) {
        let mut book = self.book();
        book.wanted
            .retain(|kind, _| wants.iter().any(|want| want.kind == *kind));
        let hosts: Vec<Value> = wants.iter().map(|want| book.admit(want)).collect();
        let mut event = json!({"type": "hosts", "hosts": hosts});
        merge(&mut event, common);
        if book.last_event.as_ref() == Some(&event) || (book.last_event.is_none() && wants.is_empty()) {
            return;
        }
        book.last_event = Some(event.clone());
        book.event = Some(event);
        let retired = book.retire_unwanted();
        drop(book);
        self.0.told.notify_one();
        retired.iter().for_each(|host| host.retire());
        self.bump();
    }

    /// The next event for Ruby. Only the newest is kept.
    pub async fn next_event(&self) -> Value {
        loop {
            if let Some(event) = self.book().event.take() {
                return event;
            }
            self.0.told.notified().await;
        }
    }

    /// Notes what Ruby tells of a host's process: `{"kind", "state", "failures", "message"}`.
    ///
    /// # Errors
    /// `configuration` when it is something else.
    pub fn note(&self, arguments: Value) -> Result<Value> {
        let told: HostTold =
            serde_json::from_value(arguments).map_err(|e| Error::configuration(format!("host_state: {e}")))?;
        self.book().states.insert(told.kind, told.told);
        Ok(json!({}))
    }

    /// Which host this token is for.
    pub(super) fn kind_of(&self, token: &str) -> Result<Kind> {
        let book = self.book();
        let found = book.wanted.iter().find(|(_, ticket)| ticket.token == token);
        found.map(|(kind, _)| *kind).ok_or_else(|| {
            Error::denied("this process is no host that the agent wants; the agent itself starts them")
                .with_code("host_token")
        })
    }

    /// From now on calls go to this host.
    pub(super) fn enter(&self, host: &Arc<Host>) {
        let mut book = self.book();
        book.known.insert(host.kind, offers(host));
        let before = book.connected.insert(host.kind, Arc::clone(host));
        drop(book);
        if let Some(before) = before {
            before.retire();
        }
        self.bump();
    }

    /// Its stream is over.
    pub(super) fn leave(&self, host: &Arc<Host>) {
        let mut book = self.book();
        if book.connected.get(&host.kind).is_some_and(|now| Arc::ptr_eq(now, host)) {
            book.connected.remove(&host.kind);
        }
        drop(book);
        host.close();
        self.bump();
    }

    fn offering(&self, api: &str) -> Result<Arc<Host>> {
        let book = self.book();
        match book.connected.values().find(|host| host.apis.contains_key(api)) {
            Some(host) => Ok(Arc::clone(host)),
            None => Err(book.missing(api)),
        }
    }

    /// APIs of files that nobody can call, for a cookbook's has the same name.
    pub fn hidden(&self) -> Vec<String> {
        let book = self.book();
        let offered = |kind| book.connected.get(&kind).map(|host| &host.apis);
        match (offered(Kind::Cookbook), offered(Kind::Files)) {
            (Some(cookbook), Some(files)) => files
                .keys()
                .filter(|api| cookbook.contains_key(*api))
                .cloned()
                .collect(),
            _ => Vec::new(),
        }
    }

    /// How they are, for `status` and `doctor`.
    pub fn status(&self) -> Vec<pb::HostState> {
        let book = self.book();
        [Kind::Cookbook, Kind::Files].map(|kind| book.state_of(kind)).into()
    }
}

impl Book {
    fn admit(&mut self, want: &Want) -> Value {
        let ticket = match self.wanted.remove(&want.kind) {
            Some(ticket) if ticket.digest == want.digest => ticket,
            _ => {
                let names = want.apis.iter().map(|api| (api.clone(), BTreeSet::new()));
                self.known.entry(want.kind).or_default().extend(names);
                Ticket {
                    digest: want.digest.clone(),
                    token: text::hex(&rand::random::<[u8; 32]>()),
                }
            }
        };
        let mut event = json!({"kind": want.kind.as_str(), "digest": ticket.digest, "token": ticket.token});
        merge(&mut event, &want.start);
        self.wanted.insert(want.kind, ticket);
        event
    }

    fn retire_unwanted(&mut self) -> Vec<Arc<Host>> {
        self.known.retain(|kind, _| self.wanted.contains_key(kind));
        self.states.retain(|kind, _| self.wanted.contains_key(kind));
        let wanted = &self.wanted;
        let (kept, unwanted) = std::mem::take(&mut self.connected)
            .into_iter()
            .partition(|(kind, _)| wanted.contains_key(kind));
        self.connected = kept;
        BTreeMap::into_values(unwanted).collect()
    }

    /// Why nothing offers the API.
    fn missing(&self, api: &str) -> Error {
        let down = self
            .known
            .iter()
            .find(|(_, apis)| apis.contains_key(api))
            .map(|(kind, _)| *kind);
        match down
            .filter(|kind| !self.connected.contains_key(kind))
            .or_else(|| self.starting())
        {
            Some(kind) => self.down(kind),
            None => no_api(api),
        }
    }

    /// A host that is wanted and has not said yet what it offers.
    fn starting(&self) -> Option<Kind> {
        let unheard = |kind: &&Kind| !self.connected.contains_key(kind);
        self.wanted.keys().find(unheard).copied()
    }

    fn down(&self, kind: Kind) -> Error {
        let told = self.states.get(&kind).filter(|told| !told.message.is_empty());
        let why = told.map_or_else(|| "it is being started".to_owned(), |told| told.message.clone());
        api_down(&format!(
            "the process of this node's APIs ({}) is not at work: {why}; see flockctl status there",
            kind.as_str()
        ))
    }

    fn state_of(&self, kind: Kind) -> pb::HostState {
        let told = self.states.get(&kind).cloned().unwrap_or_default();
        let host = self.connected.get(&kind);
        let state = match (host, self.wanted.contains_key(&kind), told.state.as_str()) {
            (Some(_), _, _) => "serving",
            (None, false, _) => "off",
            (None, true, state @ ("backing_off" | "given_up")) => state,
            (None, true, _) => "starting",
        };
        let host = host.map(Arc::as_ref);
        pb::HostState {
            kind: kind.as_str().to_owned(),
            state: state.to_owned(),
            pid: host.map_or(0, |host| host.pid),
            apis: host.map_or_else(Vec::new, |host| host.apis.keys().cloned().collect()),
            failures: told.failures,
            message: told.message,
            problems: host.map_or_else(Vec::new, |host| host.problems.clone()),
            calls: host.map_or(0, |host| host.at_hand() as u64),
        }
    }
}

#[tonic::async_trait]
impl Apis for Hosts {
    async fn call(&self, from: &Holder, call: pb::CallRequest) -> Result<pb::CallReply> {
        let host = self.offering(&call.api)?;
        host.begin(from, call)?.answer().await
    }

    fn open(&self, from: &Holder, call: pb::CallRequest) -> Result<Yielding> {
        self.offering(&call.api)?.open(from, call)
    }

    fn owner(&self, method: &str) -> Result<String> {
        let book = self.book();
        let all = book
            .connected
            .values()
            .flat_map(|host| host.apis.keys().map(move |api| (host, api)));
        let owners: BTreeSet<&String> = all
            .filter(|(host, api)| host.has(api, method))
            .map(|(_, api)| api)
            .collect();
        match (owners.len(), owners.first()) {
            (1, Some(owner)) => Ok((*owner).clone()),
            (0, _) => Err(book
                .starting()
                .map_or_else(|| no_method(method), |kind| book.down(kind))),
            _ => Err(Error::rejected(format!(
                "several APIs of this node expose {method:?}; name one: {}",
                owners.into_iter().cloned().collect::<Vec<_>>().join(", ")
            ))
            .with_code("ambiguous")),
        }
    }

    fn names(&self) -> Vec<String> {
        let book = self.book();
        let names: BTreeSet<&String> = book.connected.values().flat_map(|host| host.apis.keys()).collect();
        names.into_iter().cloned().collect()
    }

    fn offers(&self) -> Vec<pb::ApiInfo> {
        let book = self.book();
        // Of two with one name the first is called.
        let all = book.connected.values().rev().flat_map(|host| host.apis.iter());
        let offers: BTreeMap<&String, &pb::ApiInfo> = all.collect();
        offers.into_values().cloned().collect()
    }

    fn services(&self) -> Vec<String> {
        let of = |info: pb::ApiInfo| {
            let named = info
                .methods
                .iter()
                .map(|method| format!("/{}/{}", info.name, method.name));
            std::iter::once(format!("/{}", info.name))
                .chain(named)
                .collect::<Vec<_>>()
        };
        self.offers().into_iter().flat_map(of).collect()
    }

    fn version(&self, api: &str) -> Option<String> {
        self.offering(api).ok().map(|host| host.version(api))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn changed(&self, api: &str) {
        if let Ok(host) = self.offering(api) {
            host.changed(api);
            self.bump();
        }
    }
}

fn offers(host: &Host) -> BTreeMap<String, BTreeSet<String>> {
    let methods = |info: &pb::ApiInfo| info.methods.iter().map(|method| method.name.clone()).collect();
    host.apis
        .iter()
        .map(|(name, info)| (name.clone(), methods(info)))
        .collect()
}

fn merge(into: &mut Value, from: &Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from.clone());
    }
}
