//! Which nodes a notification is meant for: what may be asked, what a node says of itself, and who of many is chosen.

mod choose;
mod matching;

pub use choose::{Candidate, choose};
pub use matching::{Match, WhenNone};

use crate::{Error, Result, id::NodeName, limits};

/// The nodes that are meant. Every field that is set must hold; the lists are ANDed, only `nodes` is ORed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// Any of these names; empty = whatever the name.
    pub nodes: Vec<String>,
    /// All of these roles.
    pub roles: Vec<String>,
    /// All of these recipes; `cb` is `cb::default`.
    pub recipes: Vec<String>,
    /// The Chef environment; empty = any.
    pub environment: String,
    /// The policy name; empty = any.
    pub policy_name: String,
    /// The policy group; empty = any.
    pub policy_group: String,
    /// All of these tags.
    pub tags: Vec<String>,
    /// The cloud; empty = any.
    pub cloud: String,
    /// All of these services.
    pub services: Vec<String>,
    /// How many of those that match.
    pub select: Match,
    /// What to do when none matches.
    pub when_none: WhenNone,
}

/// What a node says of itself, and what [`Targets`] are held against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The node's name.
    pub name: String,
    /// Its Chef environment.
    pub environment: String,
    /// Its expanded roles.
    pub roles: Vec<String>,
    /// Its expanded recipes.
    pub recipes: Vec<String>,
    /// Its policy name.
    pub policy_name: String,
    /// Its policy group.
    pub policy_group: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its cloud.
    pub cloud: String,
    /// The services that it offers.
    pub services: Vec<String>,
}

impl Targets {
    /// The nodes of these names, all of them.
    pub fn nodes<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self {
            nodes: names.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Refuses what can match nothing or was surely meant otherwise.
    ///
    /// # Errors
    /// `configuration` with code `bad_targets` (or `bad_node_name`, `too_many_targets`) and what to write instead.
    pub fn validate(&self) -> Result<()> {
        if !self.is_restricted() {
            return Err(bad(
                "no target: give node:, roles:, recipes:, environment:, policy_name:, policy_group:, tags:, cloud: or services:",
            ));
        }
        check_named(self.nodes.len())?;
        for name in &self.nodes {
            NodeName::parse(name)?;
        }
        for (word, values) in self.lists() {
            check_list(word, values)?;
        }
        for (word, value) in self.words() {
            check_word(word, value)?;
        }
        Ok(())
    }

    /// Whether anything but names is asked for; if not, the names alone say who is meant and no directory is needed.
    pub fn needs_directory(&self) -> bool {
        !self.names_only() || self.select != Match::All
    }

    /// Whether names are all that is asked for, however many of them are meant.
    pub fn names_only(&self) -> bool {
        !self.nodes.is_empty() && !self.has_criteria()
    }

    /// Whether the node of these facts is meant, before [`choose`] picks among them.
    ///
    /// ```
    /// use flock_core::target::{Facts, Targets};
    /// let web = Facts { name: "a".into(), recipes: vec!["nginx::default".into()], ..Facts::default() };
    /// assert!(Targets { recipes: vec!["nginx".into()], ..Targets::default() }.matches(&web));
    /// ```
    pub fn matches(&self, facts: &Facts) -> bool {
        let word = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        (self.nodes.is_empty() || self.nodes.contains(&facts.name))
            && word(&self.environment, &facts.environment)
            && word(&self.policy_name, &facts.policy_name)
            && word(&self.policy_group, &facts.policy_group)
            && word(&self.cloud, &facts.cloud)
            && all_in(&self.roles, &facts.roles)
            && all_in(&self.tags, &facts.tags)
            && all_in(&self.services, &facts.services)
            && self
                .recipes
                .iter()
                .all(|wanted| facts.recipes.iter().any(|found| same_recipe(wanted, found)))
    }

    fn is_restricted(&self) -> bool {
        !self.nodes.is_empty() || self.has_criteria()
    }

    fn has_criteria(&self) -> bool {
        self.lists().iter().any(|(_, values)| !values.is_empty())
            || self.words().iter().any(|(_, value)| !value.is_empty())
    }

    fn lists(&self) -> [(&'static str, &[String]); 4] {
        [
            ("roles", &self.roles),
            ("recipes", &self.recipes),
            ("tags", &self.tags),
            ("services", &self.services),
        ]
    }

    fn words(&self) -> [(&'static str, &str); 4] {
        [
            ("environment", &self.environment),
            ("policy_name", &self.policy_name),
            ("policy_group", &self.policy_group),
            ("cloud", &self.cloud),
        ]
    }
}

/// Refuses more names than one selector may hold.
///
/// # Errors
/// `configuration` with code `too_many_targets` above [`limits::TARGETS`].
pub fn check_named(named: usize) -> Result<()> {
    if named <= limits::TARGETS {
        return Ok(());
    }
    let most = limits::TARGETS;
    let message = format!("{named} nodes are named, at most {most} may be: use roles:, tags: or the like");
    Err(Error::configuration(message).with_code("too_many_targets"))
}

/// Whether two recipe names mean the same: `cb` is `cb::default`.
pub fn same_recipe(a: &str, b: &str) -> bool {
    let parts = |name| match str::split_once(name, "::") {
        Some((cookbook, recipe)) => (cookbook, recipe),
        None => (name, "default"),
    };
    parts(a) == parts(b)
}

fn all_in(wanted: &[String], found: &[String]) -> bool {
    wanted.iter().all(|one| found.contains(one))
}

fn check_list(word: &str, values: &[String]) -> Result<()> {
    if values.len() > limits::TARGET_WORDS {
        return Err(bad(&format!(
            "{word}: lists {} entries, at most {} may be",
            values.len(),
            limits::TARGET_WORDS
        )));
    }
    for value in values {
        if value.is_empty() {
            return Err(bad(&format!("{word}: holds an empty name")));
        }
        check_word(word, value)?;
    }
    Ok(())
}

fn check_word(word: &str, value: &str) -> Result<()> {
    if value.len() > limits::TARGET_WORD_BYTES {
        return Err(bad(&format!(
            "{word}: holds a name of {} bytes, at most {} may be",
            value.len(),
            limits::TARGET_WORD_BYTES
        )));
    }
    let inner = |kind: &str| value.strip_prefix(kind)?.strip_prefix('[')?.strip_suffix(']');
    match inner("role").or_else(|| inner("recipe")) {
        Some(name) => Err(bad(&format!(
            "{word}: takes bare names; write {name:?} in place of {value:?}"
        ))),
        None => Ok(()),
    }
}

fn bad(message: &str) -> Error {
    Error::configuration(message).with_code("bad_targets")
}

#[cfg(test)]
mod tests;
