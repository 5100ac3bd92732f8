//! What the outbox knows besides since there are operators: for whom a delivery is, and which notification began its chain.

use rusqlite::{Connection, params};

use super::row::decode;

const COLUMNS: &str = "
ALTER TABLE outbox ADD COLUMN cause_root TEXT NOT NULL DEFAULT '';  -- the draft's own; '' = it begins a chain
CREATE INDEX outbox_root ON outbox (cause_root) WHERE cause_root <> '';
ALTER TABLE delivery ADD COLUMN operator TEXT NOT NULL DEFAULT '';  -- who asks; '' = this node itself
CREATE INDEX delivery_operators ON delivery (operator, state) WHERE operator <> '' AND state IN ('queued', 'offered', 'stored', 'claimed');
";

/// Adds the columns; of older drafts the root is read from what is stored.
///
/// # Errors
/// SQLite's.
pub(in crate::store) fn upgrade(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(COLUMNS)?;
    let mut drafts = conn.prepare("SELECT seq, draft FROM outbox")?;
    let mut note = conn.prepare("UPDATE outbox SET cause_root = ?2 WHERE seq = ?1")?;
    let mut rows = drafts.query([])?;
    let mut roots: Vec<(u64, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        // One that cannot be read is told of by whoever needs it.
        match decode(row.get_ref(1)?.as_blob()?) {
            Ok(draft) if !draft.cause_root.is_empty() => roots.push((row.get(0)?, draft.cause_root)),
            _ => {}
        }
    }
    roots
        .iter()
        .try_for_each(|(seq, root)| note.execute(params![seq, root]).map(drop))
}
