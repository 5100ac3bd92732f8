//! Looking at notifications, steering them, and waiting for their end.

use std::time::Duration;

use flock_core::{Error, ErrorKind, Result, id::is_uuid, limits, notification::State};
use prost::Message;
use rusqlite::Connection;
use tokio::time::Instant;

use super::{InboxView, LocalService};
use crate::{
    calls::Blocked,
    pb,
    store::{ambiguous, outbox},
};

impl LocalService {
    /// Both directions, newest first; as many as one message holds.
    pub(super) async fn find(&self, request: pb::ListRequest) -> Result<pb::Records> {
        let inbox = self.inbox.clone();
        let records = self
            .store
            .read(move |conn| list(conn, inbox.as_ref(), &request))
            .await?;
        Ok(fitting(records))
    }

    pub(super) async fn steer_one(&self, request: pb::SteerRequest) -> Result<pb::Records> {
        let (inbox, now_ms) = (self.inbox.clone(), self.clock.now_ms());
        let retries = request.verb == "retry";
        let job = move |conn: &Connection| steer(conn, inbox.as_ref(), request, now_ms);
        let records = self.store.write(job).await?;
        if retries {
            (self.nudge)();
        }
        Ok(fitting(records))
    }

    /// Answers when all deliveries of the notification have ended, or with where they stand when the time is over or the agent stops.
    ///
    /// # Errors
    /// `rejected` with code `wait_cycle` when the run that waits for them keeps them from ending; `resource_not_found`.
    pub(super) async fn await_end(&self, mut request: pb::AwaitRequest) -> Result<pb::Records> {
        let blocked = self.inquiries.blocked(request.waiter.take())?;
        let found = blocked.or_circle(self.last_seen(request, &blocked)).await?;
        if found.iter().all(has_ended) {
            blocked.over();
        }
        // Whole: who waits judges by all of them.
        Ok(pb::Records { records: found })
    }

    async fn last_seen(&self, request: pb::AwaitRequest, blocked: &Blocked<'_>) -> Result<Vec<pb::Record>> {
        let deadline = Instant::now() + Duration::from_millis(request.timeout_ms.min(limits::AWAIT_MS));
        let poll = Duration::from_millis(limits::AWAIT_POLL_MS);
        let mut commits = self.store.commits();
        let mut id = request.id;
        loop {
            commits.mark_unchanged();
            let inbox = self.inbox.clone();
            let show = move |conn: &Connection| {
                let id = unique_id(conn, inbox.as_ref(), &id)?;
                Ok((records(conn, inbox.as_ref(), &id)?, id))
            };
            let (found, whole) = self.store.read(show).await?;
            if found.iter().all(has_ended) || Instant::now() >= deadline || self.cancel.is_cancelled() {
                return Ok(found);
            }
            let targets = unfinished_at(&found);
            blocked.refuse_own(&targets)?;
            blocked.on_outcomes(targets);
            id = whole;
            tokio::select! {
                () = self.cancel.cancelled() => {}
                _ = commits.changed() => {}
                () = tokio::time::sleep_until(deadline.min(Instant::now() + poll)) => {}
            }
        }
    }
}

/// The targets whose runs must be over for the notification to end.
fn unfinished_at(records: &[pb::Record]) -> Vec<String> {
    let waited_for = |record: &&pb::Record| record.direction == "out" && !record.peer.is_empty() && !has_ended(record);
    let mut nodes: Vec<String> = records
        .iter()
        .filter(waited_for)
        .map(|record| record.peer.clone())
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn list(conn: &Connection, inbox: &dyn InboxView, request: &pb::ListRequest) -> Result<Vec<pb::Record>> {
    let mut records = match request.direction.as_str() {
        "out" => outbox::list(conn, request)?,
        "in" => inbox.list(conn, request)?,
        "" => [outbox::list(conn, request)?, inbox.list(conn, request)?].concat(),
        other => {
            return Err(Error::configuration(format!(
                "{other:?} is no direction: \"out\" or \"in\""
            )));
        }
    };
    let limit = limits::list_rows(request.limit);
    records.sort_by_key(|record| std::cmp::Reverse(record.created_ms));
    records.truncate(limit as usize);
    Ok(records)
}

fn steer(conn: &Connection, inbox: &dyn InboxView, request: pb::SteerRequest, now_ms: u64) -> Result<Vec<pb::Record>> {
    let id = unique_id(conn, inbox, &request.id)?;
    if outbox::records(conn, &id)?.is_empty() {
        return inbox.steer(conn, &pb::SteerRequest { id, ..request }, now_ms);
    }
    match request.verb.as_str() {
        "retry" => outbox::retry(conn, &id, &request.target, now_ms),
        "drop" => outbox::drop(conn, &id, &request.target, now_ms),
        other => Err(Error::configuration(format!(
            "{other:?} is nothing that can be done to a notification: retry or drop"
        ))),
    }
}

/// The id that a prefix means, of what was sent and of what was received.
fn unique_id(conn: &Connection, inbox: &dyn InboxView, prefix: &str) -> Result<String> {
    let sent = outbox::unique_id(conn, prefix);
    if sent.is_ok() && is_uuid(prefix) {
        return sent;
    }
    match sent {
        Err(error) if error.kind() != ErrorKind::ResourceNotFound => Err(error),
        sent => {
            let mut ids: Vec<String> = inbox
                .list(conn, &of(prefix))?
                .into_iter()
                .map(|record| record.id)
                .collect();
            ids.extend(sent.as_ref().ok().cloned());
            ids.sort_unstable();
            ids.dedup();
            if ids.len() > 1 {
                return Err(ambiguous(prefix));
            }
            ids.pop().map_or(sent, Ok)
        }
    }
}

fn records(conn: &Connection, inbox: &dyn InboxView, id: &str) -> Result<Vec<pb::Record>> {
    let sent = outbox::records(conn, id)?;
    if sent.is_empty() {
        inbox.list(conn, &of(id))
    } else {
        Ok(sent)
    }
}

fn of(id: &str) -> pb::ListRequest {
    pb::ListRequest {
        id: id.to_owned(),
        limit: limits::LIST_MAX,
        ..Default::default()
    }
}

fn has_ended(record: &pb::Record) -> bool {
    State::parse(&record.state).is_none_or(State::is_final)
}

/// As many records as an ordinary message holds, with room for what gRPC adds.
fn fitting(mut records: Vec<pb::Record>) -> pb::Records {
    let mut bytes = 0;
    records.retain(|record| {
        // A tag and a length stand before each record. What follows one that does not fit does not fit either: the list has no gaps.
        bytes += record.encoded_len() + 8;
        bytes <= limits::MESSAGE_BYTES - 1024
    });
    pb::Records { records }
}
