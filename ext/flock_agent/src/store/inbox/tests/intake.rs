use super::*;

#[test]
fn the_same_request_again_is_a_duplicate() {
    let conn = inbox();
    assert_eq!(take(&conn, &envelope("a", 1)), Admitted::Stored);
    let mut again = envelope("a", 1);
    (again.ttl_ms, again.seq, again.incarnation) = (5, 9, 2);
    assert_eq!(take(&conn, &again), Admitted::Duplicate);
    assert_eq!(rows(&conn).len(), 1);
}

#[test]
fn the_same_id_for_another_request_is_refused() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    type Change = fn(&mut pb::Envelope);
    let changes: [Change; 5] = [
        |e| e.key = "execute[y]".into(),
        |e| e.action = "nothing".into(),
        |e| e.retry = 1,
        |e| e.chain.push(pb::Hop::default()),
        |e| e.sources.clear(),
    ];
    for change in changes {
        let mut other = envelope("a", 1);
        change(&mut other);
        assert_eq!(take(&conn, &other), Admitted::IdReused, "{other:?}");
    }
    assert_eq!(
        take(&conn, &envelope("b", 1)),
        Admitted::Stored,
        "another sender's ids are its own"
    );
}

#[test]
fn a_full_inbox_is_busy_but_still_knows_what_it_has() {
    let conn = inbox();
    conn.execute_batch("BEGIN").unwrap();
    for n in 0..limits::INBOX_PER_SENDER as u32 {
        assert_eq!(take(&conn, &envelope("a", n)), Admitted::Stored);
    }
    assert_eq!(take(&conn, &envelope("a", 5000)), Admitted::Busy);
    assert_eq!(take(&conn, &envelope("a", 1)), Admitted::Duplicate);
    for n in limits::INBOX_PER_SENDER..limits::INBOX_TOTAL {
        assert_eq!(
            take(&conn, &envelope(&format!("s{}", n % 100), n as u32)),
            Admitted::Stored
        );
    }
    assert_eq!(take(&conn, &envelope("fresh", 1)), Admitted::Busy);
    conclude(&conn, rows(&conn)[0], State::Denied, "policy", "", NOW_MS).unwrap();
    assert_eq!(
        take(&conn, &envelope("fresh", 1)),
        Admitted::Stored,
        "finished ones do not count"
    );
}

#[test]
fn the_time_to_live_has_a_default_and_an_end() {
    let conn = inbox();
    for (n, ttl_ms, lives_ms) in [
        (1, 0, limits::TTL_DEFAULT_MS),
        (2, 1000, 1000),
        (3, u64::MAX, limits::TTL_MAX_MS),
    ] {
        take(
            &conn,
            &pb::Envelope {
                ttl_ms,
                ..envelope("a", n)
            },
        );
        assert_eq!(shown(&conn, n).expires_ms, NOW_MS + lives_ms);
    }
}

#[test]
fn a_new_attempt_of_a_finished_one_runs_again() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    claim_all(&conn, "j");
    finish(&conn, "j", &ending(State::Failed), NOW_MS).unwrap();
    assert_eq!(take(&conn, &envelope("a", 1)), Admitted::Duplicate);
    assert_eq!(shown(&conn, 1).state, "failed");
    let second = pb::Envelope {
        attempt: 2,
        ..envelope("a", 1)
    };
    assert_eq!(take(&conn, &second), Admitted::Stored);
    let record = shown(&conn, 1);
    assert_eq!(
        (record.state.as_str(), record.code.as_str(), record.attempt),
        ("stored", "", 2)
    );
    assert_eq!(claim_all(&conn, "j2"), 1);
}

#[test]
fn a_new_attempt_of_an_unfinished_one_only_counts() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    claim_all(&conn, "j");
    let second = pb::Envelope {
        attempt: 2,
        ..envelope("a", 1)
    };
    assert_eq!(take(&conn, &second), Admitted::Duplicate);
    let record = shown(&conn, 1);
    assert_eq!((record.state.as_str(), record.attempt), ("claimed", 2));
}

#[test]
fn a_sender_that_asks_again_is_told_the_outcome_again() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    claim_all(&conn, "j");
    finish(&conn, "j", &ending(State::Done), NOW_MS).unwrap();
    let told = unreported(&conn, 10).unwrap();
    assert!(mark_reported(&conn, "a", &told[0].outcome, NOW_MS).unwrap());
    assert!(unreported(&conn, 10).unwrap().is_empty());
    take(&conn, &envelope("a", 1));
    assert_eq!(unreported(&conn, 10).unwrap(), told);
}
