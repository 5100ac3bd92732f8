//! Who may run what here: the `[[allow]]` table of agent.toml, or the default when it has none.
//!
//! Nodes and operators are judged apart: a rule whose `from` begins with `operator/` is about operators and about nobody else. Nodes
//! without a rule have the default; operators without one may read.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, glob,
    holder::{Asker, OPERATOR_PREFIX},
    id::NodeName,
};

/// What anyone may ask of a resource without an `[[allow]]` table, besides its declared and default actions.
const ALWAYS: [&str; 2] = ["reload", "restart"];

/// What an operator may call without a rule: what a node tells of itself.
const READS: [&str; 7] = [
    "flock_api.active",
    "flock_api.apis",
    "flock_api.node",
    "flock_api.ping",
    "flock_api.run",
    "flock_api.state",
    "flock_api.trace",
];

/// One `[[allow]]` of agent.toml; each field is a pattern of `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which nodes, by the name in their certificate; `operator/…` = which operators.
    pub from: String,
    /// Which resources, `service[*]`; the brackets are those of `type[name]`. Empty in a rule about calls.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// Which actions; at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// Which methods of which APIs, `human_api.*`, in place of resource and actions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub call: Vec<String>,
}

impl Rule {
    /// Refuses a rule that can never admit anything.
    ///
    /// # Errors
    /// `configuration` with code `bad_rule`, naming the field.
    pub fn check(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::configuration(format!("[[allow]]: {what}")).with_code("bad_rule"));
        if self.from.is_empty() {
            return bad("`from` is empty; name a node or write \"*\"");
        }
        if self.from.contains('/') && (!self.is_for_operators() || self.from.len() == OPERATOR_PREFIX.len()) {
            return bad("`from` is a node's name, or that of an operator as in \"operator/alice\" or \"operator/*\"");
        }
        if !self.call.is_empty() {
            return match self.resource.is_empty()
                && self.actions.is_empty()
                && self.call.iter().all(|call| is_call(call))
            {
                true => Ok(()),
                false => bad(
                    "`call` is written [\"api.method\"], as in [\"human_api.*\"], and stands without `resource` and `actions`",
                ),
            };
        }
        if self.resource != "*" && !(self.resource.contains('[') && self.resource.ends_with(']')) {
            return bad("`resource` is written \"type[name]\", as in \"service[*]\", or \"*\"");
        }
        if self.actions.is_empty() || self.actions.iter().any(String::is_empty) {
            return bad("`actions` needs at least one action, or \"*\"");
        }
        Ok(())
    }

    fn is_for_operators(&self) -> bool {
        self.from.starts_with(OPERATOR_PREFIX)
    }

    /// Whether it is about nodes, or about operators, as `from` is one.
    fn is_about(&self, from: &impl Asker) -> bool {
        self.is_for_operators() == from.is_operator()
    }

    fn names(&self, from: &impl Asker) -> bool {
        self.is_about(from) && glob::matches(&self.from, from.as_str())
    }

    fn admits(&self, from: &impl Asker, key: &str, action: &str) -> bool {
        self.call.is_empty()
            && self.names(from)
            && glob::matches_key(&self.resource, key)
            && self.actions.iter().any(|pattern| glob::matches(pattern, action))
    }
}

fn is_call(pattern: &str) -> bool {
    pattern == "*"
        || pattern
            .split_once('.')
            .is_some_and(|(api, method)| !api.is_empty() && !method.is_empty())
}

/// Of `api.method`, or of `*`, the API's part.
fn api_pattern(pattern: &str) -> &str {
    pattern.split_once('.').map_or(pattern, |(api, _)| api)
}

/// What the policy says when a notification arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may be run.
    Admitted,
    /// It may not; see [`Policy::denial`].
    Denied,
    /// The default policy: whether it may be run is decided by the resource's card at claim, see [`admits_card`].
    AskCard,
}

/// The policy of one node.
///
/// ```
/// use flock_core::{id::NodeName, policy::{Admission, Policy, Rule}};
/// # fn main() -> flock_core::Result<()> {
/// let rule = Rule { from: "bender*".into(), resource: "service[*]".into(), actions: vec!["restart".into()] };
/// let policy = Policy::new(vec![rule]);
/// let from = NodeName::parse("bender0")?;
/// assert_eq!(policy.at_arrival(&from, "service[nginx]", "restart"), Admission::Admitted);
/// assert_eq!(policy.at_arrival(&from, "execute[rm]", "run"), Admission::Denied);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    own: Option<NodeName>,
    rules: Vec<Rule>,
}

