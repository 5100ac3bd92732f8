//! Any order of arrivals, claims, ends, deaths and crashes: nothing that was acknowledged is lost, and nothing runs twice unless the
//! first run ended badly and `retry` allows another.

use std::collections::BTreeMap;

use flock_core::notification::State;
use proptest::prelude::*;
use rusqlite::Connection;

use super::{
    super::{
        result::WorkerResult,
        settle::commit,
        verdict::{Evidence, Verdict, verdict},
    },
    *,
};
use crate::{
    fixtures::NOW_MS,
    store::inbox::{self, Arrival, Claim},
};

#[derive(Debug, Clone)]
enum Step {
    /// Number `n` arrives, perhaps not for the first time; `n` decides sender, key and retry.
    Admit { n: u32 },
    /// The oldest group is claimed; the agent may die before the commit.
    Claim { durable: bool },
    /// The worker begins with the action.
    Start,
    /// The worker ends with a result.
    End { well: bool },
    /// The worker dies.
    Kill,
    /// The agent looks at the job; it may die before the commit.
    Settle { durable: bool },
    /// The agent is killed and started again.
    Crash,
    /// Pauses pass.
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let durable = || prop_oneof![4 => Just(true), 1 => Just(false)];
    let step = prop_oneof![
        4 => (0..8_u32).prop_map(|n| Step::Admit { n }),
        4 => durable().prop_map(|durable| Step::Claim { durable }),
        4 => Just(Step::Start),
        3 => any::<bool>().prop_map(|well| Step::End { well }),
        2 => Just(Step::Kill),
        5 => durable().prop_map(|durable| Step::Settle { durable }),
        1 => Just(Step::Crash),
        2 => Just(Step::Wait),
    ];
    proptest::collection::vec(step, 1..80)
}

struct Worker {
    job: String,
    alive: bool,
    started: bool,
    result: Option<&'static str>,
}

/// How the runs of one notification ended; `None` = the run is not settled yet.
type Runs = Vec<Option<State>>;

struct World {
    dir: tempfile::TempDir,
    conn: Connection,
    now_ms: u64,
    jobs: u32,
    worker: Option<Worker>,
    runs: BTreeMap<u32, Runs>,
    done_jobs: u32,
}

fn open(dir: &Path) -> Connection {
    let conn = Connection::open(dir.join("state.db")).unwrap();
    conn.pragma_update(None, "synchronous", "OFF").unwrap();
    conn
}

