//! Certificates, tokens and clocks.

/// Lifetime of a leaf certificate; it is renewed at two thirds of it.
pub const LEAF_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// How far certificates are dated back, for machines whose clock is slow.
pub const BACKDATE_MS: u64 = 10 * 60 * 1000;
/// How long after its end a leaf may still be renewed.
pub const RENEW_GRACE_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// How long the nonce of a renewal is good for.
pub const NONCE_MS: u64 = 60 * 1000;
/// Longest signing request and longest certificate that is read, in bytes.
pub const CERTIFICATE_BYTES: usize = 8 * 1024;
/// Largest message that a caller without a certificate may send, in bytes.
pub const ENROL_BYTES: usize = 64 * 1024;
/// Join tokens that a flock holds, used up and expired ones of the last day included.
pub const TOKENS: usize = 1_000;
/// Nodes that one join token may admit at most.
pub const TOKEN_USES_MAX: u32 = 100_000;
/// Addresses of hubs that a join string names at most.
pub const JOIN_HUBS: usize = 16;
/// Longest join string, in bytes.
pub const JOIN_STRING_BYTES: usize = 16 * 1024;
/// Longest hash of a machine id, in bytes.
pub const MACHINE_ID_BYTES: usize = 128;
/// How often an enrolment is decided on because the registry changed meanwhile.
pub const ENROL_ATTEMPTS: usize = 8;
/// How often it is looked whether the certificate is due: the clock may be set, and a suspended machine's timers stand still.
pub const RENEW_LOOK_MS: u64 = 60 * 60 * 1000;
/// First pause after a renewal that failed; doubled up to [`RENEW_LOOK_MS`].
pub const RENEW_RETRY_MS: u64 = 30 * 1000;
/// Lifetime of a join token without `--ttl`, and at most.
pub const TOKEN_TTL_MS: u64 = 24 * 60 * 60 * 1000;
/// See [`TOKEN_TTL_MS`].
pub const TOKEN_TTL_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Clock difference at which enrolment is refused, and at which no expiry is applied.
pub const CLOCK_SKEW_JOIN_MS: u64 = 5 * 60 * 1000;
/// See [`CLOCK_SKEW_JOIN_MS`].
pub const CLOCK_SKEW_EXPIRY_MS: u64 = 60 * 1000;
