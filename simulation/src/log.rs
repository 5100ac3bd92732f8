//! What happened, in the words of the simulation; the same seed writes the same log.

use std::fmt::Write as _;

/// Lines in the order of simulated time.
pub struct Log {
    lines: Vec<String>,
    /// Whether they are printed as they come.
    live: bool,
}

impl Log {
    /// An empty one.
    pub fn new(live: bool) -> Self {
        Self {
            lines: Vec::new(),
            live,
        }
    }

    /// Adds one line.
    pub fn add(&mut self, now_ms: u64, who: &str, what: &str) {
        let mut line = String::new();
        let _ = write!(line, "{:>4}.{:03}  {who:<7} {what}", now_ms / 1000, now_ms % 1000);
        if self.live {
            println!("{line}");
        }
        self.lines.push(line);
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}
