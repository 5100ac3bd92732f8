use flock_core::limits;
use rusqlite::Connection;

use super::{change::keep, *};
use crate::{
    pb,
    store::{outbox, tests::memory},
    subscription::tests::subscription,
};

const NOW_MS: u64 = 1_700_000_000_000;

/// Number `n` of `subscriber`, made at `revision`.
fn of(subscriber: &str, n: u32, revision: u64) -> pb::Subscription {
    pb::Subscription {
        subscriber: subscriber.into(),
        revision,
        ..subscription(n, "here")
    }
}

fn delayed(one: pb::Subscription) -> pb::Subscription {
    pb::Subscription {
        timing: "delayed".into(),
        ..one
    }
}

fn complete(conn: &Connection, revision: u64, put: &[pb::Subscription]) {
    let set = Set {
        reset: true,
        put: put.to_vec(),
        revision,
        ..Set::default()
    };
    apply(conn, &set, NOW_MS).unwrap();
}

fn changed(key: &str) -> Change {
    Change {
        key: key.into(),
        action: "run".into(),
        run_id: "r".into(),
        ..Change::default()
    }
}

fn lines(conn: &Connection, run: u64, keys: &[&str], over: bool) {
    let batch = Batch {
        run,
        changes: keys.iter().map(|key| changed(key)).collect(),
        over,
        ..Batch::default()
    };
    take_in(conn, &batch, NOW_MS).unwrap();
}

const KEY: &str = "execute[source]";

/// What is in the outbox after everything that is due has left: (target, sources, late).
fn sent(conn: &Connection) -> Vec<(String, usize, bool)> {
    assert_eq!(release(conn, NOW_MS).unwrap().waits, None);
    let mut records = outbox::list(conn, &pb::ListRequest::default()).unwrap();
    records.sort_by_key(|record| record.seq);
    let queued = records.into_iter().filter(|record| record.state == "queued");
    queued
        .map(|record| (record.peer, record.sources.len(), record.late))
        .collect()
}

#[test]
fn a_change_reaches_whoever_was_there_first() {
    let conn = memory();
    complete(&conn, 7, &[of("b", 1, 5), of("c", 2, 7)]);
    lines(&conn, 1, &[KEY, "file[/other]"], false);
    let draft = sent(&conn);
    assert_eq!(draft, [("b".into(), 1, false), ("c".into(), 1, false)]);
    let record = outbox::list(&conn, &pb::ListRequest::default()).unwrap().remove(0);
    assert_eq!((record.key.as_str(), record.action.as_str()), ("file[/2]", "create"));
    assert_eq!(record.subscription, of("c", 2, 7).id);
    assert_eq!(record.sources[0].key, KEY);
}

#[test]
fn a_newer_subscription_hears_nothing_of_what_changed_in_a_session() {
    let conn = memory();
    complete(&conn, 7, &[]);
    lines(&conn, 1, &[KEY], false);
    let newer = Set {
        put: vec![of("b", 1, 8)],
        revision: 8,
        ..Set::default()
    };
    apply(&conn, &newer, NOW_MS).unwrap();
    disconnected(&conn).unwrap();
    complete(&conn, 9, &[of("b", 1, 8)]);
    assert_eq!(sent(&conn), []);
    lines(&conn, 1, &[KEY], false);
    assert_eq!(sent(&conn), [("b".into(), 1, false)]);
}

#[test]
fn what_changed_away_from_the_flock_is_caught_up_with_once() {
    let conn = memory();
    complete(&conn, 7, &[of("b", 1, 5)]);
    disconnected(&conn).unwrap();
    lines(&conn, 1, &[KEY], true);
    lines(&conn, 2, &[KEY], true);
    assert_eq!(sent(&conn).len(), 1, "the newer of two for b supersedes the older");
    complete(&conn, 9, &[of("b", 1, 5), of("c", 2, 9)]);
    let late: Vec<_> = sent(&conn).into_iter().filter(|(.., late)| *late).collect();
    assert_eq!(late, [("c".into(), 2, true)], "c hears once of both");
    disconnected(&conn).unwrap();
    complete(&conn, 10, &[of("b", 1, 5), of("c", 2, 9), of("d", 3, 10)]);
    assert!(
        sent(&conn).iter().all(|(target, ..)| target != "d"),
        "the changes were closed"
    );
}

#[test]
fn one_that_was_made_anew_hears_once_of_what_it_has_heard() {
    let conn = memory();
    complete(&conn, 7, &[of("b", 1, 5)]);
    disconnected(&conn).unwrap();
    lines(&conn, 1, &[KEY], true);
    assert_eq!(sent(&conn), [("b".into(), 1, false)]);
    complete(&conn, 30, &[of("b", 1, 20), of("c", 2, 20)]);
    let mut once = sent(&conn);
    once.sort();
    assert_eq!(once, [("b".into(), 1, false), ("c".into(), 1, true)]);
    assert_eq!(list(&conn, &of("b", 1, 5).id, 1).unwrap()[0].1.fired, 1);
}

