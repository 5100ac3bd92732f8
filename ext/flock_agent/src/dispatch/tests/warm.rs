use serde_json::json;

use super::*;

fn warm(target: &Target) -> DispatchOptions {
    DispatchOptions {
        warm: Warmth::Allowed,
        ..options(target)
    }
}

async fn warm_dispatcher(target: &Target) -> Dispatcher {
    Dispatcher::spawn(warm(target)).await.unwrap()
}

async fn next(dispatcher: &Dispatcher) -> Value {
    dispatcher.next_event(PATIENCE).await.unwrap()
}

fn prepare(target: &Target, generation: u64) -> Value {
    let dir = target.path().join("snapshots").join(generation.to_string());
    json!({"type": "prepare", "generation": generation, "snapshot_dir": dir, "ruby": {"path": "/usr/bin/ruby"}})
}

#[tokio::test]
async fn a_generation_that_can_be_fired_is_prepared_once_and_before_its_jobs() {
    let target = ready();
    target.admit(envelope("a", 1)).await;
    let dispatcher = warm_dispatcher(&target).await;
    assert_eq!(next(&dispatcher).await, prepare(&target, 5));
    let run = next(&dispatcher).await;
    assert_eq!(
        (&run["type"], &run["warm"], &run["generation"], &run["snapshot_dir"]),
        (
            &json!("run"),
            &json!(true),
            &json!(5),
            &json!(target.path().join("snapshots/5"))
        )
    );
    no_event(&dispatcher).await;
}

#[tokio::test]
async fn the_next_generation_is_prepared_even_while_a_job_runs() {
    let target = ready();
    let dispatcher = warm_dispatcher(&target).await;
    next(&dispatcher).await;
    target.admit(envelope("a", 1)).await;
    let job = id(&next(&dispatcher).await);
    let worker = Sleeper::start();
    claim_for(&dispatcher, &job, &worker).await.unwrap();
    write_snapshot(target.path(), 6, &[card("execute[x]")]);
    assert_eq!(next(&dispatcher).await, prepare(&target, 6));
}

#[tokio::test]
async fn only_the_newest_wish_is_kept_for_who_pulls_late() {
    let target = ready();
    let dispatcher = warm_dispatcher(&target).await;
    write_snapshot(target.path(), 6, &[card("execute[x]")]);
    let mut views = target.runs.subscribe();
    let newer = |view: &Arc<crate::run_state::RunView>| view.snapshot.as_ref().is_some_and(|s| s.generation == 6);
    views.wait_for(newer).await.unwrap();
    let seen = tokio::time::timeout(PATIENCE, async {
        while dispatcher.0.desk.lock().await.kept_warm != Some(6) {
            tokio::task::yield_now().await;
        }
    });
    seen.await.unwrap();
    assert_eq!(next(&dispatcher).await, prepare(&target, 6));
    no_event(&dispatcher).await;
}

#[tokio::test]
async fn what_nobody_can_fire_needs_no_warm_worker() {
    let target = ready();
    let dispatcher = warm_dispatcher(&target).await;
    next(&dispatcher).await;
    let useless = [
        with(card("execute[x]"), json!({"nested": true})),
        with(card("execute[y]"), json!({"duplicate": true})),
    ];
    write_snapshot(target.path(), 6, &useless);
    assert_eq!(next(&dispatcher).await, json!({"type": "retire"}));
    no_event(&dispatcher).await;
}

#[tokio::test]
async fn without_warmth_jobs_are_for_cold_workers() {
    for warm in [Warmth::NotWanted, Warmth::LittleMemory] {
        let target = ready();
        let cold = DispatchOptions {
            warm,
            ..options(&target)
        };
        let dispatcher = Dispatcher::spawn(cold).await.unwrap();
        target.admit(envelope("a", 1)).await;
        assert_eq!(event(&dispatcher).await["warm"], false);
        assert_eq!(dispatcher.worker_state().state, "off");
        assert!(!dispatcher.worker_state().message.is_empty());
    }
}

#[test]
fn a_gibibyte_is_enough() {
    let decide = |memory| Warmth::decide(true, memory);
    assert_eq!(decide(Some(limits::WARM_MEMORY_BYTES)), Warmth::Allowed);
    assert_eq!(decide(Some(limits::WARM_MEMORY_BYTES - 1)), Warmth::LittleMemory);
    assert_eq!(decide(None), Warmth::Allowed);
    assert_eq!(Warmth::decide(false, None), Warmth::NotWanted);
}

#[tokio::test]
async fn how_the_worker_is_can_be_asked() {
    let target = ready();
    let dispatcher = warm_dispatcher(&target).await;
    assert_eq!(dispatcher.worker_state().state, "cold");
    let told = json!({"state": "backing_off", "generation": 5, "failures": 2, "message": "signal 9"});
    assert_eq!(dispatcher.call("worker_state", told.clone()).await.unwrap(), json!({}));
    assert_eq!(serde_json::to_value(dispatcher.worker_state()).unwrap(), told);
}
