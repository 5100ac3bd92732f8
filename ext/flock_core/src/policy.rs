//! Who may run what here: the `[[allow]]` table of agent.toml, or the default when it has none.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, glob, id::NodeName};

/// What anyone may ask of a resource without an `[[allow]]` table, besides its declared and default actions.
const ALWAYS: [&str; 2] = ["reload", "restart"];

/// One `[[allow]]` of agent.toml; each field is a pattern of `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which nodes, by the name in their certificate.
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

    fn admits(&self, from: &str, key: &str, action: &str) -> bool {
        self.call.is_empty()
            && glob::matches(&self.from, from)
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

    /// Those about resources.
    pub fn resource_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.call.is_empty())
    }

    /// Whether `from` may run `action` of `key`. `from` must be the name in the caller's certificate, never a claimed one.
    pub fn at_arrival(&self, from: &NodeName, key: &str, action: &str) -> Admission {
        if self.own.as_ref() == Some(from) {
            return Admission::Admitted;
        }
        if self.resource_rules().next().is_none() {
            return Admission::AskCard;
        }
        match self.rules.iter().any(|rule| rule.admits(from.as_str(), key, action)) {
            true => Admission::Admitted,
            false => Admission::Denied,
        }
    }

    /// Whether `from` may call a method. Without a rule about calls every member may call what an API exposes, and what the node tells of itself.
    pub fn admits_call(&self, from: &NodeName, api: &str, method: &str) -> bool {
        let call = format!("{api}.{method}");
        self.any_call(from, |pattern| pattern == "*" || glob::matches(pattern, &call))
    }

    /// Whether `from` may hear of changes of an API: some method of it may be called.
    pub fn admits_observing(&self, from: &NodeName, api: &str) -> bool {
        self.any_call(from, |pattern| glob::matches(api_pattern(pattern), api))
    }

    fn any_call(&self, from: &NodeName, admits: impl Fn(&str) -> bool) -> bool {
        let mut rules = self.rules.iter().filter(|rule| !rule.call.is_empty()).peekable();
        let own = self.own.as_ref() == Some(from);
        let admitted =
            |rule: &Rule| glob::matches(&rule.from, from.as_str()) && rule.call.iter().any(|call| admits(call));
        own || rules.peek().is_none() || rules.any(admitted)
    }

    /// The error of a call that is not admitted.
    pub fn call_denial(&self, from: &NodeName, what: &str) -> Error {
        let remedy = "no [[allow]] with `call` in its agent.toml admits it; add one there";
        Error::denied(format!("{from} may not call {what} on {}: {remedy}", self.node())).with_code("policy")
    }

    /// The error of [`Admission::Denied`], and of an [`Admission::AskCard`] that the card did not admit.
    pub fn denial(&self, from: &NodeName, key: &str, action: &str) -> Error {
        let remedy = match self.resource_rules().next().is_none() {
            true => "it is neither a declared nor a default action; add an [[allow]] to its agent.toml",
            false => "no [[allow]] of its agent.toml admits it; add one there",
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
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        NodeName::parse(text).unwrap()
    }

    fn rule(from: &str, resource: &str, actions: &[&str]) -> Rule {
        Rule {
            from: from.into(),
            resource: resource.into(),
            actions: actions.iter().map(ToString::to_string).collect(),
            call: Vec::new(),
        }
    }

    fn calls(from: &str, call: &[&str]) -> Rule {
        Rule {
            from: from.into(),
            resource: String::new(),
            actions: Vec::new(),
            call: call.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn rules_about_calls_and_rules_about_resources_do_not_touch_each_other() {
        let policy = Policy::new(vec![calls("bender*", &["human_api.*", "flock_api.active"])]).on_node(name("fry"));
        let may = |from, api, method| policy.admits_call(&name(from), api, method);
        assert!(may("bender1", "human_api", "kill") && may("bender1", "flock_api", "active") && may("fry", "x", "y"));
        assert!(!may("bender1", "flock_api", "run_chef") && !may("leela", "human_api", "kill"));
        assert!(
            policy.admits_observing(&name("bender1"), "human_api")
                && !policy.admits_observing(&name("leela"), "human_api")
        );
        assert_eq!(
            policy.at_arrival(&name("leela"), "service[x]", "stop"),
            Admission::AskCard
        );
        let resources = Policy::new(vec![rule("a", "*", &["*"])]);
        assert!(resources.admits_call(&name("leela"), "human_api", "kill"));
        for bad in [
            calls("*", &["human_api"]),
            calls("*", &[".x"]),
            Rule {
                resource: "*".into(),
                ..calls("*", &["a.b"])
            },
        ] {
            assert_eq!(bad.check().unwrap_err().code(), "bad_rule");
        }
        assert!(calls("*", &["*"]).check().is_ok());
    }

    #[test]
    fn without_rules_the_card_decides() {
        let policy = Policy::default();
        assert_eq!(policy.at_arrival(&name("a"), "service[x]", "stop"), Admission::AskCard);
    }

    #[test]
    fn the_card_admits_declared_and_default_actions_reload_and_restart() {
        let (declared, default) = (["nothing".to_owned()], ["run".to_owned()]);
        for action in ["nothing", "run", "reload", "restart"] {
            assert!(admits_card(action, &declared, &default), "{action}");
        }
        assert!(!admits_card("delete", &declared, &default));
    }

    #[test]
    fn one_rule_denies_all_that_no_rule_admits() {
        let policy = Policy::new(vec![
            rule("bender*", "service[*]", &["re*"]),
            rule("*", "file[/a]", &["create"]),
        ]);
        let admission = |from, key, action| policy.at_arrival(&name(from), key, action);
        assert_eq!(admission("bender1", "service[x]", "reload"), Admission::Admitted);
        assert_eq!(admission("leela", "service[x]", "reload"), Admission::Denied);
        assert_eq!(admission("bender1", "service[x]", "stop"), Admission::Denied);
        assert_eq!(admission("leela", "file[/a]", "create"), Admission::Admitted);
        assert_eq!(admission("leela", "file[/ab]", "create"), Admission::Denied);
    }

    #[test]
    fn a_node_is_always_admitted_to_itself() {
        let policy = Policy::new(vec![rule("nobody", "*", &["*"])]).on_node(name("fry"));
        assert_eq!(
            policy.at_arrival(&name("fry"), "execute[x]", "run"),
            Admission::Admitted
        );
        assert_eq!(
            policy.at_arrival(&name("leela"), "execute[x]", "run"),
            Admission::Denied
        );
    }

    #[test]
    fn a_rule_that_admits_nothing_is_refused() {
        assert!(rule("*", "*", &["*"]).check().is_ok());
        assert!(rule("a", "service[*]", &["restart"]).check().is_ok());
        for bad in [
            rule("", "*", &["*"]),
            rule("*", "service", &["*"]),
            rule("*", "*", &[]),
            rule("*", "*", &[""]),
        ] {
            assert_eq!(bad.check().unwrap_err().code(), "bad_rule");
        }
    }

    #[test]
    fn the_denial_names_who_what_and_the_remedy() {
        let error = Policy::default().denial(&name("a"), "service[x]", "stop");
        assert_eq!((error.kind(), error.code()), (crate::ErrorKind::Denied, "policy"));
        for part in ["a may not run stop of service[x]", "[[allow]]"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
}
