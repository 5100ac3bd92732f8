//! Texts of users and of other nodes: join strings, names, keys, patterns.

use flock_core::{
    glob,
    id::{NodeName, escape, is_uuid, split_key, unescape},
    notification::State,
    policy::{Policy, Rule},
    target::{Match, WhenNone},
};

use super::Target;
use crate::{
    hub::keys,
    identity::{JoinString, join_string},
    text,
};

pub(super) fn targets() -> Vec<Target> {
    let joining = join_string(
        &["10.0.0.4:22222".into(), "hub2:1".into()],
        "ab12",
        "t1",
        "s3cret",
        "alice",
    );
    vec![
        Target::new("join_string", vec![joining.into()], |input| lossy(input, join)),
        Target::new(
            "names",
            vec!["web1.example.com".into(), "a%2Fb%C3%B6".into(), "döner".into()],
            |input| lossy(input, name),
        ),
        Target::new(
            "globs",
            vec!["service[*]\0service[nginx]".into(), "*a*b?\0xaybz".into()],
            |input| lossy(input, pattern),
        ),
        Target::new(
            "words",
            ["all", "any", "3", "50%", "wait", "expired"].map(Vec::from).into(),
            |input| lossy(input, word),
        ),
    ]
}

fn lossy(input: &[u8], probe: fn(&str)) {
    probe(&String::from_utf8_lossy(input));
}

fn join(text: &str) {
    if let Ok(parts) = JoinString::parse(text) {
        let again = join_string(&parts.hubs, &parts.pin, &parts.token_id, &parts.secret, &parts.operator);
        assert_eq!(JoinString::parse(&again).unwrap(), parts);
        assert!(!format!("{parts:?}").contains(&format!("{:?}", parts.secret)) || parts.secret.is_empty());
    }
}

fn name(text: &str) {
    assert_eq!(unescape(&escape(text)).as_deref(), Some(text));
    if let Some(plain) = unescape(text) {
        assert_eq!(escape(&plain), text);
    }
    if let Ok(name) = NodeName::parse(text) {
        let key = keys::key(keys::NODES, &name);
        assert_eq!(keys::name_in(keys::NODES, &key).as_deref(), Some(text));
        assert!(!name.escaped().contains('/'));
    }
    is_uuid(text);
    assert!(text::cut(text, 16).len() <= 16 && text.starts_with(text::cut(text, 16)));
}

fn pattern(both: &str) {
    // Patterns and keys have their own limits; those of agent.toml are lines, keys are 4 KiB.
    let both = text::cut(both, 8 * 1024);
    let (pattern, found) = both.split_once('\0').unwrap_or((both, both));
    glob::matches(pattern, found);
    let key = glob::matches_key(pattern, found);
    assert!(!key || split_key(found).is_ok());
    assert!(glob::matches("*", found));
    let rule = Rule {
        from: pattern.into(),
        resource: pattern.into(),
        actions: vec!["run".into()],
        call: Vec::new(),
    };
    if rule.check().is_ok()
        && let Ok(from) = NodeName::parse(found)
    {
        let policy = Policy::new(vec![rule]);
        policy.at_arrival(&from, found, "run");
        policy.denial(&from, found, "run");
    }
}

fn word(text: &str) {
    if let Ok(select) = text.parse::<Match>() {
        for found in [0, 1, 7, usize::MAX] {
            assert!(select.of(found) <= found, "{select:?} of {found}");
        }
    }
    let _ = text.parse::<WhenNone>();
    assert!(State::parse(text).is_none_or(|state| state.as_str() == text));
}
