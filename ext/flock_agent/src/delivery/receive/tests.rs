use flock_core::{
    ErrorKind, limits,
    policy::{Policy, Rule},
};

use super::*;
use crate::fixtures::{Target, card, envelope, name, uuid, write_run, write_snapshot};

fn verdict(receipt: &pb::Receipt) -> (Verdict, &str) {
    (receipt.verdict(), &receipt.code)
}

fn only_restart() -> Policy {
    Policy::new(vec![Rule {
        from: "a*".into(),
        resource: "service[*]".into(),
        actions: vec!["restart".into()],
        call: Vec::new(),
    }])
}

#[tokio::test]
async fn what_is_acknowledged_is_on_disk() {
    let target = Target::new(Policy::default());
    write_run(target.path(), 7, "succeeded", 1);
    assert_eq!(verdict(&target.admit(envelope("a", 1)).await), (Verdict::Stored, ""));
    let file = rusqlite::Connection::open(target.path().join("state.db")).unwrap();
    let (state, run): (String, u64) = file
        .query_row("SELECT state, arrived_run FROM inbox", [], |r| {
            Ok((r.get(0)?, r.get::<_, i64>(1)? as u64))
        })
        .unwrap();
    assert_eq!((state.as_str(), run), ("stored", 7));
    assert_eq!(verdict(&target.admit(envelope("a", 1)).await), (Verdict::Duplicate, ""));
}

#[tokio::test]
async fn the_dispatcher_is_woken() {
    let target = Target::new(Policy::default());
    target.admit(envelope("a", 1)).await;
    tokio::time::timeout(crate::fixtures::PATIENCE, target.wake.notified())
        .await
        .unwrap();
}

#[tokio::test]
async fn the_dispatcher_is_woken_also_when_the_caller_has_given_up() {
    let target = Target::new(Policy::default());
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (began, begins) = tokio::sync::oneshot::channel();
    let store = target.store.clone();
    let hold = move |_: &Connection| {
        let _ = began.send(());
        let _ = held.recv();
        Ok(())
    };
    let busy = tokio::spawn(async move { store.write(hold).await });
    begins.await.unwrap();
    let asked = target.admit(envelope("a", 1));
    // Asked once: it is on its way to the store, behind the other, when the caller goes.
    tokio::select! {
        biased;
        _ = asked => panic!("it was answered at once"),
        () = std::future::ready(()) => {}
    }
    release.send(()).unwrap();
    busy.await.unwrap().unwrap();
    tokio::time::timeout(crate::fixtures::PATIENCE, target.wake.notified())
        .await
        .unwrap();
    assert_eq!(target.record(1).await.state, "stored");
}

#[tokio::test]
async fn nobody_speaks_in_another_name() {
    let target = Target::new(Policy::default());
    let receipt = target.receiver.admit(&name("mallory"), envelope("a", 1)).await.unwrap();
    assert_eq!(verdict(&receipt), (Verdict::Denied, "not_the_sender"));
}

#[tokio::test]
async fn malformed_ones_are_refused() {
    type Change = fn(&mut pb::Envelope);
    let changes: [(&str, Change); 11] = [
        ("wrong_target", |e| e.target = "other".into()),
        ("bad_id", |e| e.id = "1".into()),
        ("bad_id", |e| e.cause_root = "x".into()),
        ("bad_key", |e| e.key = "execute".into()),
        ("bad_key", |e| {
            e.key = format!("execute[{}]", "x".repeat(limits::KEY_BYTES))
        }),
        ("bad_action", |e| e.action = String::new()),
        ("bad_action", |e| e.action = "run\n".into()),
        ("bad_action", |e| e.action = "r".repeat(limits::ACTION_BYTES + 1)),
        ("bad_retry", |e| e.retry = limits::RETRY_MAX + 1),
        ("too_large", |e| {
            e.sources = vec![pb::Source::default(); limits::SOURCES + 1]
        }),
        ("too_large", |e| e.timing = "t".repeat(limits::DRAFT_BYTES)),
    ];
    let target = Target::new(Policy::default());
    for (code, change) in changes {
        let mut bad = envelope("a", 1);
        change(&mut bad);
        assert_eq!(verdict(&target.admit(bad).await), (Verdict::Refused, code));
    }
    assert_eq!(verdict(&target.admit(envelope("a", 1)).await), (Verdict::Stored, ""));
    let other = pb::Envelope {
        action: "nothing".into(),
        ..envelope("a", 1)
    };
    assert_eq!(verdict(&target.admit(other).await), (Verdict::Refused, "id_reused"));
}

#[tokio::test]
async fn the_allow_table_decides_at_the_door() {
    let target = Target::new(only_restart());
    let restart = |sender: &str, n| pb::Envelope {
        key: "service[x]".into(),
        action: "restart".into(),
        ..envelope(sender, n)
    };
    assert_eq!(verdict(&target.admit(restart("a1", 1)).await), (Verdict::Stored, ""));
    assert_eq!(
        verdict(&target.admit(restart("b1", 2)).await),
        (Verdict::Denied, "policy")
    );
    assert_eq!(
        verdict(&target.admit(envelope("a1", 3)).await),
        (Verdict::Denied, "policy")
    );
    assert_eq!(
        verdict(&target.admit(envelope("target", 4)).await),
        (Verdict::Stored, ""),
        "to itself"
    );
}

