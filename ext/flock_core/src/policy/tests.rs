use super::*;
use crate::holder::Holder;

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
        policy.admits_observing(&name("bender1"), "human_api") && !policy.admits_observing(&name("leela"), "human_api")
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

fn alice() -> Holder {
    Holder::parse("operator/alice").unwrap()
}

#[test]
fn an_operator_reads_and_nothing_else_unless_a_rule_names_operators() {
    let open = Policy::default();
    let for_nodes = Policy::new(vec![rule("*", "*", &["*"]), calls("*", &["*"])]);
    for policy in [&open, &for_nodes] {
        assert_eq!(policy.at_arrival(&alice(), "service[x]", "restart"), Admission::Denied);
        assert!(!policy.admits_call(&alice(), "flock_api", "run_chef"));
        assert!(!policy.admits_call(&alice(), "human_api", "kill"));
        assert!(!policy.admits_observing(&alice(), "human_api"));
        assert!(policy.admits_call(&alice(), "flock_api", "state"));
        assert!(policy.admits_listing(&alice()) && policy.sees_all(&alice()));
    }
}

#[test]
fn a_rule_about_operators_changes_nothing_for_nodes() {
    let rules = vec![
        rule("operator/al*", "service[*]", &["restart"]),
        calls("operator/*", &["flock_api.run_chef", "human_api.*"]),
    ];
    let policy = Policy::new(rules);
    assert_eq!(
        policy.at_arrival(&alice(), "service[x]", "restart"),
        Admission::Admitted
    );
    assert_eq!(policy.at_arrival(&alice(), "service[x]", "stop"), Admission::Denied);
    assert!(policy.admits_call(&alice(), "flock_api", "run_chef") && policy.admits_observing(&alice(), "human_api"));
    let bob = Holder::parse("operator/bob").unwrap();
    assert_eq!(policy.at_arrival(&bob, "service[x]", "restart"), Admission::Denied);
    // A node of the operator's name is another one.
    for node in [name("alice"), name("leela")] {
        assert_eq!(policy.at_arrival(&node, "service[x]", "stop"), Admission::AskCard);
        assert!(policy.admits_call(&node, "human_api", "kill") && policy.admits_listing(&node));
    }
}

#[test]
fn a_slash_is_for_operators_only() {
    for bad in ["operator/", "operators/*", "hub/a", "*/alice"] {
        assert_eq!(rule(bad, "*", &["*"]).check().unwrap_err().code(), "bad_rule", "{bad}");
    }
    assert!(rule("operator/*", "*", &["*"]).check().is_ok());
    let denial = Policy::default().denial(&alice(), "service[x]", "stop");
    assert!(denial.message().contains("from = \"operator/alice\""), "{denial}");
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
