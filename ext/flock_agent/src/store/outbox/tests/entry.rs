//! What comes in and goes out.

use super::*;

#[test]
fn the_same_draft_twice_is_one_and_another_under_its_id_is_refused() {
    let conn = memory();
    let first = append(&conn, &draft(1, "a"), NOW).unwrap();
    assert_eq!(
        append(&conn, &draft(1, "a"), NOW + 5).unwrap(),
        Appended {
            duplicate: true,
            ..first
        }
    );
    let error = append(&conn, &draft(1, "b"), NOW).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Configuration, "id_reused"));
    assert_eq!(records(&conn, &id(1)).unwrap().len(), 1);
}

#[test]
fn a_malformed_draft_leaves_nothing() {
    let conn = memory();
    let bad = pb::Draft {
        key: "nginx".into(),
        ..draft(1, "a")
    };
    assert_eq!(append(&conn, &bad, NOW).unwrap_err().code(), "bad_key");
    assert_eq!(list(&conn, &pb::ListRequest::default()).unwrap(), []);
}

#[test]
fn sequences_rise_and_are_never_used_again() {
    let conn = memory();
    let first = put(&conn, &draft(1, "a"));
    let second = put(&conn, &draft(2, "b"));
    assert!(second > first);
    for (n, node) in [(1, "a"), (2, "b")] {
        apply_outcome(&conn, node, &outcome(n, "done", 1), NOW).unwrap();
    }
    assert_eq!(trim(&conn, NOW + 2 * limits::FINISHED_AGE_MS).unwrap(), 1);
    assert_eq!(trim(&conn, NOW + 2 * limits::FINISHED_AGE_MS).unwrap(), 0);
    assert!(put(&conn, &draft(3, "a")) > second);
}

#[test]
fn a_newer_draft_supersedes_only_what_is_queued_in_its_slot() {
    let conn = memory();
    let first = put(&conn, &draft(1, "a"));
    let elsewhere = put(&conn, &draft(2, "b"));
    let other = put(&conn, &other_action(3, "a", "restart"));
    let second = put(&conn, &draft(4, "a"));
    assert_eq!(state(&conn, first, "a"), State::Superseded);
    assert!(records(&conn, &id(1)).unwrap()[0].message.contains(&id(4)));
    for (seq, target) in [(elsewhere, "b"), (other, "a"), (second, "a")] {
        assert_eq!(state(&conn, seq, target), State::Queued);
    }
    offer(&conn, "a", NOW, false).unwrap();
    put(&conn, &draft(5, "a"));
    assert_eq!(
        state(&conn, second, "a"),
        State::Offered,
        "what may be at the target is not superseded"
    );
}

#[test]
fn what_an_operator_asks_supersedes_nothing_of_others() {
    let conn = memory();
    let by = |n, operator: &str| pb::Draft {
        operator: operator.into(),
        ..draft(n, "a")
    };
    let first = put(&conn, &by(1, "alice"));
    let second = put(&conn, &by(2, "bob"));
    let own = put(&conn, &draft(3, "a"));
    let newer = put(&conn, &by(4, "alice"));
    assert_eq!(state(&conn, first, "a"), State::Superseded);
    for seq in [second, own, newer] {
        assert_eq!(state(&conn, seq, "a"), State::Queued);
    }
    assert_eq!(records(&conn, &id(2)).unwrap()[0].operator, "bob");
    let offered = offer(&conn, "a", NOW, false).unwrap();
    assert_eq!(
        offered
            .iter()
            .map(|one| one.envelope.operator.as_str())
            .collect::<Vec<_>>(),
        ["bob", "", "alice"]
    );
}

#[test]
fn a_draft_of_another_chain_supersedes_nothing() {
    let conn = memory();
    let by = |n, nodes: &[&str]| pb::Draft {
        chain: nodes
            .iter()
            .map(|node| pb::Hop {
                node: (*node).into(),
                ..Default::default()
            })
            .collect(),
        ..draft(n, "b")
    };
    let (on_time, circular) = (put(&conn, &by(1, &["a"])), put(&conn, &by(2, &["a", "b"])));
    assert_eq!(
        (state(&conn, on_time, "b"), state(&conn, circular, "b")),
        (State::Queued, State::Queued),
        "the target denies the second as a loop"
    );
    let newer = put(&conn, &by(3, &["a"]));
    assert_eq!(state(&conn, on_time, "b"), State::Superseded);
    assert_eq!(state(&conn, newer, "b"), State::Queued);
}

