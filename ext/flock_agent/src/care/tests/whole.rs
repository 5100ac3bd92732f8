//! The node as a whole: its machine, its registry, its place in the flock.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::*;

#[test]
fn another_machine_becomes_the_node_and_its_configuration_comes_along() {
    let node = Node::new();
    let meta = node.path("data/identity/identity.json");
    let text = fs::read_to_string(&meta).unwrap();
    let mut told: Value = serde_json::from_str(&text).unwrap();
    let config = node.config();
    let identity = Identity::load(&config).unwrap();
    told["machine_id"] = json!("another machine's");
    fs::write(&meta, told.to_string()).unwrap();
    back_up(&setup::subject(config, &identity), &node.file(), NOW_MS).unwrap();
    fs::remove_dir_all(node.data()).unwrap();
    fs::remove_file(node.path("agent.toml")).unwrap();
    let restored = node.restore(false).unwrap();
    assert!(restored.rebound && restored.config_written);
    let identity = Identity::load(&node.config()).unwrap();
    assert!(identity.is_rebinding());
    assert!(node.restore(true).unwrap().rebound);
}

#[test]
fn a_restored_registry_denies_who_was_removed_since_and_repeats_no_revision() {
    let node = Node::new();
    node.with_registry(async |registry| {
        let known = ["a", "b", "c"].map(|name| put(&format!("enrolled/{name}"), json!({})));
        registry.txn("1", known.to_vec()).await.unwrap();
        registry
            .txn("2", vec![put("nodes/b", json!({})), put("tokens/x", json!({}))])
            .await
            .unwrap();
    });
    node.back_up().unwrap();
    let newest = node.with_registry(async |registry| {
        registry.txn("3", vec![put("removed/a", json!({}))]).await.unwrap();
        registry.open_session("c", 1000).await.unwrap().epoch
    });
    let restored = node
        .restore_with(RestoreOptions {
            replace: true,
            removed: vec!["b".into()],
            ..Default::default()
        })
        .unwrap();
    assert_eq!(restored.denied, ["a", "b"]);
    assert!(node.path("data").join(NOTE).exists());
    node.with_registry(async |registry| {
        let keys = |prefix: &'static str| async move {
            let entries = registry.list(prefix).await.unwrap().entries;
            entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
        };
        assert_eq!(keys("removed/").await, ["removed/a", "removed/b"]);
        assert_eq!(keys("enrolled/").await, ["enrolled/a", "enrolled/b", "enrolled/c"]);
        assert_eq!(keys("nodes/").await, [""; 0]);
        assert_eq!(keys("tokens/").await, [""; 0]);
        assert!(
            registry.open_session("c", 1000).await.unwrap().epoch > newest,
            "older sessions stay fenced"
        );
    });
}

#[test]
fn the_only_hub_stays_while_it_has_members() {
    let node = Node::new();
    let own = node.config().name;
    node.with_registry(async |registry| {
        let known = [
            "enrolled/hub1",
            "enrolled/a%20b",
            "enrolled/gone",
            "removed/gone",
            "enrolled/operator%2Falice",
        ]
        .map(|key| put(key, json!({})));
        registry.txn("1", known.to_vec()).await.unwrap();
    });
    let refusal = refuse_last_hub(&node.data(), &own).unwrap_err();
    assert_eq!(refusal.code(), "last_hub");
    assert!(
        refusal.message().contains("1 nodes") && refusal.message().contains("a b"),
        "{refusal}"
    );
    node.with_registry(async |registry| {
        registry.txn("2", vec![put("removed/a%20b", json!({}))]).await.unwrap();
    });
    refuse_last_hub(&node.data(), &own).unwrap();
}

#[test]
fn a_node_leaves_alone_once_all_it_asked_has_ended() {
    let node = Node::new();
    let conn = node.state();
    outbox::append(&conn, &draft(1, "elsewhere"), NOW_MS).unwrap();
    drop(conn);
    let leave = |force: bool| setup::leave(json!({"config": node.path("agent.toml"), "force": force}));
    let refusal = leave(false).unwrap_err();
    assert_eq!(refusal.code(), "unfinished");
    assert!(
        refusal.message().contains(&id(1)) && refusal.message().contains("elsewhere"),
        "{refusal}"
    );
    let left = leave(true).unwrap();
    assert_eq!(left["unfinished"], 1);
    assert!(Path::new(left["put_away"].as_str().unwrap()).join("state.db").exists());
    let out = Identity::load(&node.config()).err().unwrap();
    assert_eq!(out.code(), "not_joined");
    assert!(out.message().contains("flockctl join"), "{out}");
}

#[test]
fn two_backups_to_one_file_do_not_disturb_each_other() {
    let node = Node::new();
    let stage = node.path(".backup.tar.stage");
    let first = Stage::new(stage.clone()).unwrap();
    fs::write(stage.join("state.db"), "half").unwrap();
    assert_eq!(node.back_up().unwrap_err().code(), "backup_busy");
    assert_eq!(fs::read(stage.join("state.db")).unwrap(), b"half");
    drop(first);
    node.back_up().unwrap();
    private(&stage).unwrap();
    fs::write(stage.join("left"), "by one that was killed").unwrap();
    node.back_up().unwrap();
    assert!(!stage.exists());
}
