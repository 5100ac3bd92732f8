use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use flock_core::ErrorKind;
use tempfile::TempDir;

use super::*;
use crate::{
    clock::Clock,
    draft::tests::{draft, id},
    pb,
    store::{Store, outbox},
};

struct Node {
    dir: TempDir,
    store: Store,
    intake: Intake,
}

impl Node {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&dir.path().join("state.db")).unwrap();
        let intake = Intake::new(dir.path(), store.clone(), Clock::system());
        Self { dir, store, intake }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("spool").join(name)
    }

    async fn seqs(&self) -> Vec<(u64, String)> {
        let list = |conn: &rusqlite::Connection| outbox::list(conn, &pb::ListRequest::default());
        let records = self.store.read(list).await.unwrap();
        let mut seqs: Vec<_> = records.into_iter().map(|record| (record.seq, record.id)).collect();
        seqs.sort();
        seqs
    }
}

#[tokio::test]
async fn what_was_spooled_is_taken_in_by_order_of_id_and_its_files_go() {
    let node = Node::new();
    for n in [3, 1, 2] {
        write(node.dir.path(), &draft(n, &format!("n{n}"))).unwrap();
    }
    assert_eq!(
        node.intake.pass().await.unwrap(),
        Taken {
            appended: 3,
            quarantined: 0
        }
    );
    let ids: Vec<String> = node.seqs().await.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, [id(1), id(2), id(3)]);
    assert_eq!(counts(node.dir.path()), Counts::default());
}

