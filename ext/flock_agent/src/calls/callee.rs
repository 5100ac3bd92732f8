//! The called end: who may call what, and what can be watched here.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, Result, holder::Holder, limits};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    FLOCK_API,
    builtin::Builtin,
    check,
    requests::ChefRequests,
    streams::{Read, Streams},
    versions,
    waits::Waits,
};
use crate::{
    apis::Apis,
    delivery::gate::Gate,
    dispatch::Errands,
    pb,
    places::{Place, Places},
    run_state::RunWatch,
    store::Store,
    tally::Tally,
    text,
};

/// This node as others call it; cheap to clone.
#[derive(Clone)]
pub struct Callee(Arc<Inner>);

struct Inner {
    gate: Gate,
    builtin: Builtin,
    apis: Arc<dyn Apis>,
    waits: Arc<Waits>,
    observers: Places,
    traces: Places,
    streams: Streams,
    answered: Tally,
    /// Of this start of the agent.
    mark: String,
}

/// What a node is called through.
pub struct CalleeParts {
    /// Who may.
    pub gate: Gate,
    /// Chef's runs.
    pub runs: RunWatch,
    /// Runs that were asked for.
    pub requests: Arc<ChefRequests>,
    /// Has Ruby start one.
    pub errands: Errands,
    /// Patterns of readable attributes.
    pub attributes: Vec<String>,
    /// The user's own.
    pub apis: Arc<dyn Apis>,
    /// What this node's runs wait for.
    pub waits: Arc<Waits>,
    /// What it sent and received, for those who trace it.
    pub store: Store,
}

impl Callee {
    /// Of these parts.
    pub fn new(parts: CalleeParts) -> Self {
        Self(Arc::new(Inner {
            gate: parts.gate,
            builtin: Builtin {
                runs: parts.runs,
                requests: parts.requests,
                errands: parts.errands,
                attributes: parts.attributes.into(),
                apis: Arc::clone(&parts.apis),
                store: parts.store,
            },
            apis: parts.apis,
            waits: parts.waits,
            observers: Places::new(limits::OBSERVERS, limits::OBSERVERS_OF_CALLER),
            traces: Places::new(limits::TRACES, limits::TRACES_OF_CALLER),
            streams: Streams::default(),
            answered: Tally::default(),
            mark: text::hex(&rand::random::<[u8; 8]>()),
        }))
    }

    /// Answers `from`, the holder of the caller's certificate, within the call's own time.
    ///
    /// # Errors
    /// `denied` with code `policy`; `protocol` for a call that is none; `timeout`; those of the API.
    pub async fn call(&self, from: impl Into<Holder>, call: pb::CallRequest) -> Result<pb::CallReply> {
        let from = from.into();
        check::call(&call)?;
        let limit = Duration::from_millis(call.timeout_ms);
        let what = format!("{}.{}", call.api, call.method);
        let answered = tokio::time::timeout(limit, self.answer(&from, call)).await;
        let answered = answered.unwrap_or_else(|_| {
            Err(Error::timeout(format!(
                "{what} did not answer within {} ms",
                limit.as_millis()
            )))
        });
        self.0.answered.ended(&answered);
        answered
    }

    /// Calls that were answered, by how.
    pub fn answered(&self) -> &Tally {
        &self.0.answered
    }

    async fn answer(&self, from: &Holder, mut call: pb::CallRequest) -> Result<pb::CallReply> {
        call.api = self.api_of(from, &call)?;
        self.0.gate.may_call(from, &call.api, &call.method)?;
        if call.api == FLOCK_API {
            let arguments: Vec<Value> = serde_json::from_slice(&call.arguments)
                .map_err(|e| Error::protocol(format!("arguments are a JSON array: {e}")).with_code("bad_call"))?;
            let _place = self.place_for(from, &call.method)?;
            return self.0.builtin.call(&call.method, &arguments).await;
        }
        if !call.stream.is_empty() {
            return self.0.streams.go_on(from, &call).await;
        }
        // Before the call: what changes during it is seen as a change.
        let read = self.read_of(&call.api);
        if call.streams {
            let open = |call| self.0.apis.open(from, call);
            return self.0.streams.begin(from, call, read, open).await;
        }
        Ok(read.put(self.0.apis.call(from, call).await?))
    }

    /// What reads much of the store is not asked for by many at once.
    fn place_for(&self, from: &Holder, method: &str) -> Result<Option<Place>> {
        if method != "trace" {
            return Ok(None);
        }
        let busy =
            || Error::rejected("this node answers as many traces as it may; ask again later").with_code("traces");
        self.0.traces.take(from).map(Some).ok_or_else(busy)
    }

    fn read_of(&self, api: &str) -> Read {
        let known = self.0.apis.version(api);
        Read {
            polled: known.as_deref().is_none_or(versions::never_announced),
            version: versions::of_api(known),
            topic: versions::api_topic(api),
        }
    }

    /// The short form, a method of the node itself, means the API that has it.
    fn api_of(&self, from: &Holder, call: &pb::CallRequest) -> Result<String> {
        if !call.api.is_empty() {
            return Ok(call.api.clone());
        }
        // Its host may be gone meanwhile: the stream knows whose it is.
        if !call.stream.is_empty() {
            return Ok(self.0.streams.api_of(from, &call.stream));
        }
        match self.0.apis.owner(&call.method) {
            // Also while a host that might have it is not there: the node's own answers do not wait for others'.
            Err(_) if Builtin::METHODS.contains(&call.method.as_str()) => Ok(FLOCK_API.to_owned()),
            owner => owner,
        }
    }

