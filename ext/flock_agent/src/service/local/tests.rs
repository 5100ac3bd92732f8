//! The local service and its client, over a real socket and a real store.

use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use flock_core::ErrorKind;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    client::{Client, Where},
    draft::tests::{draft, id},
    pb, spool,
    store::outbox,
};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Rest {
    runs: Mutex<Vec<pb::RunChange>>,
}

#[tonic::async_trait]
impl Inquiries for Rest {
    async fn hello(&self, _: pb::HelloRequest) -> Result<pb::AgentInfo> {
        Ok(pb::AgentInfo {
            name: "bender1".into(),
            ..Default::default()
        })
    }
    fn run_changed(&self, change: &pb::RunChange) {
        self.runs.lock().unwrap().push(change.clone());
    }
    async fn resolve(&self, targets: pb::Targets) -> Result<pb::Nodes> {
        let node = pb::NodeInfo {
            tags: targets.tags,
            ..Default::default()
        };
        Ok(pb::Nodes {
            nodes: vec![node],
            ..Default::default()
        })
    }
    async fn nodes(&self, request: pb::NodesRequest) -> Result<pb::Nodes> {
        Err(Error::node_not_found(format!("no node {}", request.name)))
    }
    async fn resources(&self, _: pb::ResourcesRequest) -> Result<pb::Resources> {
        Err(Error::denied("bender2 shows you nothing").with_code("policy"))
    }
    async fn status(&self) -> Result<pb::StatusReport> {
        Ok(pb::StatusReport::default())
    }
    async fn doctor(&self) -> Result<pb::DoctorReport> {
        Ok(pb::DoctorReport::default())
    }
    async fn token_create(&self, _: pb::TokenRequest) -> Result<pb::Token> {
        Ok(pb::Token::default())
    }
    async fn node_remove(&self, _: pb::NodeRemoveRequest) -> Result<()> {
        Ok(())
    }
}

/// An inbox of one record, whose id is that of draft 99.
struct OneReceived;

impl InboxView for OneReceived {
    fn list(&self, _: &Connection, request: &pb::ListRequest) -> Result<Vec<pb::Record>> {
        let record = pb::Record {
            id: id(99),
            direction: "in".into(),
            state: "done".into(),
            created_ms: 1,
            ..Default::default()
        };
        Ok(Vec::from_iter(
            Some(record).filter(|record| record.id.starts_with(&request.id)),
        ))
    }

    fn steer(&self, _: &Connection, request: &pb::SteerRequest, _: u64) -> Result<Vec<pb::Record>> {
        Err(Error::rejected(format!("{} {}", request.verb, request.id)))
    }
}

struct Agent {
    dir: TempDir,
    store: Store,
    rest: Arc<Rest>,
    nudges: Arc<AtomicU32>,
    cancel: CancellationToken,
    serving: JoinHandle<Result<()>>,
}

impl Agent {
    async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&dir.path().join("state.db")).unwrap();
        Self::serve(dir, store).await
    }

    async fn serve(dir: TempDir, store: Store) -> Self {
        let (rest, nudges, cancel) = (
            Arc::new(Rest::default()),
            Arc::new(AtomicU32::new(0)),
            CancellationToken::new(),
        );
        let socket = Socket::bind(&dir.path().join("agent.sock")).await.unwrap();
        let counter = nudges.clone();
        let service = LocalService {
            store: store.clone(),
            clock: Clock::system(),
            inbox: Arc::new(OneReceived),
            inquiries: rest.clone(),
            nudge: Arc::new(move || {
                counter.fetch_add(1, Ordering::SeqCst);
            }),
            cancel: cancel.clone(),
        };
        let serving = tokio::spawn(serve(socket, service));
        Self {
            dir,
            store,
            rest,
            nudges,
            cancel,
            serving,
        }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    fn client(&self) -> Client {
        Client::new(self.socket(), self.dir.path())
    }

    async fn call(&self, op: &str, arguments: Value) -> Result<Value> {
        self.client().call(op, arguments, PATIENCE).await
    }

    /// Stops serving as an agent that ends does; the folder and the store stay.
    async fn stop(self) -> (TempDir, Store) {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        (self.dir, self.store)
    }

    async fn done(&self, n: u32) {
        let outcome = pb::Outcome {
            id: id(n),
            state: "done".into(),
            attempt: 1,
            ..Default::default()
        };
        let job = move |conn: &Connection| outbox::apply_outcome(conn, "a", &outcome, 1);
        assert!(self.store.write(job).await.unwrap());
    }
}

