//! What happens in a flock: store, spool, wire, registry back ends, delivery, presence, local and peer services, client.
//!
//! This crate never names magnus; it owns every socket, file and clock that `flock_core` is free of.
#![forbid(unsafe_code)]

pub mod agent;
pub mod apis;
mod backoff;
mod blocking;
pub mod calls;
pub mod care;
pub mod client;
pub mod clock;
mod codec;
pub mod config;
pub mod delivery;
pub mod dispatch;
pub mod draft;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod fuzz;
pub mod hub;
pub mod identity;
pub mod link;
mod local_stream;
pub mod logging;
mod memory;
mod places;
mod plain_file;
pub mod process;
pub mod registry;
pub mod relay;
pub mod run_state;
pub mod service;
pub mod setup;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod spool;
pub mod store;
pub mod subscription;
pub mod subscriptions;
pub mod tally;
mod text;
pub mod transport;
mod vital;
pub mod wire;

/// The generated protobuf types and services; `rake proto:generate` writes them from `proto/`.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod pb {
    include!("pb/flock.v1.rs");
}
