use std::fs;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::fixtures::{PATIENCE, Sleeper, card, with, write_run, write_snapshot};

fn read(dir: &tempfile::TempDir) -> RunView {
    RunView::read(dir.path())
}

#[test]
fn before_the_first_run_there_is_nothing_and_no_problem() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(&dir), RunView::default());
    assert_eq!(read(&dir).phase(), "never");
}

#[test]
fn a_finished_run_is_read_with_its_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    write_snapshot(dir.path(), 12, &[card("execute[x]")]);
    write_run(dir.path(), 13, "failed", std::process::id());
    let view = read(&dir);
    assert_eq!(
        (view.newest_run(), view.converging, view.phase()),
        (13, false, "failed")
    );
    let snapshot = view.snapshot.as_ref().unwrap();
    assert_eq!((snapshot.generation, snapshot.run_number), (12, 12));
    assert_eq!(snapshot.cards["execute[x]"].default_action, ["run"]);
    assert_eq!(snapshot.ruby["path"], "/usr/bin/ruby");
    let own = pb::NodeInfo {
        name: "target".into(),
        tags: vec!["a".into(), "canary".into()],
        ..Default::default()
    };
    let info = view.announce(own);
    assert_eq!(
        (
            info.environment.as_str(),
            info.policy_name.as_str(),
            info.policy_group.as_str()
        ),
        ("prod", "", "blue")
    );
    assert_eq!(
        (info.roles, info.recipes),
        (vec!["web".to_owned()], vec!["cb::default".to_owned()])
    );
    assert_eq!(
        (info.tags, info.generation),
        (vec!["a".to_owned(), "canary".to_owned()], 12)
    );
}

#[test]
fn a_run_is_active_only_while_its_process_lives() {
    let dir = tempfile::tempdir().unwrap();
    let mut chef = Sleeper::start();
    write_run(dir.path(), 1, "running", chef.pid());
    assert!(read(&dir).converging);
    chef.kill();
    let view = read(&dir);
    assert!(!view.converging);
    assert_eq!(view.phase(), "failed", "it said running to the last");
}

#[test]
fn what_is_half_there_counts_as_absent_and_says_why() {
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage); 6] = [
        ("cards.json is missing", |d| {
            fs::remove_file(d.join("snapshots/3/cards.json")).unwrap()
        }),
        ("snapshot.json", |d| {
            fs::write(d.join("snapshots/3/snapshot.json"), "{\"gen").unwrap()
        }),
        ("cards.json", |d| {
            fs::write(d.join("snapshots/3/cards.json"), "[]").unwrap()
        }),
        ("missing", |d| fs::remove_dir_all(d.join("snapshots/3")).unwrap()),
        ("current", |d| {
            fs::write(d.join("snapshots/current"), "../../etc").unwrap()
        }),
        ("larger", |d| {
            fs::write(d.join("snapshots/current"), "1".repeat(100)).unwrap()
        }),
    ];
    for (says, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        write_snapshot(dir.path(), 3, &[]);
        write_run(dir.path(), 3, "succeeded", 1);
        damage(dir.path());
        let view = read(&dir);
        assert_eq!(view.snapshot, None);
        assert!(
            view.problem.as_ref().unwrap().contains(says),
            "{says}: {:?}",
            view.problem
        );
        assert_eq!(view.newest_run(), 3);
    }
}

#[test]
fn a_broken_run_file_does_not_hide_the_snapshot() {
    for broken in ["{", "null"] {
        let dir = tempfile::tempdir().unwrap();
        write_snapshot(dir.path(), 3, &[]);
        fs::write(dir.path().join("run.json"), broken).unwrap();
        let view = read(&dir);
        assert!(view.problem.is_some(), "{broken}");
        assert_eq!(
            (view.run.is_none(), view.newest_run()),
            (true, 3),
            "the snapshot proves that run 3 was"
        );
    }
}

