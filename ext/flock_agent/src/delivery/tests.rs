//! The sender against a network, a directory and an inbox that the test scripts; the store is a real one.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use flock_core::{Error, ErrorKind, Result, limits};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    ports::{Courier, Directory, LocalInbox, Reports},
    send::{Sender, SenderParts},
};
use crate::{
    clock::Clock,
    draft::tests::{draft, id, tagged},
    pb::{self, receipt::Verdict},
    store::{Store, outbox, tests::temporary},
};

/// What a peer does with the next offers; when the script is over, it stores them.
struct Script {
    answers: HashMap<String, VecDeque<Result<pb::Receipt>>>,
    down: BTreeSet<String>,
    offered: Vec<pb::Envelope>,
    reported: Vec<(String, pb::Outcome)>,
    to_report: Vec<(String, pb::Outcome)>,
    admitted: Vec<pb::Envelope>,
    nodes: Result<pb::Nodes>,
    asked: usize,
    watched: BTreeSet<String>,
}

struct World(Mutex<Script>);

impl Default for Script {
    fn default() -> Self {
        Self {
            answers: HashMap::new(),
            down: BTreeSet::new(),
            offered: Vec::new(),
            reported: Vec::new(),
            to_report: Vec::new(),
            admitted: Vec::new(),
            nodes: Ok(pb::Nodes::default()),
            asked: 0,
            watched: BTreeSet::new(),
        }
    }
}

impl World {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }
}