#[test]
fn what_comes_back_gives_way_to_a_newer_one() {
    let conn = memory();
    let first = put(&conn, &draft(1, "a"));
    offer(&conn, "a", NOW, false).unwrap();
    let second = put(&conn, &draft(2, "a"));
    settle(
        &conn,
        "a",
        first,
        1,
        &Answer::NotTaken {
            code: String::new(),
            message: String::new(),
        },
        NOW,
    )
    .unwrap();
    assert_eq!(
        (state(&conn, first, "a"), state(&conn, second, "a")),
        (State::Superseded, State::Queued)
    );
    retry(&conn, &id(1), "", NOW).unwrap();
    assert_eq!(
        (state(&conn, first, "a"), state(&conn, second, "a")),
        (State::Superseded, State::Queued)
    );
}

#[test]
fn selectors_wait_to_be_resolved_and_then_go_to_each_target() {
    let conn = memory();
    let seq = put(&conn, &tagged(1, "web"));
    assert_eq!(due_targets(&conn).unwrap(), [""; 0]);
    let waiting = unresolved(&conn, 0, 10).unwrap();
    assert_eq!((waiting[0].seq, waiting[0].targets.tags[0].as_str()), (seq, "web"));
    assert_eq!(records(&conn, &id(1)).unwrap()[0].peer, "");
    assert!(resolve(&conn, seq, &["a".into(), "b".into()], NOW).unwrap());
    assert!(
        !resolve(&conn, seq, &["c".into()], NOW).unwrap(),
        "a choice is made once"
    );
    assert_eq!(due_targets(&conn).unwrap(), ["a", "b"]);
    assert_eq!(unresolved(&conn, 0, 10).unwrap(), []);
}

#[test]
fn a_selector_without_a_match_is_undeliverable_and_can_be_tried_again() {
    let conn = memory();
    let seq = put(&conn, &tagged(1, "web"));
    resolve(&conn, seq, &[], NOW).unwrap();
    assert_eq!(state(&conn, seq, ""), State::Undeliverable);
    retry(&conn, &id(1), "", NOW).unwrap();
    assert_eq!(unresolved(&conn, 0, 10).unwrap().len(), 1);
    resolve(&conn, seq, &["a".into()], NOW).unwrap();
    assert_eq!(records(&conn, &id(1)).unwrap()[0].attempt, 2);
}

#[test]
fn the_same_selector_supersedes_before_and_after_it_is_resolved() {
    let conn = memory();
    let first = put(&conn, &tagged(1, "web"));
    let other = put(&conn, &tagged(2, "db"));
    let second = put(&conn, &tagged(3, "web"));
    assert_eq!(state(&conn, first, ""), State::Superseded);
    // Resolved out of order: the older one finds the newer one queued and gives way.
    resolve(&conn, second, &["a".into()], NOW).unwrap();
    resolve(&conn, other, &["a".into()], NOW).unwrap();
    assert_eq!(state(&conn, other, "a"), State::Superseded);
    assert_eq!(state(&conn, second, "a"), State::Queued);
}

#[test]
fn offers_come_in_order_and_carry_what_is_left_of_their_time() {
    let conn = memory();
    let drafts: Vec<u64> = (1..=3)
        .map(|n| put(&conn, &other_action(n, "a", &format!("act{n}"))))
        .collect();
    put(&conn, &draft(9, "b"));
    let offered = offer(&conn, "a", NOW + 1_000, false).unwrap();
    assert_eq!(offered.iter().map(|one| one.seq).collect::<Vec<_>>(), drafts);
    let envelope = &offered[0].envelope;
    assert_eq!(envelope.ttl_ms, limits::TTL_DEFAULT_MS - 1_000);
    assert_eq!(
        (envelope.target.as_str(), envelope.attempt, envelope.timing.as_str()),
        ("a", 1, "delayed")
    );
    assert_eq!(
        offer(&conn, "a", NOW, false).unwrap().len(),
        3,
        "unanswered offers come again"
    );
}
