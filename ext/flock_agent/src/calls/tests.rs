//! Several nodes in one process, whose calls to one another go straight.

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

    async fn waiting(&self, node: &str) -> Result<pb::Waiting> {
        Ok(self.to(node)?.waiting())
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

#[tokio::test]
async fn waits_in_a_circle_end_and_name_every_recipe_line_of_it() {
    for length in 1..=5_usize {
        let mesh = Mesh::default();
        let names: Vec<String> = (0..length).map(|n| format!("n{n}")).collect();
        let nodes: Vec<Node> = names.iter().map(|own| node(&mesh, own)).collect();
        let waits = nodes.iter().enumerate().map(|(n, node)| {
            let next = &names[(n + 1) % length];
            let version = super::versions::of_run(&nodes[(n + 1) % length].target.runs.view(), 0);
            let asked = pb::ObserveRequest {
                waiter: waiter(&names[n]),
                ..watching(next, "run", &version)
            };
            let caller = node.caller.clone();
            tokio::spawn(async move { caller.observe(asked).await })
        });
        for wait in waits.collect::<Vec<_>>() {
            let error = tokio::time::timeout(PATIENCE, wait)
                .await
                .unwrap()
                .unwrap()
                .unwrap_err();
            assert_eq!(error.code(), "wait_cycle");
            for own in &names {
                assert!(error.message().contains(&format!("cb/recipes/{own}.rb:7")), "{error}");
            }
        }
    }
}

/// As a run waits for the outcome of what it notified `of` of.
async fn outcome(caller: &Caller, who: &str, of: &str) -> Result<()> {
    let blocked = caller.blocked(waiter(who))?;
    blocked.on(vec![of.to_owned()]);
    blocked.or_circle(std::future::pending()).await
}

#[tokio::test]
async fn a_wait_for_an_outcome_and_one_for_a_run_end_in_one_circle() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let version = super::versions::of_run(&a.target.runs.view(), 0);
    let asked = pb::ObserveRequest {
        waiter: waiter("b"),
        ..watching("a", "run", &version)
    };
    let (notifying, waiting) = tokio::time::timeout(PATIENCE, async {
        tokio::join!(outcome(&a.caller, "a", "b"), b.caller.observe(asked))
    })
    .await
    .unwrap();
    for error in [notifying.unwrap_err(), waiting.unwrap_err()] {
        assert_eq!(error.code(), "wait_cycle");
        for line in ["cb/recipes/a.rb:7", "cb/recipes/b.rb:7"] {
            assert!(error.message().contains(line), "{error}");
        }
    }
}

#[tokio::test]
async fn a_wait_that_got_what_it_waited_for_is_none_at_once_and_one_between_two_questions_still_is() {
    let mesh = Mesh::default();
    let a = node(&mesh, "a");
    let held = || {
        a.target
            .waits
            .all()
            .into_iter()
            .map(|wait| wait.nodes)
            .collect::<Vec<_>>()
    };
    let blocked = a.caller.blocked(waiter("a")).unwrap();
    for nodes in [vec!["b".to_owned(), "c".to_owned()], vec!["c".to_owned()]] {
        blocked.on(nodes.clone());
        assert_eq!(held(), [nodes]);
    }
    blocked.or_circle(async { Ok(()) }).await.unwrap();
    drop(blocked);
    assert_eq!(held(), [["c"]], "its next question is on its way");
    let again = a.caller.blocked(waiter("a")).unwrap();
    again.over();
    assert!(held().is_empty());
    drop(a.caller.blocked(waiter("a")).unwrap());
    let over = pb::ObserveRequest {
        waiter: waiter("a"),
        ..Default::default()
    };
    assert!(a.caller.observe(over).await.unwrap().changed.is_empty());
    assert!(held().is_empty(), "who waited has said that it is over");
}

#[tokio::test]
async fn a_run_that_waits_for_its_own_node_is_told_so_at_once_and_nobody_else_is() {
    let mesh = Mesh::default();
    let a = node(&mesh, "a");
    let own = ["b".to_owned(), "a".to_owned()];
    let run = a.caller.blocked(waiter("a")).unwrap();
    let refused = run.refuse_own(&own).unwrap_err();
    assert_eq!(refused.code(), "wait_cycle");
    assert!(refused.message().contains("cb/recipes/a.rb:7"), "{refused}");
    assert!(run.refuse_own(&own[..1]).is_ok());
    assert!(a.caller.blocked(None).unwrap().refuse_own(&own).is_ok());
    let verbose = pb::Waiter {
        at: "x".repeat(flock_core::limits::TOPIC_BYTES + 1),
        ..Default::default()
    };
    assert_eq!(a.caller.blocked(Some(verbose)).err().unwrap().code(), "bad_call");
}