#[tokio::test]
async fn an_operators_rights_are_its_own_and_not_the_hubs() {
    let of = |operator: &str, n| pb::Envelope {
        operator: operator.into(),
        key: "service[x]".into(),
        action: "restart".into(),
        ..envelope("a1", n)
    };
    // A rule that admits the hub, and the default policy that would.
    for policy in [only_restart(), Policy::default()] {
        let target = Target::new(policy);
        assert_eq!(verdict(&target.admit(of("", 1)).await), (Verdict::Stored, ""));
        assert_eq!(
            verdict(&target.admit(of("alice", 2)).await),
            (Verdict::Denied, "policy")
        );
    }
    let rule = Rule {
        from: "operator/alice".into(),
        resource: "service[*]".into(),
        actions: vec!["restart".into()],
        call: Vec::new(),
    };
    let target = Target::new(Policy::new(vec![rule]));
    assert_eq!(verdict(&target.admit(of("alice", 1)).await), (Verdict::Stored, ""));
    assert_eq!(verdict(&target.admit(of("bob", 2)).await), (Verdict::Denied, "policy"));
    let reused = target.admit(of("", 1)).await;
    assert_eq!(
        verdict(&reused),
        (Verdict::Refused, "id_reused"),
        "who asks is part of what is asked"
    );
    let stored = target
        .store
        .read(|conn| inbox::list(conn, &pb::ListRequest::default()))
        .await
        .unwrap();
    assert_eq!((stored[0].peer.as_str(), stored[0].operator.as_str()), ("a1", "alice"));
}

#[tokio::test]
async fn an_operator_that_was_removed_is_refused_here_too() {
    let deny = crate::transport::DenyList::default();
    let rule = Rule {
        from: "operator/*".into(),
        resource: "*".into(),
        actions: vec!["*".into()],
        call: Vec::new(),
    };
    let gate = Gate::new(name("target"), Policy::new(vec![rule])).denying(deny.clone());
    let asked = pb::Envelope {
        operator: "alice".into(),
        ..envelope("a", 1)
    };
    let alice = Holder::parse("operator/alice").unwrap();
    gate.at_arrival(&alice, &asked, None).unwrap();
    deny.set(vec!["operator/alice".into()]);
    for refused in [
        gate.at_arrival(&alice, &asked, None),
        gate.may_call(&alice, "flock_api", "state"),
        gate.may_list(&alice),
    ] {
        assert_eq!(refused.unwrap_err().code(), "removed");
    }
}

#[tokio::test]
async fn the_default_policy_asks_the_card_later() {
    let target = Target::new(Policy::default());
    write_snapshot(target.path(), 1, &[card("execute[x]")]);
    let delete = pb::Envelope {
        action: "delete".into(),
        ..envelope("a", 1)
    };
    assert_eq!(verdict(&target.admit(delete).await), (Verdict::Stored, ""));
}

#[tokio::test]
async fn loops_end_here() {
    let target = Target::new(Policy::default());
    let hop = |node: String| pb::Hop {
        node,
        key: "execute[x]".into(),
        action: "run".into(),
    };
    let again = pb::Envelope {
        chain: vec![hop("target".into()), hop("a".into())],
        ..envelope("a", 1)
    };
    assert_eq!(verdict(&target.admit(again).await), (Verdict::Denied, "loop"));
    let chain = (0..limits::CHAIN_HOPS).map(|n| hop(format!("n{n}"))).collect();
    assert_eq!(
        verdict(
            &target
                .admit(pb::Envelope {
                    chain,
                    ..envelope("a", 2)
                })
                .await
        ),
        (Verdict::Denied, "loop")
    );
    let chain = vec![hop("other".into())];
    assert_eq!(
        verdict(
            &target
                .admit(pb::Envelope {
                    chain,
                    ..envelope("a", 3)
                })
                .await
        ),
        (Verdict::Stored, "")
    );
}

#[tokio::test]
async fn a_sender_that_asks_too_often_is_told_to_wait() {
    let target = Target::new(Policy::default());
    let all = (0..limits::RATE_BURST).map(|n| {
        let (receiver, from) = (target.receiver.clone(), name("a"));
        tokio::spawn(async move { receiver.admit(&from, envelope("a", n)).await.unwrap() })
    });
    for admitted in all.collect::<Vec<_>>() {
        assert_eq!(verdict(&admitted.await.unwrap()), (Verdict::Stored, ""));
    }
    let receipt = target.admit(envelope("a", 9000)).await;
    assert_eq!(verdict(&receipt), (Verdict::Busy, "rate_limited"));
    assert!(receipt.retry_after_ms > 0);
    assert_eq!(
        verdict(&target.admit(envelope("a", 1)).await),
        (Verdict::Duplicate, ""),
        "what is known costs nothing"
    );
    assert_eq!(verdict(&target.admit(envelope("b", 9001)).await), (Verdict::Stored, ""));
}

