//! What a worker changes reaches those that subscribe to it; a subscription is consent; circles end.

use flock_core::policy::Rule;
use serde_json::json;

use super::*;
use crate::{
    delivery::gate::Gate,
    fixtures::name,
    store::{outbox, subscribed},
    subscriptions::Subscriptions,
};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// `run` of `execute[x]` here when `execute[source]` changes on `a`.
fn own(sources: Value) -> Value {
    json!({"id": ID, "source_key": "execute[source]", "key": "execute[x]", "action": "run", "timing": "immediately",
        "sources": sources, "ttl_ms": 0, "retry": 0})
}

/// A target that admits nobody and has these subscriptions.
fn strict(subscriptions: &[Value]) -> Target {
    let dir = tempfile::tempdir().unwrap();
    declare(dir.path(), 5, subscriptions);
    let nobody = Rule {
        from: "nobody".into(),
        resource: "*".into(),
        actions: vec!["run".into()],
        call: Vec::new(),
    };
    Target::on(dir, Policy::new(vec![nobody]))
}

fn declare(data_dir: &Path, generation: u64, subscriptions: &[Value]) {
    let dir = data_dir.join("snapshots").join(generation.to_string());
    fs::create_dir_all(&dir).unwrap();
    let text = json!({"generation": generation, "subscriptions": subscriptions});
    fs::write(dir.join("subscriptions.json"), text.to_string()).unwrap();
    write_snapshot(data_dir, generation, &[card("execute[x]")]);
}

fn answering(sender: &str, n: u32) -> pb::Envelope {
    pb::Envelope {
        subscription: ID.into(),
        ..envelope(sender, n)
    }
}

async fn verdict_of(target: &Target, envelope: pb::Envelope) -> String {
    let receipt = target.admit(envelope).await;
    format!("{:?} {}", receipt.verdict(), receipt.code)
}

#[tokio::test]
async fn a_source_that_is_named_is_admitted_for_what_was_asked_and_nothing_else() {
    let target = strict(&[own(json!({"nodes": ["a"]}))]);
    assert_eq!(verdict_of(&target, answering("a", 1)).await, "Stored ");
    assert_eq!(verdict_of(&target, answering("b", 2)).await, "Denied policy");
    assert_eq!(verdict_of(&target, envelope("a", 3)).await, "Denied policy");
    let otherwise = pb::Envelope {
        action: "delete".into(),
        ..answering("a", 4)
    };
    assert_eq!(verdict_of(&target, otherwise).await, "Denied policy");
    let unknown = pb::Envelope {
        subscription: "f".repeat(32),
        ..envelope("a", 5)
    };
    assert_eq!(verdict_of(&target, unknown).await, "Denied policy");
    let odd = pb::Envelope {
        subscription: "me".into(),
        ..envelope("a", 6)
    };
    assert_eq!(verdict_of(&target, odd).await, "Refused bad_subscription");
    assert_eq!(target.record(1).await.subscription, ID);
}

