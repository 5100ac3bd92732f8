//! Nothing that may have run since the backup is run again in silence.

use super::*;
use crate::fixtures::PATIENCE;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[test]
fn what_the_node_sent_itself_is_offered_again_only_if_its_inbox_knows_it() {
    let node = Node::new();
    let conn = node.state();
    for n in 1..=4 {
        let draft = pb::Draft {
            action: format!("act{n}"),
            ..draft(n, "hub1")
        };
        outbox::append(&conn, &draft, NOW_MS).unwrap();
    }
    for (n, state) in [(2, "offered"), (3, "stored"), (4, "stored")] {
        conn.execute("UPDATE delivery SET state = ?1 WHERE seq = ?2", (state, n))
            .unwrap();
    }
    let known = pb::Envelope {
        id: id(4),
        ..envelope("hub1", 4)
    };
    let arrival = Arrival {
        envelope: &known,
        arrived_run: 1,
        now_ms: NOW_MS,
    };
    inbox::admit(&conn, &arrival).unwrap();
    node.back_up().unwrap();
    drop(conn);
    node.restore(true).unwrap();
    let conn = node.state();
    let states: Vec<_> = (1..=4).map(|n| sent(&conn, n)).collect();
    assert_eq!(states, ["unknown", "unknown", "unknown", "offered"]);
    let told = outbox::records(&conn, &id(1)).unwrap();
    assert_eq!((told[0].code.as_str(), told[0].message.is_empty()), ("restored", false));
}

#[test]
fn what_has_outlived_its_time_is_not_offered_to_a_target_that_may_have_forgotten_it() {
    let node = Node::new();
    let conn = node.state();
    for (n, ttl_ms) in [(1, 30_000), (2, DAY_MS)] {
        let draft = pb::Draft {
            ttl_ms,
            action: format!("act{n}"),
            ..draft(n, "elsewhere")
        };
        outbox::append(&conn, &draft, NOW_MS).unwrap();
    }
    node.back_up().unwrap();
    drop(conn);
    node.restore(true).unwrap();
    let conn = node.state();
    assert_eq!([sent(&conn, 1), sent(&conn, 2)], ["unknown", "offered"]);
}

#[test]
fn drafts_of_the_spool_are_treated_alike() {
    let node = Node::new();
    for (n, target, ttl_ms) in [(1, "hub1", DAY_MS), (2, "elsewhere", 30_000), (3, "elsewhere", DAY_MS)] {
        let draft = pb::Draft {
            ttl_ms,
            action: format!("act{n}"),
            ..draft(n, target)
        };
        crate::spool::write(&node.data(), &draft).unwrap();
    }
    node.back_up().unwrap();
    fs::remove_dir_all(node.data()).unwrap();
    node.restore(false).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = store::Store::open(&node.path("data/state.db")).unwrap();
        let intake = crate::spool::Intake::new(&node.data(), store.clone(), crate::clock::Clock::from_fn(|| NOW_MS));
        intake.pass().await.unwrap();
        tokio::time::timeout(PATIENCE, store.close()).await.unwrap();
    });
    let conn = node.state();
    let states: Vec<_> = (1..=3).map(|n| sent(&conn, n)).collect();
    assert_eq!(states, ["unknown", "unknown", "offered"]);
}

#[test]
fn changes_from_before_the_backup_are_not_decided_again() {
    let node = Node::new();
    let conn = node.state();
    conn.execute_batch(
        "INSERT INTO change (run, key, body, revision, open, at_ms) VALUES (1, 'file[/a]', x'', 0, 1, 1)",
    )
    .unwrap();
    node.back_up().unwrap();
    drop(conn);
    node.restore(true).unwrap();
    let open = "SELECT COUNT(*) FROM change WHERE open = 1";
    let open: u64 = node.state().query_row(open, [], |row| row.get(0)).unwrap();
    assert_eq!(open, 0);
}
