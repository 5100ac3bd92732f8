//! One machine: its disk, and what runs on it between two crashes.

pub mod files;
mod recipe;
pub use recipe::{keep, short};
pub mod ruby;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use flock_agent::{
    agent::Agent,
    clock::Clock,
    config::Config,
    identity::{Identity, JoinOptions},
    pb::{self, local_server::Local},
};
use flock_core::Error;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tonic::Request;

use crate::flock::{EPOCH_MS, Flock, NAMES};

/// What the scenario asks of a machine that runs.
pub enum Command {
    /// Someone notifies, and may wait for the end.
    Notify { draft: Box<pb::Draft>, waits: bool },
    /// The oracle asks how the agent is, and the hub's for the directory.
    Look,
    /// A process asks something of the agent; the sender is dropped when that ends.
    Ask(Box<Question>, oneshot::Sender<Result<Answer, Error>>),
    /// The operator stops the agent.
    Stop,
}

/// What a process that waits asks.
pub enum Question {
    Call(pb::CallRequest),
    Resolve(pb::Targets),
    Observe(pb::ObserveRequest),
}

/// What it is answered.
pub enum Answer {
    Reply(pb::CallReply),
    Nodes(pb::Nodes),
    Observed,
}

/// How long after a jump of its clock a machine lets nothing end by age: an hour would be most of a simulation.
pub const SETTLING_MS: u64 = 20_000;

/// A machine; what is in it survives crashes.
pub struct Node {
    pub name: &'static str,
    pub data_dir: PathBuf,
    config: PathBuf,
    /// What its clock is ahead of the true time, in milliseconds.
    pub offset_ms: Arc<AtomicI64>,
    commands: Mutex<Option<mpsc::UnboundedSender<Command>>>,
    /// Handed over by a recipe, not yet answered.
    pub pending: Mutex<Vec<pb::Draft>>,
}

impl Node {
    pub fn new(name: &'static str, dir: &Path, offset_ms: i64) -> Self {
        let home = dir.join(name);
        Self {
            name,
            data_dir: home.join("data"),
            config: home.join("agent.toml"),
            offset_ms: Arc::new(AtomicI64::new(offset_ms)),
            commands: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    fn is_hub(&self) -> bool {
        self.name == NAMES[0]
    }

    /// Its time of day.
    pub fn clock(&self, flock: &Arc<Flock>) -> Clock {
        let (offset, flock) = (Arc::clone(&self.offset_ms), Arc::clone(flock));
        Clock::from_fn(move || {
            let now_ms = crate::flock::now_ms(&flock.state());
            (EPOCH_MS + now_ms).saturating_add_signed(offset.load(Ordering::Relaxed))
        })
        .settling_within(SETTLING_MS)
    }

    /// Asks the running machine for something; false = it does not run.
    pub fn ask(&self, command: Command) -> bool {
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.as_ref().is_some_and(|commands| commands.send(command).is_ok())
    }

    /// What of its configuration is not the default: short leases, so that much happens in little time.
    pub fn install(&self, flock: &Arc<Flock>) {
        let registry = if self.is_hub() {
            "[registry]\nurl = \"embedded\"\nlease_ms = 4000\n"
        } else {
            ""
        };
        let text = format!(
            "name = {name:?}\ndata_dir = {data:?}\nlisten = \"0.0.0.0:22222\"\nadvertise = \"{name}:22222\"\ntags = [\"tag-{name}\"]\ncloud = \"dc1\"\n{registry}[worker]\ntimeout_ms = 20000\n[log]\nlevel = \"{level}\"\n",
            name = self.name,
            data = self.data_dir,
            level = std::env::var("FLOCK_SIMULATION_LOG").unwrap_or_else(|_| "error".into()),
        );
        std::fs::create_dir_all(self.config.parent().expect("a folder")).expect("a temporary folder");
        std::fs::write(&self.config, text).expect("a temporary file");
        if self.is_hub() {
            let config = Config::load(Some(&self.config)).expect("a configuration");
            Identity::init(&config, self.clock(flock).now_ms()).expect("an identity");
        }
    }

    /// What the machine runs from its start until it crashes or is stopped.
    pub async fn run(self: Arc<Self>, flock: Arc<Flock>) {
        if !self.data_dir.join("identity").exists() {
            self.join(&flock).await;
        }
        let agent = match Agent::start_in(self.config.clone(), self.clock(&flock)).await {
            Ok(agent) => Arc::new(agent),
            Err(error) => return flock.violation(self.name, format!("the agent does not start: {error}")),
        };
        flock.log(self.name, "the agent runs");
        // As the connections of a process that ends.
        let stopped = CancellationToken::new();
        let (sender, mut commands) = mpsc::unbounded_channel();
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        tokio::spawn(ruby::pull(Arc::clone(&self), Arc::clone(&flock), Arc::clone(&agent)));
        if self.is_hub() && flock.state().join.is_none() {
            invite(&flock, &agent).await;
        }
        while let Some(command) = commands.recv().await {
            let (node, flock, local) = (Arc::clone(&self), Arc::clone(&flock), agent.local());
            match command {
                Command::Notify { draft, waits } => {
                    drop(tokio::spawn(recipe::notify(node, flock, local, *draft, waits)))
                }
                Command::Ask(question, answer) => {
                    let stopped = stopped.clone();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = recipe::answer(local, *question, answer) => {}
                            () = stopped.cancelled() => {}
                        }
                    });
                }
                Command::Look => drop(tokio::spawn(recipe::look(node, flock, local))),
                Command::Stop => break,
            }
        }
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let ended = agent.stop(Duration::from_secs(1)).await;
        stopped.cancel();
        sleep(Duration::from_millis(1)).await;
        flock.log(self.name, &format!("the agent was stopped: {ended:?}"));
    }

    async fn join(&self, flock: &Arc<Flock>) {
        let config = Config::load(Some(&self.config)).expect("a configuration");
        loop {
            sleep(Duration::from_millis(100)).await;
            let Some(invitation) = flock.state().join.clone() else {
                continue;
            };
            let how = JoinOptions { replace: true };
            match Identity::join(&config, &invitation, how, self.clock(flock)).await {
                Ok(_) => return flock.log(self.name, "joined"),
                Err(error) => flock.log(self.name, &format!("cannot join yet: {}", error.code())),
            }
        }
    }
}

/// The join string for everyone, from the hub's own operator.
async fn invite(flock: &Arc<Flock>, agent: &Agent) {
    let asked = pb::TokenRequest {
        uses: 1_000,
        ..Default::default()
    };
    loop {
        match agent.local().token_create(Request::new(asked.clone())).await {
            Ok(token) => {
                flock.state().join = Some(token.into_inner().join_string);
                return;
            }
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}
