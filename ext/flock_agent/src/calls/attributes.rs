//! Attributes of this node as its last successful run left them, by Chef's precedence.
//!
//! The levels and how they merge are those of Chef's `Chef::Node::Attribute`: within the defaults, and within the overrides, arrays are
//! united; between defaults, normal, overrides and automatic they are replaced; hashes are always merged.

use std::path::Path;

use flock_core::{Error, Result, limits};
use serde_json::{Map, Value};

use crate::plain_file;

/// What stands in the place of a value whose name says that it is secret.
const HIDDEN: &str = "[hidden]";
/// Parts of names, in small letters, whose values leave no node.
const SECRET: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private_key",
    "api_key",
    "access_key",
];
const DEFAULTS: [&str; 4] = ["default", "env_default", "role_default", "force_default"];
const OVERRIDES: [&str; 4] = ["override", "role_override", "env_override", "force_override"];

/// The attributes of the snapshot in `dir`, merged; the value at `path`, `a.b.c`, or everything where that is empty. `Null` = there is none.
/// Values whose names look secret are hidden. Blocks for two files.
///
/// # Errors
/// `internal` when a file cannot be read; `rejected` with code `too_large`; `protocol` with code `bad_call` for a path that is none.
pub(super) fn read(dir: &Path, path: &str, allowed: &[String]) -> Result<Value> {
    let steps: Vec<&str> = path.split('.').filter(|_| !path.is_empty()).collect();
    if steps.iter().any(|step| step.is_empty()) || path.len() > limits::TOPIC_BYTES {
        return Err(Error::protocol(format!(
            "{path:?} is no path of attributes; write it like \"nginx.port\""
        ))
        .with_code("bad_call"));
    }
    let levels = levels(dir)?;
    let merged = merge(|level| dig(&levels, level, &steps)).unwrap_or(Value::Null);
    let shown = match steps.iter().any(|step| is_secret(step)) {
        true => hide(&merged),
        false => permitted(redacted(merged), &steps, allowed),
    };
    match shown.to_string().len() {
        bytes if bytes > limits::CALL_BYTES => Err(Error::rejected(format!(
            "these attributes have {bytes} bytes, more than one answer may have ({}); ask for a part, like \"nginx.port\"",
            limits::CALL_BYTES
        ))
        .with_code("too_large")),
        _ => Ok(shown),
    }
}

fn levels(dir: &Path) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    for (file, field) in [("snapshot.json", "attributes"), ("attributes.json", "levels")] {
        let path = dir.join(file);
        let bytes = match plain_file::read(&path, limits::SNAPSHOT_FILE_BYTES) {
            Ok(bytes) => bytes,
            // Written by a version that did not keep them.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::internal(format!("cannot read {}: {e}", path.display()))),
        };
        let mut json: Value = serde_json::from_slice(&bytes)
            .map_err(|e| Error::internal(format!("{} is not what was expected: {e}", path.display())))?;
        if let Some(Value::Object(levels)) = json.get_mut(field).map(Value::take) {
            all.extend(levels);
        }
    }
    Ok(all)
}

fn dig<'a>(levels: &'a Map<String, Value>, level: &str, steps: &[&str]) -> Option<&'a Value> {
    steps.iter().try_fold(levels.get(level)?, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

fn merge<'a>(at: impl Fn(&str) -> Option<&'a Value>) -> Option<Value> {
    let united = |names: [&str; 4]| {
        names
            .into_iter()
            .filter_map(&at)
            .cloned()
            .reduce(|below, above| onto(below, above, true))
    };
    let parts = [
        united(DEFAULTS),
        at("normal").cloned(),
        united(OVERRIDES),
        at("automatic").cloned(),
    ];
    parts
        .into_iter()
        .flatten()
        .reduce(|below, above| onto(below, above, false))
}

fn onto(below: Value, above: Value, unite: bool) -> Value {
    match (below, above) {
        (Value::Object(mut below), Value::Object(above)) => {
            for (name, value) in above {
                let merged = match below.remove(&name) {
                    Some(under) => onto(under, value, unite),
                    None => value,
                };
                below.insert(name, merged);
            }
            Value::Object(below)
        }
        (Value::Array(mut below), Value::Array(above)) if unite => {
            for item in above {
                if !below.contains(&item) {
                    below.push(item);
                }
            }
            Value::Array(below)
        }
        // Nothing said is nothing overridden.
        (below, Value::Null) => below,
        (_, above) => above,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

fn hide(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        _ => HIDDEN.into(),
    }
}

fn redacted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let shown = fields.into_iter().map(|(name, value)| {
                let value = if is_secret(&name) {
                    hide(&value)
                } else {
                    redacted(value)
                };
                (name, value)
            });
            Value::Object(shown.collect())
        }
        Value::Array(items) => items.into_iter().map(redacted).collect(),
        other => other,
    }
}

