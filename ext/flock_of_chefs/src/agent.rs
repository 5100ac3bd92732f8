//! `FlockOfChefs::Native::Agent`: the running agent, owned by one Ruby object.

use std::{
    mem,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flock_agent::agent::Agent as Inside;
use flock_core::{Error, Result, limits};
use magnus::{DataTypeFunctions, Module, Object, RModule, Ruby, TypedData, function, method};
use tokio::runtime::Handle;

use crate::{
    guard::{Failure, guard},
    json,
    running::Running,
    runtime::{Runtime, agent_threads},
    wait::{wait, wait_blocking},
};

#[derive(TypedData)]
#[magnus(class = "FlockOfChefs::Native::Agent", free_immediately, size)]
struct Agent {
    config_path: Option<PathBuf>,
    /// Held for a few instructions and never over a wait, so no Ruby thread ever blocks on it with Ruby's lock held.
    state: Mutex<State>,
}

enum State {
    New,
    Starting,
    Running(Running<Inside>),
    Stopped,
}

impl DataTypeFunctions for Agent {
    fn free(self: Box<Self>) {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let State::Running(running) = state {
            running.release();
        }
    }
}

impl Agent {
    fn new(config_path: Option<PathBuf>) -> Self {
        Self {
            config_path,
            state: Mutex::new(State::New),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Result<(Handle, Arc<Inside>)> {
        match &*self.state() {
            State::Running(running) => running.get(),
            State::New | State::Starting => Err(Error::not_started("the agent is not started; call #start first")),
            State::Stopped => Err(Error::not_started("the agent is stopped; make a new one")),
        }
    }

    fn start(ruby: &Ruby, this: &Self) -> Result<String, magnus::Error> {
        guard(ruby, || {
            this.begin()?;
            let started = this.start_up(ruby);
            if started.is_err() {
                *this.state() = State::New;
            }
            started
        })
    }

    fn begin(&self) -> Result<()> {
        let mut state = self.state();
        match &*state {
            State::New => {
                *state = State::Starting;
                Ok(())
            }
            State::Running(running) => running
                .get()
                .and_then(|_| Err(Error::not_started("the agent is started already; one #start is enough"))),
            State::Starting => Err(Error::not_started("the agent is being started by another thread")),
            State::Stopped => Err(Error::not_started("the agent is stopped; make a new one")),
        }
    }

    fn start_up(&self, ruby: &Ruby) -> Result<String, Failure> {
        let runtime = Runtime::start(agent_threads())?;
        let path = self.config_path.clone();
        let handle = runtime.handle()?;
        match wait(
            ruby,
            &handle,
            Duration::from_millis(limits::START_MS),
            Inside::start(path),
        ) {
            Ok((agent, info)) => {
                *self.state() = State::Running(Running::new(runtime, agent));
                Ok(info.to_string())
            }
            Err(failure) => {
                runtime.abandon();
                Err(failure)
            }
        }
    }

    fn next_event(ruby: &Ruby, this: &Self, timeout_ms: u64) -> Result<Option<String>, magnus::Error> {
        guard(ruby, || {
            let (runtime, agent) = this.running()?;
            let limit = Duration::from_millis(timeout_ms);
            let event = wait(ruby, &runtime, limit, async move { agent.next_event(limit).await })?;
            Ok(event.map(|event| event.to_string()))
        })
    }

    fn call(ruby: &Ruby, this: &Self, op: String, body: String, timeout_ms: u64) -> Result<String, magnus::Error> {
        guard(ruby, || {
            let (runtime, agent) = this.running()?;
            let body = json::parse(&body)?;
            let limit = Duration::from_millis(timeout_ms);
            let answer = wait(ruby, &runtime, limit, async move { agent.call(&op, body, limit).await })?;
            Ok(answer.to_string())
        })
    }

    fn stop(ruby: &Ruby, this: &Self, grace_ms: u64) -> Result<String, magnus::Error> {
        guard(ruby, || {
            let (handle, agent) = this.running()?;
            let grace = Duration::from_millis(grace_ms);
            let left_ms = if agent.has_left() { limits::LEFT_CLOSE_MS } else { 0 };
            let limit = grace.saturating_add(Duration::from_millis(limits::STOP_MS + left_ms));
            match wait(ruby, &handle, limit, async move { agent.stop(grace).await }) {
                Err(Failure::Ruby(interrupt)) => {
                    // Ruby must get its interrupt at once; it may not be entered again before.
                    this.take().into_iter().for_each(Running::release);
                    Err(interrupt.into())
                }
                report => {
                    this.end(ruby)?;
                    Ok(report?.to_string())
                }
            }
        })
    }

    /// Ends the threads, also when the agent did not stop in time.
    fn end(&self, ruby: &Ruby) -> Result<(), Failure> {
        let Some(running) = self.take() else {
            return Ok(());
        };
        let runtime = running.into_runtime();
        wait_blocking(ruby, move || runtime.shut_down(Duration::from_millis(limits::STOP_MS)))
    }

    fn take(&self) -> Option<Running<Inside>> {
        match mem::replace(&mut *self.state(), State::Stopped) {
            State::Running(running) => Some(running),
            State::New | State::Starting | State::Stopped => None,
        }
    }
}

/// Binds the class.
pub fn define(ruby: &Ruby, native: RModule) -> Result<(), magnus::Error> {
    let class = native.define_class("Agent", ruby.class_object())?;
    class.define_singleton_method("new", function!(Agent::new, 1))?;
    class.define_method("start", method!(Agent::start, 0))?;
    class.define_method("next_event", method!(Agent::next_event, 1))?;
    class.define_method("call", method!(Agent::call, 3))?;
    class.define_method("stop", method!(Agent::stop, 1))
}
