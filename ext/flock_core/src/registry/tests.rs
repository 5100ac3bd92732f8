use super::*;
use crate::{Error, ErrorKind, limits};

fn put(key: &str, expect: Expect) -> Op {
    Op::Put {
        key: key.into(),
        value: b"v".to_vec(),
        expect,
        session: None,
    }
}

fn delete(key: &str, expect: Expect) -> Op {
    Op::Delete {
        key: key.into(),
        expect,
    }
}

fn next(sequence: &str) -> Op {
    Op::Next {
        sequence: sequence.into(),
    }
}

fn txn(state: &mut State, id: &str, ops: Vec<Op>) -> Result<Committed, Error> {
    let effect = apply(state, Command::Txn { id: id.into(), ops })?;
    match effect.answer {
        Answer::Committed(committed) => Ok(committed),
        other => panic!("{other:?}"),
    }
}

fn open(state: &mut State, owner: &str) -> Session {
    let command = Command::OpenSession {
        owner: owner.into(),
        lease_ms: 30_000,
    };
    match apply(state, command).unwrap().answer {
        Answer::Opened(session) => session,
        other => panic!("{other:?}"),
    }
}

fn ephemeral(key: &str, session: &Session) -> Op {
    Op::Put {
        key: key.into(),
        value: Vec::new(),
        expect: Expect::Any,
        session: Some(session.clone()),
    }
}

fn revision(state: &State, key: &str) -> Option<u64> {
    state.revision_of(key).unwrap()
}

fn code(result: Result<Committed, Error>) -> String {
    result.unwrap_err().code().to_owned()
}

#[test]
fn a_put_is_seen_with_the_revision_that_was_answered() {
    let mut state = State::default();
    let first = txn(&mut state, "1", vec![put("a", Expect::Absent), put("b/c", Expect::Any)]).unwrap();
    assert_eq!(
        (revision(&state, "a"), revision(&state, "b/c")),
        (Some(first.revision), Some(first.revision))
    );
    let second = txn(&mut state, "2", vec![put("a", Expect::Revision(first.revision))]).unwrap();
    assert!(second.revision > first.revision);
    assert_eq!(state.records()["a"].value, b"v");
}

#[test]
fn a_failed_expectation_leaves_all_as_it_was() {
    let mut state = State::default();
    txn(&mut state, "1", vec![put("a", Expect::Any)]).unwrap();
    let before = state.clone();
    for op in [
        put("a", Expect::Absent),
        put("a", Expect::Revision(9)),
        delete("x", Expect::Revision(1)),
        Op::Check {
            key: "x".into(),
            expect: Expect::Revision(1),
        },
    ] {
        let error = txn(&mut state, "2", vec![put("b", Expect::Any), next("n"), op]).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, "conflict"));
        assert_eq!(state, before);
    }
}

#[test]
fn deleting_what_is_not_there_is_no_error_but_seen_by_no_watcher() {
    let mut state = State::default();
    let command = Command::Txn {
        id: "1".into(),
        ops: vec![delete("a", Expect::Any)],
    };
    assert_eq!(apply(&mut state, command).unwrap().changes().count(), 0);
}

#[test]
fn the_same_command_answers_as_the_first_time() {
    let mut state = State::default();
    let first = txn(&mut state, "1", vec![next("n"), put("a", Expect::Absent)]).unwrap();
    let before = state.clone();
    assert_eq!(
        txn(&mut state, "1", vec![next("n"), put("a", Expect::Absent)]).unwrap(),
        first
    );
    assert_eq!(state, before);
}

#[test]
fn command_ids_are_forgotten_after_so_many_revisions() {
    let mut state = State::default();
    for n in 0..limits::REGISTRY_COMMANDS + 10 {
        txn(&mut state, &n.to_string(), vec![]).unwrap();
    }
    assert_eq!(state.answer_to("0").unwrap(), None);
    assert!(state.answer_to("10").unwrap().is_some());
}

#[test]
fn sequences_count_from_one_and_apart() {
    let mut state = State::default();
    assert_eq!(
        txn(&mut state, "1", vec![next("n"), next("n"), next("m")])
            .unwrap()
            .sequences,
        [1, 2, 1]
    );
    assert_eq!(txn(&mut state, "2", vec![next("n")]).unwrap().sequences, [3]);
}

