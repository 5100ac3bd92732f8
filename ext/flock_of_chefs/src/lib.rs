//! What Ruby sees of a flock: the native extension, and the only crate that names magnus.
//!
//! It converts, waits and raises; everything that happens, happens in `flock_agent`. The Ruby side is
//! `FlockOfChefs::Native`, written down in `sig/flock_of_chefs/native.rbs`. Invariants:
//!
//! * Nothing starts when the library is loaded: no thread, no socket.
//! * No Ruby value is kept beyond one call.
//! * Every entry goes through [`guard`], so that a panic is an exception and not the end of the process.
//! * Every wait goes through [`wait`], so that it has a deadline and can be interrupted.

#![allow(
    missing_docs,
    reason = "a cdylib has no items for others, only the Init function that magnus writes"
)]

mod agent;
mod bell;
mod client;
mod guard;
mod host;
mod json;
mod module;
mod running;
mod runtime;
#[cfg(feature = "testing")]
mod testing;
mod wait;

use magnus::{Error, Module, Ruby};

#[magnus::init(name = "flock_of_chefs")]
fn init(ruby: &Ruby) -> Result<(), Error> {
    let native = ruby.define_module("FlockOfChefs")?.define_module("Native")?;
    module::define(native)?;
    agent::define(ruby, native)?;
    client::define(ruby, native)?;
    host::define(ruby, native)?;
    #[cfg(feature = "testing")]
    testing::define(ruby, native)?;
    Ok(())
}
