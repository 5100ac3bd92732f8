//! Which hosts come and go, and what is known of them.

use super::*;

#[tokio::test]
async fn only_who_has_the_token_is_taken_in() {
    let (hosts, _host) = serving(Vec::new()).await;
    let stranger = connect(&hosts, "guess", vec![info("a", &["m"], 1, 1)]).await;
    assert_eq!(
        kind_and_code(stranger.map(drop)),
        (ErrorKind::Denied, "host_token".to_owned())
    );
}

#[tokio::test]
async fn the_token_lasts_as_long_as_the_code_and_a_newer_generation_is_told() {
    let hosts = Hosts::default();
    let mut one = want(Kind::Cookbook, "1", &["human_api"]);
    hosts.want(&[one.clone()], &json!({"socket": "s"}));
    let first = event(&hosts).await;
    assert_eq!((&first["type"], &first["socket"]), (&json!("hosts"), &json!("s")));
    assert_eq!(
        kind_and_code(call(&hosts, request("human_api", "m")).await).1,
        "api_down"
    );
    one.start = json!({"generation": 2});
    hosts.want(&[one.clone()], &json!({"socket": "s"}));
    let second = event(&hosts).await;
    assert_eq!(second["hosts"][0]["token"], first["hosts"][0]["token"]);
    assert_eq!(second["hosts"][0]["generation"], 2);
    one.digest = "2".to_owned();
    hosts.want(&[one], &json!({"socket": "s"}));
    assert_ne!(event(&hosts).await["hosts"][0]["token"], first["hosts"][0]["token"]);
    hosts.want(&[], &json!({"socket": "s"}));
    assert_eq!(event(&hosts).await["hosts"], json!([]));
}

#[tokio::test]
async fn a_cookbooks_api_hides_that_of_a_file_and_offers_its_own_methods() {
    let hosts = Hosts::default();
    hosts.want(
        &[want(Kind::Cookbook, "1", &[]), want(Kind::Files, "1", &[])],
        &Value::Null,
    );
    let event = event(&hosts).await;
    let token = |n: usize| event["hosts"][n]["token"].as_str().unwrap().to_owned();
    let _files = connect(
        &hosts,
        &token(1),
        vec![info("a", &["old"], 1, 1), info("b", &["m"], 1, 1)],
    )
    .await
    .unwrap();
    assert_eq!(
        (hosts.services(), hosts.hidden()),
        (words(&["/a", "/a/old", "/b", "/b/m"]), vec![])
    );
    let cookbook = connect(&hosts, &token(0), vec![info("a", &["new"], 1, 1)])
        .await
        .unwrap();
    assert_eq!(
        (hosts.services(), hosts.hidden()),
        (words(&["/a", "/a/new", "/b", "/b/m"]), words(&["a"]))
    );
    drop(cookbook);
    until("the cookbooks' host is gone", || {
        hosts.services() == words(&["/a", "/a/old", "/b", "/b/m"])
    })
    .await;
    assert!(hosts.hidden().is_empty());
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// A host of newer code, which the old one hears of.
async fn take_over(hosts: &Hosts, old: &mut Process) -> Process {
    hosts.want(&[want(Kind::Files, "2", &[])], &Value::Null);
    let token = token(hosts).await;
    let new = connect(hosts, &token, vec![info("a", &["m"], 1, 1)]).await.unwrap();
    assert_eq!(old.down().await, Some(host_down::Body::Stop(pb::HostStop {})));
    new
}

#[tokio::test]
async fn a_new_host_takes_over_and_the_old_one_finishes_what_it_has() {
    let (hosts, mut old) = serving(vec![info("a", &["m"], 1, 1)]).await;
    let waiting = calling(&hosts, request("a", "m"));
    let rpc_id = old.next_call().await.rpc_id;
    let mut new = take_over(&hosts, &mut old).await;
    let later = calling(&hosts, request("a", "m"));
    let newer = new.next_call().await.rpc_id;
    old.answer(rpc_id, "\"old\"").await;
    new.answer(newer, "\"new\"").await;
    assert_eq!(waiting.await.unwrap().unwrap().result, b"\"old\"");
    assert_eq!(later.await.unwrap().unwrap().result, b"\"new\"");
    assert_eq!(old.down().await, None);
    assert_eq!(hosts.names(), ["a"]);
}

#[tokio::test]
async fn a_host_that_was_taken_over_goes_on_yielding_as_its_caller_takes() {
    let (hosts, mut old) = serving(vec![info("a", &["m"], 1, 1)]).await;
    let mut stream = open(&hosts);
    let rpc_id = old.next_call().await.rpc_id;
    let _new = take_over(&hosts, &mut old).await;
    old.yields(rpc_id, "[1]").await;
    let Item::Yield(values) = stream.next().await else {
        panic!("it has ended")
    };
    stream.taken(&[values]);
    assert!(matches!(old.down().await, Some(host_down::Body::Taken(_))));
    drop(stream);
    let cancelled = Some(host_down::Body::Cancel(pb::HostCancel { rpc_id }));
    assert_eq!(old.down().await, cancelled);
    old.answer(rpc_id, "1").await;
    assert_eq!(old.down().await, None);
}

#[tokio::test]
async fn a_host_that_is_wanted_no_more_is_stopped() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], 1, 1)]).await;
    hosts.want(&[], &Value::Null);
    assert_eq!(host.down().await, Some(host_down::Body::Stop(pb::HostStop {})));
    assert_eq!(host.down().await, None);
    assert_eq!(kind_and_code(call(&hosts, request("a", "m")).await).1, "no_api");
}