#[test]
fn a_session_takes_its_entries_along() {
    let mut state = State::default();
    let (a, b) = (open(&mut state, "a"), open(&mut state, "b"));
    txn(
        &mut state,
        "1",
        vec![
            ephemeral("live/a", &a),
            ephemeral("live/b", &b),
            put("nodes/a", Expect::Any),
        ],
    )
    .unwrap();
    let effect = apply(&mut state, Command::EndSession(a.clone())).unwrap();
    assert_eq!(effect.changes().collect::<Vec<_>>(), [("live/a", None)]);
    assert_eq!(state.records().keys().collect::<Vec<_>>(), ["live/b", "nodes/a"]);
    assert!(apply(&mut state, Command::EndSession(a)).unwrap().writes.is_empty());
}

#[test]
fn an_entry_lives_with_whom_it_was_put_by_last() {
    let mut state = State::default();
    let (a, b) = (open(&mut state, "a"), open(&mut state, "b"));
    txn(&mut state, "1", vec![ephemeral("x", &a), ephemeral("y", &a)]).unwrap();
    txn(&mut state, "2", vec![ephemeral("x", &b), put("y", Expect::Any)]).unwrap();
    apply(&mut state, Command::EndSession(a)).unwrap();
    assert_eq!(state.records().len(), 2);
    apply(&mut state, Command::EndSession(b)).unwrap();
    assert_eq!(state.records().keys().collect::<Vec<_>>(), ["y"]);
}

#[test]
fn a_newer_session_fences_the_older() {
    let mut state = State::default();
    let old = open(&mut state, "a");
    txn(&mut state, "1", vec![ephemeral("live/a", &old)]).unwrap();
    let new = open(&mut state, "a");
    assert!(new.epoch > old.epoch && revision(&state, "live/a").is_none());
    let error = txn(&mut state, "2", vec![ephemeral("live/a", &old)]).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "fenced"));
    txn(&mut state, "3", vec![ephemeral("live/a", &new)]).unwrap();
    assert!(apply(&mut state, Command::EndSession(old)).unwrap().writes.is_empty());
    assert!(revision(&state, "live/a").is_some());
}

#[test]
fn epochs_grow_also_after_a_session_was_ended() {
    let mut state = State::default();
    let old = open(&mut state, "a");
    apply(&mut state, Command::EndSession(old.clone())).unwrap();
    assert!(open(&mut state, "a").epoch > old.epoch);
}

#[test]
fn sizes_are_refused_before_anything_is_written() {
    let mut state = State::default();
    let big = |key: &str, bytes| Op::Put {
        key: key.into(),
        value: vec![0; bytes],
        expect: Expect::Any,
        session: None,
    };
    let most = limits::REGISTRY_VALUE_BYTES;
    assert_eq!(code(txn(&mut state, "1", vec![big("a", most + 1)])), "too_large");
    assert_eq!(
        code(txn(&mut state, "1", vec![big("a", most), big("b", most)])),
        "too_large"
    );
    assert_eq!(
        code(txn(&mut state, "1", vec![next("n"); limits::REGISTRY_TXN_OPS + 1])),
        "too_large"
    );
    assert_eq!(state, State::default());
    assert!(txn(&mut state, "1", vec![big("a", most)]).is_ok());
}

#[test]
fn a_full_registry_says_so() {
    let mut state = State::default();
    for n in 0..limits::REGISTRY_SEQUENCES {
        txn(&mut state, &n.to_string(), vec![next(&n.to_string())]).unwrap();
    }
    assert_eq!(code(txn(&mut state, "x", vec![next("one-more")])), "registry_full");
    assert!(txn(&mut state, "x", vec![next("1")]).is_ok());
}

#[test]
fn a_transaction_names_a_key_once() {
    let ops = vec![put("a", Expect::Any), delete("a", Expect::Any)];
    assert_eq!(code(txn(&mut State::default(), "1", ops)), "bad_transaction");
}

#[test]
fn what_is_malformed_is_refused() {
    let mut state = State::default();
    for key in [
        "",
        "/a",
        "a/",
        "a//b",
        "a b",
        "ä",
        "a/..",
        ".",
        &"x".repeat(limits::REGISTRY_KEY_BYTES + 1),
    ] {
        assert_eq!(
            code(txn(&mut state, "1", vec![put(key, Expect::Any)])),
            "bad_registry_key",
            "{key}"
        );
    }
    assert_eq!(code(txn(&mut state, "", vec![])), "bad_command_id");
    for (owner, lease_ms) in [("a/b", 30_000), ("", 30_000), ("a", 1), ("a", u64::MAX)] {
        assert!(
            apply(
                &mut state,
                Command::OpenSession {
                    owner: owner.into(),
                    lease_ms
                }
            )
            .is_err()
        );
    }
    assert!(check_key(&format!("nodes/{}", crate::id::escape("döner kebap"))).is_ok());
    assert!(check_prefix("").is_ok() && check_prefix("nodes/").is_ok() && check_prefix("a b").is_err());
}
