//! Notifications on their way between nodes.

mod lanes;
mod offer;
pub mod ports;
mod report;
mod resolve;
pub mod send;
#[cfg(test)]
mod tests;
mod upkeep;
