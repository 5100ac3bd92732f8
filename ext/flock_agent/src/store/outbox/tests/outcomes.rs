//! What targets answer and report.

use super::*;

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
        (
            Answer::NotTaken {
                code: "refused".into(),
                message: "a refuses connections".into(),
            },
            State::Queued,
        ),
    ];
    for (answer, expected) in answers {
        let conn = memory();
        let seq = put(&conn, &draft(1, "a"));
        offer(&conn, "a", NOW, false).unwrap();
        assert!(settle(&conn, "a", seq, 1, &answer, NOW).unwrap());
        assert_eq!(state(&conn, seq, "a"), expected);
    }
}

#[test]
fn an_answer_to_an_earlier_attempt_counts_for_nothing() {
    let conn = memory();
    let seq = put(&conn, &draft(1, "a"));
    offer(&conn, "a", NOW, false).unwrap();
    apply_outcome(&conn, "a", &outcome(1, "failed", 1), NOW).unwrap();
    retry(&conn, &id(1), "", NOW).unwrap();
    offer(&conn, "a", NOW, false).unwrap();
    assert!(!settle(&conn, "a", seq, 1, &Answer::Stored, NOW).unwrap());
    assert!(!apply_outcome(&conn, "a", &outcome(1, "failed", 1), NOW).unwrap());
    assert_eq!(state(&conn, seq, "a"), State::Offered);
    assert!(settle(&conn, "a", seq, 2, &Answer::Stored, NOW).unwrap());
}

#[test]
fn an_outcome_counts_once_and_only_from_its_target() {
    let conn = memory();
    let seq = put(&conn, &draft(1, "a"));
    offer(&conn, "a", NOW, false).unwrap();
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
    offer(&conn, "a", NOW, false).unwrap();
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
        (record.message.len(), record.code.as_str()),
        (limits::OUTCOME_MESSAGE_BYTES, "failed")
    );
}
