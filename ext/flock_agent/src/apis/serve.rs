//! The stream of one host, from its hello to its end.

use std::{sync::Arc, time::Duration};

use flock_core::{Error, Result, limits};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    Apis, Hosts,
    host::{Host, bad_hello},
};
use crate::{
    pb::{self, host_up::Body},
    wire,
};

/// What a host hears.
pub type Downs = ReceiverStream<pb::HostDown>;

impl Hosts {
    /// Takes a host in by its hello and follows what it says until its stream, or `cancel`, ends it.
    ///
    /// # Errors
    /// `denied` with code `host_token` for a process that the agent has not started; `protocol`; `timeout`.
    pub async fn serve<S>(&self, mut ups: S, cancel: CancellationToken) -> Result<Downs>
    where
        S: Stream<Item = Result<pb::HostUp, Status>> + Send + Unpin + 'static,
    {
        let hello = hello(&mut ups).await?;
        let kind = self.kind_of(&hello.token)?;
        let (sender, downs) = mpsc::channel(limits::HOST_UNSENT);
        let host = Host::new(kind, hello, sender)?;
        self.enter(&host);
        tracing::info!(kind = kind.as_str(), pid = host.pid, apis = ?host.apis.keys(), "APIs are served");
        let hosts = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = follow(&hosts, &host, ups) => {}
            }
            hosts.leave(&host);
        });
        Ok(ReceiverStream::new(downs))
    }
}

async fn hello<S>(ups: &mut S) -> Result<pb::HostHello>
where
    S: Stream<Item = Result<pb::HostUp, Status>> + Unpin,
{
    let first = timeout(Duration::from_millis(limits::HOST_HELLO_MS), ups.next()).await;
    match first {
        Err(_) => Err(Error::timeout("the host did not say what it offers")),
        Ok(Some(Ok(pb::HostUp {
            body: Some(Body::Hello(hello)),
        }))) => Ok(hello),
        Ok(Some(Err(status))) => Err(wire::error(status)),
        Ok(_) => Err(bad_hello("a host's first message is its hello".to_owned())),
    }
}

async fn follow<S>(hosts: &Hosts, host: &Arc<Host>, mut ups: S)
where
    S: Stream<Item = Result<pb::HostUp, Status>> + Unpin,
{
    while let Some(Ok(up)) = ups.next().await {
        match up.body {
            Some(Body::Reply(reply)) => host.reply(reply),
            Some(Body::Changed(change)) => hosts.changed(&change.api),
            Some(Body::Hello(_)) | None => return,
        }
    }
}
