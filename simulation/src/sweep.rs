//! Many seeds, a process for each, as many at a time as there are cores.

use std::{
    io::Read,
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::arguments::Sweep;

/// What one seed may take of real time, which is minutes more than it does.
const LIMIT: Duration = Duration::from_secs(300);

struct Tally {
    next: AtomicU64,
    done: AtomicU64,
    enough: AtomicBool,
    /// Seed and output of those that failed.
    failed: Mutex<Vec<(u64, String)>>,
}

pub fn run(sweep: &Sweep) -> ExitCode {
    let begun = Instant::now();
    let tally = Tally {
        next: AtomicU64::new(*sweep.seeds.start()),
        done: AtomicU64::new(0),
        enough: AtomicBool::new(false),
        failed: Mutex::default(),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| work(sweep, &tally));
        }
    });
    report(sweep, tally, begun.elapsed())
}

fn work(sweep: &Sweep, tally: &Tally) {
    while !tally.enough.load(Ordering::Relaxed) {
        let seed = tally.next.fetch_add(1, Ordering::Relaxed);
        if seed > *sweep.seeds.end() {
            return;
        }
        let outcome = one(seed, sweep.planted);
        let done = tally.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(500) {
            println!("{done} seeds so far");
        }
        if let Err(output) = outcome {
            match sweep.planted {
                Some(_) => tally.enough.store(true, Ordering::Relaxed),
                None => println!("seed {seed} fails: {}", finding(&output)),
            }
            tally
                .failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((seed, output));
        }
    }
}

/// # Errors
/// What the seed printed.
fn one(seed: u64, planted: Option<&str>) -> Result<(), String> {
    let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
    command
        .args(["--quiet", "--seed", &seed.to_string()])
        .stdout(Stdio::piped())
        .stdin(Stdio::null());
    if let Some(fault) = planted {
        command.args(["--planted", fault]).stderr(Stdio::null());
    }
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    let mut pipe = child.stdout.take().ok_or("no output")?;
    let reading = thread::spawn(move || {
        let mut text = String::new();
        let _ = pipe.read_to_string(&mut text);
        text
    });
    let ended = wait(&mut child);
    let output = reading.join().unwrap_or_default();
    match ended {
        Some(true) => Ok(()),
        Some(false) => Err(output),
        None => Err(format!(
            "{output}\nseed {seed}: it hangs: killed after {} s",
            LIMIT.as_secs()
        )),
    }
}

/// Whether it ended well; `None` = it had to be killed.
fn wait(child: &mut Child) -> Option<bool> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status.success());
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn report(sweep: &Sweep, tally: Tally, took: Duration) -> ExitCode {
    let mut failed = tally.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort();
    let done = tally.done.into_inner();
    match (sweep.planted, failed.first()) {
        (None, None) => println!("{done} seeds, no violation ({:.0} s)", took.as_secs_f64()),
        (None, Some(_)) => failures(&failed, done),
        (Some(fault), None) => println!("{fault} was not found by {done} seeds"),
        (Some(fault), Some((seed, output))) => {
            println!(
                "{fault} is found by seed {seed} ({done} seeds, {:.0} s): {}",
                took.as_secs_f64(),
                finding(output)
            );
        }
    }
    match failed.is_empty() == sweep.planted.is_none() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn failures(failed: &[(u64, String)], done: u64) {
    for (seed, output) in failed.iter().take(3) {
        println!("{output}");
        println!("replay it with: bundle exec rake sim SEED={seed}");
    }
    let seeds: Vec<String> = failed.iter().map(|(seed, _)| seed.to_string()).collect();
    println!("{} of {done} seeds failed: {}", failed.len(), seeds.join(" "));
}

/// The first violation.
fn finding(output: &str) -> &str {
    let found = output.lines().find(|line| line.starts_with("seed "));
    found.unwrap_or("it does not end")
}
