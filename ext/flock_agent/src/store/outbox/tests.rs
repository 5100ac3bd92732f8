use flock_core::{ErrorKind, limits, notification::State};
use rusqlite::Connection;

use super::{
    row::{At, standing},
    *,
};
use crate::{
    draft::tests::{draft, id, tagged},
    pb,
    store::tests::memory,
};

const NOW: u64 = 1_800_000_000_000;

fn state(conn: &Connection, seq: u64, target: &str) -> State {
    standing(conn, At { seq, target }).unwrap().unwrap().state
}

fn put(conn: &Connection, draft: &pb::Draft) -> u64 {
    append(conn, draft, NOW).unwrap().seq
}

fn outcome(n: u32, state: &str, attempt: u32) -> pb::Outcome {
    pb::Outcome {
        id: id(n),
        state: state.into(),
        attempt,
        run_ms: 12,
        ..Default::default()
    }
}

fn other_action(n: u32, node: &str, action: &str) -> pb::Draft {
    pb::Draft {
        action: action.into(),
        ..draft(n, node)
    }
}

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
    conn.execute("DELETE FROM outbox", []).unwrap();
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
    offer(&conn, "a", NOW).unwrap();
    put(&conn, &draft(5, "a"));
    assert_eq!(
        state(&conn, second, "a"),
        State::Offered,
        "what may be at the target is not superseded"
    );
}

#[test]
fn what_comes_back_gives_way_to_a_newer_one() {
    let conn = memory();
    let first = put(&conn, &draft(1, "a"));
    offer(&conn, "a", NOW).unwrap();
    let second = put(&conn, &draft(2, "a"));
    settle(&conn, "a", first, 1, &Answer::NotTaken, NOW).unwrap();
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
    let offered = offer(&conn, "a", NOW + 1_000).unwrap();
    assert_eq!(offered.iter().map(|one| one.seq).collect::<Vec<_>>(), drafts);
    let envelope = &offered[0].envelope;
    assert_eq!(envelope.ttl_ms, limits::TTL_DEFAULT_MS - 1_000);
    assert_eq!(
        (envelope.target.as_str(), envelope.attempt, envelope.timing.as_str()),
        ("a", 1, "delayed")
    );
    assert_eq!(offer(&conn, "a", NOW).unwrap().len(), 3, "unanswered offers come again");
}

#[test]
fn each_answer_has_its_state() {
    let why = || ("c".to_owned(), "m".to_owned());
    let (code, message) = why();
    let denied = Answer::Denied { code, message };
    let (code, message) = why();
    let refused = Answer::Refused { code, message };
    let answers = [
        (Answer::Stored, State::Stored),
        (denied, State::Denied),
        (refused, State::Undeliverable),
        (Answer::NotTaken, State::Queued),
    ];
    for (answer, expected) in answers {
        let conn = memory();
        let seq = put(&conn, &draft(1, "a"));
        offer(&conn, "a", NOW).unwrap();
        assert!(settle(&conn, "a", seq, 1, &answer, NOW).unwrap());
        assert_eq!(state(&conn, seq, "a"), expected);
    }
}

#[test]
fn an_answer_to_an_earlier_attempt_counts_for_nothing() {
    let conn = memory();
    let seq = put(&conn, &draft(1, "a"));
    offer(&conn, "a", NOW).unwrap();
    apply_outcome(&conn, "a", &outcome(1, "failed", 1), NOW).unwrap();
    retry(&conn, &id(1), "", NOW).unwrap();
    offer(&conn, "a", NOW).unwrap();
    assert!(!settle(&conn, "a", seq, 1, &Answer::Stored, NOW).unwrap());
    assert!(!apply_outcome(&conn, "a", &outcome(1, "failed", 1), NOW).unwrap());
    assert_eq!(state(&conn, seq, "a"), State::Offered);
    assert!(settle(&conn, "a", seq, 2, &Answer::Stored, NOW).unwrap());
}

#[test]
fn an_outcome_counts_once_and_only_from_its_target() {
    let conn = memory();
    let seq = put(&conn, &draft(1, "a"));
    offer(&conn, "a", NOW).unwrap();
    assert!(!apply_outcome(&conn, "mallory", &outcome(1, "done", 1), NOW).unwrap());
    assert!(!apply_outcome(&conn, "a", &outcome(7, "done", 1), NOW).unwrap());
    assert!(apply_outcome(&conn, "a", &outcome(1, "done", 1), NOW).unwrap());
    assert!(!apply_outcome(&conn, "a", &outcome(1, "failed", 1), NOW).unwrap());
    assert!(
        !settle(&conn, "a", seq, 1, &Answer::Stored, NOW).unwrap(),
        "the receipt came after the outcome"
    );
    let record = &records(&conn, &id(1)).unwrap()[0];
    assert_eq!((record.state.as_str(), record.run_ms), ("done", 12));
    for word in ["stored", "finished"] {
        assert_eq!(
            apply_outcome(&conn, "a", &outcome(1, word, 1), NOW).unwrap_err().kind(),
            ErrorKind::Protocol
        );
    }
}

