//! `FlockOfChefs::Native::Probe`: what the process specs need and nobody else does; feature `testing`.

use std::{
    mem,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use flock_core::{Error, Result};
use magnus::{DataTypeFunctions, Module, Object, RModule, Ruby, TypedData, function, method};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync,
};

use crate::{
    guard::guard,
    runtime::{AGENT_THREADS, Runtime},
    wait::wait,
};

const LIMIT: Duration = Duration::from_secs(30);

#[derive(TypedData)]
#[magnus(class = "FlockOfChefs::Native::Probe", free_immediately, size)]
struct Probe {
    runtime: Runtime,
    line: Mutex<Option<Arc<sync::Mutex<BufReader<UnixStream>>>>>,
}

impl DataTypeFunctions for Probe {
    fn free(self: Box<Self>) {
        if self.runtime.is_foreign() {
            mem::forget(self);
        } else {
            drop(self.line);
            self.runtime.abandon();
        }
    }
}

impl Probe {
    fn new(ruby: &Ruby) -> Result<Self, magnus::Error> {
        guard(ruby, || {
            Ok(Self {
                runtime: Runtime::start(AGENT_THREADS)?,
                line: Mutex::new(None),
            })
        })
    }

    #[allow(clippy::panic)]
    fn panic(ruby: &Ruby, _this: &Self) -> Result<(), magnus::Error> {
        guard(ruby, || panic!("as asked"))
    }

    #[allow(clippy::panic)]
    fn task_panic(ruby: &Ruby, this: &Self) -> Result<(), magnus::Error> {
        guard(ruby, || {
            wait(ruby, &this.runtime.handle()?, LIMIT, async {
                panic!("as asked, in a task")
            })
        })
    }

    fn wait(ruby: &Ruby, this: &Self, ms: u64, limit_ms: u64) -> Result<(), magnus::Error> {
        guard(ruby, || {
            let work = async move {
                if ms > 0 {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                Ok(())
            };
            wait(ruby, &this.runtime.handle()?, Duration::from_millis(limit_ms), work)
        })
    }

    fn busy(ruby: &Ruby, this: &Self, ms: u64) -> Result<(), magnus::Error> {
        guard(ruby, || {
            this.runtime
                .handle()?
                .spawn_blocking(move || thread::sleep(Duration::from_millis(ms)));
            Ok(())
        })
    }

    fn connect(ruby: &Ruby, this: &Self, path: PathBuf) -> Result<(), magnus::Error> {
        guard(ruby, || {
            let work = async {
                UnixStream::connect(path)
                    .await
                    .map_err(|error| Error::connection(error.to_string()))
            };
            let stream = wait(ruby, &this.runtime.handle()?, LIMIT, work)?;
            let line = Arc::new(sync::Mutex::new(BufReader::new(stream)));
            *this.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
            Ok(())
        })
    }

    fn echo(ruby: &Ruby, this: &Self, text: String) -> Result<String, magnus::Error> {
        guard(ruby, || {
            let line = this.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let line = line.ok_or_else(|| Error::not_started("connect first"))?;
            let work = async move {
                let mut line = line.lock().await;
                let broken = |error: std::io::Error| Error::connection(error.to_string());
                line.write_all(format!("{text}\n").as_bytes()).await.map_err(broken)?;
                let mut answer = String::new();
                line.read_line(&mut answer).await.map_err(broken)?;
                Ok(answer.trim_end().to_owned())
            };
            wait(ruby, &this.runtime.handle()?, LIMIT, work)
        })
    }
}

/// Binds the class.
pub fn define(ruby: &Ruby, native: RModule) -> Result<(), magnus::Error> {
    let class = native.define_class("Probe", ruby.class_object())?;
    class.define_singleton_method("new", function!(Probe::new, 0))?;
    class.define_method("panic", method!(Probe::panic, 0))?;
    class.define_method("task_panic", method!(Probe::task_panic, 0))?;
    class.define_method("wait", method!(Probe::wait, 2))?;
    class.define_method("busy", method!(Probe::busy, 1))?;
    class.define_method("connect", method!(Probe::connect, 1))?;
    class.define_method("echo", method!(Probe::echo, 1))
}
