//! `flock_api`: what every node answers of itself.

use std::sync::Arc;

use flock_core::{Error, Result};
use serde_json::{Value, json};

use super::{
    attributes,
    requests::{ChefRequests, Options},
    versions,
};
use crate::{
    apis::{Apis, no_method},
    blocking::blocking,
    dispatch::Errands,
    pb,
    run_state::{Run, RunView, RunWatch},
    store::{Store, inbox, outbox},
};

/// The node's own API.
#[derive(Clone)]
pub(super) struct Builtin {
    pub runs: RunWatch,
    pub requests: Arc<ChefRequests>,
    pub errands: Errands,
    /// Patterns of the attributes, of the first level, that others may read.
    pub attributes: Arc<[String]>,
    /// The user's own.
    pub apis: Arc<dyn Apis>,
    /// What this node sent and received.
    pub store: Store,
}

impl Builtin {
    /// Methods of it.
    pub const METHODS: [&'static str; 8] = ["active", "state", "node", "run_chef", "run", "apis", "ping", "trace"];

    /// # Errors
    /// `resource_not_found` for another method; `protocol` for other arguments; those of the methods.
    pub async fn call(&self, method: &str, arguments: &[Value]) -> Result<pb::CallReply> {
        match (method, arguments) {
            ("ping", []) => return Ok(plain(&Value::Bool(true))),
            ("apis", []) => return Ok(plain(&self.apis())),
            ("trace", [Value::String(id)]) => return Ok(plain(&self.trace(id).await?)),
            _ => {}
        }
        // What was changed by a file's write a moment ago is to be seen.
        let view = self.fresh().await?;
        // Before the answer is made: a request that comes meanwhile is seen as a change.
        let revision = self.requests.revision();
        let run_version = || versions::of_run(&view, revision);
        let topic = if method == "node" {
            versions::ATTRIBUTES
        } else {
            versions::RUN
        };
        let (result, version) = match (method, arguments) {
            ("active", []) => (json!(view.converging), run_version()),
            ("state", []) => (self.state(&view), run_version()),
            ("node", []) => (
                self.attributes(&view, String::new()).await?,
                versions::of_attributes(&view),
            ),
            ("node", [Value::String(path)]) => (
                self.attributes(&view, path.clone()).await?,
                versions::of_attributes(&view),
            ),
            ("run", [Value::String(id)]) => (self.requests.report(&view, id)?, run_version()),
            ("run_chef", []) => (self.run_chef(&view, Options::default())?, run_version()),
            ("run_chef", [options]) => (self.run_chef(&view, parsed(options)?)?, run_version()),
            (known, _) if Self::METHODS.contains(&known) => return Err(bad_arguments(known)),
            (unknown, _) => return Err(no_method(unknown)),
        };
        Ok(pb::CallReply {
            result: result.to_string().into_bytes(),
            version,
            topic: topic.to_owned(),
            ..Default::default()
        })
    }

    /// What this node sent and received of one chain. The whole id is asked for: who has it may know.
    async fn trace(&self, id: &str) -> Result<Value> {
        let id = uuid::Uuid::parse_str(id)
            .map_err(|_| Error::protocol("trace takes the whole id of a notification").with_code("bad_call"))?
            .to_string();
        let found = self.store.read(move |conn| {
            let mut records = outbox::chain(conn, &id)?;
            records.extend(inbox::chain(conn, &id)?);
            Ok(records)
        });
        serde_json::to_value(found.await?).map_err(|e| Error::internal(format!("records cannot be written: {e}")))
    }

    /// What can be called here besides.
    fn apis(&self) -> Value {
        let method = |method: &pb::ApiMethod| {
            let schema: Value = serde_json::from_str(&method.schema).unwrap_or_default();
            json!({"name": method.name, "help": method.help, "schema": schema})
        };
        let api = |api: pb::ApiInfo| {
            let methods: Vec<Value> = api.methods.iter().map(method).collect();
            json!({"name": api.name, "class_name": api.class_name, "help": api.help, "methods": methods})
        };
        self.apis.offers().into_iter().map(api).collect()
    }

    async fn fresh(&self) -> Result<Arc<RunView>> {
        let runs = self.runs.clone();
        let newest = blocking("reading run.json", move || runs.current_run()).await?;
        let view = self.runs.view();
        let known = view.run.as_ref();
        if newest.as_ref() == known || newest.is_none() {
            return Ok(view);
        }
        self.runs.poke();
        let mut changed = self.runs.subscribe();
        let seen = changed.wait_for(|view| view.run == newest);
        let limit = std::time::Duration::from_millis(flock_core::limits::RUN_STATE_POLL_MS * 2);
        let _ = tokio::time::timeout(limit, seen).await;
        Ok(self.runs.view())
    }

    /// Right also after a failed run and after one that was killed.
    fn state(&self, view: &RunView) -> Value {
        let run = view.run.as_ref();
        let state = match view.phase() {
            "running" => "converging",
            _ if run.is_some_and(Run::awaits_reboot) => "rebooting",
            _ if self.requests.queued(view) => "queued",
            "never" => "idle",
            phase => phase,
        };
        json!({
            "state": state,
            "number": view.newest_run(),
            "run_id": run.map(|run| run.run_id.as_str()),
            "generation": view.snapshot.as_ref().map(|snapshot| snapshot.generation),
            "started_ms": run.map(|run| run.started_ms),
            "ended_ms": run.and_then(|run| run.ended_ms),
            "error": run.and_then(|run| run.error.as_deref()),
        })
    }

    async fn attributes(&self, view: &RunView, path: String) -> Result<Value> {
        let Some(dir) = view.snapshot.as_ref().map(|snapshot| snapshot.dir.clone()) else {
            return Err(
                Error::resource_not_found("no Chef run of this node has succeeded yet: it has no attributes")
                    .with_code("no_snapshot"),
            );
        };
        let allowed = Arc::clone(&self.attributes);
        blocking("reading attributes", move || attributes::read(&dir, &path, &allowed)).await?
    }

    fn run_chef(&self, view: &RunView, options: Options) -> Result<Value> {
        let (answer, errand) = self.requests.ask(view, options)?;
        if let Some(errand) = errand {
            let id = answer["id"].as_str().unwrap_or_default();
            self.errands.add(errand).inspect_err(|_| self.requests.withdraw(id))?;
        }
        Ok(answer)
    }
}

/// An answer that is not waited for to change.
fn plain(result: &Value) -> pb::CallReply {
    pb::CallReply {
        result: result.to_string().into_bytes(),
        polled: true,
        ..Default::default()
    }
}

fn parsed(options: &Value) -> Result<Options> {
    serde_json::from_value(options.clone()).map_err(|e| {
        Error::protocol(format!("run_chef takes run_list: [..] and why_run: true: {e}")).with_code("bad_call")
    })
}

fn bad_arguments(method: &str) -> Error {
    let usage = match method {
        "node" => "node takes nothing, or a path like \"nginx.port\"",
        "trace" => "trace takes the id of a notification",
        "run" => "run takes the id that run_chef answered",
        "run_chef" => "run_chef takes nothing, or options",
        _ => "it takes no arguments",
    };
    Error::protocol(format!("flock_api.{method} cannot be called like that: {usage}")).with_code("bad_call")
}

#[cfg(test)]
mod tests {
    use flock_core::policy::Policy;