fn request(n: u32) -> pb::Envelope {
    pb::Envelope {
        key: format!("execute[{}]", n % 2),
        retry: n % 3,
        ..envelope(["a", "b"][(n / 4) as usize], n)
    }
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(&dir.path().join("state.db")).unwrap());
        let conn = open(dir.path());
        Self {
            conn,
            dir,
            now_ms: NOW_MS,
            jobs: 0,
            worker: None,
            runs: BTreeMap::new(),
            done_jobs: 0,
        }
    }

    /// Runs `work` in a transaction that reaches the disk, or not.
    fn transact<T>(&self, durable: bool, work: impl FnOnce(&Connection) -> Result<T>) -> T {
        self.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        let result = work(&self.conn).unwrap();
        self.conn
            .execute_batch(if durable { "COMMIT" } else { "ROLLBACK" })
            .unwrap();
        result
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Admit { n } => self.admit(*n),
            Step::Claim { durable } => self.claim(*durable),
            Step::Start => self.start(),
            Step::End { well } => self.end(*well),
            Step::Kill => self.worker.iter_mut().for_each(|worker| worker.alive = false),
            Step::Settle { durable } => self.settle(*durable),
            Step::Crash => self.conn = open(self.dir.path()),
            Step::Wait => self.now_ms += limits::RUN_PAUSE_CAP_MS,
        }
    }

    fn admit(&mut self, n: u32) {
        let envelope = request(n);
        let arrival = Arrival {
            envelope: &envelope,
            arrived_run: 1,
            now_ms: self.now_ms,
        };
        let answer = self.transact(true, |conn| inbox::admit(conn, &arrival));
        let known = self
            .runs
            .insert(n, self.runs.get(&n).cloned().unwrap_or_default())
            .is_some();
        assert_eq!(answer == inbox::Admitted::Duplicate, known);
    }

    fn claim(&mut self, durable: bool) {
        let candidates = inbox::candidates(&self.conn, self.now_ms).unwrap();
        let (Some(first), None) = (candidates.first(), &self.worker) else {
            return;
        };
        self.jobs += 1;
        let job = uuid(1000 + self.jobs);
        let rows: Vec<i64> = candidates
            .iter()
            .filter(|c| c.key == first.key)
            .map(|c| c.row)
            .collect();
        let claim = Claim {
            job: &job,
            key: &first.key,
            action: &first.action,
            generation: 1,
            pid: 1,
            pid_start: 1,
            timeout_ms: 1,
            chain: &[],
            cause_root: "",
            now_ms: self.now_ms,
        };
        assert_eq!(
            self.transact(durable, |conn| inbox::claim(conn, &claim, &rows)),
            rows.len()
        );
        // Without the commit there is no `go`: the worker reads the end of its input and ends.
        if durable {
            self.worker = Some(Worker {
                job,
                alive: true,
                started: false,
                result: None,
            });
        }
    }

    fn start(&mut self) {
        let Some(worker) = self.worker.as_mut().filter(|worker| worker.alive && !worker.started) else {
            return;
        };
        worker.started = true;
        let job = worker.job.clone();
        for n in self.served(&job) {
            let runs = self.runs.get_mut(&n).unwrap();
            let ended_badly = |run: &Option<State>| matches!(run, Some(State::Failed | State::Unknown));
            assert!(runs.iter().all(ended_badly), "{n} runs again after {runs:?}");
            runs.push(None);
            assert!(runs.len() <= request(n).retry as usize + 1, "{n} ran too often");
        }
    }

    fn end(&mut self, well: bool) {
        let Some(worker) = self.worker.as_mut().filter(|worker| worker.alive) else {
            return;
        };
        worker.alive = false;
        worker.result = Some(match (worker.started, well) {
            (true, true) => "done",
            (true, false) => "failed",
            (false, true) => "busy",
            (false, false) => "stale",
        });
    }

    fn settle(&mut self, durable: bool) {
        let Some(worker) = &self.worker else { return };
        let job = inbox::job(&self.conn, &worker.job).unwrap().unwrap();
        let evidence = Evidence {
            result: worker.result.map(|status| result(&job.job, status)),
            alive: worker.alive,
            started: worker.started,
            ..Default::default()
        };
        let now_ms = self.now_ms;
        let served = self.served(&job.job);
        match verdict(evidence) {
            Verdict::Wait => return,
            Verdict::Defer(deferral) => {
                self.transact(durable, |conn| inbox::unclaim(conn, &job.job, &deferral, now_ms));
            }
            Verdict::Finish(ending, drafts) => {
                let state = ending.state;
                self.transact(durable, |conn| commit(conn, &sink, &job, ending, drafts, now_ms));
                if durable {
                    self.done_jobs += u32::from(state == State::Done);
                    served
                        .iter()
                        .for_each(|n| *self.runs.get_mut(n).unwrap().last_mut().unwrap() = Some(state));
                }
            }
        }
        if durable {
            self.worker = None;
        }
    }

    fn served(&self, job: &str) -> Vec<u32> {
        let mut statement = self
            .conn
            .prepare("SELECT id FROM inbox WHERE job = ?1 AND state = 'claimed'")
            .unwrap();
        let ids = statement.query_map([job], |r| r.get::<_, String>(0)).unwrap();
        ids.map(|id| u32::from_str_radix(&id.unwrap()[24..], 16).unwrap())
            .collect()
    }

    fn check(&self) {
        let jobs: Vec<String> = inbox::jobs(&self.conn)
            .unwrap()
            .into_iter()
            .map(|job| job.job)
            .collect();
        let worker: Vec<String> = self.worker.iter().map(|worker| worker.job.clone()).collect();
        assert_eq!(jobs, worker, "a claim is on disk as long as its worker may be at it");
        for (n, runs) in &self.runs {
            let state = self.state(*n);
            let last = runs.last().copied().flatten();
            if state.is_final() {
                assert_eq!(last, Some(state), "{n}");
            } else {
                assert_ne!(last, Some(State::Done), "{n} is done but would run again");
            }
            assert_eq!(
                state == State::Claimed,
                worker.iter().any(|job| self.served(job).contains(n))
            );
        }
        assert_eq!(self.sent(), self.done_jobs, "an action's own notifications leave once");
    }

    fn state(&self, n: u32) -> State {
        let read = |r: &rusqlite::Row<'_>| r.get::<_, String>(0);
        let state = self
            .conn
            .query_row("SELECT state FROM inbox WHERE id = ?1", [uuid(n)], read);
        State::parse(&state.expect("what was acknowledged is there")).unwrap()
    }

    fn sent(&self) -> u32 {
        self.conn
            .query_row("SELECT COUNT(*) FROM sent", [], |r| r.get(0))
            .unwrap_or(0)
    }

    /// From here on everything goes well.
    fn drain(&mut self) {
        for _ in 0..self.runs.len() * 12 {
            for step in [
                Step::Crash,
                Step::Wait,
                Step::Start,
                Step::End { well: true },
                Step::Settle { durable: true },
                Step::Claim { durable: true },
            ] {
                self.take(&step);
                self.check();
            }
        }
        for n in self.runs.keys() {
            assert!(self.state(*n).is_final(), "{n} is still {:?}", self.state(*n));
        }
    }
}

fn result(job: &str, status: &str) -> WorkerResult {
    let drafts = if status == "done" {
        vec![draft(9, "file[next]")]
    } else {
        Vec::new()
    };
    serde_json::from_value(serde_json::json!({"job": job, "status": status, "drafts": drafts})).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_runs_twice_unawares(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.drain();
    }
}