#[tokio::test]
async fn the_version_of_an_api_changes_when_it_says_so_and_with_its_host() {
    let (hosts, host) = serving(vec![info("a", &["m"], 1, 1)]).await;
    let (first, mut changes) = (hosts.version("a").unwrap(), hosts.changes());
    assert!(first.ends_with(".0"));
    changes.mark_unchanged();
    let body = Some(host_up::Body::Changed(pb::ApiChange { api: "a".into() }));
    host.ups.send(Ok(pb::HostUp { body })).await.unwrap();
    tokio::time::timeout(PATIENCE, changes.changed())
        .await
        .unwrap()
        .unwrap();
    let second = hosts.version("a").unwrap();
    assert_eq!(second, first.replace(".0", ".1"));
    drop(host);
    until("it is gone", || hosts.version("a").is_none()).await;
    assert_eq!(hosts.version("b"), None);
}

#[tokio::test]
async fn limits_that_a_host_asks_for_are_cut_to_ours() {
    let (hosts, mut host) = serving(vec![info("a", &["m"], u32::MAX, u32::MAX)]).await;
    let tasks: Vec<_> = (0..3).map(|_| calling(&hosts, request("a", "m"))).collect();
    for _ in 0..3 {
        host.next_call().await;
    }
    tasks.iter().for_each(JoinHandle::abort);
    let many = (0..=limits::APIS).map(|n| info(&n.to_string(), &[], 1, 1)).collect();
    hosts.want(&[want(Kind::Files, "2", &[])], &Value::Null);
    let token = token(&hosts).await;
    assert_eq!(
        kind_and_code(connect(&hosts, &token, many).await.map(drop)).1,
        "bad_host"
    );
}

#[tokio::test]
async fn a_stopping_agent_ends_the_streams_of_its_hosts() {
    let hosts = Hosts::default();
    hosts.want(&[want(Kind::Files, "1", &[])], &Value::Null);
    let token = token(&hosts).await;
    let (ups, queue) = mpsc::channel(1);
    let body = Some(host_up::Body::Hello(pb::HostHello {
        token,
        ..Default::default()
    }));
    ups.send(Ok(pb::HostUp { body })).await.unwrap();
    let cancel = CancellationToken::new();
    let mut downs = hosts.serve(ReceiverStream::new(queue), cancel.clone()).await.unwrap();
    cancel.cancel();
    assert!(tokio::time::timeout(PATIENCE, downs.next()).await.unwrap().is_none());
}
