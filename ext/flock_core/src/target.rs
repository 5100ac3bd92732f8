//! Which nodes a notification is meant for.
