use std::{fs, net::SocketAddr, os::unix::net::UnixStream, path::Path};

use tempfile::TempDir;

use super::*;
use crate::{
    client::Client,
    draft::tests::{draft, id},
    pb, setup,
};

mod subscriptions;

const PATIENCE: Duration = Duration::from_secs(60);

/// A hub of its own on loopback, at a port that the system chooses.
struct Node {
    dir: TempDir,
}

impl Node {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let text = format!(
            "name = \"hub1\"\ndata_dir = {:?}\nsocket = {:?}\nlisten = \"127.0.0.1:0\"\ncloud = \"dc1\"\n[registry]\nurl = \"embedded\"\n",
            path("data"),
            path("agent.sock"),
        );
        fs::write(path("agent.toml"), text).unwrap();
        setup::init(json!({"config": path("agent.toml")})).unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    async fn start(&self) -> Result<(Agent, Value)> {
        Agent::start(Some(self.path().join("agent.toml"))).await
    }

    fn client(&self) -> Client {
        Client::new(self.path().join("agent.sock"), self.path().join("data"))
    }

    async fn until(&self, op: &str, arguments: Value, wanted: impl Fn(&Value) -> bool) -> Value {
        let asked = async {
            loop {
                let answer = self.client().call(op, arguments.clone(), PATIENCE).await.unwrap();
                if wanted(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_at_any_port_finds_itself_stops_and_starts_again() {
    let node = Node::new();
    for _ in 0..2 {
        let (agent, info) = node.start().await.unwrap();
        let listen: SocketAddr = info["listen"].as_str().unwrap().parse().unwrap();
        assert_ne!(listen.port(), 0);
        let status = node.until("status", Value::Null, |s| s["link"] == "connected").await;
        assert_eq!(status["hub"], listen.to_string());
        assert_eq!(agent.stop(Duration::ZERO).await.unwrap(), json!({"clean": true}));
        let stop = agent.next_event(PATIENCE).await.unwrap().unwrap();
        assert_eq!(stop["type"], "stop");
        assert!(!node.path().join("agent.sock").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_sends_itself_arrives_by_name_and_by_selector() {
    let node = Node::new();
    let (agent, _) = node.start().await.unwrap();
    let everyone_here = pb::Targets {
        cloud: "dc1".into(),
        ..Default::default()
    };
    let by_selector = pb::Draft {
        targets: Some(everyone_here),
        key: "service[other]".into(),
        ..draft(2, "x")
    };
    for draft in [draft(1, "hub1"), by_selector] {
        node.client().append(draft, PATIENCE).await.unwrap();
    }
    for n in [1, 2] {
        let arrived = |answer: &Value| {
            let records = answer["records"].as_array().unwrap();
            records.len() == 2 && records.iter().all(|record| record["state"] == "stored")
        };
        let found = node.until("list", json!({"id": id(n)}), arrived).await;
        assert!(found["records"].as_array().unwrap().iter().all(|r| r["peer"] == "hub1"));
    }
    agent.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_leaves_nothing_behind() {
    let node = Node::new();
    let socket = node.path().join("agent.sock");
    fs::write(&socket, "in the way").unwrap();
    let refusal = node.start().await.err().unwrap();
    assert_eq!(refusal.code(), "socket_unusable");
    fs::remove_file(&socket).unwrap();
    DataDirLock::acquire(&node.path().join("data"), 1).unwrap();
    let (agent, _) = node.start().await.unwrap();
    assert_eq!(node.start().await.err().unwrap().code(), "already_running");
    agent.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_let_go_does_not_hold_up_the_stop() {
    let node = Node::new();
    let (agent, _) = node.start().await.unwrap();
    node.client().append(draft(1, "elsewhere"), PATIENCE).await.unwrap();
    let _silent = UnixStream::connect(node.path().join("agent.sock")).unwrap();
    node.until("status", Value::Null, |s| s["queued"] == 1).await;
    let stopped = tokio::time::timeout(PATIENCE, agent.stop(Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(stopped.unwrap(), json!({"clean": true}));
    drop(agent);
    let (agent, _) = node.start().await.unwrap();
    node.until("status", Value::Null, |s| s["queued"] == 1).await;
    agent.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_ends_by_itself_says_so() {
    let node = Node::new();
    let (agent, _) = node.start().await.unwrap();
    agent.parts.cancel.cancel();
    assert_eq!(agent.next_event(PATIENCE).await.unwrap_err().code(), "agent_failed");
    agent.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_left_puts_its_identity_away_also_when_its_store_is_slow() {
    let node = Node::new();
    let (agent, _) = node.start().await.unwrap();
    let (store, (began, begins)) = (agent.parts.store.clone(), tokio::sync::oneshot::channel());
    let slow = tokio::spawn(async move {
        let write = move |_: &rusqlite::Connection| {
            let _ = began.send(());
            std::thread::sleep(Duration::from_millis(4 * limits::STORE_CLOSE_MS));
            Ok(())
        };
        store.write(write).await
    });
    begins.await.unwrap();
    agent.parts.left.cancel();
    assert_eq!(agent.stop(Duration::ZERO).await.unwrap()["clean"], true);
    slow.await.unwrap().unwrap();
    assert!(!node.path().join("data/identity").exists());
}
