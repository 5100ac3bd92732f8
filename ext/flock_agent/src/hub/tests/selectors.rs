use super::super::testing::*;
use crate::{
    hub::{Hub, directory::Directory, keys},
    pb::{NodeInfo, ResolveRequest, Resolved, Targets},
};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn web(name: &str) -> NodeInfo {
    NodeInfo {
        environment: "prod".into(),
        roles: words(&["base", "web"]),
        recipes: words(&["nginx::default", "app::deploy"]),
        policy_name: "web".into(),
        policy_group: "eu".into(),
        tags: words(&["blue", "ssd"]),
        cloud: "dc1".into(),
        services: words(&["/app/status"]),
        ..node(name)
    }
}

fn db(name: &str) -> NodeInfo {
    NodeInfo {
        environment: "test".into(),
        roles: words(&["base", "db"]),
        recipes: words(&["pg"]),
        policy_name: "db".into(),
        policy_group: "us".into(),
        tags: words(&["green", "ssd"]),
        cloud: "dc2".into(),
        services: words(&["/db/dump"]),
        ..node(name)
    }
}

fn directory(nodes: &[NodeInfo]) -> Directory {
    let mut directory = Directory::default();
    for (revision, node) in (1..).zip(nodes) {
        let value = keys::encode_node(node).unwrap();
        directory.change(&keys::key(keys::NODES, &name(&node.name)), Some(&value), revision);
    }
    directory
}

