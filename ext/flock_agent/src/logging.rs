//! Logs on stderr, as lines for people or as JSON for collectors.

use std::{
    io::{self, Write},
    sync::{Mutex, OnceLock, PoisonError},
};

use flock_core::{Error, Result};
use tracing_subscriber::{EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt};

use crate::config::LogFormat;

/// What `[log] level` and `flockctl log-level` may say.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The filter of this process's log, once it logs, and the level that it was made of.
static FILTER: OnceLock<(reload::Handle<EnvFilter, Registry>, Mutex<String>)> = OnceLock::new();

/// Starts logging for this process; later calls change nothing.
///
/// `level` is one of `error`, `warn`, `info`, `debug`, `trace` for what is ours; the libraries beneath stay at `warn`: what they say below
/// that is for their own developers, and a failed start is to print one line.
pub fn start(format: LogFormat, level: &str) {
    let (filter, handle) = reload::Layer::new(filter(level));
    let registry = tracing_subscriber::registry().with(filter);
    let line = fmt::layer().with_writer(|| OneLine(io::stderr())).with_ansi(false);
    // A second agent in the same process (tests) keeps the first one's log.
    let started = match format {
        LogFormat::Text => registry.with(line.with_target(false)).try_init(),
        LogFormat::Json => registry.with(line.json().flatten_event(true)).try_init(),
    };
    if started.is_ok() {
        let _ = FILTER.set((handle, Mutex::new(level.to_owned())));
    }
}

fn filter(level: &str) -> EnvFilter {
    let beneath = if level == "error" { level } else { "warn" };
    let ours = format!("{beneath},flock_agent={level},flock_core={level},flock_of_chefs={level}");
    EnvFilter::try_new(ours).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// What this process logs; `""` = nothing was started.
pub fn level() -> String {
    FILTER.get().map_or_else(String::new, |(_, level)| {
        level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    })
}

/// Changes what this process logs, until it ends.
///
/// # Errors
/// `configuration` when `level` is none of [`LEVELS`]; `internal` when this process does not log.
pub fn set_level(level: &str) -> Result<()> {
    if !LEVELS.contains(&level) {
        let message = format!("{level:?} is no level; the levels are {}", LEVELS.join(", "));
        return Err(Error::configuration(message).with_code("bad_level"));
    }
    let (handle, known) = FILTER
        .get()
        .ok_or_else(|| Error::internal("this process does not log"))?;
    handle
        .reload(filter(level))
        .map_err(|e| Error::internal(format!("the level could not be changed: {e}")))?;
    level.clone_into(&mut known.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(())
}

/// Writes each event as one line: messages quote what other nodes and recipes wrote, and none of them may write a line of its own,
/// or speak to the terminal.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    /// One call is one event, with its line end.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        self.0.write_all(escaped(text.trim_end_matches('\n')).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            // As JSON has them: the line may be a document.
            c if c.is_control() => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_it_quotes() {
        let mut written = Vec::new();
        let event = "refused: file[a\n2026 ERROR all is lost] \u{1b}[31m\u{9b}1m\n".as_bytes();
        assert_eq!(OneLine(&mut written).write(event).unwrap(), event.len());
        let line = String::from_utf8(written).unwrap();
        assert_eq!(line, "refused: file[a\\n2026 ERROR all is lost] \\u001b[31m\\u009b1m\n");
    }

    #[test]
    fn tracing_writes_an_event_in_one_call() {
        let written = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = std::sync::Arc::clone(&written);
        let writer = move || OneLine(Shared(std::sync::Arc::clone(&sink)));
        let subscriber = tracing_subscriber::registry().with(fmt::layer().with_writer(writer).with_ansi(false));
        tracing::subscriber::with_default(subscriber, || tracing::info!(a = "b\nc", "first\nsecond {}", "\u{7f}"));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(text.ends_with('\n') && text.contains("first\\nsecond"));
    }

    #[test]
    fn the_level_can_be_changed_while_it_logs() {
        assert_eq!(set_level("loud").unwrap_err().code(), "bad_level");
        start(LogFormat::Text, "warn");
        set_level("debug").unwrap();
        assert_eq!(level(), "debug");
        assert!(tracing::enabled!(target: "flock_agent", tracing::Level::DEBUG));
        set_level("error").unwrap();
        assert!(!tracing::enabled!(target: "flock_agent", tracing::Level::WARN));
    }

    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
