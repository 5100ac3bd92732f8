//! The registry's pure state machine.