fn live(directory: &mut Directory, called: &str, presence: &str) {
    let value = format!(r#"{{"presence":"{presence}","epoch":1,"hub":"hub"}}"#);
    directory.change(&format!("live/{called}"), Some(value.as_bytes()), 100);
}

fn ask(targets: Targets) -> ResolveRequest {
    ResolveRequest {
        targets: Some(targets),
        id: "id-1".into(),
        ..Default::default()
    }
}

fn names(resolved: &Resolved) -> Vec<&str> {
    resolved.nodes.iter().map(|node| node.name.as_str()).collect()
}

#[test]
fn every_selector_finds_its_nodes() {
    let directory = directory(&[web("w1"), db("d1"), web("w2"), node("bare")]);
    let t = Targets::default;
    let cases: Vec<(Targets, &[&str])> = vec![
        (t(), &["bare", "d1", "w1", "w2"]),
        (
            Targets {
                nodes: words(&["w2", "d1"]),
                ..t()
            },
            &["d1", "w2"],
        ),
        (
            Targets {
                roles: words(&["web"]),
                ..t()
            },
            &["w1", "w2"],
        ),
        (
            Targets {
                roles: words(&["base"]),
                ..t()
            },
            &["d1", "w1", "w2"],
        ),
        (
            Targets {
                roles: words(&["web", "db"]),
                ..t()
            },
            &[],
        ),
        (
            Targets {
                recipes: words(&["nginx"]),
                ..t()
            },
            &["w1", "w2"],
        ),
        (
            Targets {
                recipes: words(&["pg::default"]),
                ..t()
            },
            &["d1"],
        ),
        (
            Targets {
                recipes: words(&["app"]),
                ..t()
            },
            &[],
        ),
        (
            Targets {
                environment: "prod".into(),
                ..t()
            },
            &["bare", "w1", "w2"],
        ),
        (
            Targets {
                policy_name: "db".into(),
                ..t()
            },
            &["d1"],
        ),
        (
            Targets {
                policy_group: "eu".into(),
                ..t()
            },
            &["w1", "w2"],
        ),
        (
            Targets {
                tags: words(&["ssd", "green"]),
                ..t()
            },
            &["d1"],
        ),
        (
            Targets {
                cloud: "dc2".into(),
                ..t()
            },
            &["d1"],
        ),
        (
            Targets {
                services: words(&["/app/status"]),
                ..t()
            },
            &["w1", "w2"],
        ),
        (
            Targets {
                nodes: words(&["w1", "d1"]),
                tags: words(&["ssd"]),
                cloud: "dc1".into(),
                ..t()
            },
            &["w1"],
        ),
        (
            Targets {
                roles: words(&["nobody"]),
                ..t()
            },
            &[],
        ),
    ];
    for (targets, expected) in cases {
        let found = directory.resolve(&ask(targets.clone())).unwrap();
        assert_eq!(names(&found), expected, "{targets:?}");
        assert_eq!(found.total, expected.len() as u64);
    }
}

#[test]
fn facts_that_changed_are_found_by_what_they_are_now() {
    let mut directory = directory(&[web("w1"), web("w2")]);
    let value = keys::encode_node(&NodeInfo {
        tags: words(&["red"]),
        ..web("w1")
    })
    .unwrap();
    assert!(directory.change("nodes/w1", Some(&value), 9).facts);
    assert!(
        directory.change("nodes/w1", Some(&value), 10).is_empty(),
        "the same again is no change"
    );
    let by_tag = |tag: &str| {
        ask(Targets {
            tags: words(&[tag]),
            ..Default::default()
        })
    };
    assert_eq!(names(&directory.resolve(&by_tag("blue")).unwrap()), ["w2"]);
    assert_eq!(names(&directory.resolve(&by_tag("red")).unwrap()), ["w1"]);
    assert!(directory.change("nodes/w1", None, 11).facts);
    assert!(names(&directory.resolve(&by_tag("red")).unwrap()).is_empty());
}

#[test]
fn names_that_nobody_knows_come_back_as_unknown() {
    let directory = directory(&[web("w1")]);
    let found = directory.resolve(&ask(named(&["zz", "w1", "aa", "zz"]))).unwrap();
    assert_eq!(names(&found), ["w1", "aa", "zz"]);
    assert_eq!(found.nodes[1].presence, "unknown");
    assert_eq!(found.total, 1, "who is unknown does not count");
    let any = Targets {
        r#match: "any".into(),
        ..named(&["aa", "w1"])
    };
    assert_eq!(names(&directory.resolve(&ask(any)).unwrap()), ["w1", "aa"]);
}

#[test]
fn match_chooses_by_the_id_and_prefers_who_lives() {
    let all: Vec<NodeInfo> = (0..10).map(|n| web(&format!("w{n}"))).collect();
    let mut directory = directory(&all);
    let of = |directory: &Directory, select: &str, id: &str| {
        let targets = Targets {
            roles: words(&["web"]),
            r#match: select.into(),
            ..Default::default()
        };
        let request = ResolveRequest {
            id: id.into(),
            ..ask(targets)
        };
        directory
            .resolve(&request)
            .map(|found| found.nodes.into_iter().map(|node| node.name).collect::<Vec<_>>())
    };
    assert_eq!(of(&directory, "all", "x").unwrap().len(), 10);
    assert_eq!(of(&directory, "any", "x").unwrap().len(), 1);
    assert_eq!(of(&directory, "3", "x").unwrap().len(), 3);
    assert_eq!(of(&directory, "25%", "x").unwrap().len(), 3, "shares are rounded up");
    assert_eq!(of(&directory, "99", "x").unwrap().len(), 10);
    assert_eq!(
        of(&directory, "3", "x"),
        of(&directory, "3", "x"),
        "the same id chooses the same nodes"
    );
    let chosen: std::collections::BTreeSet<_> = (0..50)
        .flat_map(|n| of(&directory, "any", &n.to_string()).unwrap())
        .collect();
    assert!(chosen.len() > 3, "other ids choose others: {chosen:?}");
    live(&mut directory, "w7", "alive");
    live(&mut directory, "w3", "suspect");
    for id in ["a", "b", "c"] {
        assert_eq!(of(&directory, "any", id).unwrap(), ["w7"]);
    }
    for wrong in ["some", "0", "101%"] {
        assert_eq!(of(&directory, wrong, "x").unwrap_err().code(), "bad_match");
    }
}

#[test]
fn pages_join_to_the_whole() {
    let all: Vec<NodeInfo> = (0..25).map(|n| web(&format!("w{n:02}"))).collect();
    let directory = directory(&all);
    for select in ["", "17"] {
        let targets = Targets {
            r#match: select.into(),
            ..Default::default()
        };
        let whole = directory.resolve(&ask(targets.clone())).unwrap();
        assert!(whole.next.is_empty());
        let (mut request, mut joined) = (
            ResolveRequest {
                limit: 4,
                ..ask(targets)
            },
            Vec::new(),
        );
        loop {
            let page = directory.resolve(&request).unwrap();
            assert!(page.nodes.len() <= 4 && page.total == whole.total);
            joined.extend(page.nodes);
            if page.next.is_empty() {
                break;
            }
            request.after = page.next;
        }
        assert_eq!(joined, whole.nodes);
    }
}

#[test]
fn large_flocks_are_walked_in_the_order_of_names() {
    let all: Vec<NodeInfo> = (0..6_000).map(|n| node(&format!("n{n:05}"))).collect();
    let directory = directory(&all);
    let page = directory
        .resolve(&ResolveRequest {
            after: "n00041".into(),
            limit: 3,
            ..ask(Targets::default())
        })
        .unwrap();
    assert_eq!(names(&page), ["n00042", "n00043", "n00044"]);
    assert_eq!((page.total, page.next.as_str()), (6_000, "n00044"));
}

#[tokio::test]
async fn members_ask_through_their_link() {
    let flock = Flock::new(600_000);
    let hub = flock.hub("hub");
    let a = flock.member_with(web("a"), &[&hub], |_| {});
    let b = flock.member_with(db("b"), &[&hub], |_| {});
    let base = Targets {
        roles: words(&["base"]),
        ..Default::default()
    };
    assert_eq!(a.resolves(&base, |names| names.len() == 2).await, ["a", "b"]);
    b.facts.send_modify(|facts| facts.roles = words(&["other"]));
    assert_eq!(a.resolves(&base, |names| names.len() == 1).await, ["a"]);
    assert_eq!(a.sees("b", "alive").await.roles, ["other"]);
}

#[tokio::test]
async fn a_link_joins_the_pages_up_to_a_limit() {
    let flock = Flock::new(600_000);
    for n in 0..flock_core::limits::RESOLVE_NODES {
        let value = keys::encode_node(&node(&format!("n{n:05}"))).unwrap();
        flock.registry.put_unseen(&format!("nodes/n{n:05}"), Some(value));
    }
    let hub = flock.hub("hub");
    let apart = NodeInfo {
        environment: "apart".into(),
        ..node("a")
    };
    let member = flock.member_with(apart, &[&hub], |_| {});
    member.sees("a", "alive").await;
    let prod = Targets {
        environment: "prod".into(),
        ..Default::default()
    };
    let found = member.link.resolve(prod, "id").await.unwrap();
    assert_eq!(found.nodes.len(), flock_core::limits::RESOLVE_NODES);
    assert!(found.nodes.is_sorted_by(|a, b| a.name < b.name));
    let all = member.link.resolve(Targets::default(), "id").await.unwrap_err();
    assert_eq!(all.code(), "too_many_targets");
}

#[tokio::test]
async fn a_hub_that_has_not_read_the_registry_says_so() {
    let flock = Flock::new(600_000);
    flock.registry.set_away(true);
    let hub: TestHub = flock.hub("hub");
    let service: &Hub = &hub.hub;
    let mut request = tonic::Request::new(ask(Targets::default()));
    request.extensions_mut().insert(crate::transport::PeerIdentity {
        name: name("a"),
        hub: false,
        serial: "1".into(),
        enrolment: "e1".into(),
    });
    let status = crate::pb::hub_server::Hub::resolve(service, request).await.unwrap_err();
    assert_eq!(crate::wire::error(status).code(), "hub_starting");
    flock.registry.set_away(false);
    flock.member("a", &[&hub]).sees("a", "alive").await;
}
