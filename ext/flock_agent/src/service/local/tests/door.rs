use super::*;

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

#[tokio::test]
async fn clients_that_never_greet_keep_nobody_out() {
    use tokio::{io::AsyncWriteExt, net::UnixStream};
    let agent = Agent::start().await;
    let mut silent = Vec::new();
    for n in 0..limits::LOCAL_CONNECTIONS {
        let mut stream = UnixStream::connect(agent.socket()).await.unwrap();
        // Half of them stop in the middle of their greeting.
        stream.write_all(&b"PRI * HTTP"[..n % 2 * 10]).await.unwrap();
        silent.push(stream);
    }
    agent.call("hello", Value::Null).await.unwrap();
}