#[tokio::test]
async fn a_full_inbox_says_when_to_try_again() {
    let target = Target::new(Policy::default());
    let fill = |conn: &Connection| {
        for n in 0..limits::INBOX_PER_SENDER as u32 {
            let arrival = Arrival {
                envelope: &envelope("a", n),
                arrived_run: 0,
                now_ms: 1,
            };
            inbox::admit(conn, &arrival)?;
        }
        Ok(())
    };
    target.store.write(fill).await.unwrap();
    let receipt = target.admit(envelope("a", 5000)).await;
    assert_eq!(verdict(&receipt), (Verdict::Busy, "inbox_full"));
    assert_eq!(receipt.retry_after_ms, limits::BUSY_RETRY_AFTER_MS);
}

#[tokio::test]
async fn outcomes_come_from_their_target_only() {
    let target = Target::new(Policy::default());
    let outcome = pb::Outcome {
        id: uuid(1),
        target: "b".into(),
        state: "done".into(),
        ..Default::default()
    };
    target.receiver.outcome(&name("b"), outcome.clone()).await.unwrap();
    let error = target.receiver.outcome(&name("c"), outcome.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "not_the_target"));
    for state in ["stored", "lost", ""] {
        let unfinished = pb::Outcome {
            state: state.into(),
            ..outcome.clone()
        };
        assert_eq!(
            target
                .receiver
                .outcome(&name("b"), unfinished)
                .await
                .unwrap_err()
                .code(),
            "bad_state"
        );
    }
}

#[test]
fn the_largest_draft_that_may_be_kept_is_not_too_large_for_its_target() {
    let long = flock_core::id::NodeName::parse(&"n".repeat(limits::NODE_NAME_BYTES)).unwrap();
    let mut largest = pb::Draft {
        sources: vec![pb::Source::default(); limits::SOURCES],
        ..crate::draft::tests::draft(1, "n")
    };
    let room = limits::DRAFT_BYTES - prost::Message::encoded_len(&largest) - 16;
    largest.sources[0].recipe = "r".repeat(room);
    crate::draft::check(&largest).unwrap();
    let envelope = pb::Envelope {
        id: largest.id,
        sender: long.to_string(),
        target: long.to_string(),
        key: largest.key,
        action: largest.action,
        timing: largest.timing,
        sources: largest.sources,
        incarnation: u64::MAX,
        seq: u64::MAX,
        ttl_ms: u64::MAX,
        attempt: u32::MAX,
        ..Default::default()
    };
    super::check::envelope(&long, &long, &envelope).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_many_senders_is_taken_in_whole_and_served_by_one_run() {
    const SENDERS: u32 = 50;
    const EACH: u32 = 100;
    let target = Target::new(Policy::default());
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let receiver = target.receiver.clone();
        senders.spawn(async move {
            let from = name(&format!("sender{sender}"));
            for n in 0..EACH {
                let envelope = envelope(from.as_str(), n + 1);
                let receipt = receiver.admit(&from, envelope).await.unwrap();
                assert_eq!(verdict(&receipt), (Verdict::Stored, ""));
            }
        });
    }
    let burst = async { while senders.join_next().await.transpose().unwrap().is_some() {} };
    tokio::time::timeout(crate::fixtures::PATIENCE, burst).await.unwrap();
    let served = target
        .store
        .write(|conn| {
            let rows: Vec<i64> = inbox::candidates_of(conn, "execute[x]", "run", crate::fixtures::NOW_MS)?
                .iter()
                .map(|candidate| candidate.row)
                .collect();
            let claim = inbox::Claim {
                job: "j",
                key: "execute[x]",
                action: "run",
                generation: 1,
                pid: 1,
                pid_start: 1,
                timeout_ms: 1000,
                chain: &[],
                cause_root: "",
                now_ms: crate::fixtures::NOW_MS,
            };
            inbox::claim(conn, &claim, &rows)?;
            let ending = inbox::Ending {
                state: flock_core::notification::State::Done,
                code: String::new(),
                message: String::new(),
                run_ms: 1,
            };
            inbox::finish(conn, "j", &ending, crate::fixtures::NOW_MS)
        })
        .await
        .unwrap();
    assert_eq!(served, Some((SENDERS * EACH) as usize));
}

#[tokio::test]
async fn one_sender_has_its_share_and_no_more() {
    let target = Target::new(Policy::default());
    let other_key = |n: u32| pb::Envelope {
        key: format!("execute[{n}]"),
        ..envelope("a", n)
    };
    for n in 1..=limits::INBOX_PER_SENDER as u32 {
        assert_eq!(verdict(&target.admit(other_key(n)).await), (Verdict::Stored, ""));
    }
    let busy = target.admit(other_key(5_000)).await;
    assert_eq!(verdict(&busy), (Verdict::Busy, "inbox_full"));
    assert_eq!(busy.retry_after_ms, limits::BUSY_RETRY_AFTER_MS);
    assert_eq!(
        verdict(&target.admit(envelope("b", 1)).await),
        (Verdict::Stored, ""),
        "others have room"
    );
}