/// What `[api] attributes` of agent.toml lets out: names of the first level.
fn permitted(value: Value, steps: &[&str], allowed: &[String]) -> Value {
    let allows = |name: &str| allowed.iter().any(|pattern| flock_core::glob::matches(pattern, name));
    match (steps.first(), value) {
        (Some(first), _) if !allows(first) => Value::Null,
        (None, Value::Object(mut fields)) => {
            fields.retain(|name, _| allows(name));
            Value::Object(fields)
        }
        (_, value) => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(levels: &[(&str, Value)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let (kept, made): (Vec<_>, Vec<_>) = levels.iter().cloned().partition(|(name, _)| {
            name.contains('_') && !name.starts_with("force") || ["normal", "automatic"].contains(name)
        });
        let object = |levels: Vec<(&str, Value)>| {
            Value::Object(
                levels
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            )
        };
        for (file, field, levels) in [
            ("snapshot.json", "attributes", kept),
            ("attributes.json", "levels", made),
        ] {
            let text = json!({ field: object(levels) }).to_string();
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        dir
    }

    fn all() -> Vec<String> {
        vec!["*".into()]
    }

    #[test]
    fn levels_win_in_chefs_order_and_hashes_merge() {
        let dir = node(&[
            ("default", json!({"a": {"x": 1, "y": 1, "z": 1}, "list": [1, 2]})),
            ("role_default", json!({"a": {"y": 2}, "list": [2, 3]})),
            ("normal", json!({"a": {"z": 3}})),
            ("env_override", json!({"list": [9]})),
            ("automatic", json!({"fqdn": "db.example"})),
        ]);
        let read = |path: &str| read(dir.path(), path, &all()).unwrap();
        assert_eq!(read("a"), json!({"x": 1, "y": 2, "z": 3}));
        assert_eq!(read("a.y"), json!(2));
        assert_eq!(read("list"), json!([9]));
        assert_eq!(read("list.0"), json!(9));
        assert_eq!(read("fqdn"), json!("db.example"));
        assert_eq!(read("nothing.there"), Value::Null);
        assert_eq!(
            read(""),
            json!({"a": {"x": 1, "y": 2, "z": 3}, "list": [9], "fqdn": "db.example"})
        );
    }

    #[test]
    fn arrays_of_default_levels_are_united() {
        let dir = node(&[
            ("default", json!({"l": [1, 2]})),
            ("force_default", json!({"l": [2, 3]})),
        ]);
        assert_eq!(read(dir.path(), "l", &all()).unwrap(), json!([1, 2, 3]));
    }

    #[test]
    fn what_looks_secret_is_hidden_at_any_depth() {
        let dir = node(&[(
            "normal",
            json!({"db": {"root_Password": "x", "users": [{"token": "y", "name": "n"}], "secrets": null}}),
        )]);
        let shown =
            json!({"root_Password": "[hidden]", "users": [{"token": "[hidden]", "name": "n"}], "secrets": null});
        assert_eq!(read(dir.path(), "db", &all()).unwrap(), shown);
        assert_eq!(read(dir.path(), "db.root_Password", &all()).unwrap(), json!("[hidden]"));
    }

    #[test]
    fn only_what_the_configuration_lets_out_goes_out() {
        let dir = node(&[("normal", json!({"web": {"port": 80}, "db": {"port": 5432}}))]);
        let allowed = ["w*".to_owned()];
        assert_eq!(read(dir.path(), "web.port", &allowed).unwrap(), json!(80));
        assert_eq!(read(dir.path(), "db.port", &allowed).unwrap(), Value::Null);
        assert_eq!(read(dir.path(), "", &allowed).unwrap(), json!({"web": {"port": 80}}));
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        let dir = node(&[]);
        for path in ["a..b", ".", "a."] {
            assert_eq!(read(dir.path(), path, &all()).unwrap_err().code(), "bad_call", "{path}");
        }
    }
}
