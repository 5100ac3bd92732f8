//! The seam of the simulation: what a machine is to an agent, so that a test can be that machine.
//!
//! Only compiled with the feature `simulation`, which nothing that is shipped turns on. The simulation itself lives in
//! `simulation/` beside `ext/`; it enters a [`World`] once per process and starts agents with [`crate::agent::Agent::start_in`].

mod net;

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::OnceLock};

use tokio::io::{AsyncRead, AsyncWrite};

pub use net::{TcpListener, TcpStream};

/// A boxed future, as the methods of [`World`] answer with.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One end of a simulated TCP connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {
    /// Who is at the other end.
    ///
    /// # Errors
    /// As a socket's.
    fn peer_addr(&self) -> io::Result<SocketAddr>;
}

/// A simulated listening socket.
pub trait Listener: Send + Sync {
    /// The next connection.
    fn accept(&self) -> Pending<'_, io::Result<(Box<dyn Stream>, SocketAddr)>>;
    /// Where it listens.
    ///
    /// # Errors
    /// As a socket's.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// What becomes of a call that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is made, and answered.
    Plain,
    /// It is made twice: a retry that crossed its answer.
    Twice,
    /// It is made, and its answer is lost.
    Unanswered,
}

/// A fault that is put in on purpose; the simulation has to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// The store answers before it has committed.
    EarlyAck,
    /// A notification that is offered again is taken in again.
    NoDeduplication,
    /// A hub that is told to list again does not.
    LostResync,
    /// A question for changes only hears of those that come after it.
    LostWakeUp,
}

/// The machines of a simulation.
pub trait World: Send + Sync + 'static {
    /// Dials `host:port`.
    fn connect<'a>(&'a self, address: &'a str) -> Pending<'a, io::Result<Box<dyn Stream>>>;
    /// Listens.
    fn bind(&self, address: SocketAddr) -> Pending<'_, io::Result<Box<dyn Listener>>>;
    /// Whether the process that had this pid and start time still runs.
    fn alive(&self, pid: u32, pid_start: u64) -> bool;
    /// Ends a process.
    fn kill(&self, pid: u32, pid_start: u64);
    /// How many milliseconds a commit takes until it is on the disk, and from there until it is answered.
    fn commit_ms(&self) -> (u64, u64);
    /// What becomes of a call to another agent.
    fn fate(&self) -> Fate;
    /// Whether this fault is in.
    fn planted(&self, fault: Planted) -> bool;
}

static WORLD: OnceLock<Box<dyn World>> = OnceLock::new();

/// Makes `world` the machines of this process; the first one stays.
pub fn enter(world: Box<dyn World>) {
    let _ = WORLD.set(world);
}

/// The world that was entered, for those who can do without one.
pub(crate) fn world() -> Option<&'static dyn World> {
    WORLD.get().map(AsRef::as_ref)
}

/// Whether this fault is in; never without the feature `planted`.
pub(crate) fn planted(fault: Planted) -> bool {
    cfg!(feature = "planted") && world().is_some_and(|world| world.planted(fault))
}

/// Makes a call before its caller does, where its fate says so; answers whether the caller is to think that this was its call, and
/// that it failed.
pub(crate) async fn tempted(call: impl Future) -> bool {
    let fate = world().map_or(Fate::Plain, |world| world.fate());
    if fate != Fate::Plain {
        let _ = call.await;
    }
    fate == Fate::Unanswered
}
