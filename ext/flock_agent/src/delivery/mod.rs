//! Notifications on their way between nodes.

pub mod gate;
mod lanes;
mod offer;
pub mod ports;
pub mod rate;
pub mod receive;
mod report;
mod resolve;
pub mod send;
#[cfg(test)]
mod tests;
mod upkeep;
mod watching;
