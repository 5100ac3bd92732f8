//! The writer of a simulation: a task of the simulated machine, so that a crash can come before a commit, or between it and its answer.

use std::{
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use rusqlite::Connection;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use super::{Group, Message, gather, sql, transaction};
use crate::simulation::{Planted, planted, world};

/// As the thread's loop, with the time that the disk takes.
pub(super) async fn serve(
    mut connection: Connection,
    receiver: Receiver<Message>,
    wake: Arc<Notify>,
    counter: watch::Sender<u64>,
) {
    loop {
        let Ok(first) = receiver.try_recv() else {
            wake.notified().await;
            continue;
        };
        let group = gather(first, &receiver);
        let Some(back) = settle(connection, group, &counter).await else {
            return;
        };
        connection = back;
    }
}

/// `None` = closed.
async fn settle(mut connection: Connection, mut group: Group, counter: &watch::Sender<u64>) -> Option<Connection> {
    let (before, after) = world().map_or((0, 0), |world| world.commit_ms());
    if planted(Planted::EarlyAck) {
        connection = early(connection, &mut group, before + after).await;
        counter.send_modify(|commits| *commits += 1);
    } else {
        sleep(Duration::from_millis(before)).await;
        let outcome = transaction(&mut connection, &mut group.jobs);
        sleep(Duration::from_millis(after)).await;
        group.answer(outcome, counter);
    }
    match group.closing {
        None => Some(connection),
        Some(reply) => {
            drop(connection);
            let _ = reply.send(());
            None
        }
    }
}

/// The planted fault: everyone is told first, and the commit comes when the disk has had its time.
async fn early(connection: Connection, group: &mut Group, disk_ms: u64) -> Connection {
    let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(sql);
    let jobs = std::mem::take(&mut group.jobs);
    for mut job in jobs {
        job.run(&connection);
        job.answer(begun.clone());
    }
    sleep(Duration::from_millis(disk_ms)).await;
    let _ = connection.execute_batch("COMMIT");
    connection
}
