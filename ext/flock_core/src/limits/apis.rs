//! Of user APIs and the processes that they live in.

/// APIs that one host offers.
pub const APIS: usize = 64;
/// Methods that one API exposes.
pub const API_METHODS: usize = 256;
/// Calls that one API may work on at the same time, at most.
pub const API_CONCURRENCY: u32 = 64;
/// Calls that wait for one API, where it says nothing else.
pub const API_QUEUE: u32 = 64;
/// The same, at most.
pub const API_QUEUE_MAX: u32 = 10_000;
/// Help text or schema of one method or API, in bytes of text.
pub const API_HELP_BYTES: usize = 4 * 1024;
/// Largest message of a host that says what it offers, in bytes, as all of its messages.
pub const HOST_MESSAGE_BYTES: usize = super::CALL_MESSAGE_BYTES;
/// Time for a host to say what it offers, once its stream is open.
pub const HOST_HELLO_MS: u64 = 10_000;
/// Messages to a host that its connection has not taken; more calls than that are answered `queue_full`.
pub const HOST_UNSENT: usize = 1_024;
/// How often the folder of API files is looked at.
pub const API_FILES_POLL_MS: u64 = 1_000;
/// API files that are looked at, and the largest one that counts.
pub const API_FILES: usize = 64;
/// See [`API_FILES`]; in bytes.
pub const API_FILE_BYTES: u64 = 1024 * 1024;
/// Deaths in a row from which `doctor` calls a host broken rather than restarted.
pub const HOST_FAILURES: u64 = 3;
/// Services, `/api` and `/api/method`, that one node announces, in bytes of their names together; others are not found by selectors.
pub const SERVICES_BYTES: usize = 16 * 1024;
/// How long a change of services waits for further ones before they are announced.
pub const SERVICES_PAUSE_MS: u64 = 1_000;
