use std::collections::BTreeSet;

use flock_core::{ErrorKind, limits, notification::State};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    fixtures::{NOW_MS, envelope, uuid},
    pb,
    store::open,
};

mod endings;
mod intake;
mod steering;

/// A real file, with the real schema.
struct Inbox {
    conn: Connection,
    _dir: TempDir,
}

impl std::ops::Deref for Inbox {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.conn
    }
}

fn inbox() -> Inbox {
    let dir = tempfile::tempdir().unwrap();
    let conn = open::writer(&dir.path().join("state.db"), &super::super::schema::STEPS).unwrap();
    // These tests are about rows, not about disks.
    conn.pragma_update(None, "synchronous", "OFF").unwrap();
    Inbox { conn, _dir: dir }
}

fn take(conn: &Connection, envelope: &pb::Envelope) -> Admitted {
    let arrival = Arrival {
        envelope,
        arrived_run: 3,
        now_ms: NOW_MS,
    };
    admit(conn, &arrival).unwrap()
}

/// Makes `count` more rows like that of number 1, quickly; their ids do not matter.
fn multiply(conn: &Connection, sender: &str, count: u64) {
    let columns =
        "digest, seq, key, action, timing, sources, chain, cause_root, retry, attempt, arrived_run, state, created_ms";
    let query = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         INSERT INTO inbox (sender, id, updated_ms, expires_ms, {columns})
         SELECT ?1, 'copy' || i, updated_ms + i, expires_ms, {columns} FROM n, (SELECT * FROM inbox ORDER BY row LIMIT 1)"
    );
    conn.execute(&query, rusqlite::params![sender, count as i64]).unwrap();
}

fn rows(conn: &Connection) -> Vec<i64> {
    candidates(conn, NOW_MS).unwrap().into_iter().map(|c| c.row).collect()
}

fn claim_all(conn: &Connection, job: &str) -> usize {
    let hop = pb::Hop {
        node: "target".into(),
        ..Default::default()
    };
    let claimed = Claim {
        job,
        key: "execute[x]",
        action: "run",
        generation: 4,
        pid: 77,
        pid_start: 88,
        timeout_ms: 1000,
        chain: &[hop],
        cause_root: "root",
        now_ms: NOW_MS,
    };
    claim(conn, &claimed, &rows(conn)).unwrap()
}

fn ending(state: State) -> Ending {
    Ending {
        state,
        code: if state == State::Done {
            "".into()
        } else {
            "action_failed".into()
        },
        message: "words".into(),
        run_ms: 12,
    }
}

fn shown(conn: &Connection, n: u32) -> pb::Record {
    let request = pb::ListRequest {
        id: uuid(n),
        ..Default::default()
    };
    list(conn, &request).unwrap().remove(0)
}
