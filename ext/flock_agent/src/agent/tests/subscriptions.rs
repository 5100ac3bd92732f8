//! Subscriptions between real agents over loopback; Chef runs and their files are the tests' own.

use std::{fs::OpenOptions, io::Write};

use super::*;
use crate::fixtures::{Sleeper, card, write_run, write_snapshot};

/// A member of the flock of `hub`, which runs.
async fn member(hub: &Node, name: &str, more: &str) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let text = format!(
        "name = {name:?}\ndata_dir = {:?}\nsocket = {:?}\nlisten = \"127.0.0.1:0\"\n{more}",
        path("data"),
        path("agent.sock"),
    );
    fs::write(path("agent.toml"), text).unwrap();
    let token = hub.client().call("token_create", json!({}), PATIENCE).await.unwrap();
    setup::join(json!({"config": path("agent.toml"), "join": token["join_string"]}))
        .await
        .unwrap();
    Node { dir }
}

/// A hub that runs, at a port that it keeps.
async fn hub() -> (Node, Agent) {
    let hub = Node::new();
    let (agent, info) = hub.start().await.unwrap();
    let file = hub.path().join("agent.toml");
    let text = fs::read_to_string(&file).unwrap();
    let listen = info["listen"].as_str().unwrap();
    fs::write(&file, text.replace("127.0.0.1:0", listen)).unwrap();
    hub.until("status", Value::Null, |s| s["link"] == "connected").await;
    (hub, agent)
}

fn id(n: u32) -> String {
    format!("{n:032x}")
}

fn subscribe(n: u32, timing: &str, source: &str) -> Value {
    json!({"id": id(n), "source_key": "execute[x]", "key": format!("file[/{n}]"), "action": "run", "timing": timing,
        "sources": {"nodes": [source]}, "ttl_ms": 0, "retry": 0, "recipe": "cb::default", "line": 7})
}

impl Node {
    fn data(&self) -> std::path::PathBuf {
        self.path().join("data")
    }

    /// A successful run that declares these.
    fn converge(&self, generation: u64, subscriptions: &[Value]) {
        let dir = self.data().join("snapshots").join(generation.to_string());
        fs::create_dir_all(&dir).unwrap();
        let text = json!({"generation": generation, "subscriptions": subscriptions});
        fs::write(dir.join("subscriptions.json"), text.to_string()).unwrap();
        let cards: Vec<_> = (1..5).map(|n| card(&format!("file[/{n}]"))).collect();
        write_snapshot(&self.data(), generation, &cards);
    }

