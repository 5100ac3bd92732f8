use flock_core::holder::Holder;

use super::*;
use crate::{
    apis::{Apis, HostClient},
    pb::host_down::Body,
};

fn hello(token: &str) -> pb::HostHello {
    let method = pb::ApiMethod {
        name: "greet".into(),
        ..Default::default()
    };
    pb::HostHello {
        token: token.into(),
        apis: vec![pb::ApiInfo {
            name: "human_api".into(),
            methods: vec![method],
            ..Default::default()
        }],
        ..Default::default()
    }
}

async fn connect(agent: &Agent) -> HostClient {
    let data_dir = agent.dir.path().to_owned();
    std::fs::create_dir_all(data_dir.join("apis")).unwrap();
    std::fs::write(data_dir.join("apis/human.rb"), "").unwrap();
    tokio::spawn(crate::apis::follow(crate::apis::HostsParts {
        runs: crate::run_state::RunWatch::spawn(&data_dir, agent.cancel.clone()),
        socket: agent.socket(),
        config: "agent.toml".into(),
        data_dir,
        hosts: agent.hosts.clone(),
        cancel: agent.cancel.clone(),
    }));
    let event = tokio::time::timeout(PATIENCE, agent.hosts.next_event()).await.unwrap();
    assert_eq!(event["socket"], json!(agent.socket()));
    let token = event["hosts"][0]["token"].as_str().unwrap();
    HostClient::connect(&agent.socket(), hello(token), PATIENCE)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_host_is_called_over_the_socket_and_says_what_changes() {
    let agent = Agent::start().await;
    let host = connect(&agent).await;
    let (hosts, large) = (
        agent.hosts.clone(),
        format!("[\"{}\"]", "x".repeat(limits::CALL_BYTES - 4)),
    );
    let request = pb::CallRequest {
        api: "human_api".into(),
        method: "greet".into(),
        arguments: large.clone().into_bytes(),
        ..Default::default()
    };
    let calling = tokio::spawn(async move { hosts.call(&Holder::parse("bender2").unwrap(), request).await });
    let Some(Body::Call(call)) = host.next(PATIENCE).await.unwrap() else {
        panic!("not a call")
    };
    assert_eq!(
        (call.from.as_str(), call.arguments.len()),
        ("bender2", limits::CALL_BYTES)
    );
    let reply = pb::HostReply {
        rpc_id: call.rpc_id,
        result: call.arguments,
        ..Default::default()
    };
    host.reply(reply).await.unwrap();
    assert_eq!(calling.await.unwrap().unwrap().result, large.as_bytes());
    let before = agent.hosts.version("human_api").unwrap();
    host.changed("human_api".into()).await.unwrap();
    agent.call("api_changed", json!({"api": "human_api"})).await.unwrap();
    let twice = async {
        while agent.hosts.version("human_api").unwrap() != before.replace(".0", ".2") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, twice).await.unwrap();
}

#[tokio::test]
async fn a_host_hears_when_its_agent_stops_and_a_stranger_is_refused() {
    let agent = Agent::start().await;
    let host = connect(&agent).await;
    let stranger = HostClient::connect(&agent.socket(), hello("guess"), PATIENCE).await;
    assert_eq!(stranger.err().unwrap().code(), "host_token");
    assert_eq!(host.next(Duration::from_millis(10)).await.unwrap(), None);
    agent.stop().await;
    assert_eq!(host.next(PATIENCE).await.unwrap_err().code(), "closed");
}