#[tokio::test]
async fn a_node_that_says_too_much_of_its_waits_is_not_followed() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let verbose = pb::Waiter {
        at: "x".repeat(flock_core::limits::TOPIC_BYTES + 1),
        ..waiter("b").unwrap()
    };
    let too_long = b.target.waits.hold(verbose);
    too_long.wait_for(vec!["a".into()]);
    let too_many = b.target.waits.hold(waiter("c").unwrap());
    too_many.wait_for(vec!["a".into(); flock_core::limits::TOPICS + 1]);
    let version = super::versions::of_run(&a.target.runs.view(), 0);
    let asked = pb::ObserveRequest {
        waiter: waiter("a"),
        timeout_ms: 3 * flock_core::limits::CYCLE_LOOK_MS,
        ..watching("b", "run", &version)
    };
    assert!(a.caller.observe(asked.clone()).await.unwrap().changed.is_empty());
    too_many.wait_for(vec!["a".into()]);
    let asked = pb::ObserveRequest {
        timeout_ms: 60_000,
        ..asked
    };
    assert_eq!(a.caller.observe(asked).await.unwrap_err().code(), "wait_cycle");
}

#[tokio::test]
async fn a_wait_that_is_woken_all_the_time_is_told_of_its_circle_all_the_same() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let woken = async |node: &Node, id: &str, other: &str| loop {
        let version = super::versions::of_run(&node.target.runs.view(), 0);
        let asked = pb::ObserveRequest {
            waiter: waiter(id),
            timeout_ms: flock_core::limits::CYCLE_LOOK_MS / 3,
            ..watching(other, "run", &version)
        };
        if let Err(error) = node.caller.observe(asked).await {
            return error.code().to_owned();
        }
    };
    let both = async { tokio::join!(woken(&a, "a", "b"), woken(&b, "b", "a")) };
    let codes = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(codes, ("wait_cycle".to_owned(), "wait_cycle".to_owned()));
}

#[tokio::test]
async fn a_wait_that_has_ended_is_no_part_of_a_circle() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let wait = |node: &Node, other: &str, timeout_ms: u64| {
        let version = super::versions::of_run(&node.target.runs.view(), 0);
        let asked = pb::ObserveRequest {
            waiter: waiter(other),
            timeout_ms,
            ..watching(other, "run", &version)
        };
        let caller = node.caller.clone();
        async move { caller.observe(asked).await }
    };
    assert!(wait(&a, "b", 1).await.unwrap().changed.is_empty());
    let looks_ms = 3 * flock_core::limits::CYCLE_LOOK_MS;
    let told = wait(&b, "a", looks_ms).await;
    assert!(told.unwrap().changed.is_empty(), "nobody waits for b any more");
}

#[tokio::test]
async fn waits_in_a_row_are_no_circle() {
    let mesh = Mesh::default();
    let nodes: Vec<Node> = ["a", "b", "c"].iter().map(|own| node(&mesh, own)).collect();
    let run = |n: usize| super::versions::of_run(&nodes[n].target.runs.view(), 0);
    let mut waits = Vec::new();
    for (n, next) in [(0, "b"), (1, "c")] {
        let asked = pb::ObserveRequest {
            waiter: waiter(["a", "b"][n]),
            ..watching(next, "run", &run(n + 1))
        };
        let caller = nodes[n].caller.clone();
        waits.push(tokio::spawn(async move { caller.observe(asked).await }));
    }
    tokio::time::sleep(Duration::from_millis(3 * flock_core::limits::CYCLE_LOOK_MS)).await;
    assert!(waits.iter().all(|wait| !wait.is_finished()));
    write_run(nodes[2].target.path(), 1, "succeeded", 1);
    write_run(nodes[1].target.path(), 1, "succeeded", 1);
    for wait in waits {
        assert!(tokio::time::timeout(PATIENCE, wait).await.unwrap().unwrap().is_ok());
    }
}
