use super::*;

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
    // Long enough for the largest margin, half a second, in which the answer has to come.
    let short = Duration::from_secs(5);
    let found = agent
        .client()
        .call("await", json!({"id": id(1), "timeout_ms": 60_000}), short)
        .await
        .unwrap();
    assert_eq!(found["records"][0]["state"], "queued");
}

#[tokio::test]
async fn all_nodes_of_a_large_flock_fit_into_an_answer() {
    let agent = Agent::start().await;
    let found = agent.call("nodes", json!({})).await.unwrap();
    assert!(found.to_string().len() > limits::MESSAGE_BYTES);
    assert_eq!(found["nodes"].as_array().unwrap().len(), limits::RESOLVE_PAGE);
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
