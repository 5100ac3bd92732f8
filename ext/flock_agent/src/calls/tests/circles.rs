//! Waits that wait for one another, and waits that only seem to.

use flock_core::limits;

use super::*;

fn outcome_at(node: &str) -> pb::Topic {
    pb::Topic {
        node: node.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn waits_in_a_circle_end_and_name_every_recipe_line_of_it() {
    for length in 1..=5_usize {
        let mesh = Mesh::default();
        let names: Vec<String> = (0..length).map(|n| format!("n{n}")).collect();
        let nodes: Vec<Node> = names.iter().map(|own| node(&mesh, own)).collect();
        let waits = nodes.iter().enumerate().map(|(n, node)| {
            let next = &names[(n + 1) % length];
            let version = versions::of_run(&nodes[(n + 1) % length].target.runs.view(), 0);
            let asked = pb::ObserveRequest {
                waiter: waiter(&names[n]),
                ..watching(next, "run", &version)
            };
            let caller = node.caller.clone();
            tokio::spawn(async move { caller.observe(asked).await })
        });
        for wait in waits.collect::<Vec<_>>() {
            let error = tokio::time::timeout(PATIENCE, wait)
                .await
                .unwrap()
                .unwrap()
                .unwrap_err();
            assert_eq!(error.code(), "wait_cycle");
            for own in &names {
                assert!(error.message().contains(&format!("cb/recipes/{own}.rb:7")), "{error}");
            }
        }
    }
}

/// As a run waits for the outcome of what it notified `of` of.
async fn outcome(caller: &Caller, who: &str, of: &str) -> Result<()> {
    let blocked = caller.blocked(waiter(who))?;
    blocked.on_outcomes(vec![of.to_owned()]);
    blocked.or_circle(std::future::pending()).await
}

#[tokio::test]
async fn a_wait_for_an_outcome_and_one_for_a_run_end_in_one_circle() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let version = versions::of_run(&a.target.runs.view(), 0);
    let asked = pb::ObserveRequest {
        waiter: waiter("b"),
        ..watching("a", "run", &version)
    };
    let (notifying, waiting) = tokio::time::timeout(PATIENCE, async {
        tokio::join!(outcome(&a.caller, "a", "b"), b.caller.observe(asked))
    })
    .await
    .unwrap();
    for error in [notifying.unwrap_err(), waiting.unwrap_err()] {
        assert_eq!(error.code(), "wait_cycle");
        for line in ["cb/recipes/a.rb:7", "cb/recipes/b.rb:7"] {
            assert!(error.message().contains(line), "{error}");
        }
    }
}

#[tokio::test]
async fn a_wait_that_got_what_it_waited_for_is_none_at_once_and_one_between_two_questions_still_is() {
    let mesh = Mesh::default();
    let a = node(&mesh, "a");
    let held = || {
        a.target
            .waits
            .all()
            .into_iter()
            .map(|wait| wait.on.into_iter().map(|topic| topic.node).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let blocked = a.caller.blocked(waiter("a")).unwrap();
    for nodes in [vec!["b".to_owned(), "c".to_owned()], vec!["c".to_owned()]] {
        blocked.on_outcomes(nodes.clone());
        assert_eq!(held(), [nodes]);
    }
    blocked.or_circle(async { Ok(()) }).await.unwrap();
    drop(blocked);
    assert_eq!(held(), [["c"]], "its next question is on its way");
    let again = a.caller.blocked(waiter("a")).unwrap();
    again.over();
    assert!(held().is_empty());
    drop(a.caller.blocked(waiter("a")).unwrap());
    let over = pb::ObserveRequest {
        waiter: waiter("a"),
        ..Default::default()
    };
    assert!(a.caller.observe(over).await.unwrap().changed.is_empty());
    assert!(held().is_empty(), "who waited has said that it is over");
}

#[tokio::test]
async fn a_run_that_waits_for_its_own_node_is_told_so_at_once_and_nobody_else_is() {
    let mesh = Mesh::default();
    let a = node(&mesh, "a");
    let own = ["b".to_owned(), "a".to_owned()];
    let run = a.caller.blocked(waiter("a")).unwrap();
    let refused = run.refuse_own(&own).unwrap_err();
    assert_eq!(refused.code(), "wait_cycle");
    assert!(refused.message().contains("cb/recipes/a.rb:7"), "{refused}");
    assert!(run.refuse_own(&own[..1]).is_ok());
    assert!(a.caller.blocked(None).unwrap().refuse_own(&own).is_ok());
    let verbose = pb::Waiter {
        at: "x".repeat(limits::TOPIC_BYTES + 1),
        ..Default::default()
    };
    assert_eq!(a.caller.blocked(Some(verbose)).err().unwrap().code(), "bad_call");
}

#[tokio::test]
async fn a_node_that_says_too_much_of_its_waits_is_not_followed() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let verbose = pb::Waiter {
        at: "x".repeat(limits::TOPIC_BYTES + 1),
        ..waiter("b").unwrap()
    };
    let too_long = b.target.waits.hold(verbose);
    too_long.wait_for(vec![outcome_at("a")]);
    let wordy = b.target.waits.hold(waiter("w").unwrap());
    wordy.wait_for(vec![pb::Topic {
        version: "x".repeat(limits::TOPIC_BYTES + 1),
        ..outcome_at("a")
    }]);
    let too_many = b.target.waits.hold(waiter("c").unwrap());
    too_many.wait_for(vec![outcome_at("a"); limits::TOPICS + 1]);
    let version = versions::of_run(&a.target.runs.view(), 0);
    let asked = pb::ObserveRequest {
        waiter: waiter("a"),
        timeout_ms: 3 * limits::CYCLE_LOOK_MS,
        ..watching("b", "run", &version)
    };
    assert!(a.caller.observe(asked.clone()).await.unwrap().changed.is_empty());
    too_many.wait_for(vec![outcome_at("a")]);
    let asked = pb::ObserveRequest {
        timeout_ms: 60_000,
        ..asked
    };
    assert_eq!(a.caller.observe(asked).await.unwrap_err().code(), "wait_cycle");
}

#[tokio::test]
async fn a_wait_that_is_woken_all_the_time_is_told_of_its_circle_all_the_same() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let woken = async |node: &Node, id: &str, other: &str| loop {
        let version = versions::of_run(&node.target.runs.view(), 0);
        let asked = pb::ObserveRequest {
            waiter: waiter(id),
            timeout_ms: limits::CYCLE_LOOK_MS / 3,
            ..watching(other, "run", &version)
        };
        if let Err(error) = node.caller.observe(asked).await {
            return error.code().to_owned();
        }
    };
    let both = async { tokio::join!(woken(&a, "a", "b"), woken(&b, "b", "a")) };
    let codes = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(codes, ("wait_cycle".to_owned(), "wait_cycle".to_owned()));
}

#[tokio::test]
async fn a_wait_that_has_ended_is_no_part_of_a_circle() {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let wait = |node: &Node, other: &str, timeout_ms: u64| {
        let version = versions::of_run(&node.target.runs.view(), 0);
        let asked = pb::ObserveRequest {
            waiter: waiter(other),
            timeout_ms,
            ..watching(other, "run", &version)
        };
        let caller = node.caller.clone();
        async move { caller.observe(asked).await }
    };
    assert!(wait(&a, "b", 1).await.unwrap().changed.is_empty());
    let looks_ms = 3 * limits::CYCLE_LOOK_MS;
    let told = wait(&b, "a", looks_ms).await;
    assert!(told.unwrap().changed.is_empty(), "nobody waits for b any more");
}

#[tokio::test]
async fn waits_in_a_row_are_no_circle() {
    let mesh = Mesh::default();
    let nodes: Vec<Node> = ["a", "b", "c"].iter().map(|own| node(&mesh, own)).collect();
    let run = |n: usize| versions::of_run(&nodes[n].target.runs.view(), 0);
    let mut waits = Vec::new();
    for (n, next) in [(0, "b"), (1, "c")] {
        let asked = pb::ObserveRequest {
            waiter: waiter(["a", "b"][n]),
            ..watching(next, "run", &run(n + 1))
        };
        let caller = nodes[n].caller.clone();
        waits.push(tokio::spawn(async move { caller.observe(asked).await }));
    }
    tokio::time::sleep(Duration::from_millis(3 * limits::CYCLE_LOOK_MS)).await;
    assert!(waits.iter().all(|wait| !wait.is_finished()));
    write_run(nodes[2].target.path(), 1, "succeeded", 1);
    write_run(nodes[1].target.path(), 1, "succeeded", 1);
    for wait in waits {
        assert!(tokio::time::timeout(PATIENCE, wait).await.unwrap().unwrap().is_ok());
    }
}

/// Waits of `a` and `b` for one another; `b`'s has read `of_a`.
async fn two_waits(of_a: impl FnOnce(String) -> String) -> Result<pb::Observed> {
    let mesh = Mesh::default();
    let (a, b) = (node(&mesh, "a"), node(&mesh, "b"));
    let run = |of: &Node| versions::of_run(&of.target.runs.view(), 0);
    let held = b.target.waits.hold(waiter("b").unwrap());
    held.wait_for(watching("a", "run", &of_a(run(&a))).topics);
    let asked = pb::ObserveRequest {
        waiter: waiter("a"),
        timeout_ms: 4 * limits::CYCLE_LOOK_MS,
        ..watching("b", "run", &run(&b))
    };
    a.caller.observe(asked).await
}

#[tokio::test]
async fn a_wait_for_which_there_is_news_already_is_no_part_of_a_circle() {
    assert_eq!(two_waits(|now| now).await.unwrap_err().code(), "wait_cycle");
    let told = two_waits(|_| "as it was before".into()).await;
    assert!(told.unwrap().changed.is_empty(), "b will hear that a has gone on");
}

#[tokio::test]
async fn a_circle_is_found_through_the_wait_without_news_where_another_has_some() {
    let mesh = Mesh::default();
    let nodes: Vec<Node> = ["a", "b", "c"].iter().map(|own| node(&mesh, own)).collect();
    let run = |n: usize| versions::of_run(&nodes[n].target.runs.view(), 0);
    let of_c = |version: &str| watching("c", "run", version).topics;
    let behind = nodes[1].target.waits.hold(waiter("b").unwrap());
    behind.wait_for(of_c("as it was before"));
    let last = nodes[2].target.waits.hold(waiter("c").unwrap());
    last.wait_for(watching("a", "run", &run(0)).topics);
    let asked = pb::ObserveRequest {
        waiter: waiter("a"),
        timeout_ms: 4 * limits::CYCLE_LOOK_MS,
        ..watching("b", "run", &run(1))
    };
    let told = nodes[0].caller.observe(asked.clone()).await;
    assert!(told.unwrap().changed.is_empty(), "c has news for b");
    let level = nodes[1].target.waits.hold(waiter("d").unwrap());
    level.wait_for(of_c(&run(2)));
    let found = nodes[0].caller.observe(asked).await.unwrap_err();
    assert!(found.message().contains("cb/recipes/d.rb:7"), "{found}");
}
