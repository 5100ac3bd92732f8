//! Of calls between nodes, and of waiting for what they answer.

/// Arguments of one call, and its result, in bytes of their JSON.
pub const CALL_BYTES: usize = 1024 * 1024;
/// A message that carries either, with all that goes with it.
pub const CALL_MESSAGE_BYTES: usize = CALL_BYTES + 64 * 1024;
/// A relayed message, at every step of its way: a call or its answer, with what the steps add.
pub const RELAYED_MESSAGE_BYTES: usize = CALL_MESSAGE_BYTES + 64 * 1024;
/// Longest time that one call may take.
pub const CALL_MAX_MS: u64 = 60 * 60 * 1000;
/// Longest name of an API or of a method, in bytes.
pub const API_NAME_BYTES: usize = 128;
/// Topics that one wait watches.
pub const TOPICS: usize = 100;
/// Longest name or version of a topic, longest path of attributes, in bytes.
pub const TOPIC_BYTES: usize = 512;
/// Longest time that a process may wait for changes with one call.
pub const OBSERVE_MAX_MS: u64 = 60 * 60 * 1000;
/// How long one node holds another one's question for changes before it is asked again.
pub const OBSERVE_MS: u64 = 20_000;
/// How often a node that is reached through a hub is asked for changes.
pub const OBSERVE_RELAYED_MS: u64 = 500;
/// Longest pause before a node that does not answer is asked for changes again.
pub const OBSERVE_RETRY_CAP_MS: u64 = 2_000;
/// Questions for changes that one node holds at the same time.
pub const OBSERVERS: usize = 4_096;
/// Those of one caller among them.
pub const OBSERVERS_OF_CALLER: usize = 256;
/// Waits of one node's runs that others can see.
pub const WAITS: usize = 1_000;
/// How long a wait still counts as one between two questions of it. Less than [`CYCLE_LOOK_MS`]: one that has ended is never found twice.
pub const WAIT_LINGER_MS: u64 = 200;
/// How often a waiting node looks for circles. Twice found counts.
pub const CYCLE_LOOK_MS: u64 = 300;
/// How long who found one still waits, for the others to find it: two looks, and time for their questions.
pub const CYCLE_GRACE_MS: u64 = 800;
/// Longest way that is followed, and the most nodes that are asked in one look.
pub const CYCLE_STEPS: usize = 16;
/// See [`CYCLE_STEPS`].
pub const CYCLE_NODES: usize = 64;
/// Waits of one node that are followed.
pub const CYCLE_WAITS: usize = 100;
/// Time for one node to say what its runs wait for, with the way there.
pub const WAITING_MS: u64 = 1_000;
/// Chef runs with different options that may be queued at once.
pub const CHEF_REQUESTS: usize = 4;
/// Asked-for runs that are remembered.
pub const CHEF_REQUESTS_KEPT: usize = 100;
/// What a method may yield before its caller has taken some of it, in bytes: of each value its JSON and [`YIELD_VALUE_BYTES`].
pub const YIELD_WINDOW_BYTES: u64 = 256 * 1024;
/// What one value counts beside its JSON.
pub const YIELD_VALUE_BYTES: u64 = 64;
/// Streams of yielded values that one node has open, and those of one caller among them.
pub const STREAMS: usize = 64;
/// See [`STREAMS`].
pub const STREAMS_OF_CALLER: usize = 16;
/// How long a question for the next values is held before it is answered with none: less than a hub relays for.
pub const STREAM_HELD_MS: u64 = 5_000;
/// How long a stream stays open while its caller asks for nothing; a block that takes longer over what it got loses the rest.
pub const STREAM_IDLE_MS: u64 = 5 * 60 * 1000;
