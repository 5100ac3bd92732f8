//! Calls of methods of nodes: this node's answers to others, its own calls to them, and waiting for what they answer to change.

mod attributes;
mod blocked;
mod builtin;
mod callee;
mod caller;
mod check;
mod cycles;
mod observe;
mod requests;
mod streams;
#[cfg(test)]
mod tests;
mod versions;
mod waits;

pub use blocked::Blocked;
pub use callee::{Callee, CalleeParts};
pub use caller::{Caller, Nodes};
pub use requests::{ChefRequests, Started};
pub use waits::Waits;

/// The API that every node has.
pub const FLOCK_API: &str = "flock_api";
