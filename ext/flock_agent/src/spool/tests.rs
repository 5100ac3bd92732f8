//! On a real directory, with a real store.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{clock::Clock, pb, store::Store, store::outbox};

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
    spool: Spool,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state.db")).unwrap();
    let spool = Spool::new(dir.path());
    Fixture { dir, store, spool }
}

fn draft() -> pb::Draft {
    pb::Draft {
        id: uuid::Uuid::now_v7().to_string(),
        key: "execute[x]".into(),
        action: "run".into(),
        targets: Some(pb::Targets {
            nodes: vec!["b".into()],
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn ids(store: &Store) -> Vec<String> {
    let list = store
        .read(|conn| outbox::list(conn, &pb::ListRequest::default()))
        .await
        .unwrap();
    list.into_iter().map(|record| record.id).collect()
}

#[tokio::test]
async fn what_was_spooled_is_taken_in_once_and_in_order() {
    let f = fixture();
    let drafts: Vec<_> = (0..3).map(|_| draft()).collect();
    for draft in drafts.iter().rev() {
        write(f.dir.path(), draft).unwrap();
    }
    assert_eq!(f.spool.counts(), Counts { new: 3, bad: 0 });
    assert_eq!(f.spool.take_in(&f.store, &Clock::system()).await.unwrap(), 3);
    assert_eq!(f.spool.take_in(&f.store, &Clock::system()).await.unwrap(), 0);
    let expected: Vec<_> = drafts.iter().rev().map(|draft| draft.id.clone()).collect();
    assert_eq!(ids(&f.store).await.len(), 3);
    assert!(ids(&f.store).await.iter().all(|id| expected.contains(id)));
}

#[tokio::test]
async fn an_append_that_timed_out_and_its_spool_file_are_one_notification() {
    let f = fixture();
    let draft = draft();
    let appended = draft.clone();
    f.store
        .write(move |conn| outbox::append(conn, &appended, 1).map(drop))
        .await
        .unwrap();
    write(f.dir.path(), &draft).unwrap();
    f.spool.take_in(&f.store, &Clock::system()).await.unwrap();
    assert_eq!(ids(&f.store).await, vec![draft.id]);
    assert_eq!(f.spool.counts(), Counts::default());
}

#[tokio::test]
async fn a_bad_file_is_set_aside_with_its_reason_and_stops_nothing() {
    let f = fixture();
    let good = draft();
    write(f.dir.path(), &good).unwrap();
    let new = folder(f.dir.path(), "new");
    std::fs::write(new.join("0-torn.json"), "{\"id\":").unwrap();
    std::fs::write(new.join("0-huge.json"), vec![b' '; 3 * flock_core::limits::DRAFT_BYTES]).unwrap();
    std::fs::write(new.join("0-foreign.json"), "{\"id\":\"x\",\"shell\":\"rm\"}").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", new.join("0-link.json")).unwrap();
    f.spool.take_in(&f.store, &Clock::system()).await.unwrap();
    assert_eq!(ids(&f.store).await, vec![good.id]);
    assert_eq!(f.spool.counts(), Counts { new: 0, bad: 4 });
    let reason = std::fs::read_to_string(folder(f.dir.path(), "bad").join("0-torn.json.reason")).unwrap();
    assert!(reason.contains("is not a notification"), "{reason}");
}

#[tokio::test]
async fn the_quarantine_keeps_a_bounded_number() {
    let f = fixture();
    let new = folder(f.dir.path(), "new");
    std::fs::create_dir_all(&new).unwrap();
    for number in 0..flock_core::limits::SPOOL_BAD_FILES + 5 {
        std::fs::write(new.join(format!("{number:05}.json")), "no").unwrap();
    }
    f.spool.take_in(&f.store, &Clock::system()).await.unwrap();
    assert_eq!(f.spool.counts().bad, flock_core::limits::SPOOL_BAD_FILES as u64);
}

#[test]
fn files_are_for_the_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let draft = draft();
    write(dir.path(), &draft).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let new = folder(dir.path(), "new");
    assert_eq!(mode(&new), 0o700);
    assert_eq!(mode(&new.join(format!("{}.json", draft.id))), 0o600);
    assert_eq!(std::fs::read_dir(folder(dir.path(), "tmp")).unwrap().count(), 0);
}

#[test]
fn a_spool_that_cannot_be_written_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("spool"), "a file where the directory belongs").unwrap();
    let error = write(dir.path(), &draft()).unwrap_err();
    assert_eq!(error.code(), "spool_unwritable");
    assert!(error.message().contains("kept nowhere"), "{error}");
}
