//! Several nodes in one process, whose calls to one another go straight.

mod circles;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use flock_core::{
    Error, Result,
    policy::{Policy, Rule},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    fixtures::{GLANCE, PATIENCE, Target, callee, card, name, write_run, write_snapshot},
    pb,
};

#[derive(Clone, Default)]
struct Mesh(Arc<Mutex<HashMap<String, Callee>>>, String);

impl Mesh {
    fn to(&self, node: &str) -> Result<Callee> {
        let known = self.0.lock().unwrap().get(node).cloned();
        known.ok_or_else(|| Error::node_not_found(format!("no node called {node}")))
    }
}

#[tonic::async_trait]
impl Nodes for Mesh {
    async fn call(&self, node: &str, call: pb::CallRequest) -> Result<pb::CallReply> {
        self.to(node)?.call(&name(&self.1), call).await
    }

    async fn observe(&self, node: &str, asked: pb::ObserveRequest) -> Result<(pb::Observed, bool)> {
        Ok((self.to(node)?.observe(&name(&self.1), asked).await?, true))
    }

    async fn presence_after(&self, node: &str, known: &str) -> String {
        loop {
            let now = if self.to(node).is_ok() { "alive" } else { "unknown" };
            if now != known {
                return now.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn waiting(&self, node: &str, read: Vec<pb::Topic>) -> Result<pb::Waiting> {
        Ok(self.to(node)?.waiting(&read))
    }
}

struct Node {
    target: Target,
    caller: Caller,
}

fn node(mesh: &Mesh, own: &str) -> Node {
    node_with(mesh, own, Policy::default())
}

fn node_with(mesh: &Mesh, own: &str, policy: Policy) -> Node {
    let target = Target::named(own, tempfile::tempdir().unwrap(), policy);
    let answers = callee(&target);
    mesh.0.lock().unwrap().insert(own.into(), answers.clone());
    let ways = Mesh(Arc::clone(&mesh.0), own.into());
    let caller = Caller::new(name(own), answers, Arc::new(ways), Arc::clone(&target.waits));
    Node { target, caller }
}

fn call(node: &str, method: &str, arguments: Value) -> pb::CallRequest {
    pb::CallRequest {
        node: node.into(),
        api: FLOCK_API.into(),
        method: method.into(),
        arguments: arguments.to_string().into_bytes(),
        ..Default::default()
    }
}

async fn ask(caller: &Caller, node: &str, method: &str, arguments: Value) -> Value {
    let reply = caller.call(call(node, method, arguments)).await.unwrap();
    serde_json::from_slice(&reply.result).unwrap()
}

async fn refusal(caller: &Caller, call: pb::CallRequest) -> String {
    caller.call(call).await.unwrap_err().code().to_owned()
}

fn watching(node: &str, topic: &str, version: &str) -> pb::ObserveRequest {
    pb::ObserveRequest {
        topics: vec![pb::Topic {
            node: node.into(),
            name: topic.into(),
            version: version.into(),
        }],
        timeout_ms: 60_000,
        waiter: None,
        operator: String::new(),
    }
}

fn waiter(id: &str) -> Option<pb::Waiter> {
    Some(pb::Waiter {
        id: id.into(),
        run_id: "r".into(),
        at: format!("cb/recipes/{id}.rb:7"),
        blocks_run: true,
    })
}

#[tokio::test]
async fn a_node_tells_how_its_chef_run_is_from_before_the_first_to_after_a_kill() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    assert_eq!(ask(&a.caller, "b", "active", json!([])).await, json!(false));
    assert_eq!(ask(&a.caller, "b", "state", json!([])).await["state"], "idle");
    let mut chef = crate::fixtures::Sleeper::start();
    write_run(b.target.path(), 3, "running", chef.pid());
    assert_eq!(ask(&a.caller, "b", "active", json!([])).await, json!(true));
    assert_eq!(ask(&a.caller, "b", "state", json!([])).await["state"], "converging");
    let version = a.caller.call(call("b", "state", json!([]))).await.unwrap().version;
    let changed = tokio::spawn({
        let caller = a.caller.clone();
        async move { caller.observe(watching("b", "run", &version)).await }
    });
    chef.kill();
    let changed = tokio::time::timeout(PATIENCE, changed).await.unwrap().unwrap().unwrap();
    assert_eq!(
        changed.changed.len(),
        1,
        "a killed run writes nothing, and is seen all the same"
    );
    let state = ask(&a.caller, "b", "state", json!([])).await;
    assert_eq!(
        (state["state"].as_str(), state["number"].as_u64()),
        (Some("failed"), Some(3))
    );
}

#[tokio::test]
async fn what_is_no_call_is_refused_and_what_is_not_there_is_said() {
    let mesh = Mesh::default();
    let a = node(&mesh, "a");
    for (call, code) in [
        (call("a", "state", json!([1])), "bad_call"),
        (call("a", "eval", json!([])), "no_method"),
        (call("a", "instance eval", json!([])), "bad_call"),
        (call("nobody", "state", json!([])), "node_not_found"),
        (call("a", "node", json!([])), "no_snapshot"),
        (
            pb::CallRequest {
                api: "human_api".into(),
                ..call("a", "kill", json!([]))
            },
            "no_api",
        ),
        (
            pb::CallRequest {
                api: String::new(),
                ..call("a", "kill", json!([]))
            },
            "no_method",
        ),
    ] {
        assert_eq!(refusal(&a.caller, call.clone()).await, code, "{call:?}");
    }
    let short = pb::CallRequest {
        api: String::new(),
        ..call("a", "active", json!([]))
    };
    assert!(a.caller.call(short).await.is_ok());
}

#[tokio::test]
async fn the_table_says_who_may_call_and_watch_what() {
    let mesh = Mesh::default();
    let rule = Rule {
        from: "a".into(),
        resource: String::new(),
        actions: Vec::new(),
        call: vec!["flock_api.active".into(), "flock_api.state".into()],
    };
    let (a, c) = (node(&mesh, "a"), node(&mesh, "c"));
    let _b = node_with(&mesh, "b", Policy::new(vec![rule]));
    assert_eq!(ask(&a.caller, "b", "active", json!([])).await, json!(false));
    assert_eq!(refusal(&a.caller, call("b", "run_chef", json!([]))).await, "policy");
    assert_eq!(refusal(&c.caller, call("b", "active", json!([]))).await, "policy");
    let refused = c.caller.observe(watching("b", "run", "x")).await.unwrap_err();
    assert_eq!(refused.code(), "policy");
}

#[test]
fn operators_without_a_rule_may_call_all_that_tells_and_nothing_else() {
    let alice = flock_core::holder::Holder::parse("operator/alice").unwrap();
    let closed = Policy::new(Vec::new());
    let denied: Vec<_> = builtin::Builtin::METHODS
        .into_iter()
        .filter(|method| !closed.admits_call(&alice, FLOCK_API, method))
        .collect();
    assert_eq!(denied, ["run_chef"]);
}

#[tokio::test]
async fn a_second_request_for_a_chef_run_is_the_first_one_until_it_begins() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let first = ask(&a.caller, "b", "run_chef", json!([])).await;
    let second = ask(&a.caller, "b", "run_chef", json!([])).await;
    assert_eq!((first["state"].as_str(), &first["id"]), (Some("queued"), &second["id"]));
    let other = ask(&a.caller, "b", "run_chef", json!([{"why_run": true}])).await;
    assert_ne!(first["id"], other["id"]);
    assert_eq!(ask(&a.caller, "b", "state", json!([])).await["state"], "queued");
    let told = crate::fixtures::errands(&b.target);
    let wanted: Vec<_> = told
        .iter()
        .map(|errand| (errand["type"].as_str(), &errand["request"]))
        .collect();
    assert_eq!(
        wanted,
        [(Some("run_chef"), &first["id"]), (Some("run_chef"), &other["id"])]
    );

    let run = || ask(&a.caller, "b", "run", json!([first["id"]]));
    write_run(b.target.path(), 8, "running", std::process::id());
    assert_eq!(run().await["state"], "converging");
    write_run(b.target.path(), 8, "succeeded", std::process::id());
    let done = run().await;
    assert_eq!(
        (done["state"].as_str(), done["number"].as_u64()),
        (Some("succeeded"), Some(8))
    );
    let third = ask(&a.caller, "b", "run_chef", json!([])).await;
    assert_ne!(first["id"], third["id"]);
    b.target.requests.ended(&Started {
        request: third["id"].as_str().unwrap().into(),
        problem: "chef-client is not there".into(),
        finished: true,
    });
    let failed = ask(&a.caller, "b", "run", json!([third["id"]])).await;
    assert_eq!(
        (failed["state"].as_str(), failed["message"].as_str()),
        (Some("failed"), Some("chef-client is not there"))
    );
    for bad in [json!([{"run_list": ["-o x"]}]), json!([{"command": "rm"}]), json!([1])] {
        assert_eq!(refusal(&a.caller, call("b", "run_chef", bad)).await, "bad_call");
    }
}

#[tokio::test]
async fn a_wait_hears_of_what_changed_before_it_began_and_of_nothing_else() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    write_snapshot(b.target.path(), 1, &[card("execute[x]")]);
    let reply = || a.caller.call(call("b", "state", json!([])));
    let version = reply().await.unwrap().version;
    let quiet = pb::ObserveRequest {
        timeout_ms: 200,
        ..watching("b", "run", &version)
    };
    b.target
        .runs
        .subscribe()
        .wait_for(|view| view.snapshot.is_some())
        .await
        .unwrap();
    let version = reply().await.unwrap().version;
    assert_eq!(
        a.caller.observe(quiet).await.unwrap().changed.len(),
        1,
        "the snapshot came after it was read"
    );
    write_run(b.target.path(), 1, "succeeded", 1);
    let changed = tokio::time::timeout(PATIENCE, a.caller.observe(watching("b", "run", &version)));
    assert_eq!(changed.await.unwrap().unwrap().changed[0].name, "run");
}

#[tokio::test]
async fn a_node_that_is_not_there_is_waited_for() {
    let mesh = Mesh::default();
    let a = node(&mesh, "a");
    let waiting = tokio::spawn({
        let caller = a.caller.clone();
        async move { caller.observe(watching("b", "run", "")).await }
    });
    tokio::time::sleep(GLANCE).await;
    assert!(!waiting.is_finished());
    let _b = node(&mesh, "b");
    let changed = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    assert!(!changed.changed[0].version.is_empty());
    let gone = a.caller.observe(watching("c", "run", "known")).await.unwrap();
    assert_eq!(
        gone.changed[0].version, "",
        "what answered before does no longer: that is news"
    );
}
