//! Logs on stderr, as lines for people or as JSON for collectors.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogFormat;

/// Starts logging for this process; later calls change nothing.
///
/// `level` is one of `error`, `warn`, `info`, `debug`, `trace` for what is ours; the libraries beneath stay at `warn`: what they say below
/// that is for their own developers, and a failed start is to print one line.
pub fn start(format: LogFormat, level: &str) {
    let beneath = if level == "error" { level } else { "warn" };
    let ours = format!("{beneath},flock_agent={level},flock_core={level},flock_of_chefs={level}");
    let filter = EnvFilter::try_new(ours).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let line = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // A second agent in the same process (tests) keeps the first one's log.
    let _ = match format {
        LogFormat::Text => registry.with(line.with_target(false)).try_init(),
        LogFormat::Json => registry.with(line.json().flatten_event(true)).try_init(),
    };
}
