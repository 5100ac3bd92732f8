//! PLACEHOLDER for `flockctl init` and `join`; the integrator drops this commit.

use flock_core::{Error, Result};
use serde_json::Value;

/// Makes this node the first hub of a new flock.
pub fn init(_options: Value) -> Result<Value> {
    Err(Error::internal("init is not here yet"))
}

/// Makes this node a member of a flock.
pub async fn join(_options: Value) -> Result<Value> {
    Err(Error::internal("join is not here yet"))
}