fn receipt(verdict: Verdict) -> pb::Receipt {
    pb::Receipt {
        verdict: verdict.into(),
        code: "why".into(),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl Courier for World {
    async fn offer(&self, target: &str, envelope: pb::Envelope) -> Result<pb::Receipt> {
        let mut script = self.script();
        if script.down.contains(target) {
            return Err(Error::connection("no way"));
        }
        script.offered.push(envelope);
        let next = script.answers.get_mut(target).and_then(VecDeque::pop_front);
        next.unwrap_or_else(|| Ok(receipt(Verdict::Stored)))
    }

    async fn report(&self, sender: &str, outcome: pb::Outcome) -> Result<()> {
        let mut script = self.script();
        if script.down.contains(sender) {
            return Err(Error::connection("no way"));
        }
        script.reported.push((sender.into(), outcome));
        Ok(())
    }
}

#[tonic::async_trait]
impl Directory for World {
    async fn resolve(&self, _id: &str, _targets: &pb::Targets) -> Result<pb::Nodes> {
        let mut script = self.script();
        script.asked += 1;
        script.nodes.clone()
    }

    fn watch(&self, names: BTreeSet<String>) {
        self.script().watched = names;
    }

    fn clock_skewed(&self) -> bool {
        false
    }
}

#[tonic::async_trait]
impl LocalInbox for World {
    async fn admit(&self, envelope: pb::Envelope) -> Result<pb::Receipt> {
        self.script().admitted.push(envelope);
        Ok(receipt(Verdict::Stored))
    }
}

#[tonic::async_trait]
impl Reports for World {
    async fn due(&self, except: &BTreeSet<String>, limit: usize) -> Result<Vec<(String, pb::Outcome)>> {
        let script = self.script();
        let due = script.to_report.iter().filter(|(sender, _)| !except.contains(sender));
        Ok(due.take(limit).cloned().collect())
    }

    async fn reported(&self, sender: &str, outcomes: Vec<pb::Outcome>) -> Result<()> {
        let told = |one: &(String, pb::Outcome)| one.0 == sender && outcomes.contains(&one.1);
        self.script().to_report.retain(|one| !told(one));
        Ok(())
    }
}

struct Bench {
    _dir: TempDir,
    store: Store,
    world: Arc<World>,
    sender: Sender,
    cancel: CancellationToken,
}

impl Bench {
    async fn new(prepare: impl FnOnce(&mut Script)) -> Self {
        let (dir, store) = temporary();
        let world = Arc::new(World(Mutex::new(Script::default())));
        prepare(&mut world.script());
        let (sender, cancel) = start(&store, &world).await;
        Self {
            _dir: dir,
            store,
            world,
            sender,
            cancel,
        }
    }

    async fn append(&self, draft: pb::Draft) {
        let now_ms = Clock::system().now_ms();
        self.store
            .write(move |conn| outbox::append(conn, &draft, now_ms))
            .await
            .unwrap();
    }

    async fn record(&self, n: u32) -> Vec<pb::Record> {
        self.store
            .read(move |conn| outbox::records(conn, &id(n)))
            .await
            .unwrap()
    }

    /// Waits until all deliveries of notification `n` are in `state`.
    async fn reaches(&self, n: u32, state: &str) -> Vec<pb::Record> {
        let mut commits = self.store.commits();
        let found = async {
            loop {
                let records = self.record(n).await;
                if !records.is_empty() && records.iter().all(|record| record.state == state) {
                    return records;
                }
                commits.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found)
            .await
            .unwrap_or_else(|_| panic!("notification {n} never became {state}"))
    }

    async fn until(&self, what: &str, holds: impl Fn(&Script) -> bool) {
        let wait = async {
            while !holds(&self.world.script()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("never: {what}"));
    }
}

async fn start(store: &Store, world: &Arc<World>) -> (Sender, CancellationToken) {
    let cancel = CancellationToken::new();
    let parts = SenderParts {
        store: store.clone(),
        own_name: "self".into(),
        clock: Clock::system(),
        directory: world.clone(),
        courier: world.clone(),
        local: world.clone(),
        reports: world.clone(),
        cancel: cancel.clone(),
    };
    (Sender::spawn(parts).await.unwrap(), cancel)
}

fn nodes(names: &[(&str, &str)]) -> pb::Nodes {
    let node = |(name, presence): &(&str, &str)| pb::NodeInfo {
        name: (*name).into(),
        presence: (*presence).into(),
        ..Default::default()
    };
    pb::Nodes {
        nodes: names.iter().map(node).collect(),
        ..Default::default()
    }
}

fn numbered(n: u32, node: &str) -> pb::Draft {
    pb::Draft {
        action: format!("act{n}"),
        ..draft(n, node)
    }
}

#[tokio::test]
async fn an_appended_draft_is_offered_with_the_senders_name_and_stored() {
    let bench = Bench::new(|_| {}).await;
    bench.append(draft(1, "a")).await;
    bench.reaches(1, "stored").await;
    let offered = bench.world.script().offered.clone();
    assert_eq!(offered.len(), 1);
    assert_eq!((offered[0].sender.as_str(), offered[0].target.as_str()), ("self", "a"));
    assert!(offered[0].incarnation > 0 && offered[0].seq > 0);
}

#[tokio::test]
async fn own_notifications_to_oneself_do_not_touch_the_network() {
    let bench = Bench::new(|_| {}).await;
    bench.append(draft(1, "self")).await;
    bench.reaches(1, "stored").await;
    let script = bench.world.script();
    assert_eq!((script.admitted.len(), script.offered.len()), (1, 0));
}

#[tokio::test]
async fn each_target_gets_its_notifications_in_order() {
    let bench = Bench::new(|script| script.down.extend(["a".to_owned()])).await;
    let count = 3 * limits::DELIVERY_BATCH as u32;
    for n in 1..=count {
        bench.append(numbered(n, "a")).await;
    }
    bench.world.script().down.clear();
    bench.sender.present("a");
    bench.reaches(count, "stored").await;
    let order: Vec<u64> = bench
        .world
        .script()
        .offered
        .iter()
        .map(|envelope| envelope.seq)
        .collect();
    assert_eq!(order.len(), count as usize);
    assert!(order.is_sorted());
}

#[tokio::test]
async fn refusals_end_a_notification_and_do_not_hold_up_the_next() {
    let answers = [Verdict::Denied, Verdict::Refused].map(|verdict| Ok(receipt(verdict)));
    let bench = Bench::new(|script| drop(script.answers.insert("a".into(), answers.into()))).await;
    for n in 1..=3 {
        bench.append(numbered(n, "a")).await;
    }
    assert_eq!(bench.reaches(1, "denied").await[0].code, "why");
    bench.reaches(2, "undeliverable").await;
    bench.reaches(3, "stored").await;
}

#[tokio::test]
async fn a_busy_target_is_asked_again_after_its_pause() {
    let busy = pb::Receipt {
        retry_after_ms: 1,
        ..receipt(Verdict::Busy)
    };
    let bench = Bench::new(|script| drop(script.answers.insert("a".into(), [Ok(busy)].into()))).await;
    bench.append(draft(1, "a")).await;
    bench.reaches(1, "stored").await;
    assert_eq!(bench.world.script().offered.len(), 2);
}

#[tokio::test]
async fn a_target_that_is_back_is_tried_at_once() {
    let long = pb::Receipt {
        retry_after_ms: limits::BUSY_RETRY_AFTER_MAX_MS,
        ..receipt(Verdict::Busy)
    };
    let bench = Bench::new(|script| drop(script.answers.insert("a".into(), [Ok(long)].into()))).await;
    bench.append(draft(1, "a")).await;
    bench
        .until("the target said busy", |script| script.offered.len() == 1)
        .await;
    bench.sender.present("a");
    bench.reaches(1, "stored").await;
}

#[tokio::test]
async fn what_surely_did_not_arrive_can_be_superseded_and_what_may_have_cannot() {
    let lost = Error::new(ErrorKind::OutcomeUnknown, "cut off");
    let bench = Bench::new(|script| {
        script.down.insert("down".into());
        script.answers.insert("cut".into(), [Err(lost)].into());
    })
    .await;
    bench.append(draft(1, "down")).await;
    bench.append(draft(2, "cut")).await;
    bench
        .until("the call was cut off", |script| script.offered.len() == 1)
        .await;
    bench.append(draft(3, "down")).await;
    bench.append(draft(4, "cut")).await;
    bench.reaches(1, "superseded").await;
    bench.reaches(2, "stored").await;
    bench.reaches(4, "stored").await;
    assert_eq!(bench.world.script().watched, BTreeSet::from(["down".to_owned()]));
}

#[tokio::test]
async fn one_notification_that_always_fails_does_not_hold_up_the_others() {
    let failing = (0..50).map(|_| Err(Error::internal("always"))).collect();
    let bench = Bench::new(|script| {
        script.down.insert("a".into());
        script.answers.insert("a".into(), failing);
    })
    .await;
    for n in 1..=3 {
        bench.append(numbered(n, "a")).await;
    }
    {
        let mut script = bench.world.script();
        let answers = script.answers.get_mut("a").unwrap();
        answers.truncate(1);
        script.down.clear();
    }
    bench.sender.present("a");
    for n in 1..=3 {
        bench.reaches(n, "stored").await;
    }
    let first_round: Vec<u64> = bench
        .world
        .script()
        .offered
        .iter()
        .take(3)
        .map(|envelope| envelope.seq)
        .collect();
    assert_eq!(
        first_round.len(),
        BTreeSet::from_iter(first_round.clone()).len(),
        "the others went in the same round"
    );
}

#[tokio::test]
async fn a_restart_takes_up_what_was_on_its_way() {
    let lost = Error::new(ErrorKind::Timeout, "silent");
    let bench = Bench::new(|script| drop(script.answers.insert("a".into(), [Err(lost)].into()))).await;
    bench.append(draft(1, "a")).await;
    bench
        .until("the offer was lost", |script| script.offered.len() == 1)
        .await;
    bench.cancel.cancel();
    bench.sender.stopped().await;
    let (_sender, cancel) = start(&bench.store, &bench.world).await;
    bench.reaches(1, "stored").await;
    let offered = bench.world.script().offered.clone();
    assert!(offered.len() >= 2);
    assert!(
        offered
            .iter()
            .all(|envelope| envelope.id == id(1) && envelope.incarnation == offered[0].incarnation)
    );
    cancel.cancel();
}

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