    /// Answers when one of the topics is no longer what the caller read, or at the end of its time with none.
    ///
    /// # Errors
    /// `denied` as for the calls that read them; `rejected` with code `observers`; `protocol`.
    pub async fn observe(&self, from: impl Into<Holder>, asked: pb::ObserveRequest) -> Result<pb::Observed> {
        let from = from.into();
        check::observation(&asked)?;
        for topic in &asked.topics {
            self.admit(&from, topic)?;
        }
        let _place = self.0.observers.take(&from).ok_or_else(|| {
            Error::rejected("too many wait for changes of this node; ask again later").with_code("observers")
        })?;
        let end = Instant::now() + Duration::from_millis(asked.timeout_ms.min(limits::OBSERVE_MS));
        let mut runs = self.0.builtin.runs.subscribe();
        let (mut requests, mut apis) = (self.0.builtin.requests.changes(), self.0.apis.changes());
        #[cfg(feature = "planted")]
        if crate::simulation::planted(crate::simulation::Planted::LostWakeUp) {
            runs.mark_unchanged();
            let _ = tokio::time::timeout_at(end, runs.changed()).await;
        }
        loop {
            runs.mark_unchanged();
            requests.mark_unchanged();
            apis.mark_unchanged();
            let changed = self.changed(&asked.topics);
            if !changed.is_empty() {
                return Ok(pb::Observed { changed });
            }
            tokio::select! {
                Ok(()) = runs.changed() => {}
                Ok(()) = requests.changed() => {}
                Ok(()) = apis.changed() => {}
                () = tokio::time::sleep_until(end) => return Ok(pb::Observed::default()),
            }
        }
    }

    /// What Chef runs of this node wait for; any member may know, for circles go through several. Nothing, for a wait that has read what is
    /// not so any more: it is about to hear of that, and waits for none of them.
    pub fn waiting(&self, read: &[pb::Topic]) -> pb::Waiting {
        let waits = match self.has_news(read) {
            true => Vec::new(),
            false => self.0.waits.all(),
        };
        pb::Waiting { waits }
    }

    /// Whether something of this node is not as it was read. Outcomes have no version: of them there is none.
    pub(super) fn has_news(&self, read: &[pb::Topic]) -> bool {
        let read = read.iter().filter(|topic| !topic.name.is_empty()).take(limits::TOPICS);
        let mut read = read.map(|topic| (topic, self.version(&topic.name)));
        read.any(|(topic, now)| versions::differs(topic, &now))
    }

    fn admit(&self, from: &Holder, topic: &pb::Topic) -> Result<()> {
        let method = match topic.name.as_str() {
            versions::RUN => "state",
            versions::ATTRIBUTES => "node",
            _ => "",
        };
        match versions::api_of(&topic.name) {
            Some(api) => self.0.gate.may_observe(from, api),
            // That it lives, any member may know.
            None if topic.name == versions::AGENT => Ok(()),
            None if method.is_empty() => Err(Error::protocol(format!(
                "{:?} is nothing that can be watched here",
                topic.name
            ))
            .with_code("bad_call")),
            None => self.0.gate.may_call(from, FLOCK_API, method),
        }
    }

    fn changed(&self, topics: &[pb::Topic]) -> Vec<pb::Topic> {
        let now = topics.iter().map(|topic| (topic, self.version(&topic.name)));
        now.filter(|(topic, version)| versions::differs(topic, version))
            .map(|(topic, version)| pb::Topic {
                version,
                ..topic.clone()
            })
            .collect()
    }

    fn version(&self, topic: &str) -> String {
        let view = self.0.builtin.runs.view();
        match (topic, versions::api_of(topic)) {
            (versions::RUN, _) => versions::of_run(&view, self.0.builtin.requests.revision()),
            (versions::AGENT, _) => self.0.mark.clone(),
            (_, Some(api)) => versions::of_api(self.0.apis.version(api)),
            _ => versions::of_attributes(&view),
        }
    }
}

#[cfg(test)]
mod tests {
    use flock_core::policy::Policy;

    use super::*;
    use crate::fixtures::{Target, callee, name};

    #[tokio::test]
    async fn who_traces_a_lot_leaves_others_their_share() {
        let target = Target::new(Policy::default());
        let callee = callee(&target);
        let trace = async |from: &str| {
            let call = pb::CallRequest {
                node: "target".into(),
                api: FLOCK_API.into(),
                method: "trace".into(),
                arguments: br#"["01900000-0000-7000-8000-000000000001"]"#.to_vec(),
                timeout_ms: 60_000,
                ..Default::default()
            };
            let answer = callee.call(&name(from), call).await;
            answer
                .map(|_| String::new())
                .unwrap_or_else(|error| error.code().to_owned())
        };
        let held: Vec<_> = (0..limits::TRACES_OF_CALLER)
            .map(|_| callee.0.traces.take(&name("greedy").into()).unwrap())
            .collect();
        assert_eq!(
            (trace("greedy").await, trace("other").await),
            ("traces".into(), String::new())
        );
        drop(held);
        assert_eq!(trace("greedy").await, "");
    }
}
