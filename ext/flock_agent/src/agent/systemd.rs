//! What a service manager hears, if `NOTIFY_SOCKET` says that one listens.

use sd_notify::NotifyState;

/// The agent serves.
pub(super) fn ready() {
    notify(NotifyState::Ready);
}

/// The agent lives.
pub(super) fn alive() {
    notify(NotifyState::Watchdog);
}

/// The agent is about to end.
pub(super) fn stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
