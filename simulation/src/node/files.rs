//! What Chef writes on a node, what can be read there, and what a power cut takes.

use std::{fs, path::Path};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

/// Replaces a file as a whole.
pub fn replace(path: &Path, content: &Value) {
    let draft = path.with_extension("new");
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&draft, content.to_string()).expect("a file");
    fs::rename(&draft, path).expect("a file");
}

/// `run.json`: where the newest run stands.
pub fn write_run(data_dir: &Path, number: u64, phase: &str, pid: u32) {
    let run = json!({
        "number": number, "run_id": format!("run-{number}"), "phase": phase,
        "pid": pid, "pid_start": crate::chef::start_of(pid), "started_ms": 1, "ended_ms": null,
    });
    replace(&data_dir.join("run.json"), &run);
}

/// The number of the newest run that has started.
pub fn newest_run(data_dir: &Path) -> u64 {
    let text = fs::read_to_string(data_dir.join("run.json")).unwrap_or_default();
    let run: Value = serde_json::from_str(&text).unwrap_or_default();
    run["number"].as_u64().unwrap_or_default()
}

/// The generation that the node is at.
pub fn generation(data_dir: &Path) -> u64 {
    let text = fs::read_to_string(data_dir.join("snapshots").join("current")).unwrap_or_default();
    text.trim().parse().unwrap_or_default()
}

/// The snapshot of a run that succeeded: every resource that anyone notifies, but for those called absent.
pub fn write_snapshot(data_dir: &Path, number: u64, keys: &[String], tag: &str) {
    let dir = data_dir.join("snapshots").join(number.to_string());
    let card = |key: &String| {
        json!({"key": key, "type": "execute", "name": key, "allowed_actions": ["nothing", "run"],
               "declared_actions": ["run"], "default_action": ["run"]})
    };
    let cards: Vec<Value> = keys.iter().map(card).collect();
    replace(&dir.join("cards.json"), &json!({"run_number": number, "cards": cards}));
    let facts = json!({"run_number": number, "environment": "prod", "roles": ["web"], "recipes": ["a::b"],
                       "attributes": {"normal": {"tags": [tag]}}, "ruby": {}});
    replace(&dir.join("snapshot.json"), &facts);
    replace(&data_dir.join("snapshots").join("current"), &json!(number));
}

/// The notifications that a claimed job serves: (sender, id).
pub fn served(data_dir: &Path, job: &str) -> Vec<(String, String)> {
    let query = "SELECT sender, id FROM inbox WHERE job = ?1 AND state = 'claimed' ORDER BY row";
    rows(&data_dir.join("state.db"), query, [job], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

/// Reads a store beside its agent; nothing when there is none.
pub fn rows<T, P, F>(file: &Path, query: &str, params: P, read: F) -> Vec<T>
where
    P: rusqlite::Params,
    F: FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
{
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = Connection::open_with_flags(file, flags).and_then(|connection| {
        let mut statement = connection.prepare(query)?;
        statement.query_map(params, read)?.collect()
    });
    found.unwrap_or_default()
}

/// What was never synced is gone: the files of jobs, and the cache of the directory.
pub fn lose_unsynced(data_dir: &Path) {
    for entry in fs::read_dir(data_dir.join("jobs")).into_iter().flatten().flatten() {
        let _ = fs::remove_file(entry.path());
    }
    let _ = fs::remove_file(data_dir.join("directory.json"));
}
