//! What operators and the clock do.

use super::*;

#[test]
fn what_never_left_expires_and_what_may_be_there_becomes_unknown_a_day_later() {
    let conn = memory();
    let queued = put(&conn, &draft(1, "a"));
    let offered = put(&conn, &draft(2, "b"));
    let stored = put(&conn, &draft(3, "c"));
    let unresolved = put(&conn, &tagged(4, "web"));
    offer(&conn, "b", NOW, false).unwrap();
    offer(&conn, "c", NOW, false).unwrap();
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
    offer(&conn, "b", NOW, false).unwrap();
    assert_eq!(drop(&conn, &id(1), "", NOW).unwrap()[0].state, "undeliverable");
    assert_eq!(drop(&conn, &id(2), "", NOW).unwrap()[0].state, "unknown");
    assert_eq!(drop(&conn, &id(2), "", NOW).unwrap_err().code(), "already_final");
}

#[test]
fn lists_are_filtered_and_prefixes_must_be_unique_where_one_is_meant() {
    let conn = memory();
    put(&conn, &draft(0x10, "a"));
    put(&conn, &draft(0x11, "b"));
    offer(&conn, "b", NOW, false).unwrap();
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
    let seq = offer(&conn, "b", NOW, false).unwrap()[0].seq;
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

#[test]
fn a_clock_that_is_set_back_gives_no_longer_time_to_live() {
    let conn = memory();
    let asked = pb::Draft {
        ttl_ms: 60_000,
        ..draft(1, "a")
    };
    put(&conn, &asked);
    let day_ms = 24 * 60 * 60 * 1000;
    for (now_ms, left_ms) in [(NOW - day_ms, 60_000), (NOW + 59_000, 1_000), (NOW + day_ms, 1)] {
        assert_eq!(offer(&conn, "a", now_ms, false).unwrap()[0].envelope.ttl_ms, left_ms);
    }
}

#[test]
fn a_chain_is_found_by_its_root_and_what_waits_by_its_target() {
    let conn = memory();
    let seq = put(&conn, &draft(1, "a"));
    let caused = pb::Draft {
        cause_root: id(1),
        ..draft(2, "b")
    };
    put(&conn, &caused);
    put(&conn, &other_action(3, "a", "stop"));
    let found: Vec<_> = chain(&conn, &id(1))
        .unwrap()
        .into_iter()
        .map(|r| (r.id, r.cause_root))
        .collect();
    assert_eq!(found, [(id(1), String::new()), (id(2), id(1))]);
    assert_eq!(chain(&conn, &id(2)).unwrap().len(), 1);
    offer(&conn, "a", NOW, false).unwrap();
    settle(&conn, "a", seq, 1, &Answer::Stored, NOW).unwrap();
    assert_eq!(waiting_for(&conn, "a").unwrap().0, 1);
    assert_eq!(waiting_for(&conn, "nobody").unwrap(), (0, String::new(), String::new()));
    let counted = states(&conn).unwrap();
    assert_eq!(counted.iter().map(|(_, count)| count).sum::<u64>(), 3);
    assert!(counted.contains(&("stored".to_owned(), 1)), "{counted:?}");
}
