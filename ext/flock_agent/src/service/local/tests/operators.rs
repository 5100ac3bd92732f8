//! The hub's door for operators, without the port before it.

use flock_core::holder::OperatorName;
use tonic::Request;

use super::*;
use crate::{pb::local_server::Local, transport::OperatorIdentity};

/// As the guard of the peer port hands a request over.
fn by<T>(operator: &str, message: T) -> Request<T> {
    let mut request = wire::request(message, 10_000);
    let name = OperatorName::parse(operator).unwrap();
    request.extensions_mut().insert(OperatorIdentity(name));
    request
}

fn code<T>(answer: std::result::Result<tonic::Response<T>, tonic::Status>) -> String {
    answer
        .map(|_| String::new())
        .unwrap_or_else(|status| wire::error(status).code().to_owned())
}

#[tokio::test]
async fn a_draft_is_kept_in_the_operators_name_and_tells_of_no_run() {
    let agent = Agent::start().await;
    let door = Operators::new(agent.service.clone());
    let forged = pb::Draft {
        operator: "bob".into(),
        subscription: "0123456789abcdef0123456789abcdef".into(),
        chain: vec![pb::Hop::default()],
        ..draft(1, "a")
    };
    door.append(by("alice", forged)).await.unwrap();
    let kept = door
        .list(by("bob", pb::ListRequest::default()))
        .await
        .unwrap()
        .into_inner();
    let own = kept.records.iter().find(|record| record.direction == "out").unwrap();
    assert_eq!(
        (own.operator.as_str(), own.subscription.as_str(), own.chain.len()),
        ("alice", "", 0)
    );
}

#[tokio::test]
async fn the_socket_speaks_for_its_node_only() {
    let agent = Agent::start().await;
    let forged = pb::Draft {
        operator: "alice".into(),
        ..draft(1, "a")
    };
    agent.client().append(forged, PATIENCE).await.unwrap();
    let listed = agent.call("list", json!({"direction": "out"})).await.unwrap();
    assert_eq!(listed["records"][0]["operator"], "");
}

#[tokio::test]
async fn only_ones_own_notifications_are_steered() {
    let agent = Agent::start().await;
    let door = Operators::new(agent.service.clone());
    door.append(by("alice", draft(1, "a"))).await.unwrap();
    agent.client().append(draft(2, "a"), PATIENCE).await.unwrap();
    let drop = |n| pb::SteerRequest {
        id: id(n),
        verb: "drop".into(),
        ..Default::default()
    };
    for (who, n) in [("bob", 1), ("alice", 2), ("alice", 99)] {
        assert_eq!(code(door.steer(by(who, drop(n))).await), "not_yours", "{who} {n}");
    }
    assert_eq!(code(door.steer(by("alice", drop(1))).await), "");
}

#[tokio::test]
async fn one_that_the_hub_is_a_target_of_is_its_senders_all_the_same() {
    let agent = Agent::start().await;
    let door = Operators::new(agent.service.clone());
    // What the hub received of id 99, its sender being an operator.
    door.append(by("alice", draft(99, "hub"))).await.unwrap();
    let drop = pb::SteerRequest {
        id: id(99),
        verb: "drop".into(),
        ..Default::default()
    };
    assert_eq!(code(door.steer(by("alice", drop)).await), "");
}

#[tokio::test]
async fn what_is_a_nodes_own_business_is_not_for_operators() {
    let agent = Agent::start().await;
    let door = Operators::new(agent.service.clone());
    let refused = [
        code(door.token_create(by("alice", pb::TokenRequest::default())).await),
        code(door.node_remove(by("alice", pb::NodeRemoveRequest::default())).await),
        code(door.backup(by("alice", pb::BackupRequest::default())).await),
        code(door.leave(by("alice", pb::LeaveRequest::default())).await),
        code(door.run_changed(by("alice", pb::RunChange::default())).await),
        code(door.doctor(by("alice", pb::DoctorRequest {})).await),
    ];
    assert!(refused.iter().all(|code| code == "node_only"), "{refused:?}");
    assert_eq!(code(door.status(by("alice", pb::StatusRequest {})).await), "");
    let nobody = wire::request(pb::StatusRequest {}, 1_000);
    assert_eq!(code(door.status(nobody).await), "not_an_operator");
}

#[tokio::test]
async fn who_waits_a_lot_keeps_a_share_and_leaves_others_theirs() {
    let agent = Agent::start().await;
    let door = Operators::new(agent.service.clone());
    let mut held = Vec::new();
    for _ in 0..limits::OPERATOR_WAITS {
        let mut wait = Box::pin(door.observe(by("alice", pb::ObserveRequest::default())));
        assert!(
            tokio::time::timeout(Duration::ZERO, &mut wait).await.is_err(),
            "it is held"
        );
        held.push(wait);
    }
    let await_end = async |who: &str| {
        let ended = pb::AwaitRequest {
            id: id(99),
            ..Default::default()
        };
        code(door.r#await(by(who, ended)).await)
    };
    assert_eq!(await_end("alice").await, "operator_busy");
    assert_eq!(
        code(door.call(by("alice", pb::CallRequest::default())).await),
        "operator_busy"
    );
    assert_eq!(
        code(door.status(by("alice", pb::StatusRequest {})).await),
        "",
        "she can look"
    );
    assert_eq!(await_end("bob").await, "");
    drop(held);
    assert_eq!(await_end("alice").await, "", "what she let go is hers again");
}