#[test]
fn a_withdrawn_subscription_hears_no_more() {
    let conn = memory();
    complete(&conn, 7, &[of("b", 1, 5), of("b", 2, 5)]);
    let withdrawn = Set {
        removed: vec![pb::SubscriptionKey {
            subscriber: "b".into(),
            id: of("b", 1, 5).id,
        }],
        revision: 8,
        ..Set::default()
    };
    apply(&conn, &withdrawn, NOW_MS).unwrap();
    lines(&conn, 1, &[KEY], false);
    assert_eq!(sent(&conn).len(), 1);
    complete(&conn, 9, &[]);
    assert!(source_keys(&conn).unwrap().is_empty());
}

#[test]
fn delayed_ones_wait_for_the_end_of_the_run_and_name_all_its_sources() {
    let conn = memory();
    complete(&conn, 7, &[delayed(of("b", 1, 5))]);
    lines(&conn, 1, &[KEY], false);
    lines(&conn, 1, &[KEY], false);
    assert_eq!(sent(&conn), []);
    lines(&conn, 1, &[], true);
    assert_eq!(sent(&conn), [("b".into(), 2, false)]);
    lines(&conn, 2, &[KEY], false);
    forget(&conn, 2).unwrap();
    assert_eq!(sent(&conn).len(), 1, "a file that vanished is a run that is over");
}

#[test]
fn a_late_delayed_one_still_waits_for_a_run_at_work() {
    let conn = memory();
    lines(&conn, 1, &[KEY], false);
    complete(&conn, 9, &[delayed(of("b", 1, 5))]);
    assert_eq!(sent(&conn), []);
    lines(&conn, 1, &[], true);
    assert_eq!(sent(&conn), [("b".into(), 1, true)]);
}

#[test]
fn a_registry_that_went_back_catches_up_with_nothing() {
    let conn = memory();
    complete(&conn, 50, &[]);
    disconnected(&conn).unwrap();
    lines(&conn, 1, &[KEY], true);
    complete(&conn, 20, &[of("b", 1, 15)]);
    assert_eq!(sent(&conn), []);
    lines(&conn, 2, &[KEY], true);
    assert_eq!(sent(&conn), [("b".into(), 1, false)]);
}

#[test]
fn what_a_worker_changes_goes_on_in_its_chain() {
    let conn = memory();
    complete(&conn, 7, &[delayed(of("b", 1, 5))]);
    let hop = |node: &str| pb::Hop {
        node: node.into(),
        key: "file[/x]".into(),
        action: "create".into(),
    };
    let root = crate::fixtures::uuid(1);
    for chain in [vec![hop("a")], vec![hop("a"), hop("here")]] {
        record(&conn, &[changed(KEY)], &chain, &root, NOW_MS).unwrap();
    }
    assert_eq!(release(&conn, NOW_MS).unwrap().appended, 2, "two jobs are two runs");
    let chains = outbox::list(&conn, &pb::ListRequest::default()).unwrap();
    let mut lengths: Vec<_> = chains.iter().map(|record| record.chain.len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [1, 2]);
}

#[test]
fn names_of_sensitive_resources_stay_here() {
    let conn = memory();
    complete(&conn, 7, &[of("b", 1, 5)]);
    let batch = Batch {
        run: 1,
        changes: vec![Change {
            sensitive: true,
            ..changed(KEY)
        }],
        ..Batch::default()
    };
    take_in(&conn, &batch, NOW_MS).unwrap();
    release(&conn, NOW_MS).unwrap();
    let record = &outbox::list(&conn, &pb::ListRequest::default()).unwrap()[0];
    assert!(record.sources[0].key.starts_with("execute[\"sha256:"), "{record:?}");
}

#[test]
fn a_sensitive_resource_is_heard_of_by_its_hash() {
    let conn = memory();
    let by_hash = |subscriber: &str, revision| pb::Subscription {
        source_key: crate::run_state::shown_key(KEY),
        ..of(subscriber, 1, revision)
    };
    complete(&conn, 7, &[by_hash("b", 5)]);
    disconnected(&conn).unwrap();
    for sensitive in [false, true] {
        let batch = Batch {
            run: 1,
            changes: vec![Change {
                sensitive,
                ..changed(KEY)
            }],
            ..Batch::default()
        };
        take_in(&conn, &batch, NOW_MS).unwrap();
    }
    assert_eq!(sent(&conn), [("b".into(), 1, false)], "what is not secret has no hash");
    complete(&conn, 9, &[by_hash("b", 5), by_hash("c", 9)]);
    assert_eq!(sent(&conn)[1..], [("c".into(), 1, true)]);
}