    use super::*;
    use crate::{
        fixtures::{NOW_MS, Target, callee, name},
        process,
    };

    #[tokio::test]
    async fn a_node_is_rebooting_until_it_has_or_until_chef_runs_again() {
        let target = Target::new(Policy::default());
        let callee = callee(&target);
        let state = async |run: Value| {
            std::fs::write(target.path().join("run.tmp"), run.to_string()).unwrap();
            std::fs::rename(target.path().join("run.tmp"), target.path().join("run.json")).unwrap();
            let call = pb::CallRequest {
                node: "target".into(),
                api: super::super::FLOCK_API.into(),
                method: "state".into(),
                arguments: b"[]".to_vec(),
                timeout_ms: 60_000,
                ..Default::default()
            };
            let reply = callee.call(&name("other"), call).await.unwrap();
            let answer: Value = serde_json::from_slice(&reply.result).unwrap();
            (answer["state"].as_str().unwrap().to_owned(), reply.version)
        };
        let run = |boot_id: &str| {
            json!({"number": 1, "phase": "succeeded", "started_ms": NOW_MS, "ended_ms": NOW_MS,
                   "reboot": true, "boot_id": boot_id})
        };
        let before = state(run(process::boot_id())).await;
        let after = state(run("0000-of-another-boot")).await;
        assert_eq!((before.0.as_str(), after.0.as_str()), ("rebooting", "succeeded"));
        assert_ne!(before.1, after.1, "who waits for it is woken");
        assert_eq!(state(run("")).await.0, "succeeded", "what is not known is not claimed");
        let next = json!({"number": 2, "phase": "running", "pid": std::process::id(),
                          "pid_start": process::start_of(std::process::id()), "started_ms": NOW_MS});
        assert_eq!(state(next).await.0, "converging");
    }
}
