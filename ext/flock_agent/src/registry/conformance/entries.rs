//! Promises on entries, transactions and sequences.

use flock_core::limits;
use tokio::task::JoinSet;

use super::*;

pub(crate) async fn a_put_is_read_back_with_its_revision(h: impl Harness) {
    let registry = h.registry();
    assert_eq!(registry.get("a").await.unwrap(), None);
    let first = run(&registry, vec![put("a", "1"), put("b/c", "")]).await.unwrap();
    let entry = registry.get("a").await.unwrap().unwrap();
    assert_eq!(
        (entry.value.as_slice(), entry.revision),
        (b"1".as_slice(), first.revision)
    );
    assert_eq!(registry.get("b/c").await.unwrap().unwrap().revision, first.revision);
    let second = run(&registry, vec![put("a", "2")]).await.unwrap();
    assert!(second.revision > first.revision);
    assert_eq!(registry.get("b/c").await.unwrap().unwrap().revision, first.revision);
}

pub(crate) async fn a_listing_is_ordered_and_keeps_to_its_prefix(h: impl Harness) {
    let registry = h.registry();
    let names = ["x/b", "x/a", "x/a.b", "x-y", "xx/z", "w", "x/%7A", "x/a/b"];
    let committed = run(&registry, names.map(|name| put(name, name)).to_vec())
        .await
        .unwrap();
    let listing = registry.list("x/").await.unwrap();
    let found: Vec<_> = listing.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(found, ["x/%7A", "x/a", "x/a.b", "x/a/b", "x/b"]);
    assert!(listing.entries.iter().all(|entry| entry.value == entry.key.as_bytes()));
    assert!(listing.revision >= committed.revision);
    assert_eq!(keys(&registry, "").await.len(), names.len());
}

pub(crate) async fn expectations_guard_every_step(h: impl Harness) {
    let registry = h.registry();
    let first = run(&registry, vec![put_if("a", "1", Expect::Absent)]).await.unwrap();
    let wrong = Expect::Revision(first.revision + 1);
    for expect in [Expect::Absent, wrong] {
        for op in [
            put_if("a", "2", expect),
            Op::Delete {
                key: "a".into(),
                expect,
            },
            Op::Check {
                key: "a".into(),
                expect,
            },
        ] {
            assert_eq!(code(&registry, vec![op]).await, "conflict");
        }
    }
    let right = Expect::Revision(first.revision);
    run(
        &registry,
        vec![Op::Check {
            key: "a".into(),
            expect: right,
        }],
    )
    .await
    .unwrap();
    run(&registry, vec![put_if("a", "2", right)]).await.unwrap();
    assert_eq!(code(&registry, vec![put_if("a", "3", right)]).await, "conflict");
    assert_eq!(registry.get("a").await.unwrap().unwrap().value, b"2");
}

pub(crate) async fn a_transaction_happens_as_a_whole_or_not_at_all(h: impl Harness) {
    let registry = h.registry();
    run(&registry, vec![put("taken", "1"), put("goes", "1")]).await.unwrap();
    let ops = vec![
        put("new", "2"),
        delete("goes"),
        next("n"),
        put_if("taken", "2", Expect::Absent),
    ];
    assert_eq!(code(&registry, ops).await, "conflict");
    assert_eq!(keys(&registry, "").await, ["goes", "taken"]);
    assert_eq!(run(&registry, vec![next("n")]).await.unwrap().sequences, [1]);
    run(&registry, vec![put("new", "2"), delete("goes")]).await.unwrap();
    assert_eq!(keys(&registry, "").await, ["new", "taken"]);
}