#[tokio::test]
async fn an_appended_draft_is_in_the_outbox_and_the_same_again_is_a_duplicate() {
    let agent = Agent::start().await;
    let client = agent.client();
    let Where::Outbox { seq } = client.append(draft(1, "a"), PATIENCE).await.unwrap() else {
        panic!("it was spooled");
    };
    assert_eq!(
        client.append(draft(1, "a"), PATIENCE).await.unwrap(),
        Where::Outbox { seq }
    );
    let again = client
        .call("append", serde_json::to_value(draft(1, "a")).unwrap(), PATIENCE)
        .await
        .unwrap();
    assert_eq!(again, json!({"seq": seq, "duplicate": true}));
    assert_eq!(spool::counts(agent.dir.path()).new, 0);
}

#[tokio::test]
async fn without_an_agent_a_draft_is_spooled_and_taken_in_later() {
    let dir = TempDir::new().unwrap();
    let client = Client::new(dir.path().join("agent.sock"), dir.path());
    assert_eq!(client.append(draft(1, "a"), PATIENCE).await.unwrap(), Where::Spool);
    let store = Store::open(&dir.path().join("state.db")).unwrap();
    let agent = Agent::serve(dir, store).await;
    let intake = spool::Intake::new(agent.dir.path(), agent.store.clone(), Clock::system());
    assert_eq!(intake.pass().await.unwrap().appended, 1);
    // The same client reaches the agent that is there now, and the draft is known.
    assert!(matches!(
        client.append(draft(1, "a"), PATIENCE).await.unwrap(),
        Where::Outbox { .. }
    ));
}

#[tokio::test]
async fn no_time_means_the_spool_at_once() {
    let agent = Agent::start().await;
    assert_eq!(
        agent.client().append(draft(1, "a"), Duration::ZERO).await.unwrap(),
        Where::Spool
    );
    assert_eq!(spool::counts(agent.dir.path()).new, 1);
}

#[tokio::test]
async fn an_agent_that_does_not_answer_in_time_is_not_waited_for() {
    let dir = TempDir::new().unwrap();
    let _silent = std::os::unix::net::UnixListener::bind(dir.path().join("agent.sock")).unwrap();
    let client = Client::new(dir.path().join("agent.sock"), dir.path());
    let kept = tokio::time::timeout(PATIENCE, client.append(draft(1, "a"), Duration::from_millis(50))).await;
    assert_eq!(kept.unwrap().unwrap(), Where::Spool);
    let error = client
        .call("status", Value::Null, Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_refused_draft_is_an_error_and_not_a_spool_file() {
    let agent = Agent::start().await;
    let client = agent.client();
    client.append(draft(1, "a"), PATIENCE).await.unwrap();
    let reused = client.append(draft(1, "b"), PATIENCE).await.unwrap_err();
    assert_eq!((reused.kind(), reused.code()), (ErrorKind::Configuration, "id_reused"));
    let malformed = pb::Draft {
        key: "nginx".into(),
        ..draft(2, "a")
    };
    assert_eq!(
        client.append(malformed, Duration::ZERO).await.unwrap_err().code(),
        "bad_key"
    );
    assert_eq!(spool::counts(agent.dir.path()), spool::Counts::default());
}

#[tokio::test]
async fn a_store_that_takes_nothing_means_the_spool() {
    let agent = Agent::start().await;
    agent.store.close().await;
    assert_eq!(
        agent.client().append(draft(1, "a"), PATIENCE).await.unwrap(),
        Where::Spool
    );
}

#[tokio::test]
async fn a_draft_that_can_be_kept_nowhere_says_why_twice() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("spool"), "").unwrap();
    let client = Client::new(dir.path().join("agent.sock"), dir.path());
    let error = client.append(draft(1, "a"), PATIENCE).await.unwrap_err();
    assert!(
        error.message().contains("no agent answers") && error.message().contains("spool"),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_outlives_a_restart_of_the_agent() {
    let agent = Agent::start().await;
    let client = agent.client();
    client.call("hello", Value::Null, PATIENCE).await.unwrap();
    let (dir, store) = agent.stop().await;
    let gone = client.call("hello", Value::Null, PATIENCE).await.unwrap_err();
    assert_eq!((gone.kind(), gone.code()), (ErrorKind::Connection, "no_agent"));
    let _agent = Agent::serve(dir, store).await;
    client.call("hello", Value::Null, PATIENCE).await.unwrap();
}

#[tokio::test]
async fn operations_go_by_name_and_errors_keep_their_kind_and_code() {
    let agent = Agent::start().await;
    let hello = json!({"protocol_min": 1, "protocol_max": 1, "version": "0"});
    assert_eq!(agent.call("hello", hello).await.unwrap()["name"], "bender1");
    assert_eq!(
        agent.call("resolve", json!({"tags": ["web"]})).await.unwrap()["nodes"][0]["tags"],
        json!(["web"])
    );
    for op in ["status", "doctor", "token_create", "node_remove", "list"] {
        agent.call(op, json!({})).await.unwrap();
    }
    let errors = [
        ("nodes", json!({"name": "x"}), ErrorKind::NodeNotFound, "node_not_found"),
        ("resources", json!({}), ErrorKind::Denied, "policy"),
        ("explode", json!({}), ErrorKind::Configuration, "unknown_op"),
        ("nodes", json!({"nome": "x"}), ErrorKind::Configuration, "bad_request"),
        ("list", json!({"state": "lost"}), ErrorKind::Configuration, "bad_state"),
        (
            "list",
            json!({"direction": "up"}),
            ErrorKind::Configuration,
            "configuration",
        ),
    ];
    for (op, arguments, kind, code) in errors {
        let error = agent.call(op, arguments).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, code), "{op}");
    }
}

