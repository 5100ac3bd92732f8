//! The node's name where agent.toml does not say it.

use std::path::Path;

/// The name under which this node was enrolled, if it was.
pub(super) fn enrolled_name(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join("identity/identity.json")).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    json.get("name")?.as_str().map(str::to_owned)
}

/// A literal `node_name "…"` of client.rb. The file is Ruby: anything that is computed there is not read, rather than guessed.
pub(super) fn node_name(chef_config: &Path) -> Option<String> {
    let text = std::fs::read_to_string(chef_config).ok()?;
    text.lines().filter_map(literal).next_back()
}

fn literal(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("node_name")?;
    let value = rest.trim_start_matches([' ', '\t', '(', '=']);
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = value.get(1..)?.split_once(quote)?;
    (rest != value && !name.contains("#{")).then(|| name.to_owned())
}
