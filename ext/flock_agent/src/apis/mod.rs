//! What user APIs of this node answer; they live in processes of their own.

mod client;
mod files;
mod host;
mod hosts;
mod serve;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod wanted;

use flock_core::{Error, ErrorKind, Result, holder::Holder};

use crate::pb;

pub use client::HostClient;
pub use hosts::{Hosts, Kind};
pub use stream::{Item, Yielding};
pub use wanted::{HostsParts, follow};

/// The code of what a call meets where a host is, or has gone, down; the kind says whether the call may have begun.
pub const API_DOWN: &str = "api_down";

/// The APIs of this node, without its own `flock_api`.
#[tonic::async_trait]
pub trait Apis: Send + Sync + 'static {
    /// Calls a method for `from`, the name in the caller's certificate.
    ///
    /// # Errors
    /// `resource_not_found` with code `no_api` or `no_method`; `connection`, or `outcome_unknown` where it may have begun, with code `api_down`; `rejected` with code `queue_full`; `timeout`.
    async fn call(&self, from: &Holder, call: pb::CallRequest) -> Result<pb::CallReply>;
    /// Calls a method whose caller takes what it yields.
    ///
    /// # Errors
    /// As [`Apis::call`].
    fn open(&self, from: &Holder, call: pb::CallRequest) -> Result<Yielding>;
    /// The API that a call without one means: the only one that has the method.
    ///
    /// # Errors
    /// `resource_not_found` with code `no_method`; `rejected` with code `ambiguous`.
    fn owner(&self, method: &str) -> Result<String>;
    /// What is offered.
    fn names(&self) -> Vec<String>;
    /// The same with all that is said of each, by name.
    fn offers(&self) -> Vec<pb::ApiInfo>;
    /// The same as services, the way to name them to other nodes: `/api` of each API, `/api/method` of each of its methods.
    fn services(&self) -> Vec<String> {
        Vec::new()
    }
    /// Differs whenever the API said that something of it changed, and between hosts: `HOST.COUNT`; `None` = it is not there.
    fn version(&self, api: &str) -> Option<String>;
    /// Tells of every change of [`Apis::version`] and [`Apis::names`].
    fn changes(&self) -> tokio::sync::watch::Receiver<u64>;
    /// An API of this node says that something of it changed.
    fn changed(&self, api: &str);
}

/// A node without user APIs.
pub struct NoApis(tokio::sync::watch::Sender<u64>);

impl Default for NoApis {
    fn default() -> Self {
        Self(tokio::sync::watch::Sender::new(0))
    }
}

#[tonic::async_trait]
impl Apis for NoApis {
    async fn call(&self, _: &Holder, call: pb::CallRequest) -> Result<pb::CallReply> {
        Err(no_api(&call.api))
    }

    fn open(&self, _: &Holder, call: pb::CallRequest) -> Result<Yielding> {
        Err(no_api(&call.api))
    }

    fn owner(&self, method: &str) -> Result<String> {
        Err(no_method(method))
    }

    fn offers(&self) -> Vec<pb::ApiInfo> {
        Vec::new()
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn version(&self, _: &str) -> Option<String> {
        None
    }

    fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.subscribe()
    }

    fn changed(&self, _: &str) {}
}

/// The error of a call to an API whose host is not at work now: nothing was done.
pub fn api_down(why: &str) -> Error {
    Error::connection(why).with_code(API_DOWN)
}

/// The error of a call whose host ended while it had it: it may have begun.
pub fn api_lost(why: &str) -> Error {
    Error::new(ErrorKind::OutcomeUnknown, why).with_code(API_DOWN)
}

/// The error of a call to an API that is not there.
pub fn no_api(api: &str) -> Error {
    Error::resource_not_found(format!("this node offers no API called {api:?}")).with_code("no_api")
}

/// The error of a call to a method that is not there, or not exposed.
pub fn no_method(method: &str) -> Error {
    Error::resource_not_found(format!("no API of this node exposes a method {method:?}")).with_code("no_method")
}