#[tokio::test]
async fn files_are_private_and_complete() {
    let node = Node::new();
    write(node.dir.path(), &draft(1, "a")).unwrap();
    write(node.dir.path(), &draft(1, "a")).unwrap();
    assert_eq!(counts(node.dir.path()).new, 1);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(node.path(&format!("new/{}.json", id(1)))), 0o600);
    assert_eq!((mode(node.path("")), mode(node.path("new"))), (0o700, 0o700));
    assert_eq!(names(&node.path("tmp")).unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_draft_that_reached_the_agent_after_all_is_one_notification() {
    let node = Node::new();
    let there = draft(1, "a");
    node.store
        .write(move |conn| outbox::append(conn, &there, 1))
        .await
        .unwrap();
    write(node.dir.path(), &draft(1, "a")).unwrap();
    assert_eq!(node.intake.pass().await.unwrap().appended, 1);
    assert_eq!(node.seqs().await.len(), 1);
    assert_eq!(counts(node.dir.path()).new, 0);
}

#[tokio::test]
async fn bad_files_are_quarantined_with_the_reason_and_do_not_hold_up_the_good() {
    let node = Node::new();
    write(node.dir.path(), &draft(1, "a")).unwrap();
    let put = |name: &str, text: &str| fs::write(node.path(&format!("new/{name}")), text).unwrap();
    put("00-torn.json", "{\"id\":");
    put("01-unknown.json", "{\"id\":\"x\",\"colour\":\"blue\"}");
    put("02-large.json", &"x".repeat(2 * flock_core::limits::DRAFT_BYTES + 1));
    let renamed = serde_json::to_string(&draft(9, "a")).unwrap();
    put("03-renamed.json", &renamed);
    put(
        &format!("{}.json", id(2)),
        &renamed.replace(&id(9), &id(2)).replace("service[nginx]", "nginx"),
    );
    symlink("/etc/hostname", node.path("new/04-link.json")).unwrap();
    fs::create_dir(node.path("new/05-folder.json")).unwrap();
    assert_eq!(
        node.intake.pass().await.unwrap(),
        Taken {
            appended: 1,
            quarantined: 7
        }
    );
    assert_eq!(counts(node.dir.path()), Counts { new: 0, bad: 7 });
    let reason = |name: &str| fs::read_to_string(node.path(&format!("bad/{name}.reason"))).unwrap();
    assert!(
        reason("00-torn.json").contains("no draft"),
        "{}",
        reason("00-torn.json")
    );
    assert!(reason("01-unknown.json").contains("colour"));
    assert!(reason("02-large.json").contains("larger"));
    assert!(reason("03-renamed.json").contains(&id(9)));
    assert!(reason(&format!("{}.json", id(2))).starts_with("bad_key"));
    assert!(reason("05-folder.json").contains("plain file"));
}

#[tokio::test]
async fn the_same_id_with_other_content_is_quarantined() {
    let node = Node::new();
    let there = draft(1, "a");
    node.store
        .write(move |conn| outbox::append(conn, &there, 1))
        .await
        .unwrap();
    write(node.dir.path(), &draft(1, "b")).unwrap();
    assert_eq!(node.intake.pass().await.unwrap().quarantined, 1);
    let reason = fs::read_to_string(node.path(&format!("bad/{}.json.reason", id(1)))).unwrap();
    assert!(reason.starts_with("id_reused"), "{reason}");
}

#[tokio::test]
async fn the_quarantine_is_bounded_and_keeps_the_newest() {
    let node = Node::new();
    node.intake.pass().await.unwrap();
    let surplus = 5;
    let total = flock_core::limits::SPOOL_BAD_FILES + surplus;
    for n in 0..total {
        fs::write(node.path(&format!("new/{n:04}.json")), "no").unwrap();
    }
    assert_eq!(node.intake.pass().await.unwrap().quarantined, total);
    let kept = names(&node.path("bad")).unwrap();
    assert_eq!(kept.len(), 2 * flock_core::limits::SPOOL_BAD_FILES);
    assert_eq!(kept[0], *format!("{surplus:04}.json"));
}

#[tokio::test]
async fn a_closed_store_leaves_the_files_where_they_are() {
    let node = Node::new();
    write(node.dir.path(), &draft(1, "a")).unwrap();
    node.store.close().await;
    assert_eq!(node.intake.pass().await.unwrap_err().kind(), ErrorKind::NotStarted);
    assert_eq!(counts(node.dir.path()), Counts { new: 1, bad: 0 });
}

#[test]
fn a_full_spool_and_a_folder_that_is_none_are_named() {
    let dir = TempDir::new().unwrap();
    let spool = Folders::of(dir.path());
    spool.create().unwrap();
    for n in 0..flock_core::limits::SPOOL_FILES {
        fs::write(spool.new.join(n.to_string()), "").unwrap();
    }
    let full = write(dir.path(), &draft(1, "a")).unwrap_err();
    assert_eq!((full.kind(), full.code()), (ErrorKind::Rejected, "spool_full"));
    assert!(full.message().contains("flockctl agent"));
    let none = TempDir::new().unwrap();
    fs::write(none.path().join("spool"), "").unwrap();
    assert_eq!(
        write(none.path(), &draft(1, "a")).unwrap_err().code(),
        "spool_unwritable"
    );
}

#[test]
fn a_malformed_draft_is_refused_rather_than_spooled() {
    let dir = TempDir::new().unwrap();
    let bad = pb::Draft {
        action: String::new(),
        ..draft(1, "a")
    };
    assert_eq!(write(dir.path(), &bad).unwrap_err().code(), "bad_draft");
    assert_eq!(counts(dir.path()).new, 0);
}

#[test]
fn disk_errors_name_the_remedy() {
    let code = |kind: io::ErrorKind| disk(Path::new("/x"), &io::Error::from(kind)).code().to_owned();
    assert_eq!(code(io::ErrorKind::StorageFull), "disk_full");
    assert_eq!(code(io::ErrorKind::PermissionDenied), "spool_unwritable");
    assert!(
        disk(Path::new("/x"), &io::Error::from(io::ErrorKind::ReadOnlyFilesystem))
            .message()
            .contains("mount")
    );
}

/// One file that nobody can name in text, or that is in its place already, must not keep the others waiting.
#[tokio::test]
async fn odd_names_are_quarantined_and_hold_up_nothing() {
    use std::os::unix::ffi::OsStringExt;
    let node = Node::new();
    write(node.dir.path(), &draft(1, "bender1")).unwrap();
    let odd = [
        vec![0xff, 0xfe],
        vec![0xff; 255],
        vec![b'x'; 255],
        b"folder".to_vec(),
        b".reason".to_vec(),
    ];
    for name in odd {
        let name = std::ffi::OsString::from_vec(name);
        fs::write(node.path("new").join(name), "{}").unwrap();
    }
    fs::create_dir_all(node.path("bad").join("folder/full")).unwrap();
    let taken = node.intake.pass().await.unwrap();
    assert_eq!((taken.appended, taken.quarantined), (1, 5));
    assert_eq!(fs::read_dir(node.path("new")).unwrap().count(), 0);
}
