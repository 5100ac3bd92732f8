use super::*;

#[test]
fn records_are_listed_newest_first() {
    let conn = inbox();
    for n in 1..=3 {
        take(&conn, &envelope("a", n));
    }
    conclude(&conn, rows(&conn)[0], State::Denied, "policy", "no", NOW_MS).unwrap();
    let ids = |request: pb::ListRequest| -> Vec<String> {
        list(&conn, &request).unwrap().into_iter().map(|r| r.id).collect()
    };
    assert_eq!(ids(pb::ListRequest::default()), [uuid(3), uuid(2), uuid(1)]);
    assert_eq!(
        ids(pb::ListRequest {
            state: "denied".into(),
            ..Default::default()
        }),
        [uuid(1)]
    );
    assert_eq!(
        ids(pb::ListRequest {
            limit: 1,
            ..Default::default()
        }),
        [uuid(3)]
    );
    assert_eq!(
        ids(pb::ListRequest {
            id: "%".into(),
            ..Default::default()
        }),
        Vec::<String>::new()
    );
    let record = shown(&conn, 1);
    assert_eq!(
        (record.direction.as_str(), record.peer.as_str(), record.message.as_str()),
        ("in", "a", "no")
    );
    assert_eq!(record.sources[0].key, "file[/a]");
    let expected = Counts {
        stored: 2,
        claimed: 0,
        unreported: 1,
    };
    assert_eq!(counts(&conn).unwrap(), expected);
}

#[test]
fn retry_begins_a_new_attempt_that_is_reported_as_such() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    claim_all(&conn, "j");
    assert_eq!(retry(&conn, &uuid(1), NOW_MS).unwrap_err().code(), "claimed");
    finish(&conn, "j", &ending(State::Unknown), NOW_MS).unwrap();
    let old = unreported(&conn, &BTreeSet::new(), 1).unwrap().remove(0);
    let record = retry(&conn, &uuid(1), NOW_MS).unwrap().remove(0);
    assert_eq!((record.state.as_str(), record.attempt), ("stored", 2));
    claim_all(&conn, "j2");
    finish(&conn, "j2", &ending(State::Unknown), NOW_MS).unwrap();
    assert!(
        !mark_reported(&conn, "a", &old.outcome, NOW_MS).unwrap(),
        "the answer to the old attempt"
    );
    let new = unreported(&conn, &BTreeSet::new(), 1).unwrap().remove(0);
    assert_eq!(new.outcome.attempt, 2);
    assert!(mark_reported(&conn, "a", &new.outcome, NOW_MS).unwrap());
}

#[test]
fn retry_gives_an_expired_one_new_time_and_leaves_a_done_one_alone() {
    let conn = inbox();
    take(
        &conn,
        &pb::Envelope {
            ttl_ms: 10,
            ..envelope("a", 1)
        },
    );
    let late_ms = NOW_MS + 1_000_000;
    expire(&conn, late_ms, true).unwrap();
    retry(&conn, &uuid(1), late_ms).unwrap();
    assert_eq!(expire(&conn, late_ms, true).unwrap(), 0);
    claim_all(&conn, "j");
    finish(&conn, "j", &ending(State::Done), late_ms).unwrap();
    assert_eq!(retry(&conn, &uuid(1), late_ms).unwrap_err().code(), "already_done");
}

#[test]
fn retry_ends_a_pause() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    claim_all(&conn, "j");
    unclaim(
        &conn,
        "j",
        &Deferral {
            code: "worker_died".into(),
            message: String::new(),
            pause: true,
        },
        NOW_MS,
    )
    .unwrap();
    assert!(rows(&conn).is_empty());
    retry(&conn, &uuid(1), NOW_MS).unwrap();
    assert_eq!(rows(&conn).len(), 1);
    assert_eq!(shown(&conn, 1).attempt, 1);
}

#[test]
fn drop_ends_only_what_is_stored() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    let record = remove(&conn, &uuid(1), NOW_MS).unwrap().remove(0);
    assert_eq!(
        (record.state.as_str(), record.code.as_str()),
        ("undeliverable", "dropped")
    );
    assert_eq!(unreported(&conn, &BTreeSet::new(), 9).unwrap().len(), 1);
    assert_eq!(remove(&conn, &uuid(1), NOW_MS).unwrap_err().code(), "already_final");
    take(&conn, &envelope("a", 2));
    claim_all(&conn, "j");
    assert_eq!(remove(&conn, &uuid(2), NOW_MS).unwrap_err().code(), "claimed");
}

#[test]
fn an_id_may_be_short_as_long_as_it_is_clear() {
    let conn = inbox();
    take(&conn, &envelope("a", 0x10));
    take(&conn, &envelope("a", 0x11));
    let all = uuid(0x10);
    assert_eq!(remove(&conn, &all[..8], NOW_MS).unwrap_err().code(), "ambiguous_id");
    let missing = remove(&conn, "ffff", NOW_MS).unwrap_err();
    assert_eq!(
        (missing.kind(), missing.code()),
        (ErrorKind::ResourceNotFound, "no_such_notification")
    );
    take(
        &conn,
        &pb::Envelope {
            id: format!("1{}", &all[1..]),
            ..envelope("a", 1)
        },
    );
    assert_eq!(remove(&conn, "11", NOW_MS).unwrap().len(), 1);
}

#[test]
fn steering_knows_two_verbs() {
    let conn = inbox();
    take(&conn, &envelope("a", 1));
    let ask = |verb: &str| {
        let request = pb::SteerRequest {
            id: uuid(1),
            verb: verb.into(),
            ..Default::default()
        };
        steer(&conn, &request, NOW_MS).map(|mut records| records.remove(0).state)
    };
    assert_eq!(ask("drop").unwrap(), "undeliverable");
    assert_eq!(ask("retry").unwrap(), "stored");
    assert_eq!(ask("eat").unwrap_err().code(), "bad_verb");
}

#[test]
fn a_chain_is_found_by_its_root_without_a_scan() {
    let conn = inbox();
    let caused = pb::Envelope {
        cause_root: uuid(1),
        ..envelope("x", 2)
    };
    for one in [envelope("x", 1), caused, envelope("x", 3)] {
        take(&conn, &one);
    }
    let ids = |id: &str| -> Vec<String> { chain(&conn, id).unwrap().into_iter().map(|record| record.id).collect() };
    assert_eq!(ids(&uuid(1)), [uuid(1), uuid(2)]);
    assert_eq!(ids(&uuid(2)), [uuid(2)]);
    let mut plan = conn
        .prepare(&format!("EXPLAIN QUERY PLAN {}", super::super::operator::of_chain()))
        .unwrap();
    let plan = plan
        .query_map(rusqlite::params!["", 1], |row| row.get::<_, String>(3))
        .unwrap();
    let plan = plan.map(|row| row.unwrap()).collect::<Vec<_>>().join("; ");
    for index in [
        "inbox_id (id=?",
        "inbox_root (cause_root=?",
        "SEARCH inbox USING INTEGER PRIMARY KEY",
    ] {
        assert!(plan.contains(index), "{plan}");
    }
}
