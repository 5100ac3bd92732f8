//! Notifications on their way between nodes.

pub mod gate;
pub mod rate;
pub mod receive;
