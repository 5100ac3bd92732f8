use super::*;

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
