//! Logs on stderr, as lines for people or as JSON for collectors.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogFormat;

/// Starts logging for this process; later calls change nothing.
///
/// `level` is a filter of the `tracing` kind, `"info"` or `"warn,flock_agent::link=debug"`; the libraries beneath stay at `warn`.
pub fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let line = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // A second agent in the same process (tests) keeps the first one's log.
    let _ = match format {
        LogFormat::Text => registry.with(line.with_target(false)).try_init(),
        LogFormat::Json => registry.with(line.json().flatten_event(true)).try_init(),
    };
}