#[test]
fn a_sensitive_resource_is_shown_by_its_hash_and_found_by_both() {
    let dir = tempfile::tempdir().unwrap();
    let cards = [with(card("file[a]"), json!({"sensitive": true})), card("file[b]")];
    write_snapshot(dir.path(), 1, &cards);
    let snapshot = read(&dir).snapshot.unwrap();
    let hashed = super::shown_key("file[a]");
    let found = |key: &str| snapshot.card(key).map(|card| card.key.as_str());
    assert_eq!((found("file[a]"), found(&hashed)), (Some("file[a]"), Some("file[a]")));
    assert_eq!(
        (snapshot.shown("file[a]"), snapshot.shown(&hashed)),
        (hashed.clone(), hashed)
    );
    assert_eq!(
        (found("file[b]"), snapshot.shown("file[b]")),
        (Some("file[b]"), "file[b]".into())
    );
    assert_eq!(
        found(&super::shown_key("file[b]")),
        found("file[b]"),
        "it was sensitive when somebody learned of it"
    );
    assert_eq!((found("file[c]"), snapshot.shown("file[c]")), (None, "file[c]".into()));
}

#[test]
fn two_cards_of_one_key_are_duplicates_unless_one_is_nested() {
    let dir = tempfile::tempdir().unwrap();
    let nested = |key: &str| with(card(key), json!({"nested": true}));
    let cards = [
        card("file[a]"),
        card("file[a]"),
        card("file[b]"),
        nested("file[b]"),
        nested("file[c]"),
        card("file[c]"),
        nested("file[d]"),
        nested("file[d]"),
    ];
    write_snapshot(dir.path(), 1, &cards);
    let snapshot = read(&dir).snapshot.unwrap();
    let kinds = ["file[a]", "file[b]", "file[c]", "file[d]"]
        .map(|key| (snapshot.cards[key].duplicate, snapshot.cards[key].nested));
    assert_eq!(kinds, [(true, false), (false, false), (false, false), (false, true)]);
}

#[test]
fn null_means_none() {
    let dir = tempfile::tempdir().unwrap();
    let bare = with(
        card("file[a]"),
        json!({"cookbook": null, "recipe": null, "line": null, "declared_actions": null}),
    );
    write_snapshot(dir.path(), 1, &[bare]);
    assert_eq!(read(&dir).problem, None);
}

#[test]
fn the_name_of_a_sensitive_resource_is_not_shown() {
    let secret: Card = serde_json::from_value(with(card("file[/etc/secret]"), json!({"sensitive": true}))).unwrap();
    assert_eq!(secret.shown().key, "file[\"sha256:be4b468ced3294ae\"]");
    assert!(!format!("{:?}", secret.shown()).contains("/etc/secret"));
}

async fn until(watch: &RunWatch, wanted: impl FnMut(&std::sync::Arc<RunView>) -> bool) {
    let mut views = watch.subscribe();
    tokio::time::timeout(PATIENCE, views.wait_for(wanted))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn changes_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let watch = RunWatch::spawn(dir.path(), cancel.clone());
    let mut chef = Sleeper::start();
    write_run(dir.path(), 1, "running", chef.pid());
    assert_eq!(watch.newest_run(), 1, "at once, before the view has it");
    until(&watch, |view| view.converging).await;
    write_snapshot(dir.path(), 1, &[]);
    watch.poke();
    until(&watch, |view| view.snapshot.is_some()).await;
    write_run(dir.path(), 1, "succeeded", chef.pid());
    until(&watch, |view| !view.converging).await;
    write_run(dir.path(), 2, "running", chef.pid());
    until(&watch, |view| view.converging).await;
    chef.kill();
    until(&watch, |view| !view.converging && view.newest_run() == 2).await;
    cancel.cancel();
}

#[tokio::test]
async fn a_snapshot_that_is_repaired_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    write_snapshot(dir.path(), 1, &[]);
    let cards = dir.path().join("snapshots/1/cards.json");
    let whole = fs::read(&cards).unwrap();
    fs::write(&cards, &whole[..5]).unwrap();
    let cancel = CancellationToken::new();
    let watch = RunWatch::spawn(dir.path(), cancel.clone());
    assert!(watch.view().problem.is_some());
    fs::write(&cards, &whole).unwrap();
    until(&watch, |view| view.problem.is_none() && view.snapshot.is_some()).await;
    cancel.cancel();
}
