mod entry;
mod manage;
mod outcomes;
mod shares;

use flock_core::{ErrorKind, limits, notification::State};
use rusqlite::Connection;

use super::{
    row::{At, standing},
    *,
};
use crate::{
    draft::tests::{draft, id, tagged},
    pb,
    store::tests::memory,
};

const NOW: u64 = 1_800_000_000_000;

fn state(conn: &Connection, seq: u64, target: &str) -> State {
    standing(conn, At { seq, target }).unwrap().unwrap().state
}

fn put(conn: &Connection, draft: &pb::Draft) -> u64 {
    append(conn, draft, NOW).unwrap().seq
}

fn outcome(n: u32, state: &str, attempt: u32) -> pb::Outcome {
    pb::Outcome {
        id: id(n),
        state: state.into(),
        attempt,
        run_ms: 12,
        ..Default::default()
    }
}

fn other_action(n: u32, node: &str, action: &str) -> pb::Draft {
    pb::Draft {
        action: action.into(),
        ..draft(n, node)
    }
}
