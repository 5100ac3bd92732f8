//! The decisions: what a command does to what is there.

use super::{
    Answer, Command, Committed, Effect, Expect, Head, Op, Record, Session, Write,
    shape::{check_command_id, check_lease, check_ops, check_owner},
};
use crate::{Error, Result, limits};

/// What is there, as far as a decision needs it. Errors are those of whatever keeps it.
pub trait View {
    /// The revision and the counts.
    fn head(&self) -> Result<Head>;
    /// The revision of a key, if it is there.
    fn revision_of(&self, key: &str) -> Result<Option<u64>>;
    /// The epoch of the owner's open session, if it has one.
    fn epoch_of(&self, owner: &str) -> Result<Option<u64>>;
    /// The keys that live with a session, in their order.
    fn keys_of(&self, session: &Session) -> Result<Vec<String>>;
    /// The last value of a sequence; 0 = it was never raised.
    fn sequence(&self, name: &str) -> Result<u64>;
    /// The answer that was given to this command id, while it is remembered.
    fn answer_to(&self, id: &str) -> Result<Option<Committed>>;
}

/// What `command` does, given what is there. It changes nothing itself.
///
/// # Errors
/// `rejected` with code `conflict` when an expectation fails, `too_large` or `registry_full` when a limit is reached; `denied` with
/// code `fenced` when a session has ended; `configuration` for what is malformed; whatever the view fails with.
pub fn decide(view: &impl View, command: Command) -> Result<Effect> {
    match command {
        Command::Txn { id, ops } => txn(view, id, ops),
        Command::OpenSession { owner, lease_ms } => open(view, owner, lease_ms),
        Command::EndSession(session) => end(view, session),
    }
}

fn txn(view: &impl View, id: String, ops: Vec<Op>) -> Result<Effect> {
    check_command_id(&id)?;
    if let Some(answer) = view.answer_to(&id)? {
        return Ok(Effect::nothing(Answer::Committed(answer)));
    }
    check_ops(&ops)?;
    let mut draft = Draft::new(view)?;
    for op in ops {
        draft.step(op)?;
    }
    Ok(draft.committed(id))
}

fn open(view: &impl View, owner: String, lease_ms: u64) -> Result<Effect> {
    check_owner(&owner)?;
    check_lease(lease_ms)?;
    let mut draft = Draft::new(view)?;
    if let Some(epoch) = view.epoch_of(&owner)? {
        draft.end(Session {
            owner: owner.clone(),
            epoch,
        })?;
    }
    // The revision grows with everything, so it is an epoch that outlives the end of the owner's earlier sessions.
    let session = Session {
        owner,
        epoch: draft.head.revision,
    };
    draft.head.sessions += 1;
    draft.writes.push(Write::Open {
        session: session.clone(),
        lease_ms,
    });
    refuse_above(draft.head.sessions, limits::MEMBERS as u64, "sessions")?;
    Ok(draft.finished(Answer::Opened(session)))
}

fn end(view: &impl View, session: Session) -> Result<Effect> {
    if view.epoch_of(&session.owner)? != Some(session.epoch) {
        return Ok(Effect::nothing(Answer::Ended));
    }
    let mut draft = Draft::new(view)?;
    draft.end(session)?;
    Ok(draft.finished(Answer::Ended))
}

/// An effect in the making.
struct Draft<'v, V> {
    view: &'v V,
    head: Head,
    writes: Vec<Write>,
    sequences: Vec<u64>,
}

impl<'v, V: View> Draft<'v, V> {
    fn new(view: &'v V) -> Result<Self> {
        let mut head = view.head()?;
        head.revision += 1;
        Ok(Self {
            view,
            head,
            writes: Vec::new(),
            sequences: Vec::new(),
        })
    }

    fn step(&mut self, op: Op) -> Result<()> {
        match op {
            Op::Put {
                key,
                value,
                expect,
                session,
            } => self.put(key, value, expect, session),
            Op::Delete { key, expect } => self.delete(key, expect),
            Op::Check { key, expect } => self.held(&key, expect).map(drop),
            Op::Next { sequence } => self.next(sequence),
        }
    }

