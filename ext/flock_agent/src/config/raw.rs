//! The file as it is written.

use std::path::Path;

use flock_core::{Error, Result, policy::Rule};
use serde::Deserialize;

use super::place;

/// agent.toml; absent values are filled in by `resolve`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub name: Option<String>,
    pub data_dir: Option<String>,
    pub socket: Option<String>,
    pub listen: Option<String>,
    pub advertise: Option<String>,
    pub tags: Vec<String>,
    pub cloud: String,
    pub registry: Option<RawRegistry>,
    pub join: RawJoin,
    pub worker: RawWorker,
    pub chef: RawChef,
    pub log: RawLog,
    pub allow: Vec<Rule>,
    pub api: RawApi,
    pub metrics: RawMetrics,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMetrics {
    pub listen: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawApi {
    pub attributes: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRegistry {
    pub url: Option<String>,
    pub lease_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawJoin {
    pub hubs: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWorker {
    pub warm: Option<bool>,
    pub timeout_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawChef {
    pub config: Option<String>,
    pub run_command: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub format: Option<String>,
    pub level: Option<String>,
}

/// Parses the file.
///
/// # Errors
/// `configuration`, with file, line and, for an unknown key, the nearest known one.
pub(super) fn parse(path: &Path, text: &str) -> Result<Raw> {
    toml::from_str(text).map_err(|error| {
        let place = error
            .span()
            .map_or(String::new(), |span| format!(":{}", place::line(text, span.start)));
        let code = if unknown(error.message()).is_some() {
            "unknown_key"
        } else {
            "bad_toml"
        };
        Error::configuration(format!("{}{place}: {}", path.display(), explain(error.message()))).with_code(code)
    })
}

fn explain(message: &str) -> String {
    match unknown(message) {
        Some((key, known)) => match nearest(key, &known) {
            Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
            None => format!("unknown key `{key}`; known here: {}", known.join(", ")),
        },
        None => message.replace('\n', "; "),
    }
}

/// serde says "unknown field `a`, expected one of `b`, `c`": the key and the known ones.
fn unknown(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message.strip_prefix("unknown field")?.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|name| (strsim::jaro_winkler(key, name), *name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then_some(best.1)
}
