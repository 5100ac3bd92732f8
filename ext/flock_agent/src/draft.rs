//! What a draft must look like to be kept at all; checked where it is written and again where it is stored.

use flock_core::{
    Error, Result,
    id::{is_uuid, split_key},
    limits, subscription,
    target::Targets,
};
use prost::Message;

use crate::pb;

/// The moments at which Chef fires a notification.
const TIMINGS: [&str; 4] = ["", "before", "immediately", "delayed"];

/// Checks a draft: everything that can be seen without the store.
///
/// # Errors
/// `configuration` naming the field and what it may hold; the same draft will never be accepted.
pub fn check(draft: &pb::Draft) -> Result<()> {
    if !is_uuid(&draft.id) {
        return Err(invalid(format!("the id {:?} is not a UUID in lower case", draft.id)));
    }
    if !draft.cause_root.is_empty() && !is_uuid(&draft.cause_root) {
        return Err(invalid(format!(
            "cause_root {:?} is not a UUID in lower case",
            draft.cause_root
        )));
    }
    if !draft.subscription.is_empty() {
        subscription::check_id(&draft.subscription)?;
    }
    split_key(&draft.key)?;
    check_words(draft)?;
    check_numbers(draft)?;
    check_targets(draft.targets.as_ref())
}

/// The time to live, with the default filled in.
pub fn ttl_ms(draft: &pb::Draft) -> u64 {
    match draft.ttl_ms {
        0 => limits::TTL_DEFAULT_MS,
        asked => asked,
    }
}

/// The timing, with the default filled in.
pub fn timing(draft: &pb::Draft) -> &str {
    match draft.timing.as_str() {
        "" => "immediately",
        asked => asked,
    }
}

/// The names, when names are all that is asked for: then no directory has to be asked.
pub fn named_targets(asked: &pb::Targets) -> Option<&[String]> {
    let needless = targets(asked).is_ok_and(|targets| !targets.needs_directory());
    needless.then_some(&asked.nodes)
}

/// The selector as the core knows it.
///
/// # Errors
/// `configuration` when `match` or `when_none` is none of their words.
pub fn targets(asked: &pb::Targets) -> Result<Targets> {
    Ok(Targets {
        nodes: asked.nodes.clone(),
        roles: asked.roles.clone(),
        recipes: asked.recipes.clone(),
        environment: asked.environment.clone(),
        policy_name: asked.policy_name.clone(),
        policy_group: asked.policy_group.clone(),
        tags: asked.tags.clone(),
        cloud: asked.cloud.clone(),
        services: asked.services.clone(),
        select: asked.r#match.parse()?,
        when_none: asked.when_none.parse()?,
    })
}

fn check_words(draft: &pb::Draft) -> Result<()> {
    let action = &draft.action;
    let is_word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    if action.is_empty() || action.len() > limits::ACTION_BYTES || !action.bytes().all(is_word) {
        return Err(invalid(format!(
            "{action:?} is not an action: letters, digits and _, as in :reload"
        )));
    }
    if TIMINGS.contains(&draft.timing.as_str()) {
        Ok(())
    } else {
        Err(invalid(format!(
            "the timing {:?} is none of :before, :immediately, :delayed",
            draft.timing
        )))
    }
}

fn check_numbers(draft: &pb::Draft) -> Result<()> {
    at_most("ttl (ms)", draft.ttl_ms, limits::TTL_MAX_MS)?;
    at_most("retry", draft.retry.into(), limits::RETRY_MAX.into())?;
    at_most("number of sources", draft.sources.len() as u64, limits::SOURCES as u64)?;
    let longest = draft.sources.iter().map(|source| source.key.len()).max();
    at_most(
        "longest source (bytes)",
        longest.unwrap_or(0) as u64,
        limits::KEY_BYTES as u64,
    )?;
    at_most(
        "length of the chain",
        draft.chain.len() as u64,
        limits::DRAFT_HOPS as u64,
    )?;
    at_most("size (bytes)", draft.encoded_len() as u64, limits::DRAFT_BYTES as u64)
}

fn check_targets(asked: Option<&pb::Targets>) -> Result<()> {
    let checked = targets(asked.unwrap_or(&pb::Targets::default())).and_then(|targets| targets.validate());
    checked.map_err(|e| invalid(e.message().to_owned()).with_code(e.code()))
}

fn at_most(what: &str, found: u64, limit: u64) -> Result<()> {
    if found <= limit {
        return Ok(());
    }
    Err(invalid(format!("its {what} is {found}, at most {limit} is allowed")))
}

