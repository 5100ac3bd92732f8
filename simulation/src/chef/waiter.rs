//! Who waits, as `lib/flock_of_chefs/remote/waiting.rb`: asks the agent of its node, has it observe what was read, and asks again when
//! that answers. Nothing is polled beside it.

use std::sync::{Arc, Mutex, PoisonError};

use flock_agent::pb;
use flock_core::{Error, ErrorKind};
use serde_json::Value;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::{Task, end, lives, next, spawn};
use crate::{
    flock::{Flock, now_ms},
    node::{Answer, Command, Question, files},
    oracle::waiters::{self, Watched},
};

/// What one call may take, in milliseconds.
pub const CALL_MS: u64 = 5_000;
/// The agent answers this much before the process's own patience ends, in milliseconds.
pub const PATIENCE_MS: u64 = 2_000;
/// How often a line says what is waited for, in milliseconds: the longest question.
const PROGRESS_MS: u64 = 30_000;
/// Until an agent that did not answer is asked again, in milliseconds.
const PAUSE_MS: u64 = 1_000;

/// What is waited for, as the recipe has it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// All of them, read one after the other until one is not so.
    pub needs: Vec<Need>,
    pub limit_ms: u64,
}

/// Something of a node.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// No Chef run is at work there.
    Idle(&'static str),
    /// A run that ends from now on has succeeded there.
    Converged(&'static str),
    /// The flock says that it is alive.
    Alive(&'static str),
}

/// The same with what it is measured by.
#[derive(Debug, Clone, Copy)]
pub enum Condition {
    Idle(&'static str),
    Generation(&'static str, u64),
    Alive(&'static str),
}

impl Condition {
    fn of(flock: &Flock, need: Need) -> Self {
        match need {
            Need::Idle(node) => Self::Idle(node),
            Need::Alive(node) => Self::Alive(node),
            Need::Converged(node) => Self::Generation(node, files::generation(&flock.node(node).data_dir) + 1),
        }
    }

    pub fn node(&self) -> &'static str {
        match self {
            Self::Idle(node) | Self::Generation(node, _) | Self::Alive(node) => node,
        }
    }

    fn question(&self) -> Question {
        let call = |method: &str| {
            Question::Call(pb::CallRequest {
                node: self.node().to_owned(),
                api: "flock_api".into(),
                method: method.into(),
                arguments: b"[]".to_vec(),
                timeout_ms: CALL_MS,
                ..Default::default()
            })
        };
        match self {
            Self::Idle(_) => call("active"),
            Self::Generation(..) => call("state"),
            Self::Alive(node) => Question::Resolve(pb::Targets {
                nodes: vec![(*node).to_owned()],
                ..Default::default()
            }),
        }
    }

    /// Whether an answer says that it is so, and the version of that.
    fn read(&self, answer: &Answer) -> (bool, String) {
        match answer {
            Answer::Reply(reply) => {
                let value: Value = serde_json::from_slice(&reply.result).unwrap_or_default();
                let so = match self {
                    Self::Generation(_, wanted) => value["generation"].as_u64() >= Some(*wanted),
                    _ => value == Value::Bool(false),
                };
                (so, reply.version.clone())
            }
            Answer::Nodes(nodes) => {
                let presence = nodes
                    .nodes
                    .first()
                    .map(|node| node.presence.clone())
                    .unwrap_or_default();
                (presence == "alive", presence)
            }
            Answer::Observed => (false, String::new()),
        }
    }

    fn topic(&self, version: String) -> pb::Topic {
        let name = if matches!(self, Self::Alive(_)) {
            "presence"
        } else {
            "run"
        };
        pb::Topic {
            node: self.node().to_owned(),
            name: name.into(),
            version,
        }
    }
}

/// How a wait ended.
#[derive(Debug, Clone)]
pub enum End {
    Satisfied,
    /// Its time was up.
    Deadline,
    /// It waits for itself.
    Cycle(String),
    /// What no wait should meet.
    Error(String),
}

/// Where a waiter is.
#[derive(Clone)]
pub struct Waiter {
    id: u64,
    conditions: Vec<Condition>,
    /// Pid and name of the Chef run that goes on when this ends.
    run: Option<(u32, String)>,
    until_ms: u64,
    reads: Vec<pb::Topic>,
    /// Whether the block has said no.
    unmet: bool,
    asked: Option<Asked>,
}

/// A question that is with the agent.
#[derive(Clone)]
struct Asked {
    observes: bool,
    until_ms: u64,
    answer: Arc<Mutex<oneshot::Receiver<Result<Answer, Error>>>>,
}

/// Begins to wait; answers the number of the wait.
pub fn start(flock: &Arc<Flock>, node: &'static str, plan: &Plan, run: Option<(u32, String)>) -> u64 {
    let conditions: Vec<Condition> = plan.needs.iter().map(|need| Condition::of(flock, *need)).collect();
    let blocks_run = run.is_some();
    let (id, now_ms) = {
        let mut state = flock.state();
        state.next_wait += 1;
        (state.next_wait, now_ms(&state))
    };
    let waiter = Waiter {
        id,
        conditions: conditions.clone(),
        run,
        until_ms: now_ms + plan.limit_ms,
        reads: Vec::new(),
        unmet: false,
        asked: None,
    };
    flock.log(
        node,
        &format!(
            "wait {id} begins: {conditions:?}, {} ms, in a run: {blocks_run}",
            plan.limit_ms
        ),
    );
    let pid = spawn(flock, node, Task::Waiter(Box::new(waiter)));
    let watched = Watched::new(node, pid, conditions, blocks_run, now_ms, plan.limit_ms);
    flock.state().waiters.insert(id, watched);
    id
}

pub fn advance(flock: &Arc<Flock>, node: &'static str, pid: u32, mut waiter: Waiter) {
    if waiter.run.as_ref().is_some_and(|(run, _)| !lives(flock, *run)) {
        return super::kill(flock, pid);
    }
    let pause_ms = match waiter.asked.take() {
        None => ask(flock, node, pid, &mut waiter),
        Some(asked) => match outcome(flock, &asked) {
            None => {
                waiter.asked = Some(asked);
                Ok(0)
            }
            Some(outcome) => waiter.hear(flock, asked.observes, outcome),
        },
    };
    match pause_ms {
        Ok(pause_ms) => next(flock, pid, Task::Waiter(Box::new(waiter)), pause_ms),
        Err(how) => {
            waiters::ended(flock, waiter.id, how);
            end(flock, pid, Some(0), None);
        }
    }
}

/// The next question: what the block reads next, or to be told of changes when it has been read.
fn ask(flock: &Arc<Flock>, node: &'static str, pid: u32, waiter: &mut Waiter) -> Result<u64, End> {
    let now_ms = now_ms(&flock.state());
    let unread = waiter.conditions.get(waiter.reads.len()).filter(|_| !waiter.unmet);
    let (question, limit_ms) = match unread {
        Some(condition) => (condition.question(), CALL_MS),
        None if now_ms >= waiter.until_ms => return Err(End::Deadline),
        None => {
            let limit_ms = (waiter.until_ms - now_ms).min(PROGRESS_MS);
            (waiter.observation(node, pid, limit_ms), limit_ms)
        }
    };
    let (sender, receiver) = oneshot::channel();
    waiter.asked = Some(Asked {
        observes: matches!(question, Question::Observe(_)),
        until_ms: now_ms + limit_ms + PATIENCE_MS,
        answer: Arc::new(Mutex::new(receiver)),
    });
    // Without an agent the sender is dropped: a connection that is refused.
    flock.node(node).ask(Command::Ask(Box::new(question), sender));
    Ok(0)
}

/// What came, or that nothing will; `None` = not yet.
fn outcome(flock: &Flock, asked: &Asked) -> Option<Result<Answer, Error>> {
    let mut answer = asked.answer.lock().unwrap_or_else(PoisonError::into_inner);
    match answer.try_recv() {
        Ok(outcome) => Some(outcome),
        Err(TryRecvError::Closed) => Some(Err(Error::connection("the agent is gone"))),
        Err(TryRecvError::Empty) if now_ms(&flock.state()) >= asked.until_ms => Some(Err(Error::timeout("no answer"))),
        Err(TryRecvError::Empty) => None,
    }
}

impl Waiter {
    /// Its process has ended, and with it the connection to the agent.
    pub fn hang_up(&mut self) {
        self.asked = None;
    }

    fn hear(&mut self, flock: &Flock, observed: bool, outcome: Result<Answer, Error>) -> Result<u64, End> {
        if let Err(error) = &outcome {
            match error.code() {
                "wait_cycle" => return Err(End::Cycle(error.message().to_owned())),
                _ if !is_passing(error) => return Err(End::Error(error.to_string())),
                _ => {}
            }
        }
        if observed {
            self.reads.clear();
            self.unmet = false;
            let left_ms = self.until_ms.saturating_sub(now_ms(&flock.state()));
            return Ok(if outcome.is_err() { PAUSE_MS.min(left_ms) } else { 0 });
        }
        let Some(condition) = self.conditions.get(self.reads.len()) else {
            return Err(End::Error("an answer to no question".into()));
        };
        if outcome.is_ok() {
            waiters::has_read(flock, self.id);
        }
        let (so, version) = outcome.map_or_else(|_| (false, String::new()), |answer| condition.read(&answer));
        self.reads.push(condition.topic(version));
        self.unmet = !so;
        match so && self.reads.len() == self.conditions.len() {
            true => Err(End::Satisfied),
            false => Ok(0),
        }
    }

    fn observation(&self, node: &str, pid: u32, timeout_ms: u64) -> Question {
        let run_id = self.run.as_ref().map(|(_, run)| run.clone());
        Question::Observe(pb::ObserveRequest {
            topics: self.reads.clone(),
            timeout_ms,
            waiter: Some(pb::Waiter {
                id: format!("wait-{}-{pid}", self.id),
                blocks_run: run_id.is_some(),
                run_id: run_id.unwrap_or_default(),
                at: waiters::at(node, self.id),
            }),
            ..Default::default()
        })
    }
}

/// Errors that are no answer yet: who is not there may come.
fn is_passing(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NodeNotFound
            | ErrorKind::ResourceNotFound
            | ErrorKind::Connection
            | ErrorKind::Timeout
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Rejected
    )
}
