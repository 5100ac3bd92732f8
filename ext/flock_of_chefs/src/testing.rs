//! `FlockOfChefs::Native::Probe`: what the process specs need and nobody else does; feature `testing`.

use std::{path::PathBuf, thread, time::Duration};

use flock_core::Error;
use magnus::{DataTypeFunctions, Module, Object, RModule, Ruby, TypedData, function, method};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::Mutex,
};

use crate::{guard::guard, running::Running, runtime::Runtime, wait::wait};

const LIMIT: Duration = Duration::from_secs(30);
/// As many on every machine, for specs to count.
const THREADS: usize = 2;

#[derive(TypedData)]
#[magnus(class = "FlockOfChefs::Native::Probe", free_immediately, size)]
struct Probe(Running<Line>);

/// A connection to a spec's own server.
#[derive(Default)]
struct Line(Mutex<Option<BufReader<UnixStream>>>);

impl DataTypeFunctions for Probe {
    fn free(self: Box<Self>) {
        self.0.release();
    }
}

impl Probe {
    fn new(ruby: &Ruby) -> Result<Self, magnus::Error> {
        guard(ruby, || {
            Ok(Self(Running::new(Runtime::start(THREADS)?, Line::default())))
        })
    }

    #[allow(clippy::panic)]
    fn panic(ruby: &Ruby, _this: &Self) -> Result<(), magnus::Error> {
        guard(ruby, || panic!("as asked"))
    }

    #[allow(clippy::panic)]
    fn task_panic(ruby: &Ruby, this: &Self) -> Result<(), magnus::Error> {
        guard(ruby, || {
            wait(ruby, &this.0.get()?.0, LIMIT, async { panic!("as asked, in a task") })
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
            wait(ruby, &this.0.get()?.0, Duration::from_millis(limit_ms), work)
        })
    }

    fn busy(ruby: &Ruby, this: &Self, ms: u64) -> Result<(), magnus::Error> {
        guard(ruby, || {
            this.0
                .get()?
                .0
                .spawn_blocking(move || thread::sleep(Duration::from_millis(ms)));
            Ok(())
        })
    }

    fn connect(ruby: &Ruby, this: &Self, path: PathBuf) -> Result<(), magnus::Error> {
        guard(ruby, || {
            let (runtime, line) = this.0.get()?;
            let work = async move {
                let stream = UnixStream::connect(path).await.map_err(broken)?;
                *line.0.lock().await = Some(BufReader::new(stream));
                Ok(())
            };
            wait(ruby, &runtime, LIMIT, work)
        })
    }

    fn echo(ruby: &Ruby, this: &Self, text: String) -> Result<String, magnus::Error> {
        guard(ruby, || {
            let (runtime, line) = this.0.get()?;
            let work = async move {
                let mut line = line.0.lock().await;
                let stream = line.as_mut().ok_or_else(|| Error::not_started("connect first"))?;
                stream.write_all(format!("{text}\n").as_bytes()).await.map_err(broken)?;
                let mut answer = String::new();
                stream.read_line(&mut answer).await.map_err(broken)?;
                Ok(answer.trim_end().to_owned())
            };
            wait(ruby, &runtime, LIMIT, work)
        })
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::connection(error.to_string())
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
