//! Work that blocks for a file, off the runtime's threads.

#[cfg(not(feature = "simulation"))]
use flock_core::Error;
use flock_core::Result;

/// Runs `job` on a thread that may block; in a simulation, where a second thread would be a second clock, at once.
///
/// # Errors
/// `internal` when it panicked.
pub(crate) async fn blocking<T: Send + 'static>(what: &str, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    #[cfg(feature = "simulation")]
    {
        let _ = what;
        Ok(job())
    }
    #[cfg(not(feature = "simulation"))]
    tokio::task::spawn_blocking(job)
        .await
        .map_err(|_| Error::internal(format!("{what} panicked")))
}