    /// Appends to the journal of a run.
    fn journal(&self, run: u64, text: &str) {
        let dir = self.data().join("journal");
        fs::create_dir_all(&dir).unwrap();
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .append(true)
            .open(dir.join(format!("{run}.jsonl")))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// A change of `execute[x]`.
    fn change(&self, run: u64) {
        self.journal(run, "{\"n\":1,\"key\":\"execute[x]\",\"action\":\"run\",\"recipe\":\"cb::default\",\"line\":3,\"sensitive\":false,\"run_id\":\"r\"}\n");
    }

    fn end(&self, run: u64) {
        self.journal(run, "{\"end\":\"succeeded\"}\n");
    }

    /// Its subscriptions of a direction, once they are as wanted.
    async fn subscriptions(&self, direction: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let fits = |answer: &Value| wanted(answer["records"].as_array().unwrap());
        let mut answer = self.until("subscriptions", json!({"direction": direction}), fits).await;
        serde_json::from_value(answer["records"].take()).unwrap()
    }

    async fn armed(&self, count: usize) {
        self.subscriptions("out", |own| {
            own.len() == count && own.iter().all(|one| one["state"] == "armed")
        })
        .await;
    }

    /// How many others subscribe here, once it is so many.
    async fn hears_of(&self, count: usize) {
        self.subscriptions("in", |others| others.len() == count).await;
    }

    /// What arrived for a subscription, once it is so many; newest first.
    async fn arrived(&self, n: u32, count: usize) -> Vec<Value> {
        let of = |answer: &Value| -> Vec<Value> {
            let records = answer["records"].as_array().unwrap().iter();
            records
                .filter(|record| record["subscription"] == id(n))
                .cloned()
                .collect()
        };
        let answer = self
            .until("list", json!({"direction": "in"}), |answer| of(answer).len() == count)
            .await;
        of(&answer)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_its_subscriber_with_the_line_or_after_the_run_until_it_is_withdrawn() {
    let (hub, hub_agent) = hub().await;
    // Its policy admits nobody; that it subscribes to a by name does.
    let b = member(
        &hub,
        "b",
        "[[allow]]\nfrom = \"nobody\"\nresource = \"*\"\nactions = [\"run\"]\n",
    )
    .await;
    let a = member(&hub, "a", "").await;
    let ((a_agent, _), (b_agent, _)) = (a.start().await.unwrap(), b.start().await.unwrap());
    b.converge(1, &[subscribe(1, "immediately", "a"), subscribe(2, "delayed", "a")]);
    b.armed(2).await;
    a.hears_of(2).await;
    let watched = fs::read_to_string(a.data().join("journal/watched")).unwrap();
    assert_eq!(watched, r#"["execute[x]"]"#);

    write_run(&a.data(), 1, "running", std::process::id());
    a.change(1);
    let at_once = &b.arrived(1, 1).await[0];
    assert_eq!((&at_once["key"], &at_once["peer"]), (&json!("file[/1]"), &json!("a")));
    assert_eq!((&at_once["late"], &at_once["state"]), (&json!(false), &json!("stored")));
    assert_eq!(at_once["sources"][0]["key"], "execute[x]");
    b.arrived(2, 0).await;
    a.change(1);
    a.end(1);
    let delayed = &b.arrived(2, 1).await[0];
    assert_eq!(
        delayed["sources"].as_array().unwrap().len(),
        2,
        "one for all of the run"
    );
    a.subscriptions("in", |others| others.iter().all(|one| one["fired"].as_u64() >= Some(1)))
        .await;
    let gone = || !a.data().join("journal/1.jsonl").exists();
    a.until("status", Value::Null, |_| gone()).await;

    b.converge(2, &[subscribe(2, "delayed", "a")]);
    a.hears_of(1).await;
    write_run(&a.data(), 2, "running", u32::MAX);
    a.change(2);
    b.arrived(2, 2).await;
    assert!(
        b.arrived(1, 2).await.len() == 2,
        "what changed after the withdrawal does not come"
    );
    // A file that cannot be used withdraws nothing.
    fs::write(b.data().join("snapshots/2/subscriptions.json"), "{").unwrap();
    b.until("doctor", Value::Null, |report| {
        report.to_string().contains("subscriptions.json")
    })
    .await;
    a.hears_of(1).await;
    for agent in [a_agent, b_agent, hub_agent] {
        agent.stop(Duration::ZERO).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_while_the_source_was_away_comes_late_and_once() {
    let (hub, hub_agent) = hub().await;
    let a = member(&hub, "a", "").await;
    let (a_agent, _) = a.start().await.unwrap();
    a.until("status", Value::Null, |s| s["link"] == "connected").await;
    a_agent.stop(Duration::ZERO).await.unwrap();
    drop(a_agent);
    // The hub's own node subscribes meanwhile; it does not stop the source from being known.
    hub.converge(1, &[subscribe(1, "immediately", "a"), subscribe(2, "delayed", "a")]);
    hub.armed(2).await;
    let mut chef = Sleeper::start();
    write_run(&a.data(), 1, "running", chef.pid());
    a.change(1);
    a.journal(1, "not a line\n");
    chef.kill();
    a.journal(1, "{\"key\":\"execute[x]\",");
    let (a_agent, _) = a.start().await.unwrap();
    for n in [1, 2] {
        let late = &hub.arrived(n, 1).await[0];
        assert_eq!(
            (&late["late"], &late["sources"].as_array().unwrap().len()),
            (&json!(true), &1)
        );
    }
    // What comes after is not late, and what was late does not come again.
    a_agent.stop(Duration::ZERO).await.unwrap();
    drop(a_agent);
    let (a_agent, _) = a.start().await.unwrap();
    a.hears_of(2).await;
    write_run(&a.data(), 2, "running", u32::MAX);
    a.change(2);
    let both = hub.arrived(1, 2).await;
    assert_eq!((&both[0]["late"], &both[1]["late"]), (&json!(false), &json!(true)));
    assert!(!a.data().join("journal/1.jsonl").exists());
    for agent in [a_agent, hub_agent] {
        agent.stop(Duration::ZERO).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_away_or_starts_again_loses_no_subscription() {
    let (hub, hub_agent) = hub().await;
    let a = member(&hub, "a", "").await;
    let b = member(&hub, "b", "").await;
    let ((a_agent, _), (b_agent, _)) = (a.start().await.unwrap(), b.start().await.unwrap());
    b.converge(1, &[subscribe(1, "immediately", "a")]);
    b.armed(1).await;
    a.hears_of(1).await;
    hub_agent.stop(Duration::ZERO).await.unwrap();
    drop(hub_agent);
    a.until("status", Value::Null, |s| s["link"] != "connected").await;
    a.change(1);
    a.end(1);
    a.subscriptions("in", |others| others[0]["fired"] == 1).await;
    let started = async {
        loop {
            if let Ok((agent, _)) = hub.start().await {
                return agent;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let hub_agent = tokio::time::timeout(PATIENCE, started).await.unwrap();
    assert_eq!(b.arrived(1, 1).await[0]["late"], false, "it was known before");
    a.until("status", Value::Null, |s| s["link"] == "connected").await;
    a.change(2);
    a.end(2);
    b.arrived(1, 2).await;
    a.hears_of(1).await;
    for agent in [a_agent, b_agent, hub_agent] {
        agent.stop(Duration::ZERO).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_never_was_is_named_by_doctor() {
    let (hub, hub_agent) = hub().await;
    hub.converge(
        1,
        &[
            subscribe(1, "immediately", "ghost"),
            subscribe(2, "immediately", "hub1"),
        ],
    );
    let pending = hub
        .subscriptions("out", |own| {
            own.len() == 2 && own[0]["state"] == "pending" && own[1]["state"] == "armed"
        })
        .await;
    assert_eq!(pending[0]["code"], "never_seen");
    assert_eq!(pending[0]["sources"][0]["presence"], "unknown");
    let report = hub.client().call("doctor", Value::Null, PATIENCE).await.unwrap();
    let findings = report["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["check"] == "subscriptions")
        .unwrap();
    assert_eq!(finding["level"], "warning");
    assert!(finding["message"].as_str().unwrap().contains("ghost"), "{finding}");
    assert!(
        finding["remedy"].as_str().unwrap().contains("flockctl nodes"),
        "{finding}"
    );
    // A node that subscribes to itself.
    hub.hears_of(1).await;
    hub.change(1);
    hub.arrived(2, 1).await;
    let none = hub
        .client()
        .call("subscriptions", json!({"id": "ffff"}), PATIENCE)
        .await
        .unwrap();
    assert_eq!(none["records"], json!([]));
    hub_agent.stop(Duration::ZERO).await.unwrap();
}
