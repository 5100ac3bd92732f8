//! Promises on sessions, leases and fencing.

use super::*;

async fn open(h: &impl Harness, owner: &str) -> Session {
    let session = h.registry().open_session(owner, LEASE_MS).await.unwrap();
    run(&h.registry(), vec![ephemeral(&format!("live/{owner}"), &session)])
        .await
        .unwrap();
    session
}

async fn assert_fenced(registry: &Arc<dyn Registry>, session: &Session) {
    assert_eq!(registry.renew(session).await.unwrap_err().code(), "fenced");
    assert_eq!(code(registry, vec![ephemeral("live/fenced", session)]).await, "fenced");
}

pub(crate) async fn closing_a_session_takes_its_entries(h: impl Harness) {
    let registry = h.registry();
    let (a, _b) = (open(&h, "a").await, open(&h, "b").await);
    run(&registry, vec![put("nodes/a", "stays"), ephemeral("more/a", &a)])
        .await
        .unwrap();
    registry.close_session(&a).await.unwrap();
    assert_eq!(keys(&registry, "").await, ["live/b", "nodes/a"]);
    registry.close_session(&a).await.unwrap();
    assert_fenced(&registry, &a).await;
}

pub(crate) async fn a_newer_session_fences_the_older(h: impl Harness) {
    let registry = h.registry();
    let old = open(&h, "a").await;
    let new = registry.open_session("a", LEASE_MS).await.unwrap();
    assert!(new.epoch > old.epoch);
    assert_eq!(registry.get("live/a").await.unwrap(), None);
    assert_fenced(&registry, &old).await;
    run(&registry, vec![ephemeral("live/a", &new)]).await.unwrap();
    registry.close_session(&old).await.unwrap();
    assert!(registry.get("live/a").await.unwrap().is_some());
    registry.renew(&new).await.unwrap();
}

pub(crate) async fn silence_ends_a_session_and_renewal_keeps_it(h: impl Harness) {
    let registry = h.registry();
    let (kept, silent) = (open(&h, "kept").await, open(&h, "silent").await);
    for _ in 0..4 {
        registry.renew(&kept).await.unwrap();
        h.pass(LEASE_MS / 2).await;
    }
    registry.renew(&kept).await.unwrap();
    until_keys(&registry, "live/", &["live/kept"]).await;
    assert_fenced(&registry, &silent).await;
    registry.renew(&kept).await.unwrap();
}

pub(crate) async fn an_ended_session_can_do_nothing(h: impl Harness) {
    let registry = h.registry();
    let ended = open(&h, "a").await;
    registry.close_session(&ended).await.unwrap();
    assert_eq!(
        code(&registry, vec![put("plain", ""), ephemeral("live/a", &ended)]).await,
        "fenced"
    );
    assert!(keys(&registry, "").await.is_empty());
    let never = Session {
        owner: "never".into(),
        epoch: 7,
    };
    assert_fenced(&registry, &never).await;
    registry.close_session(&never).await.unwrap();
}

pub(crate) async fn a_clock_jump_ends_no_session(h: impl Harness) {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let registry = h.registry();
    let (kept, _silent) = (open(&h, "kept").await, open(&h, "silent").await);
    h.jump(DAY_MS);
    registry.renew(&kept).await.unwrap();
    h.jump(-2 * DAY_MS);
    registry.renew(&kept).await.unwrap();
    assert_eq!(keys(&registry, "live/").await, ["live/kept", "live/silent"]);
    for _ in 0..4 {
        h.pass(LEASE_MS / 2).await;
        registry.renew(&kept).await.unwrap();
    }
    until_keys(&registry, "live/", &["live/kept"]).await;
}

pub(crate) async fn a_restart_gives_a_grace_and_then_ends_the_silent(mut h: impl Harness) {
    let silent = open(&h, "silent").await;
    h.pass(LEASE_MS).await;
    h.restart().await;
    let registry = h.registry();
    let (fresh, _sentinel) = (open(&h, "fresh").await, open(&h, "sentinel").await);
    for _ in 0..2 {
        h.pass(LEASE_MS * 5 / 4).await;
        registry.renew(&fresh).await.unwrap();
    }
    // Two and a half leases after the start, a session that was opened then has gone, one that was resumed has not.
    until_keys(&registry, "live/", &["live/fresh", "live/silent"]).await;
    registry.renew(&silent).await.unwrap();
    for _ in 0..2 {
        h.pass(LEASE_MS * 5 / 4).await;
        registry.renew(&fresh).await.unwrap();
    }
    until_keys(&registry, "live/", &["live/fresh"]).await;
    assert_fenced(&registry, &silent).await;
}

pub(crate) async fn a_session_outlives_a_restart(mut h: impl Harness) {
    let session = open(&h, "a").await;
    h.restart().await;
    let registry = h.registry();
    assert_eq!(keys(&registry, "live/").await, ["live/a"]);
    registry.renew(&session).await.unwrap();
    run(&registry, vec![ephemeral("live/more", &session)]).await.unwrap();
    registry.close_session(&session).await.unwrap();
    assert!(keys(&registry, "live/").await.is_empty());
}

pub(crate) async fn epochs_grow_over_restarts(mut h: impl Harness) {
    let mut last = 0;
    for _ in 0..3 {
        let session = open(&h, "a").await;
        assert!(session.epoch > last);
        last = session.epoch;
        h.registry().close_session(&session).await.unwrap();
        h.restart().await;
    }
}
