use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    clock::Clock,
    identity::{
        Identity,
        testing::{Machine, TestHub, config},
    },
};

fn founded(dir: &Path) -> crate::config::Config {
    let config = config(dir, "hub1", "[registry]");
    Identity::init(&config, Clock::system().now_ms()).unwrap();
    config
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_init_writes_is_private_and_loads_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = founded(dir.path());
    let identity = Identity::load(&config).unwrap();
    assert!(identity.is_hub());
    assert_eq!(identity.hubs(), ["hub1:22222"]);
    assert_eq!(mode(&config.data_dir), 0o700);
    let files = config.data_dir.join("identity");
    for file in ["identity.json", "node.pem", "roots.pem", "hub.pem", "root.pem"] {
        assert_eq!(mode(&files.join(file)), 0o600, "{file}");
    }
    fs::remove_file(files.join("root.pem")).unwrap();
    assert!(
        Identity::load(&config).unwrap().is_hub(),
        "the root may be kept elsewhere"
    );
}

#[test]
fn init_leaves_existing_data_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = founded(dir.path());
    let before = fs::read(config.data_dir.join("identity/node.pem")).unwrap();
    assert_eq!(Identity::init(&config, 0).err().unwrap().code(), "already_initialised");
    assert_eq!(fs::read(config.data_dir.join("identity/node.pem")).unwrap(), before);
}

#[test]
fn a_member_cannot_found_a_flock_and_a_stranger_cannot_start() {
    let machine = Machine::new("bender1");
    assert_eq!(Identity::init(&machine.config, 0).err().unwrap().code(), "no_registry");
    let error = Identity::load(&machine.config).err().unwrap();
    assert_eq!(error.code(), "not_joined");
    assert!(error.message().contains("flockctl join STRING"));
}

#[tokio::test]
async fn a_cloned_image_does_not_start() {
    let hub = TestHub::start().await;
    let (machine, _) = hub.joined("bender1").await;
    Identity::load(&machine.config).unwrap();
    let file = machine.config.data_dir.join("identity/identity.json");
    let mut meta: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    meta["machine_id"] = "another".into();
    fs::write(&file, meta.to_string()).unwrap();
    let error = Identity::load(&machine.config).err();
    // A machine without an id (some containers) cannot tell, and says nothing.
    if crate::identity::machine::id_hash().is_empty() {
        assert!(error.is_none());
    } else {
        let error = error.unwrap();
        assert_eq!(error.code(), "cloned");
        assert!(error.message().contains("--replace"));
    }
}

#[test]
fn another_name_a_public_key_and_a_damaged_file_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let config = founded(dir.path());
    let renamed = super::super::testing::config(dir.path(), "other", "[registry]");
    assert_eq!(Identity::load(&renamed).err().unwrap().code(), "renamed");
    let node = config.data_dir.join("identity/node.pem");
    fs::set_permissions(&node, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(Identity::load(&config).err().unwrap().code(), "key_not_private");
    fs::set_permissions(&node, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&node, "nothing").unwrap();
    let error = Identity::load(&config).err().unwrap();
    assert_eq!(error.code(), "identity_damaged");
    assert!(error.message().contains("node.pem"));
}