fn invalid(why: String) -> Error {
    Error::configuration(format!("the notification cannot be kept: {why}")).with_code("bad_draft")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A valid draft for `node`; `n` makes its id.
    pub(crate) fn draft(n: u32, node: &str) -> pb::Draft {
        pb::Draft {
            id: id(n),
            key: "service[nginx]".into(),
            action: "reload".into(),
            timing: "delayed".into(),
            targets: Some(pb::Targets {
                nodes: vec![node.into()],
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    pub(crate) fn id(n: u32) -> String {
        format!("01900000-0000-7000-8000-{n:012x}")
    }

    /// A valid draft for whoever has `tag`.
    pub(crate) fn tagged(n: u32, tag: &str) -> pb::Draft {
        let targets = pb::Targets {
            tags: vec![tag.into()],
            ..Default::default()
        };
        pb::Draft {
            targets: Some(targets),
            ..draft(n, "x")
        }
    }

    fn refused(spoil: impl FnOnce(&mut pb::Draft)) -> String {
        let mut draft = draft(1, "bender1");
        spoil(&mut draft);
        let error = check(&draft).unwrap_err();
        assert_eq!(error.kind(), flock_core::ErrorKind::Configuration);
        error.message().to_owned()
    }

    fn asked(draft: &mut pb::Draft) -> &mut pb::Targets {
        draft.targets.as_mut().unwrap()
    }

    #[test]
    fn the_smallest_drafts_pass() {
        check(&draft(1, "bender1")).unwrap();
        check(&tagged(1, "web")).unwrap();
    }

    #[test]
    fn each_field_that_is_wrong_is_named() {
        assert!(refused(|d| d.id = "x".into()).contains("not a UUID"));
        assert!(refused(|d| d.cause_root = "x".into()).contains("cause_root"));
        assert!(refused(|d| d.key = "nginx".into()).contains("type[name]"));
        assert!(refused(|d| d.action = String::new()).contains("action"));
        assert!(refused(|d| d.action = "re load".into()).contains("action"));
        assert!(refused(|d| d.timing = "later".into()).contains(":delayed"));
        assert!(refused(|d| d.ttl_ms = limits::TTL_MAX_MS + 1).contains("ttl"));
        assert!(refused(|d| d.retry = limits::RETRY_MAX + 1).contains("retry"));
        assert!(refused(|d| d.sources = vec![pb::Source::default(); limits::SOURCES + 1]).contains("sources"));
        let long = pb::Source {
            key: "x".repeat(limits::KEY_BYTES + 1),
            ..Default::default()
        };
        assert!(refused(|d| d.sources = vec![long]).contains("source"));
        assert!(refused(|d| d.chain = vec![pb::Hop::default(); limits::DRAFT_HOPS + 1]).contains("chain"));
        assert!(refused(|d| asked(d).environment = "x".repeat(limits::DRAFT_BYTES)).contains("size"));
    }

    #[test]
    fn targets_must_say_whom_they_mean() {
        assert!(refused(|d| d.targets = None).contains("no target"));
        assert!(refused(|d| asked(d).nodes.clear()).contains("no target"));
        assert!(refused(|d| asked(d).nodes = vec!["a b".into()]).contains("node name"));
        assert!(refused(|d| asked(d).nodes = vec!["a".into(); limits::TARGETS + 1]).contains("nodes"));
        assert!(refused(|d| asked(d).when_none = "never".into()).contains("when_none"));
        assert!(refused(|d| asked(d).roles = vec!["role[web]".into()]).contains("\"web\""));
        for text in ["some", "0", "-1", "+1", "0%", "101%", "%", "99999999999"] {
            assert!(refused(|d| asked(d).r#match = text.into()).contains("match"), "{text}");
        }
        for text in ["all", "any", "3", "1%", "100%"] {
            let mut draft = draft(1, "a");
            asked(&mut draft).r#match = text.into();
            check(&draft).unwrap();
        }
    }

    #[test]
    fn names_alone_need_no_directory() {
        let mut asked = pb::Targets {
            nodes: vec!["a".into()],
            r#match: "all".into(),
            ..Default::default()
        };
        assert_eq!(named_targets(&asked), Some(&["a".to_owned()][..]));
        asked.tags = vec!["web".into()];
        assert_eq!(named_targets(&asked), None);
        asked.tags.clear();
        asked.r#match = "any".into();
        assert_eq!(named_targets(&asked), None);
    }
}