#[test]
fn a_later_attempt_that_the_targets_operator_began_counts() {
    let conn = memory();
    let seq = put(&conn, &draft(1, "a"));
    offer(&conn, "a", NOW).unwrap();
    apply_outcome(&conn, "a", &outcome(1, "failed", 1), NOW).unwrap();
    assert!(apply_outcome(&conn, "a", &outcome(1, "done", 2), NOW).unwrap());
    assert_eq!(state(&conn, seq, "a"), State::Done);
}

#[test]
fn hostile_outcomes_are_cut_to_size() {
    let conn = memory();
    put(&conn, &draft(1, "a"));
    let huge = pb::Outcome {
        run_ms: u64::MAX,
        message: "ä".repeat(5_000),
        code: "x".repeat(5_000),
        ..outcome(1, "failed", 1)
    };
    assert!(apply_outcome(&conn, "a", &huge, NOW).unwrap());
    let record = &records(&conn, &id(1)).unwrap()[0];
    assert_eq!(
        (record.message.len(), record.code.len()),
        (limits::OUTCOME_MESSAGE_BYTES, limits::OUTCOME_CODE_BYTES)
    );
}

#[test]
fn what_never_left_expires_and_what_may_be_there_becomes_unknown_a_day_later() {
    let conn = memory();
    let queued = put(&conn, &draft(1, "a"));
    let offered = put(&conn, &draft(2, "b"));
    let stored = put(&conn, &draft(3, "c"));
    let unresolved = put(&conn, &tagged(4, "web"));
    offer(&conn, "b", NOW).unwrap();
    offer(&conn, "c", NOW).unwrap();
    settle(&conn, "c", stored, 1, &Answer::Stored, NOW).unwrap();
    let end = NOW + limits::TTL_DEFAULT_MS;
    assert_eq!(expire(&conn, end - 1, false).unwrap(), 0);
    assert_eq!(
        expire(&conn, end, true).unwrap(),
        0,
        "no expiry by a clock that is wrong"
    );
    assert_eq!(expire(&conn, end, false).unwrap(), 2);
    assert_eq!(
        (state(&conn, queued, "a"), state(&conn, unresolved, "")),
        (State::Expired, State::Expired)
    );
    assert_eq!(state(&conn, offered, "b"), State::Offered);
    assert_eq!(expire(&conn, end + limits::OUTCOME_GRACE_MS, false).unwrap(), 2);
    assert_eq!(
        (state(&conn, offered, "b"), state(&conn, stored, "c")),
        (State::Unknown, State::Unknown)
    );
}

#[test]
fn a_full_outbox_refuses_and_says_so() {
    let conn = memory();
    let names: Vec<String> = (0..limits::OUTBOX_TOTAL - 1).map(|n| format!("n{n}")).collect();
    let seq = put(&conn, &tagged(1, "web"));
    resolve(&conn, seq, &names, NOW).unwrap();
    put(&conn, &draft(2, "a"));
    let error = append(&conn, &draft(3, "b"), NOW).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, "outbox_full"));
    assert!(
        append(&conn, &draft(2, "a"), NOW).unwrap().duplicate,
        "what is kept is acknowledged even then"
    );
}

#[test]
fn retry_begins_what_failed_anew_and_leaves_the_rest() {
    let conn = memory();
    let seq = put(&conn, &tagged(1, "web"));
    resolve(&conn, seq, &["a".into(), "b".into()], NOW).unwrap();
    apply_outcome(&conn, "a", &outcome(1, "failed", 1), NOW).unwrap();
    apply_outcome(&conn, "b", &outcome(1, "done", 1), NOW).unwrap();
    let later = NOW + limits::TTL_DEFAULT_MS;
    let records = retry(&conn, &id(1), "", later).unwrap();
    assert_eq!((records[0].state.as_str(), records[0].attempt), ("queued", 2));
    assert_eq!(records[0].expires_ms, later + limits::TTL_DEFAULT_MS);
    assert_eq!((records[1].state.as_str(), records[1].attempt), ("done", 1));
    assert_eq!(retry(&conn, &id(1), "b", NOW).unwrap_err().code(), "already_done");
    assert_eq!(
        retry(&conn, &id(1), "c", NOW).unwrap_err().kind(),
        ErrorKind::ResourceNotFound
    );
}

#[test]
fn drop_says_honestly_whether_it_may_still_run() {
    let conn = memory();
    put(&conn, &draft(1, "a"));
    put(&conn, &draft(2, "b"));
    offer(&conn, "b", NOW).unwrap();
    assert_eq!(drop(&conn, &id(1), "", NOW).unwrap()[0].state, "undeliverable");
    assert_eq!(drop(&conn, &id(2), "", NOW).unwrap()[0].state, "unknown");
    assert_eq!(drop(&conn, &id(2), "", NOW).unwrap_err().code(), "already_final");
}

