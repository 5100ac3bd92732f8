//! The journal: which Chef runs this node went through.

use flock_core::{Result, limits};
use rusqlite::Connection;

use super::sql;
use crate::pb;

pub(super) const SCHEMA: &str = "
CREATE TABLE run (
  number     INTEGER PRIMARY KEY,  -- the node's own run number
  run_id     TEXT NOT NULL,
  phase      TEXT NOT NULL,        -- running, succeeded, failed
  generation INTEGER NOT NULL,     -- of the snapshot that the run left; 0 = none
  changed_ms INTEGER NOT NULL      -- when the phase was heard of, Unix time
) STRICT;
";

/// Writes down where a run stands; the row of the same number is brought up to date.
///
/// # Errors
/// `internal` when the store refuses.
pub fn record(connection: &Connection, change: &pb::RunChange, now_ms: u64) -> Result<()> {
    connection
        .execute(
            "INSERT INTO run (number, run_id, phase, generation, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (number) DO UPDATE SET run_id = excluded.run_id, phase = excluded.phase,
               generation = excluded.generation, changed_ms = excluded.changed_ms",
            (change.number, &change.run_id, &change.phase, change.generation, now_ms),
        )
        .map(drop)
        .map_err(sql)
}

/// Forgets the oldest runs beyond [`limits::JOURNAL_ROWS`]; answers how many.
///
/// # Errors
/// `internal` when the store refuses.
pub fn trim(connection: &Connection) -> Result<usize> {
    keep(connection, limits::JOURNAL_ROWS)
}

fn keep(connection: &Connection, rows: u64) -> Result<usize> {
    connection
        .execute(
            "DELETE FROM run WHERE number <= (SELECT number FROM run ORDER BY number DESC LIMIT 1 OFFSET ?1)",
            [rows],
        )
        .map_err(sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: u64, phase: &str) -> pb::RunChange {
        pb::RunChange {
            number,
            phase: phase.into(),
            run_id: format!("run-{number}"),
            generation: 0,
        }
    }

    fn phases(connection: &Connection) -> Vec<(u64, String)> {
        let mut rows = connection
            .prepare("SELECT number, phase FROM run ORDER BY number")
            .unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(|row| row.unwrap()).collect()
    }

    #[test]
    fn a_run_has_one_row_with_its_latest_phase() {
        let connection = crate::store::tests::memory();
        for phase in ["running", "succeeded"] {
            record(&connection, &change(7, phase), 1).unwrap();
        }
        assert_eq!(phases(&connection), [(7, "succeeded".into())]);
    }

    #[test]
    fn the_oldest_runs_are_forgotten() {
        let connection = crate::store::tests::memory();
        for number in 1..=5 {
            record(&connection, &change(number, "succeeded"), 1).unwrap();
        }
        assert_eq!(keep(&connection, 2).unwrap(), 3);
        assert_eq!(keep(&connection, 2).unwrap(), 0);
        assert_eq!(phases(&connection).iter().map(|row| row.0).collect::<Vec<_>>(), [4, 5]);
    }
}
