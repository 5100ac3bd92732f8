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
    take(&conn, &envelope("a", 1));
    multiply(&conn, "a", limits::INBOX_PER_SENDER - 2);
    assert_eq!(take(&conn, &envelope("a", 2)), Admitted::Stored);
    assert_eq!(take(&conn, &envelope("a", 3)), Admitted::Busy);
    assert_eq!(take(&conn, &envelope("a", 1)), Admitted::Duplicate);
    multiply(&conn, "b", limits::INBOX_TOTAL - limits::INBOX_PER_SENDER - 1);
    assert_eq!(take(&conn, &envelope("c", 1)), Admitted::Stored);
    assert_eq!(take(&conn, &envelope("d", 1)), Admitted::Busy);
    conclude(&conn, rows(&conn)[0], State::Denied, "policy", "", NOW_MS).unwrap();
    assert_eq!(
        take(&conn, &envelope("d", 1)),
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
    let told = unreported(&conn, &BTreeSet::new(), 10).unwrap();
    assert!(mark_reported(&conn, "a", &told[0].outcome, NOW_MS).unwrap());
    assert!(unreported(&conn, &BTreeSet::new(), 10).unwrap().is_empty());
    take(&conn, &envelope("a", 1));
    assert_eq!(unreported(&conn, &BTreeSet::new(), 10).unwrap(), told);
}

#[test]
fn senders_that_cannot_be_told_do_not_hide_the_others() {
    let conn = inbox();
    for (sender, n) in [("away", 1), ("away", 2), ("here", 3)] {
        take(&conn, &envelope(sender, n));
    }
    for row in rows(&conn) {
        conclude(&conn, row, State::Denied, "policy", "", NOW_MS).unwrap();
    }
    let away = BTreeSet::from(["away".to_owned()]);
    let told: Vec<String> = unreported(&conn, &away, 1)
        .unwrap()
        .into_iter()
        .map(|u| u.outcome.id)
        .collect();
    assert_eq!(told, [uuid(3)]);
    assert_eq!(unreported(&conn, &BTreeSet::new(), 2).unwrap().len(), 2);
}