#[test]
fn lists_are_filtered_and_prefixes_must_be_unique_where_one_is_meant() {
    let conn = memory();
    put(&conn, &draft(0x10, "a"));
    put(&conn, &draft(0x11, "b"));
    offer(&conn, "b", NOW).unwrap();
    let ids = |request: pb::ListRequest| -> Vec<String> {
        list(&conn, &request)
            .unwrap()
            .into_iter()
            .map(|record| record.id)
            .collect()
    };
    let prefix = |text: &str| pb::ListRequest {
        id: text.into(),
        ..Default::default()
    };
    assert_eq!(ids(pb::ListRequest::default()), [id(0x11), id(0x10)]);
    assert_eq!(ids(prefix(&id(0x11)[..35])), [id(0x11), id(0x10)]);
    assert_eq!(ids(prefix(&id(0x11))), [id(0x11)]);
    assert_eq!(ids(prefix("ffff")), [""; 0]);
    let of = |state: &str, limit| pb::ListRequest {
        state: state.into(),
        limit,
        ..Default::default()
    };
    assert_eq!(ids(of("offered", 0)), [id(0x11)]);
    assert_eq!(ids(of("", 1)), [id(0x11)]);
    assert_eq!(list(&conn, &of("lost", 0)).unwrap_err().code(), "bad_state");
    assert_eq!(unique_id(&conn, &id(0x11)).unwrap(), id(0x11));
    assert_eq!(unique_id(&conn, "0190").unwrap_err().code(), "ambiguous_id");
    assert_eq!(unique_id(&conn, "ffff").unwrap_err().code(), "no_such_notification");
}

#[test]
fn counts_follow_the_states() {
    let conn = memory();
    for (n, node) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        put(&conn, &draft(n, node));
    }
    let seq = offer(&conn, "b", NOW).unwrap()[0].seq;
    settle(&conn, "b", seq, 1, &Answer::Stored, NOW).unwrap();
    apply_outcome(&conn, "c", &outcome(3, "done", 1), NOW).unwrap();
    let expected = Counts {
        queued: 2,
        stored: 1,
        unfinished: 3,
    };
    assert_eq!(counts(&conn).unwrap(), expected);
}

#[test]
fn finished_drafts_are_forgotten_by_age_and_by_number_but_never_unfinished_ones() {
    let conn = memory();
    for n in 1..=6 {
        put(&conn, &draft(n, &format!("n{n}")));
    }
    for n in 1..=5 {
        apply_outcome(&conn, &format!("n{n}"), &outcome(n, "done", 1), NOW + u64::from(n)).unwrap();
    }
    let left = |conn: &Connection| -> Vec<String> {
        let records = list(conn, &pb::ListRequest::default()).unwrap();
        records.into_iter().rev().map(|record| record.id).collect()
    };
    assert_eq!(retention::keep(&conn, NOW + 2, 100).unwrap(), 1);
    assert_eq!(left(&conn), [id(2), id(3), id(4), id(5), id(6)]);
    assert_eq!(retention::keep(&conn, 0, 2).unwrap(), 2);
    assert_eq!(left(&conn), [id(4), id(5), id(6)]);
    assert_eq!(retention::keep(&conn, NOW + 1_000, 0).unwrap(), 2);
    assert_eq!(left(&conn), [id(6)]);
    assert_eq!(trim(&conn, NOW).unwrap(), 0);
}

#[test]
fn the_hot_queries_use_their_indexes() {
    let conn = memory();
    let plan = |query: String| -> String {
        let mut rows = conn.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let rows = rows.query_map([], |row| row.get::<_, String>(3)).unwrap();
        rows.map(|row| row.unwrap()).collect::<Vec<_>>().join("; ")
    };
    let overlaps = plan(format!(
        "SELECT seq FROM delivery WHERE {DUE} AND target = 'a' AND seq <> 1 AND slot = x'00' AND state = 'queued'"
    ));
    assert!(overlaps.contains("COVERING INDEX delivery_due (target=?"), "{overlaps}");
    let due = plan(format!("SELECT MIN(target) FROM delivery WHERE {DUE} AND target > 'a'"));
    assert!(due.contains("INDEX delivery_due (target>?"), "{due}");
    let open = plan(format!("SELECT COUNT(*) FROM delivery WHERE {OPEN}"));
    assert!(open.contains("COVERING INDEX delivery_open"), "{open}");
    let overdue = plan(format!(
        "SELECT seq FROM delivery WHERE {OPEN} AND expires_ms <= 1 AND (state = 'queued' OR expires_ms <= 0)"
    ));
    assert!(
        overdue.contains("COVERING INDEX delivery_open (expires_ms<?"),
        "{overdue}"
    );
}