#[tokio::test]
async fn a_sensitive_resource_is_asked_for_by_its_hash_and_its_name_goes_nowhere_else() {
    let target = strict(&[own(json!({"nodes": ["a"]}))]);
    let secret = with(card("execute[x]"), json!({"sensitive": true}));
    declare(target.path(), 6, &[own(json!({"nodes": ["a"]}))]);
    write_snapshot(target.path(), 6, &[secret]);
    let dispatcher = dispatcher(&target).await;
    target
        .runs
        .subscribe()
        .wait_for(|view| view.newest_run() == 6)
        .await
        .unwrap();
    let hashed = crate::run_state::shown_key("execute[x]");
    let asked = pb::Envelope {
        key: hashed.clone(),
        ..answering("a", 1)
    };
    assert_eq!(verdict_of(&target, asked.clone()).await, "Stored ");
    let of_another = pb::Envelope {
        key: hashed.clone(),
        ..answering("b", 2)
    };
    let refused = target.admit(of_another).await;
    assert!(
        refused.code == "policy" && !refused.message.contains("execute[x]"),
        "{refused:?}"
    );
    let event = event(&dispatcher).await;
    let job: Value = serde_json::from_slice(&fs::read(event["job_file"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(job["key"], "execute[x]");
    assert_eq!(job["chain"][0]["key"], json!(hashed));
    let next = pb::Envelope {
        chain: serde_json::from_value(job["chain"].clone()).unwrap(),
        ..answering("a", 3)
    };
    assert_eq!(verdict_of(&target, next).await, "Denied loop");
    assert_eq!(run(&dispatcher, &target, &id(&event), "done").await, "done");
}

#[tokio::test]
async fn whom_a_selector_means_the_table_decides() {
    let target = strict(&[own(json!({"nodes": ["a"], "roles": ["web"]}))]);
    assert_eq!(verdict_of(&target, answering("a", 1)).await, "Denied policy");
}

#[tokio::test]
async fn consent_is_asked_again_before_the_run() {
    let target = strict(&[own(json!({"nodes": ["a"]}))]);
    let dispatcher = dispatcher(&target).await;
    target.admit(answering("a", 1)).await;
    let job = id(&event(&dispatcher).await);
    assert_eq!(run(&dispatcher, &target, &job, "done").await, "done");
    write_run(target.path(), 6, "running", std::process::id());
    target.runs.subscribe().wait_for(|view| view.converging).await.unwrap();
    target.admit(answering("a", 2)).await;
    declare(target.path(), 6, &[]);
    write_run(target.path(), 6, "succeeded", 1);
    assert_eq!(target.reaches(2, "denied").await.code, "policy");
}

/// `a` subscribes to `execute[x]` of the target.
async fn subscribed_by_a(target: &Target) {
    let back = subscribed::Set {
        reset: true,
        put: vec![pb::Subscription {
            subscriber: "a".into(),
            revision: 1,
            source_key: "execute[x]".into(),
            key: "file[/a]".into(),
            ..crate::subscription::tests::subscription(1, "target")
        }],
        revision: 1,
        ..Default::default()
    };
    target
        .store
        .write(move |conn| subscribed::apply(conn, &back, 1))
        .await
        .unwrap();
}

/// A dispatcher that passes on what workers change.
async fn telling(target: &Target) -> Dispatcher {
    let sink = DispatchOptions {
        drafts: Arc::new(Subscriptions::default()),
        ..options(target)
    };
    Dispatcher::spawn(sink).await.unwrap()
}

#[tokio::test]
async fn a_circle_of_subscriptions_ends_as_a_loop() {
    let target = ready();
    subscribed_by_a(&target).await;
    let dispatcher = telling(&target).await;
    // `create` of `file[/a]` on a changed it there, and this node subscribes to that.
    let first = pb::Hop {
        node: "a".into(),
        key: "file[/a]".into(),
        action: "create".into(),
    };
    let caused = pb::Envelope {
        chain: vec![first.clone()],
        cause_root: uuid(77),
        ..answering("a", 1)
    };
    target.admit(caused).await;
    let job = id(&event(&dispatcher).await);
    let mut worker = Sleeper::start();
    claim_for(&dispatcher, &job, &worker).await.unwrap();
    let changes = json!({"changes": [
        {"key": "execute[x]", "action": "run", "recipe": "cb::default", "line": 3, "sensitive": false},
        {"key": "no key", "action": "run"},
    ]});
    write_result(target.path(), &job, "done", changes);
    worker.kill();
    assert_eq!(finish(&dispatcher, &job).await, "done");
    let offered = target
        .store
        .write(|conn| outbox::offer(conn, "a", 1, false))
        .await
        .unwrap();
    let [offered] = &offered[..] else { panic!("{offered:?}") };
    let hops: Vec<_> = offered.envelope.chain.iter().map(|hop| hop.node.as_str()).collect();
    assert_eq!(
        (hops, offered.envelope.cause_root.clone()),
        (vec!["a", "target"], uuid(77))
    );
    let denied = Gate::new(name("a"), Policy::default())
        .at_arrival(&name("target"), &offered.envelope, None)
        .unwrap_err();
    assert_eq!(
        (denied.code(), denied.message().contains("would cause itself again")),
        ("loop", true)
    );
}

#[tokio::test]
async fn what_a_worker_changed_before_it_was_killed_is_heard_of() {
    // (a kept line that is torn, a result that is torn, changes that are heard of)
    for (torn, result) in [("", None), ("{\"key\":\"execute[x", None), ("", Some("{\"job\":"))] {
        let target = ready();
        subscribed_by_a(&target).await;
        let dispatcher = telling(&target).await;
        target.admit(envelope("b", 1)).await;
        let job = id(&event(&dispatcher).await);
        let mut worker = Sleeper::start();
        claim_for(&dispatcher, &job, &worker).await.unwrap();
        write_started(target.path(), &job);
        let results = target.path().join("results");
        let line =
            json!({"key": "execute[x]", "action": "run", "recipe": "cb::default", "line": 3, "sensitive": false});
        fs::write(results.join(format!("{job}.changes")), format!("{line}\n{torn}")).unwrap();
        if let Some(result) = result {
            fs::write(results.join(format!("{job}.json")), result).unwrap();
        }
        worker.kill();
        assert_eq!(finish(&dispatcher, &job).await, "unknown");
        let offered = target
            .store
            .write(|conn| outbox::offer(conn, "a", 1, false))
            .await
            .unwrap();
        let [offered] = &offered[..] else {
            panic!("{torn} {result:?}: {offered:?}")
        };
        assert_eq!(offered.envelope.sources[0].run_id, job);
        assert!(!files(&target).iter().any(|file| file.starts_with(&job)));
    }
}
