use super::*;

#[tokio::test]
async fn outcomes_are_reported_until_their_senders_have_them() {
    let outcome = |n: u32| pb::Outcome {
        id: id(n),
        state: "done".into(),
        attempt: 1,
        ..Default::default()
    };
    let bench = Bench::new(|script| {
        script.down.insert("away".into());
        for n in 0..400 {
            script.to_report.push(("away".into(), outcome(n)));
        }
        script.to_report.push(("here".into(), outcome(1_000)));
    })
    .await;
    bench
        .until("the one behind many was told", |script| !script.reported.is_empty())
        .await;
    let told = bench.world.script().reported[0].clone();
    assert_eq!((told.0.as_str(), told.1.target.as_str()), ("here", "self"));
    bench
        .until("its return is waited for", |script| script.watched.contains("away"))
        .await;
    bench.world.script().down.clear();
    bench.sender.present("away");
    bench.until("all were told", |script| script.to_report.is_empty()).await;
    assert_eq!(bench.world.script().reported.len(), 401);
}

#[tokio::test]
async fn outcomes_of_own_notifications_come_home_without_the_network() {
    let bench = Bench::new(|_| {}).await;
    bench.append(draft(1, "self")).await;
    bench.reaches(1, "stored").await;
    let outcome = pb::Outcome {
        id: id(1),
        state: "done".into(),
        attempt: 1,
        ..Default::default()
    };
    bench.world.script().to_report.push(("self".into(), outcome));
    bench.sender.nudge();
    bench.reaches(1, "done").await;
    bench.until("it is marked", |script| script.to_report.is_empty()).await;
    assert_eq!(bench.world.script().reported, []);
}
