//! A flock in one thread: real agents over a simulated network, with faults drawn from a seed. See `rake sim`.

mod arguments;
mod chef;
mod entropy;
mod flock;
mod log;
mod machine;
mod node;
mod oracle;
mod run;
mod scenario;
mod sweep;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use arguments::Arguments;

fn main() -> ExitCode {
    match arguments::parse(std::env::args().skip(1)) {
        Ok(Arguments::One { seed, planted, live }) => one(seed, planted, live),
        Ok(Arguments::Sweep(sweep)) => sweep::run(&sweep),
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::from(2)
        }
    }
}

/// One seed per process: what is drawn must not depend on what was drawn before.
fn one(seed: u64, planted: Option<&'static str>, live: bool) -> ExitCode {
    let dir = tempfile::Builder::new().prefix("flock-simulation-").tempdir_in(place());
    let dir = dir.expect("a temporary folder");
    let path = dir.path().to_owned();
    // A thread of its own has drawn nothing yet.
    let verdict = std::thread::Builder::new().spawn(move || {
        entropy::seed(seed);
        run::run(seed, &path, planted, live)
    });
    let verdict = verdict.map(std::thread::JoinHandle::join);
    let Ok(Ok(verdict)) = verdict else {
        println!("seed {seed}: the simulation itself failed");
        return ExitCode::FAILURE;
    };
    if verdict.violations.is_empty() {
        println!("seed {seed}: ok {:?}", verdict.ends);
        return ExitCode::SUCCESS;
    }
    if !live {
        println!("{}", verdict.log);
    }
    verdict
        .violations
        .iter()
        .for_each(|violation| println!("seed {seed}: {violation}"));
    ExitCode::FAILURE
}

/// In memory where there is such a place: a disk's syncs take most of the time, and only simulated crashes come.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    match std::env::var_os("TMPDIR") {
        None if memory.is_dir() => memory.to_owned(),
        _ => std::env::temp_dir(),
    }
}
