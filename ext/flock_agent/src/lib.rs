//! What happens in a flock: store, spool, wire, registry back ends, delivery, presence, local and peer services, client.
//!
//! This crate never names magnus; it owns every socket, file and clock that `flock_core` is free of.
#![forbid(unsafe_code)]

pub mod client;
pub mod clock;
pub mod delivery;
pub mod draft;
pub mod registry;
pub mod service;
pub mod spool;
pub mod store;
pub mod wire;

/// The generated protobuf types and services; `rake proto:generate` writes them from `proto/`.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod pb {
    include!("pb/flock.v1.rs");
}
