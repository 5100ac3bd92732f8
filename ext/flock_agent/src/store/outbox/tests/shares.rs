//! What operators may fill, and what a chain is found by.

use super::*;

fn of(operator: &str, draft: pb::Draft) -> pb::Draft {
    pb::Draft {
        operator: operator.into(),
        ..draft
    }
}

/// A notification of `operator` with so many unfinished deliveries.
fn fill(conn: &Connection, n: u32, operator: &str, count: u64) {
    let names: Vec<String> = (0..count).map(|target| format!("n{target}")).collect();
    let seq = put(conn, &of(operator, tagged(n, "web")));
    assert!(resolve(conn, seq, &names, NOW).unwrap());
}

fn refusal(result: flock_core::Result<Appended>) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, "outbox_full"));
    error.message().to_owned()
}

#[test]
fn an_operator_who_fills_a_share_keeps_out_nobody_else() {
    let conn = memory();
    fill(&conn, 1, "alice", limits::OUTBOX_PER_OPERATOR);
    let told = refusal(append(&conn, &of("alice", draft(2, "a")), NOW));
    assert!(
        told.starts_with("operator/alice has 10000 ") && told.contains("flockctl notifications drop ID"),
        "{told}"
    );
    put(&conn, &draft(3, "a"));
    put(&conn, &of("bob", draft(4, "a")));
    apply_outcome(&conn, "n0", &outcome(1, "done", 1), NOW).unwrap();
    put(&conn, &of("alice", draft(2, "a")));
}

#[test]
fn all_operators_together_leave_the_hub_its_half() {
    let conn = memory();
    for (n, operator) in [(1, "a"), (2, "b")] {
        fill(&conn, n, operator, limits::OUTBOX_PER_OPERATOR);
    }
    fill(
        &conn,
        3,
        "c",
        limits::OUTBOX_OPERATORS - 2 * limits::OUTBOX_PER_OPERATOR,
    );
    let told = refusal(append(&conn, &of("d", draft(4, "a")), NOW));
    assert!(
        told.contains("operators have 25000 ") && told.contains("on the hub"),
        "{told}"
    );
    fill(&conn, 5, "", limits::OUTBOX_TOTAL - limits::OUTBOX_OPERATORS);
    assert!(refusal(append(&conn, &draft(6, "a"), NOW)).contains("the outbox holds 50000 "));
}

#[test]
fn a_selector_and_a_new_attempt_count_like_names() {
    let conn = memory();
    fill(&conn, 1, "alice", limits::OUTBOX_PER_OPERATOR - 2);
    let seq = put(&conn, &of("alice", tagged(2, "db")));
    let three = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let refused = resolve(&conn, seq, &three, NOW).unwrap_err();
    assert_eq!(refused.code(), "outbox_full");
    assert_eq!(state(&conn, seq, ""), State::Queued, "it waits");
    assert!(resolve(&conn, seq, &three[..2], NOW).unwrap());

    for target in ["a", "b"] {
        apply_outcome(&conn, target, &outcome(2, "failed", 1), NOW).unwrap();
    }
    put(&conn, &of("alice", draft(3, "a")));
    assert_eq!(retry(&conn, &id(2), "", NOW).unwrap_err().code(), "outbox_full");
    assert_eq!(retry(&conn, &id(2), "b", NOW).unwrap().len(), 2);
}

#[test]
fn a_chain_and_a_share_are_looked_up_and_not_scanned_for() {
    let conn = memory();
    let plan = |query: &str| {
        let mut rows = conn.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let rows = rows.query_map([], |row| row.get::<_, String>(3)).unwrap();
        rows.map(|row| row.unwrap()).collect::<Vec<_>>().join("; ")
    };
    let found = plan(&super::super::query::of_chain().replace("?1", "'x'").replace("?2", "9"));
    for index in ["sqlite_autoindex_outbox_1 (id=?", "outbox_root (cause_root=?"] {
        assert!(found.contains(index), "{found}");
    }
    assert!(!found.contains("SCAN o"), "{found}");
    let share = plan(&format!(
        "SELECT COUNT(*) FROM delivery WHERE {OPERATORS} AND operator = 'a'"
    ));
    assert!(
        share.contains("COVERING INDEX delivery_operators (operator=?"),
        "{share}"
    );
    let all = plan(&format!("SELECT COUNT(*) FROM delivery WHERE {OPERATORS}"));
    assert!(all.contains("COVERING INDEX delivery_operators"), "{all}");
}
