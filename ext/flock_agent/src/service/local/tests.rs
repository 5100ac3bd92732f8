//! Through a real socket with the real client.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::client::{Client, Where};

struct Mute;

#[tonic::async_trait]
impl Inquiries for Mute {
    fn info(&self) -> pb::AgentInfo {
        pb::AgentInfo {
            name: "bender0".into(),
            ..Default::default()
        }
    }
    async fn resolve(&self, _: pb::Targets) -> Result<pb::Nodes> {
        Err(flock_core::Error::connection("no hub answers"))
    }
    async fn nodes(&self, name: &str) -> Result<pb::Nodes> {
        Err(flock_core::Error::node_not_found(format!("no node is called {name}")))
    }
    async fn resources(&self, _: &str) -> Result<pb::Resources> {
        Ok(pb::Resources::default())
    }
    async fn status(&self) -> Result<pb::StatusReport> {
        Ok(pb::StatusReport::default())
    }
    async fn doctor(&self) -> Result<pb::DoctorReport> {
        Ok(pb::DoctorReport::default())
    }
    async fn token_create(&self, _: pb::TokenRequest) -> Result<pb::Token> {
        Err(flock_core::Error::denied("this node is no hub"))
    }
    async fn node_remove(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

struct Fixture {
    dir: tempfile::TempDir,
    cancel: CancellationToken,
    client: Client,
}

const SOON: Duration = Duration::from_secs(20);

impl Fixture {
    fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    async fn serve(&self) {
        let store = Store::open(&self.dir.path().join("state.db")).unwrap();
        let runs = RunWatch::spawn(self.dir.path(), self.cancel.clone());
        let service = Local::server(store, Clock::system(), runs, Arc::default(), Arc::new(Mute));
        let door = LocalDoor::bind(&self.socket()).await.unwrap();
        tokio::spawn(serve(door, service, self.cancel.clone()));
    }
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let client = Client::new(dir.path().join("agent.sock"), dir.path());
    Fixture {
        dir,
        cancel: CancellationToken::new(),
        client,
    }
}

fn draft() -> pb::Draft {
    pb::Draft {
        id: uuid::Uuid::now_v7().to_string(),
        key: "execute[x]".into(),
        action: "run".into(),
        targets: Some(pb::Targets {
            nodes: vec!["bender1".into()],
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_draft_is_in_the_outbox_when_the_call_returns_and_the_same_again_is_one() {
    let f = fixture();
    f.serve().await;
    let draft = draft();
    assert_eq!(
        f.client.append(draft.clone(), SOON).await.unwrap(),
        Where::Outbox { seq: 1 }
    );
    assert_eq!(
        f.client.append(draft.clone(), SOON).await.unwrap(),
        Where::Outbox { seq: 1 }
    );
    let list = f.client.call("list", json!({"direction": "out"}), SOON).await.unwrap();
    assert_eq!(list["records"].as_array().unwrap().len(), 1);
    assert_eq!(list["records"][0]["id"], json!(draft.id));
}

#[tokio::test]
async fn without_an_agent_the_spool_takes_it() {
    let f = fixture();
    assert_eq!(f.client.append(draft(), SOON).await.unwrap(), Where::Spool);
    assert_eq!(crate::spool::counts(f.dir.path()).new, 1);
}

#[tokio::test]
async fn a_hung_agent_costs_the_time_given_and_the_spool_takes_it() {
    let f = fixture();
    let _deaf = std::os::unix::net::UnixListener::bind(f.socket()).unwrap();
    assert_eq!(
        f.client.append(draft(), Duration::from_millis(100)).await.unwrap(),
        Where::Spool
    );
}

#[tokio::test]
async fn what_will_never_be_taken_is_an_error_and_no_spool_file() {
    let f = fixture();
    let bad = pb::Draft {
        key: "execute".into(),
        ..draft()
    };
    assert_eq!(f.client.append(bad, SOON).await.unwrap_err().code(), "bad_key");
    f.serve().await;
    let first = draft();
    f.client.append(first.clone(), SOON).await.unwrap();
    let other = pb::Draft {
        action: "kill".into(),
        ..first
    };
    assert_eq!(f.client.append(other, SOON).await.unwrap_err().code(), "id_reused");
    assert_eq!(crate::spool::counts(f.dir.path()).new, 0);
}

#[tokio::test]
async fn errors_keep_their_kind_and_words_across_the_socket() {
    let f = fixture();
    f.serve().await;
    let error = f
        .client
        .call("nodes", json!({"name": "zoidberg"}), SOON)
        .await
        .unwrap_err();
    assert_eq!(error, flock_core::Error::node_not_found("no node is called zoidberg"));
    let unknown = f.client.call("shell", json!({}), SOON).await.unwrap_err();
    assert_eq!(unknown.code(), "configuration");
    let field = f.client.call("list", json!({"colour": "red"}), SOON).await.unwrap_err();
    assert!(field.message().contains("colour"), "{field}");
}

#[tokio::test]
async fn a_caller_of_another_protocol_version_is_refused_by_name() {
    let f = fixture();
    f.serve().await;
    let hello = json!({"protocol_min": 90, "protocol_max": 99});
    let error = f.client.call("hello", hello, SOON).await.unwrap_err();
    assert_eq!(error.code(), "protocol");
}

#[tokio::test]
async fn waiting_ends_when_the_deliveries_have_or_the_time_is_over() {
    let f = fixture();
    f.serve().await;
    let draft = draft();
    f.client.append(draft.clone(), SOON).await.unwrap();
    let brief = f
        .client
        .call("await", json!({"id": draft.id, "timeout_ms": 50}), SOON)
        .await
        .unwrap();
    assert_eq!(brief["records"][0]["state"], json!("queued"));
    let waiting = f
        .client
        .call("await", json!({"id": draft.id, "timeout_ms": 20_000}), SOON);
    let dropping = f.client.call("steer", json!({"id": draft.id, "verb": "drop"}), SOON);
    let (waited, dropped) = tokio::join!(waiting, dropping);
    dropped.unwrap();
    assert_eq!(waited.unwrap()["records"][0]["code"], json!("dropped"));
}

#[tokio::test]
async fn a_dead_agents_socket_is_replaced_and_a_living_ones_is_not() {
    let f = fixture();
    drop(std::os::unix::net::UnixListener::bind(f.socket()).unwrap());
    f.serve().await;
    f.client.call("status", json!({}), SOON).await.unwrap();
    let mode = std::fs::metadata(f.socket()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(LocalDoor::bind(&f.socket()).await.unwrap_err().code(), "socket_in_use");
}

#[tokio::test]
async fn garbage_on_the_socket_disturbs_nobody() {
    use tokio::io::AsyncWriteExt;
    let f = fixture();
    f.serve().await;
    let mut stream = tokio::net::UnixStream::connect(f.socket()).await.unwrap();
    stream.write_all(&[0xff; 4096]).await.unwrap();
    f.client.call("status", json!({}), SOON).await.unwrap();
}