pub(crate) async fn of_two_creators_one_wins(h: impl Harness) {
    let registry = h.registry();
    let mut creators = JoinSet::new();
    for n in 0..16 {
        let registry = Arc::clone(&registry);
        creators.spawn(async move {
            run(&registry, vec![put_if("leader", &n.to_string(), Expect::Absent)])
                .await
                .is_ok()
        });
    }
    let won = creators.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

pub(crate) async fn deleting_nothing_is_no_error(h: impl Harness) {
    let registry = h.registry();
    run(&registry, vec![delete("a")]).await.unwrap();
    run(&registry, vec![put("a", "1")]).await.unwrap();
    run(&registry, vec![delete("a")]).await.unwrap();
    assert_eq!(registry.get("a").await.unwrap(), None);
    run(&registry, vec![put_if("a", "2", Expect::Absent)]).await.unwrap();
}

pub(crate) async fn sequences_never_give_a_number_twice(h: impl Harness) {
    let registry = h.registry();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let registry = Arc::clone(&registry);
        callers.spawn(async move {
            run(&registry, vec![next("n"), next("other"), next("n")])
                .await
                .unwrap()
                .sequences
        });
    }
    let mut given: Vec<_> = callers
        .join_all()
        .await
        .into_iter()
        .flat_map(|three| [three[0], three[2]])
        .collect();
    given.sort_unstable();
    assert_eq!(given, (1..=16).collect::<Vec<_>>());
}

pub(crate) async fn a_lost_reply_is_no_second_command(mut h: impl Harness) {
    let ops = || vec![next("n"), put_if("a", "1", Expect::Absent)];
    let first = h.registry().txn("the-command", ops()).await.unwrap();
    assert_eq!(h.registry().txn("the-command", ops()).await.unwrap(), first);
    h.restart().await;
    assert_eq!(h.registry().txn("the-command", ops()).await.unwrap(), first);
    run(&h.registry(), vec![delete("a")]).await.unwrap();
    assert_eq!(h.registry().txn("the-command", ops()).await.unwrap(), first);
    assert_eq!(h.registry().get("a").await.unwrap(), None);
}

pub(crate) async fn oversize_is_refused_and_harms_nothing(h: impl Harness) {
    let registry = h.registry();
    let most = registry.capabilities().value_bytes;
    let big = |key: &str, bytes: usize| put(key, &"x".repeat(bytes));
    assert_eq!(code(&registry, vec![big("a", most + 1)]).await, "too_large");
    let pieces = registry.capabilities().txn_bytes / most + 1;
    let many = (0..pieces).map(|n| big(&format!("k{n}"), most)).collect();
    assert_eq!(code(&registry, many).await, "too_large");
    assert_eq!(
        code(&registry, vec![next("n"); limits::REGISTRY_TXN_OPS + 1]).await,
        "too_large"
    );
    run(&registry, vec![big("a", most)]).await.unwrap();
    assert_eq!(registry.get("a").await.unwrap().unwrap().value.len(), most);
}

pub(crate) async fn malformed_keys_are_refused(h: impl Harness) {
    let registry = h.registry();
    for key in ["", "/", "a//b", "a/", "a b", "ä", "."] {
        assert_eq!(code(&registry, vec![put(key, "")]).await, "bad_registry_key", "{key}");
        assert_eq!(registry.get(key).await.unwrap_err().code(), "bad_registry_key", "{key}");
    }
    assert_eq!(registry.list("a b").await.unwrap_err().code(), "bad_registry_key");
    assert_eq!(registry.watch("ä", 0).await.unwrap_err().code(), "bad_registry_key");
    assert_eq!(
        code(&registry, vec![put("a", ""), delete("a")]).await,
        "bad_transaction"
    );
}

pub(crate) async fn a_restart_keeps_all_and_goes_on_counting(mut h: impl Harness) {
    let before = run(&h.registry(), vec![put("a", "1"), put("b", "2"), next("n")])
        .await
        .unwrap();
    h.restart().await;
    let registry = h.registry();
    let listing = registry.list("").await.unwrap();
    assert!(listing.revision >= before.revision);
    assert_eq!(listing.entries.len(), 2);
    assert_eq!(listing.entries[0].revision, before.revision);
    let after = run(
        &registry,
        vec![put_if("a", "3", Expect::Revision(before.revision)), next("n")],
    )
    .await
    .unwrap();
    assert!(after.revision > before.revision);
    assert_eq!(after.sequences, [2]);
}
