//! What became of notifications: both ends of this node in one answer.

use std::time::Duration;

use flock_core::{Error, ErrorKind, Result, limits, notification::State};
use rusqlite::Connection;
use tokio::time::Instant;

use crate::{
    pb,
    store::{Store, inbox, outbox},
};

/// Records of one direction or both, newest first.
///
/// # Errors
/// `configuration` for a state or direction that does not exist.
pub(super) async fn list(store: &Store, request: pb::ListRequest) -> Result<pb::Records> {
    check(&request)?;
    let records = store.read(move |conn| read(conn, &request)).await?;
    Ok(pb::Records { records })
}

fn read(conn: &Connection, request: &pb::ListRequest) -> Result<Vec<pb::Record>> {
    let mut records = Vec::new();
    if request.direction != "in" {
        records.extend(outbox::list(conn, request)?);
    }
    if request.direction != "out" {
        records.extend(inbox::list(conn, request)?);
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.created_ms));
    records.truncate(limit(request));
    Ok(records)
}

fn limit(request: &pb::ListRequest) -> usize {
    let asked = if request.limit == 0 {
        limits::LIST_DEFAULT
    } else {
        request.limit.min(limits::LIST_MAX)
    };
    asked as usize
}

fn check(request: &pb::ListRequest) -> Result<()> {
    if !["", "in", "out"].contains(&request.direction.as_str()) {
        return Err(Error::configuration(format!(
            "the direction {:?} is neither in nor out",
            request.direction
        )));
    }
    if !request.state.is_empty() && State::parse(&request.state).is_none() {
        let known: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        return Err(Error::configuration(format!(
            "{:?} is no state; there are {}",
            request.state,
            known.join(", ")
        )));
    }
    Ok(())
}

/// Retries or drops: what this node sent under that id (or a prefix of it), else what it received.
///
/// # Errors
/// `configuration` for another verb or an ambiguous prefix; `resource_not_found`; what the outbox or inbox says.
pub(super) async fn steer(store: &Store, request: pb::SteerRequest, now_ms: u64) -> Result<pb::Records> {
    if !["retry", "drop"].contains(&request.verb.as_str()) {
        return Err(Error::configuration(format!(
            "{:?} is no way to steer: retry or drop",
            request.verb
        )));
    }
    let records = store.write(move |conn| turn(conn, &request, now_ms)).await?;
    Ok(pb::Records { records })
}

fn turn(conn: &Connection, request: &pb::SteerRequest, now_ms: u64) -> Result<Vec<pb::Record>> {
    let retry = request.verb == "retry";
    match outbox::unique_id(conn, &request.id) {
        Ok(id) if retry => outbox::retry(conn, &id, &request.target, now_ms),
        Ok(id) => outbox::drop(conn, &id, &request.target, now_ms),
        Err(error) if error.kind() != ErrorKind::ResourceNotFound => Err(error),
        Err(_) if retry => inbox::retry(conn, &request.id, now_ms),
        Err(_) => inbox::remove(conn, &request.id, now_ms),
    }
}

/// Waits until all deliveries of the notification have ended or the time is over, and answers with them as they then are.
///
/// # Errors
/// `resource_not_found` when nothing of that id was sent from here.
pub(super) async fn wait(store: &Store, request: pb::AwaitRequest) -> Result<pb::Records> {
    let limit = Duration::from_millis(request.timeout_ms.min(limits::AWAIT_MS));
    let deadline = Instant::now() + limit;
    loop {
        let mut commits = store.commits();
        let id = request.id.clone();
        let records = store
            .read(move |conn| outbox::records(conn, &outbox::unique_id(conn, &id)?))
            .await?;
        if records.iter().all(ended) {
            return Ok(pb::Records { records });
        }
        let changed = tokio::time::timeout_at(deadline, commits.changed()).await;
        if !matches!(changed, Ok(Ok(()))) {
            return Ok(pb::Records { records });
        }
    }
}

fn ended(record: &pb::Record) -> bool {
    State::parse(&record.state).is_some_and(State::is_final)
}
