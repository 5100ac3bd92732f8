use super::*;

#[tokio::test]
async fn a_selector_goes_to_all_that_match_but_not_to_strangers() {
    let found = nodes(&[("a", "alive"), ("b", "gone"), ("typo", "unknown")]);
    let bench = Bench::new(|script| script.nodes = Ok(found)).await;
    bench.append(tagged(1, "web")).await;
    let records = bench.reaches(1, "stored").await;
    assert_eq!(
        records.iter().map(|record| record.peer.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

#[tokio::test]
async fn a_selector_without_a_match_ends_or_waits_as_it_says() {
    let bench = Bench::new(|_| {}).await;
    bench.append(tagged(1, "web")).await;
    assert_eq!(bench.reaches(1, "undeliverable").await[0].code, "no_target");
    let mut waiting = tagged(2, "web");
    waiting.targets.as_mut().unwrap().when_none = "wait".into();
    bench.append(waiting).await;
    bench.until("the directory was asked", |script| script.asked >= 2).await;
    assert_eq!(bench.record(2).await[0].state, "queued");
    bench.world.script().nodes = Ok(nodes(&[("a", "alive")]));
    bench.sender.directory_changed();
    bench.reaches(2, "stored").await;
}

#[tokio::test]
async fn an_old_or_missing_answer_of_the_directory_decides_nothing() {
    let stale = pb::Nodes {
        stale: true,
        ..Default::default()
    };
    let bench = Bench::new(|script| script.nodes = Ok(stale)).await;
    bench.append(tagged(1, "web")).await;
    bench.until("the directory was asked", |script| script.asked >= 1).await;
    bench.world.script().nodes = Err(Error::connection("no hub"));
    let asked = bench.world.script().asked;
    bench
        .until("the directory was asked again", |script| script.asked > asked)
        .await;
    assert_eq!(bench.record(1).await[0].state, "queued");
    bench.world.script().nodes = Ok(nodes(&[("a", "alive")]));
    bench.sender.nudge();
    bench.reaches(1, "stored").await;
}
