//! Invariant 1: the core names no clock, socket, file, random source, hash order or async runtime; the agent never names magnus.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Words that no line of the core's sources may hold, comments apart.
const FORBIDDEN: [&str; 27] = [
    "std::time",
    "Instant",
    "SystemTime",
    "Duration",
    "std::net",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "std::fs",
    "std::io",
    "File::",
    "std::os",
    "std::process",
    "std::thread",
    "std::env",
    "std::sync",
    "rand",
    "getrandom",
    "Uuid",
    "HashMap",
    "HashSet",
    "RandomState",
    "DefaultHasher",
    "tokio",
    "async fn",
    ".await",
    "futures",
];

/// What the core may depend on when it is not tested.
const DEPENDENCIES: [&str; 2] = ["serde", "thiserror"];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Whether `word` stands in `line` by itself and not as part of a longer name.
fn names(line: &str, word: &str) -> bool {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let starts = !word.starts_with(in_name) || !before.is_some_and(in_name);
        starts && (!word.ends_with(in_name) || !after.is_some_and(in_name))
    })
}

fn code_of(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

fn offences(folder: &Path, words: &[&str]) -> Vec<String> {
    let files = sources(folder);
    assert!(
        files.len() > 5,
        "{} holds too few sources to be the crate",
        folder.display()
    );
    let mut found = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let hits = words.iter().filter(|word| names(code_of(line), word));
            found.extend(hits.map(|word| format!("{}:{}: {word}", path.display(), number + 1)));
        }
    }
    found
}

#[test]
fn the_core_names_nothing_of_the_world() {
    let found = offences(&crates().join("flock_core/src"), &FORBIDDEN);
    assert!(
        found.is_empty(),
        "flock_core is passed these in, it does not name them:\n{}",
        found.join("\n")
    );
}

#[test]
fn the_core_depends_on_nothing_of_the_world() {
    let manifest = fs::read_to_string(crates().join("flock_core/Cargo.toml")).unwrap();
    let section = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let found: Vec<_> = section
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .collect();
    assert!(!found.is_empty());
    for name in found {
        assert!(DEPENDENCIES.contains(&name), "flock_core must not depend on {name}");
    }
}

#[test]
fn the_agent_never_names_ruby() {
    let agent = crates().join("flock_agent");
    let found = offences(&agent.join("src"), &["magnus", "rb_sys"]);
    assert!(
        found.is_empty(),
        "only flock_of_chefs speaks to Ruby:\n{}",
        found.join("\n")
    );
    let manifest = fs::read_to_string(agent.join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("magnus") && !manifest.contains("rb-sys"));
}

#[test]
fn the_lint_sees_what_it_looks_for() {
    assert!(names("use std::time::Instant;", "std::time"));
    assert!(names("let x = rand::rng();", "rand"));
    assert!(!names("let operand = 1;", "rand"));
    assert!(names("x.await?", ".await"));
    assert_eq!(code_of("let a = 1; // HashMap"), "let a = 1; ");
}