#[test]
fn what_changed_in_a_session_that_was_lost_unnoticed_is_open_again() {
    let conn = memory();
    complete(&conn, 7, &[of("b", 1, 5)]);
    disconnected(&conn).unwrap();
    lines(&conn, 1, &[KEY], true);
    complete(&conn, 9, &[of("b", 1, 5), of("c", 2, 9)]);
    lines(&conn, 2, &[KEY], true);
    let before = sent(&conn);
    disconnected(&conn).unwrap();
    unheard_since(&conn, NOW_MS + 1).unwrap();
    complete(&conn, 12, &[of("b", 1, 5), of("c", 2, 9), of("d", 3, 12)]);
    assert_eq!(sent(&conn), before, "it was heard after the changes");
    disconnected(&conn).unwrap();
    unheard_since(&conn, NOW_MS).unwrap();
    complete(&conn, 14, &[of("b", 1, 5), of("c", 2, 9), of("e", 4, 14)]);
    let heard = |n| list(&conn, &of("", n, 0).id, 1).unwrap()[0].1.fired;
    assert_eq!([1, 2, 4].map(heard), [2, 2, 1], "nobody hears twice of one");
    let late = |(target, _, late): &(String, usize, bool)| target == "e" && *late;
    assert_eq!(sent(&conn).iter().filter(|one| late(one)).count(), 1);
}

#[test]
fn whoever_catches_up_hears_once_with_all_sources() {
    let conn = memory();
    complete(&conn, 7, &[]);
    disconnected(&conn).unwrap();
    for run in 1..50 {
        lines(&conn, run, &[KEY], true);
    }
    lines(&conn, 50, &[KEY], false);
    complete(&conn, 9, &[of("b", 1, 9), delayed(of("c", 2, 9))]);
    let fires: u64 = conn.query_row("SELECT COUNT(*) FROM fire", [], |r| r.get(0)).unwrap();
    assert_eq!(fires, 2, "not one per run");
    assert_eq!(sent(&conn), [("b".into(), limits::SOURCES.min(50), true)]);
    lines(&conn, 50, &[], true);
    assert_eq!(
        sent(&conn)[1..],
        [("c".into(), 50, true)],
        "it waited for the run at work"
    );
}

/// Fills the outbox up to `room` places.
fn fill(conn: &Connection, room: u64) {
    conn.execute_batch(&format!(
        "INSERT INTO outbox (seq, id, digest, draft, created_ms) VALUES (1, 'x', x'', x'', 0);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
         INSERT INTO delivery (seq, target, slot, state, attempt, updated_ms, expires_ms)
           SELECT 1, 't' || i, x'', 'queued', 1, 0, 0 FROM n",
        limits::OUTBOX_TOTAL - room
    ))
    .unwrap();
}

#[test]
fn a_full_outbox_loses_no_change() {
    let conn = memory();
    complete(&conn, 7, &[of("b", 1, 5), of("c", 2, 5)]);
    fill(&conn, 1);
    lines(&conn, 1, &[KEY], true);
    let released = release(&conn, NOW_MS).unwrap();
    assert_eq!(released.appended, 1);
    assert_eq!(released.waits.unwrap().code(), "outbox_full");
    conn.execute("DELETE FROM delivery WHERE target LIKE 't%'", []).unwrap();
    assert_eq!(release(&conn, NOW_MS).unwrap().appended, 1);
    assert_eq!(release(&conn, NOW_MS).unwrap(), Released::default());
}

#[test]
fn what_waits_for_a_full_outbox_has_a_limit() {
    let conn = memory();
    complete(&conn, 7, &[of("b", 1, 5)]);
    fill(&conn, 0);
    lines(&conn, 1, &[KEY], true);
    // As if so many others waited.
    conn.execute("UPDATE fire SET n = -?1", [limits::FIRES]).unwrap();
    conn.execute(
        "INSERT INTO fire SELECT 1, 'z', 'z', 0, 1, draft FROM fire WHERE n < 0",
        [],
    )
    .unwrap();
    for run in 2..5 {
        lines(&conn, run, &[KEY], true);
    }
    let count: u64 = conn.query_row("SELECT COUNT(*) FROM fire", [], |r| r.get(0)).unwrap();
    assert_eq!(count, 2, "there is one per subscription");
}

#[test]
fn the_oldest_changes_are_forgotten() {
    let conn = memory();
    lines(&conn, 1, &["file[/1]", "file[/2]", "file[/3]", "file[/4]"], true);
    assert_eq!(keep(&conn, 0, 2).unwrap(), 2);
    assert_eq!(keep(&conn, NOW_MS + 1, 2).unwrap(), 1);
    assert_eq!(keep(&conn, NOW_MS + 1, 2).unwrap(), 0, "the newest stays");
}

#[test]
fn five_thousand_listeners_are_served() {
    let conn = memory();
    let all: Vec<_> = (0..5_000).map(|n| of(&format!("n{n}"), n, 5)).collect();
    complete(&conn, 7, &all);
    lines(&conn, 1, &[KEY], true);
    let mut appended = 0;
    loop {
        let released = release(&conn, NOW_MS).unwrap();
        assert!(released.appended <= limits::FIRES_AT_ONCE);
        appended += released.appended;
        if released == Released::default() {
            break;
        }
    }
    assert_eq!(appended, 5_000);
    let (_, heard) = &list(&conn, &all[7].id, 10).unwrap()[0];
    assert_eq!((heard.fired, heard.last_fired_ms), (1, NOW_MS));
}
