//! What is true in a flock: identifiers, targets, notification states, policy, the registry's pure `apply`, leases, limits.
//!
//! This crate names no clock, socket, file, random source or async runtime; whatever it needs of them is passed in.
#![forbid(unsafe_code)]

pub mod chain;
pub mod error;
pub mod glob;
pub mod holder;
pub mod id;
pub mod lease;
pub mod limits;
pub mod notification;
pub mod policy;
pub mod registry;
pub mod subscription;
pub mod target;

pub use error::{Error, ErrorKind, Fault, Result};