#[tokio::test]
async fn a_run_change_is_journalled_and_passed_on() {
    let agent = Agent::start().await;
    let change = json!({"phase": "succeeded", "number": 12, "run_id": "r", "generation": 12});
    agent.call("run_changed", change).await.unwrap();
    let count = |conn: &Connection| {
        let rows = conn.query_row(
            "SELECT COUNT(*) FROM run WHERE number = 12 AND phase = 'succeeded'",
            [],
            |row| row.get(0),
        );
        rows.map_err(crate::store::sql)
    };
    assert_eq!(agent.store.read(count).await, Ok(1));
    assert_eq!(agent.rest.runs.lock().unwrap()[0].number, 12);
}

#[tokio::test]
async fn lists_show_both_directions_or_the_one_that_is_asked_for() {
    let agent = Agent::start().await;
    agent.client().append(draft(1, "a"), PATIENCE).await.unwrap();
    let directions = |arguments: Value| {
        let agent = &agent;
        async move {
            let found = agent.call("list", arguments).await.unwrap();
            let records = found["records"].as_array().unwrap().clone();
            records
                .into_iter()
                .map(|record| record["direction"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(directions(json!({})).await, ["out", "in"]);
    assert_eq!(directions(json!({"direction": "in"})).await, ["in"]);
    assert_eq!(directions(json!({"direction": "out"})).await, ["out"]);
    assert_eq!(directions(json!({"limit": 1})).await, ["out"]);
    assert_eq!(directions(json!({"id": id(99)})).await, ["in"]);
}

#[tokio::test]
async fn a_list_is_cut_to_what_one_message_holds() {
    let agent = Agent::start().await;
    for n in 0..20 {
        let sources = vec![
            pb::Source {
                recipe: "x".repeat(60_000),
                ..Default::default()
            };
            1
        ];
        let large = pb::Draft {
            sources,
            ..draft(n, &format!("n{n}"))
        };
        agent.client().append(large, PATIENCE).await.unwrap();
    }
    let found = agent.call("list", json!({"direction": "out"})).await.unwrap();
    let count = found["records"].as_array().unwrap().len();
    assert!((10..20).contains(&count), "{count}");
}

#[tokio::test]
async fn await_answers_when_the_notification_has_ended() {
    let agent = Agent::start().await;
    agent.client().append(draft(1, "a"), PATIENCE).await.unwrap();
    let client = agent.client();
    let waiting = tokio::spawn(async move { client.call("await", json!({"id": id(1)}), PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    agent.done(1).await;
    let begun = tokio::time::Instant::now();
    let found = waiting.await.unwrap().unwrap();
    assert_eq!(found["records"][0]["state"], "done");
    assert!(begun.elapsed() < PATIENCE / 2, "it waited for its deadline");
}

#[tokio::test]
async fn await_answers_where_things_stand_when_its_time_is_over() {
    let agent = Agent::start().await;
    agent.client().append(draft(1, "a"), PATIENCE).await.unwrap();
    let found = agent
        .call("await", json!({"id": id(1), "timeout_ms": 30}))
        .await
        .unwrap();
    assert_eq!(found["records"][0]["state"], "queued");
    let short = Duration::from_millis(200);
    let found = agent
        .client()
        .call("await", json!({"id": id(1), "timeout_ms": 60_000}), short)
        .await
        .unwrap();
    assert_eq!(found["records"][0]["state"], "queued");
}

#[tokio::test]
async fn await_covers_what_was_received_and_refuses_what_nobody_knows() {
    let agent = Agent::start().await;
    let found = agent.call("await", json!({"id": id(99)})).await.unwrap();
    assert_eq!(found["records"][0]["direction"], "in");
    assert_eq!(
        agent.call("await", json!({"id": id(5)})).await.unwrap_err().code(),
        "no_such_notification"
    );
}

#[tokio::test]
async fn an_agent_that_stops_answers_those_who_wait() {
    let agent = Agent::start().await;
    let client = agent.client();
    client.append(draft(1, "a"), PATIENCE).await.unwrap();
    let waiting = tokio::spawn(async move { client.call("await", json!({"id": id(1)}), PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    agent.stop().await;
    assert_eq!(waiting.await.unwrap().unwrap()["records"][0]["state"], "queued");
}

#[tokio::test]
async fn steering_goes_to_the_outbox_or_else_to_the_inbox() {
    let agent = Agent::start().await;
    agent.client().append(draft(1, "a"), PATIENCE).await.unwrap();
    let steer = |id: String, verb: &str| json!({"id": id, "verb": verb});
    let dropped = agent.call("steer", steer(id(1), "drop")).await.unwrap();
    assert_eq!(dropped["records"][0]["state"], "undeliverable");
    assert_eq!(agent.nudges.load(Ordering::SeqCst), 0);
    let retried = agent.call("steer", steer(id(1), "retry")).await.unwrap();
    assert_eq!(
        (&retried["records"][0]["state"], &retried["records"][0]["attempt"]),
        (&json!("queued"), &json!(2))
    );
    assert_eq!(agent.nudges.load(Ordering::SeqCst), 1);
    let inbox = agent
        .call("steer", steer(id(99)[..34].into(), "retry"))
        .await
        .unwrap_err();
    assert_eq!(
        inbox.code(),
        "ambiguous_id",
        "the outbox has an id with that prefix, too"
    );
    let inbox = agent.call("steer", steer(id(99), "retry")).await.unwrap_err();
    assert_eq!(inbox.message(), format!("retry {}", id(99)));
    assert_eq!(
        agent.call("steer", steer(id(1), "burn")).await.unwrap_err().kind(),
        ErrorKind::Configuration
    );
}

#[tokio::test]
async fn a_call_without_our_protocol_is_refused() {
    let agent = Agent::start().await;
    let socket = agent.socket();
    let connect = tower::service_fn(move |_: tonic::transport::Uri| {
        let socket = socket.clone();
        async move {
            tokio::net::UnixStream::connect(socket)
                .await
                .map(hyper_util::rt::TokioIo::new)
        }
    });
    let channel = tonic::transport::Endpoint::from_static("http://agent.local").connect_with_connector_lazy(connect);
    let mut stub = pb::local_client::LocalClient::new(channel);
    let silent = stub.status(pb::StatusRequest {}).await.unwrap_err();
    assert_eq!(wire::error(silent).kind(), ErrorKind::Protocol);
    let mut foreign = tonic::Request::new(pb::StatusRequest {});
    foreign
        .metadata_mut()
        .insert(limits::PROTOCOL_HEADER, "99".parse().unwrap());
    assert_eq!(
        wire::error(stub.status(foreign).await.unwrap_err()).kind(),
        ErrorKind::Protocol
    );
}
