//! Files that other processes write, and values that other hubs write into the registry.

use std::{fs, path::Path};

use flock_core::limits;
use tempfile::TempDir;

use super::{
    Target,
    messages::{sample_draft, stable_json},
};
use crate::{
    config::Config,
    dispatch::WorkerResult,
    draft,
    hub::keys::{self, Live, Removed},
    identity::enrol::{EnrolledRecord, TokenRecord},
    link, pb,
    run_state::RunView,
    spool,
};

const JOB: &str = "01900000-0000-7000-8000-0000000000aa";
const FLOCK: &str = "01900000-0000-4000-8000-0000000000ff";

const RUN: &str = r#"{"number":3,"run_id":"r","phase":"running","pid":1,"pid_start":1,"started_ms":5,"ended_ms":null}"#;
const SNAPSHOT: &str = r#"{"generation":3,"run_number":3,"environment":"prod","roles":["web"],"recipes":["a::b"],"policy":{"name":"p","group":null},
    "attributes":{"normal":{"tags":["blue"]},"automatic":{"fqdn":"x"}},"ruby":{"path":"/usr/bin/ruby","load_path":["/x"],"env":{}}}"#;
const CARDS: &str = r#"{"generation":3,"run_number":3,"node":"n","cards":[{"key":"file[/x]","type":"file","name":"/x","sensitive":true,
    "cookbook":"a","recipe":"b","line":3,"allowed_actions":["create"],"declared_actions":["create"],"default_action":["create"],
    "duplicate":false,"nested":null}]}"#;
const TOML: &str = "name = 'a'\ndata_dir = '/x'\nsocket = '/x/s'\nlisten = '127.0.0.1:1'\ntags = ['t']\n[registry]\nlease_ms = 1000\n\
    [worker]\nwarm = true\ntimeout_ms = 5000\n[log]\nformat = 'json'\n[[allow]]\nfrom = '*'\nresource = 'service[*]'\nactions = ['restart']\n";

pub(super) fn targets() -> Vec<Target> {
    let values = [
        serde_json::to_vec(&sample_node()).unwrap(),
        br#"{"presence":"alive","epoch":3,"hub":"hub1"}"#.to_vec(),
        br#"{"removed_ms":3,"by":"hub1"}"#.to_vec(),
        br#"{"hash":"ab","expires_ms":3,"uses_left":1,"node_glob":"web*"}"#.to_vec(),
    ];
    vec![
        Target::new(
            "spool",
            vec![serde_json::to_vec(&sample_draft()).unwrap()],
            read_spooled,
        ),
        Target::new("result", results(), read_result),
        Target::new("run_json", vec![RUN.into()], in_folder("run.json")),
        Target::new("current", vec![b"3\n".to_vec()], in_folder("snapshots/current")),
        Target::new(
            "snapshot_json",
            vec![SNAPSHOT.into()],
            in_folder("snapshots/3/snapshot.json"),
        ),
        Target::new("cards_json", vec![CARDS.into()], in_folder("snapshots/3/cards.json")),
        Target::new("directory_json", vec![directory()], read_directory()),
        Target::new("registry_value", values.to_vec(), read_values),
        Target::new("agent_toml", vec![TOML.into()], read_configuration),
    ]
}

/// A node with every field set.
pub(super) fn sample_node() -> pb::NodeInfo {
    pb::NodeInfo {
        name: "web1".into(),
        address: "10.0.0.5:22222".into(),
        presence: "alive".into(),
        environment: "prod".into(),
        roles: vec!["web".into()],
        recipes: vec!["nginx::default".into()],
        policy_name: "p".into(),
        policy_group: "g".into(),
        tags: vec!["blue".into()],
        cloud: "dc1".into(),
        services: vec!["echo".into()],
        version: "0.1.0".into(),
        epoch: 4,
        hub: true,
        generation: 9,
    }
}

/// A file is a draft only under its own id, and what is one can be written again.
fn read_spooled(input: &[u8]) {
    stable_json::<pb::Draft>(input);
    let name = format!("{}.json", sample_draft().id);
    if let Ok(draft) = spool::parse(&name, input) {
        assert_eq!(draft.id, sample_draft().id);
        let _ = draft::check(&draft);
    }
}

fn results() -> Vec<Vec<u8>> {
    let result = serde_json::json!({"job": JOB, "status": "done", "code": null, "message": "ok", "updated": true, "resources_updated": 1,
        "run_ms": 1.5, "drafts": [sample_draft()], "pid": 12});
    vec![result.to_string().into_bytes()]
}

fn read_result(input: &[u8]) {
    if let Ok(result) = WorkerResult::parse(input, JOB) {
        assert!(result.drafts.len() <= limits::RESULT_DRAFTS);
        result.took_ms();
    }
}

/// In memory where there is such a file system: a disk writes replaced files at once.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// Reads a data directory in which one file is the input, the others valid.
fn in_folder(file: &'static str) -> impl Fn(&[u8]) {
    let dir = folder();
    fs::create_dir_all(dir.path().join("snapshots/3")).unwrap();
    let valid = [
        ("run.json", RUN),
        ("snapshots/current", "3\n"),
        ("snapshots/3/snapshot.json", SNAPSHOT),
        ("snapshots/3/cards.json", CARDS),
    ];
    for (name, text) in valid {
        fs::write(dir.path().join(name), text).unwrap();
    }
    assert_eq!(RunView::read(dir.path()).problem, None);
    move |input| {
        fs::write(dir.path().join(file), input).unwrap();
        use_view(&RunView::read(dir.path()));
    }
}

/// Odd is absent with the reason, and what is there can be used for everything that it is used for.
fn use_view(view: &RunView) {
    assert!(view.run.is_some() && view.snapshot.is_some() || view.problem.is_some());
    assert!(!view.phase().is_empty() || view.run.is_some());
    let own = pb::NodeInfo {
        name: "own".into(),
        tags: vec!["mine".into()],
        ..Default::default()
    };
    let announced = view.announce(own);
    assert!(announced.name == "own" && announced.tags.first().is_some_and(|tag| tag == "mine"));
    for card in view.snapshot.iter().flat_map(|snapshot| snapshot.cards.values()) {
        assert!(!card.sensitive || card.shown().key.contains("[\"sha256:"));
    }
}

fn directory() -> Vec<u8> {
    serde_json::json!({"flock_id": FLOCK, "nodes": [sample_node()], "queries": {"{\"roles\":[\"web\"]}": ["web1"]}, "denied": ["evil"]})
        .to_string()
        .into_bytes()
}

fn read_directory() -> impl Fn(&[u8]) {
    let dir = folder();
    let read = |dir: &Path, bytes: &[u8]| link::reread(dir, FLOCK, bytes);
    move |input| {
        let kept = read(dir.path(), input);
        assert_eq!(read(dir.path(), kept.as_bytes()), kept);
    }
}

fn read_values(input: &[u8]) {
    if let Some(node) = keys::decode_node(input) {
        assert_eq!(keys::decode_node(&serde_json::to_vec(&node).unwrap()), Some(node));
    }
    if let Some(live) = stable_json::<Live>(input) {
        live.presence();
    }
    stable_json::<Removed>(input);
    stable_json::<TokenRecord>(input);
    stable_json::<EnrolledRecord>(input);
}

fn read_configuration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match Config::parse(Path::new("agent.toml"), &text) {
        Ok(config) => drop((config.to_json(), config.public_address())),
        Err(error) => assert!(error.message().starts_with("agent.toml"), "{error}"),
    }
}