    fn put(&mut self, key: String, value: Vec<u8>, expect: Expect, session: Option<Session>) -> Result<()> {
        if self.held(&key, expect)?.is_none() {
            self.head.keys += 1;
            refuse_above(self.head.keys, limits::REGISTRY_KEYS, "entries")?;
        }
        if let Some(session) = &session {
            self.refuse_fenced(session)?;
        }
        let record = Record {
            value,
            revision: self.head.revision,
            session,
        };
        self.writes.push(Write::Put { key, record });
        Ok(())
    }

    fn delete(&mut self, key: String, expect: Expect) -> Result<()> {
        if self.held(&key, expect)?.is_some() {
            self.head.keys = self.head.keys.saturating_sub(1);
            self.writes.push(Write::Delete { key });
        }
        Ok(())
    }

    /// The revision of `key`, which must be as expected.
    fn held(&self, key: &str, expect: Expect) -> Result<Option<u64>> {
        let found = self.view.revision_of(key)?;
        let fits = match expect {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Revision(wanted) => found == Some(wanted),
        };
        match fits {
            true => Ok(found),
            false => Err(conflict(key, found)),
        }
    }

    fn refuse_fenced(&self, session: &Session) -> Result<()> {
        match self.view.epoch_of(&session.owner)? == Some(session.epoch) {
            true => Ok(()),
            false => Err(fenced(session)),
        }
    }

    fn next(&mut self, name: String) -> Result<()> {
        let drafted = self.writes.iter().rev().find_map(|write| match write {
            Write::Sequence { name: other, value } if *other == name => Some(*value),
            _ => None,
        });
        let last = match drafted {
            Some(value) => value,
            None => self.view.sequence(&name)?,
        };
        if last == 0 {
            self.head.sequences += 1;
            refuse_above(self.head.sequences, limits::REGISTRY_SEQUENCES, "sequences")?;
        }
        self.sequences.push(last + 1);
        self.writes.push(Write::Sequence { name, value: last + 1 });
        Ok(())
    }

    /// Ends an open session together with its entries.
    fn end(&mut self, session: Session) -> Result<()> {
        let keys = self.view.keys_of(&session)?;
        self.head.keys = self.head.keys.saturating_sub(keys.len() as u64);
        self.head.sessions = self.head.sessions.saturating_sub(1);
        self.writes.extend(keys.into_iter().map(|key| Write::Delete { key }));
        self.writes.push(Write::End(session));
        Ok(())
    }

    fn committed(mut self, id: String) -> Effect {
        let answer = Committed {
            revision: self.head.revision,
            sequences: std::mem::take(&mut self.sequences),
        };
        self.writes.push(Write::Remember {
            id,
            answer: answer.clone(),
        });
        if let Some(revision) = answer
            .revision
            .checked_sub(limits::REGISTRY_COMMANDS)
            .filter(|r| *r > 0)
        {
            self.writes.push(Write::Forget { revision });
        }
        self.finished(Answer::Committed(answer))
    }

    fn finished(mut self, answer: Answer) -> Effect {
        self.writes.push(Write::Head(self.head));
        Effect {
            writes: self.writes,
            answer,
        }
    }
}

fn conflict(key: &str, found: Option<u64>) -> Error {
    let found = found.map_or("is not there".to_owned(), |revision| {
        format!("is at revision {revision}")
    });
    Error::rejected(format!("{key} {found}, which was not expected; read it again")).with_code("conflict")
}

/// The error of a session that has ended: its owner has a newer one, or none.
pub fn fenced(session: &Session) -> Error {
    Error::denied(format!(
        "epoch {} of {} has ended; open a new session",
        session.epoch, session.owner
    ))
    .with_code("fenced")
}

fn refuse_above(count: u64, most: u64, what: &str) -> Result<()> {
    match count > most {
        true => Err(Error::rejected(format!("the registry is full: {most} {what}")).with_code("registry_full")),
        false => Ok(()),
    }
}
