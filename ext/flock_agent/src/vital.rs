//! Tasks that the agent cannot do without: when one of them panics, the agent ends, for whoever supervises it to start it again.

use tokio_util::sync::CancellationToken;

/// Runs `task`; if it panics, `cancel` ends the rest. An agent that goes on without its sender, say, would look well and do nothing.
pub(crate) async fn vital<T>(what: &'static str, cancel: CancellationToken, task: impl Future<Output = T>) -> T {
    let _fuse = Fuse { what, cancel };
    task.await
}

struct Fuse {
    what: &'static str,
    cancel: CancellationToken,
}

impl Drop for Fuse {
    /// A task that ends, or is aborted, does not unwind.
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("{} ended by a fault of ours; the agent ends", self.what);
            self.cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_panic_ends_the_rest() {
        let cancel = CancellationToken::new();
        assert_eq!(vital("a task", cancel.clone(), async { 1 }).await, 1);
        let aborted = tokio::spawn(vital("a task", cancel.clone(), std::future::pending::<()>()));
        tokio::task::yield_now().await;
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled() && !cancel.is_cancelled());
        let faulty = tokio::spawn(vital("a task", cancel.clone(), async { panic!("a test") }));
        assert!(faulty.await.unwrap_err().is_panic());
        assert!(cancel.is_cancelled());
    }
}
