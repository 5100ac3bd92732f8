use super::*;

fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn web() -> Facts {
    Facts {
        name: "web1".into(),
        environment: "prod".into(),
        roles: list(&["base", "web"]),
        recipes: list(&["nginx", "app::deploy"]),
        policy_name: "p".into(),
        policy_group: "g".into(),
        tags: list(&["blue", "eu"]),
        cloud: "dc1".into(),
        services: list(&["/simple/echo"]),
    }
}

fn with(change: impl FnOnce(&mut Targets)) -> Targets {
    let mut targets = Targets::default();
    change(&mut targets);
    targets
}

#[test]
fn every_field_that_is_set_must_hold() {
    let fits: [fn(&mut Targets); 9] = [
        |t| t.nodes = list(&["x", "web1"]),
        |t| t.roles = list(&["web", "base"]),
        |t| t.recipes = list(&["nginx::default", "app::deploy"]),
        |t| t.environment = "prod".into(),
        |t| t.policy_name = "p".into(),
        |t| t.policy_group = "g".into(),
        |t| t.tags = list(&["eu"]),
        |t| t.cloud = "dc1".into(),
        |t| t.services = list(&["/simple/echo"]),
    ];
    let all = with(|t| fits.iter().for_each(|fit| fit(t)));
    assert!(all.matches(&web()));
    let misses: [fn(&mut Targets); 9] = [
        |t| t.nodes = list(&["x"]),
        |t| t.roles = list(&["web", "db"]),
        |t| t.recipes = list(&["app"]),
        |t| t.environment = "test".into(),
        |t| t.policy_name = "q".into(),
        |t| t.policy_group = "h".into(),
        |t| t.tags = list(&["eu", "green"]),
        |t| t.cloud = "dc2".into(),
        |t| t.services = list(&["/other"]),
    ];
    for miss in misses {
        let mut targets = all.clone();
        miss(&mut targets);
        assert!(!targets.matches(&web()), "{targets:?}");
    }
}

#[test]
fn a_cookbook_is_its_default_recipe() {
    assert!(same_recipe("cb", "cb::default"));
    assert!(same_recipe("cb::default", "cb"));
    assert!(!same_recipe("cb", "cb::other"));
    assert!(!same_recipe("cb", "cb2"));
}

#[test]
fn no_target_at_all_is_refused() {
    let error = Targets::default().validate().unwrap_err();
    assert_eq!(error.code(), "bad_targets");
    assert!(error.message().contains("roles:"));
    assert!(with(|t| t.select = Match::Any).validate().is_err());
}

#[test]
fn each_criterion_alone_is_enough() {
    let each: [fn(&mut Targets); 3] = [
        |t| t.nodes = list(&["a"]),
        |t| t.tags = list(&["a"]),
        |t| t.environment = "a".into(),
    ];
    for fill in each {
        assert!(with(fill).validate().is_ok());
    }
}

#[test]
fn what_was_meant_otherwise_is_refused_with_what_to_write() {
    let error = with(|t| t.roles = list(&["role[web]"])).validate().unwrap_err();
    assert!(error.message().contains("\"web\""), "{error}");
    assert!(with(|t| t.recipes = list(&["recipe[cb]"])).validate().is_err());
    assert!(with(|t| t.tags = list(&[""])).validate().is_err());
    assert_eq!(Targets::nodes(["a/b"]).validate().unwrap_err().code(), "bad_node_name");
}

#[test]
fn limits_are_refused_by_name() {
    let many = Targets::nodes((0..=limits::TARGETS).map(|n| format!("n{n}")));
    assert_eq!(many.validate().unwrap_err().code(), "too_many_targets");
    let long = "x".repeat(limits::TARGET_WORD_BYTES + 1);
    assert!(with(|t| t.cloud = long).validate().is_err());
    let words = vec!["x".to_owned(); limits::TARGET_WORDS + 1];
    assert!(with(|t| t.tags = words).validate().is_err());
}

#[test]
fn names_alone_need_no_directory() {
    assert!(!Targets::nodes(["a"]).needs_directory());
    let mut any = Targets::nodes(["a", "b"]);
    any.select = Match::Any;
    assert!(any.needs_directory());
    assert!(with(|t| t.tags = list(&["a"])).needs_directory());
}
