//! The gRPC services: they check the caller, convert, and leave the work to others.

pub mod local;
pub mod peer;
pub mod relayed;
pub mod speaker;