impl Policy {
    /// A policy of these rules; without rules it is the default.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { own: None, rules }
    }

    /// The same policy on the node `own`, which is always admitted to itself.
    pub fn on_node(mut self, own: NodeName) -> Self {
        self.own = Some(own);
        self
    }

    /// The rules, in the order of agent.toml.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether `from` is judged by rules about resources, and not by the default.
    fn has_table(&self, from: &impl Asker) -> bool {
        from.is_operator() || self.resource_rules(from).next().is_some()
    }

    fn resource_rules<'a>(&'a self, from: &'a impl Asker) -> impl Iterator<Item = &'a Rule> {
        let about = |rule: &&Rule| rule.call.is_empty() && rule.is_about(from);
        self.rules.iter().filter(about)
    }

    fn call_rules<'a>(&'a self, from: &'a impl Asker) -> impl Iterator<Item = &'a Rule> {
        let about = |rule: &&Rule| !rule.call.is_empty() && rule.is_about(from);
        self.rules.iter().filter(about)
    }

    fn is_own(&self, from: &impl Asker) -> bool {
        let own = self.own.as_ref();
        !from.is_operator() && own.is_some_and(|own| own.as_str() == from.as_str())
    }

    /// Whether `from` may run `action` of `key`. `from` must be the name in the caller's certificate, never a claimed one.
    pub fn at_arrival(&self, from: &impl Asker, key: &str, action: &str) -> Admission {
        if self.is_own(from) {
            return Admission::Admitted;
        }
        if !self.has_table(from) {
            return Admission::AskCard;
        }
        match self.rules.iter().any(|rule| rule.admits(from, key, action)) {
            true => Admission::Admitted,
            false => Admission::Denied,
        }
    }

    /// Whether `from` may ask which resources there are: an operator may, and a node unless there are rules and none names it.
    pub fn admits_listing(&self, from: &impl Asker) -> bool {
        let named = |rule: &Rule| rule.names(from);
        self.sees_all(from) || self.is_own(from) || self.resource_rules(from).any(named)
    }

    /// Whether `from` sees all resources, and not only those of which it may run something.
    pub fn sees_all(&self, from: &impl Asker) -> bool {
        from.is_operator() || !self.has_table(from)
    }

    /// Whether `from` may call a method. Without a rule about calls every member may call what an API exposes, and what the node tells of
    /// itself; an operator the latter only, and the rest by a rule.
    pub fn admits_call(&self, from: &impl Asker, api: &str, method: &str) -> bool {
        let call = format!("{api}.{method}");
        let reads = from.is_operator() && READS.contains(&call.as_str());
        reads || self.any_call(from, |pattern| pattern == "*" || glob::matches(pattern, &call))
    }

    /// Whether `from` may hear of changes of an API: some method of it may be called.
    pub fn admits_observing(&self, from: &impl Asker, api: &str) -> bool {
        self.any_call(from, |pattern| glob::matches(api_pattern(pattern), api))
    }

    fn any_call(&self, from: &impl Asker, admits: impl Fn(&str) -> bool) -> bool {
        let mut rules = self.call_rules(from).peekable();
        let open = !from.is_operator() && rules.peek().is_none();
        let admitted = |rule: &Rule| rule.names(from) && rule.call.iter().any(|call| admits(call));
        self.is_own(from) || open || rules.any(admitted)
    }

    /// The error of a call that is not admitted.
    pub fn call_denial(&self, from: &impl Asker, what: &str) -> Error {
        let remedy = match from.is_operator() {
            true => {
                format!("no [[allow]] with `call` and from = \"{from}\" in its agent.toml admits it; add one there")
            }
            false => "no [[allow]] with `call` in its agent.toml admits it; add one there".to_owned(),
        };
        Error::denied(format!("{from} may not call {what} on {}: {remedy}", self.node())).with_code("policy")
    }

    /// The error of [`Admission::Denied`], and of an [`Admission::AskCard`] that the card did not admit.
    pub fn denial(&self, from: &impl Asker, key: &str, action: &str) -> Error {
        let remedy = match (from.is_operator(), self.has_table(from)) {
            (true, _) => format!("no [[allow]] with from = \"{from}\" in its agent.toml admits it; add one there"),
            (false, false) => {
                "it is neither a declared nor a default action; add an [[allow]] to its agent.toml".to_owned()
            }
            (false, true) => "no [[allow]] of its agent.toml admits it; add one there".to_owned(),
        };
        Error::denied(format!(
            "{from} may not run {action} of {key} on {}: {remedy}",
            self.node()
        ))
        .with_code("policy")
    }

    /// Whose policy it is; who reads the error may be on another node.
    fn node(&self) -> &str {
        self.own.as_ref().map_or("this node", NodeName::as_str)
    }
}

/// The default policy's answer once the card is known: declared and default actions, reload and restart.
pub fn admits_card(action: &str, declared: &[String], default_actions: &[String]) -> bool {
    ALWAYS.contains(&action) || declared.iter().chain(default_actions).any(|known| known == action)
}

#[cfg(test)]
mod tests;
