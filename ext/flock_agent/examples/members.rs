//! Members that only keep their sessions, as many as one asks for: what a hub needs for each is measured from outside.
//!
//! ```text
//! members JOIN_STRING...        # a token each for as many enrolments at a time
//! ```
//! Reads `grow N` from stdin and answers `{"members":N,"enrol_s":…,"connect_s":…}` when N sessions are held. Ends with stdin.

mod simulated;

use std::{
    io::{BufRead, Write},
    time::Instant,
};

use flock_agent::link::Link;
use flock_core::{Result, limits};
use simulated::{Enrolled, connected, failed, raise_descriptors};
use tokio_util::sync::CancellationToken;

/// Members that dial one address of the hub: connections between two addresses are told apart by one port only.
const PER_ADDRESS: usize = 20_000;
/// Sessions that are opened at the same time: the hub admits half of [`limits::CONNECTIONS_HANDSHAKING`] more.
const AT_ONCE: usize = limits::CONNECTIONS_HANDSHAKING / 2;

#[derive(Default)]
struct Members {
    links: Vec<Link>,
    cancel: CancellationToken,
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    raise_descriptors(limits::MEMBERS as u64 + 1_000);
    let tokens: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut members = Members::default();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let asked: usize = line.strip_prefix("grow ").unwrap_or_default().parse()?;
        let answer = runtime.block_on(members.grow(asked, &tokens))?;
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

impl Members {
    async fn grow(&mut self, asked: usize, tokens: &[String]) -> Result<serde_json::Value> {
        let begun = Instant::now();
        let enrolled = enrol(self.links.len()..asked, tokens).await?;
        let enrol_s = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for some in enrolled.chunks(AT_ONCE) {
            let from = self.links.len();
            for member in some {
                let hub = address(tokens, self.links.len())?;
                self.links.push(member.link("", Some(hub), &self.cancel));
            }
            for link in &self.links[from..] {
                connected(link).await?;
            }
        }
        let connect_s = begun.elapsed().as_secs_f64();
        Ok(serde_json::json!({"members": self.links.len(), "enrol_s": enrol_s, "connect_s": connect_s}))
    }
}

/// One enrolment at a time for each token: two of one token contend for the count of its uses.
async fn enrol(numbers: std::ops::Range<usize>, tokens: &[String]) -> Result<Vec<Enrolled>> {
    let workers: Vec<_> = tokens
        .iter()
        .enumerate()
        .map(|(worker, token)| {
            let (mine, token) = (numbers.clone().skip(worker).step_by(tokens.len()), token.clone());
            tokio::spawn(async move {
                let mut enrolled = Vec::new();
                for number in mine {
                    enrolled.push(Enrolled::join(&token, &format!("member{number}")).await?);
                }
                Ok::<_, flock_core::Error>(enrolled)
            })
        })
        .collect();
    let mut enrolled = Vec::new();
    for worker in workers {
        enrolled.extend(worker.await.map_err(|e| failed(&e))??);
    }
    Ok(enrolled)
}

/// The hub under one of the addresses of loopback.
fn address(tokens: &[String], number: usize) -> Result<String> {
    let first = tokens.first().ok_or_else(|| failed(&"no join string was given"))?;
    let hubs = flock_agent::identity::JoinString::parse(first)?.hubs;
    let port = hubs
        .first()
        .and_then(|hub| hub.rsplit_once(':'))
        .map_or("", |(_, port)| port);
    Ok(format!("127.0.0.{}:{port}", 1 + number / PER_ADDRESS))
}
