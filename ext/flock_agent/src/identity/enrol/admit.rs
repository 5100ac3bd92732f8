//! Whether a machine that knows a secret is let in under the name it asks for.

use flock_core::{
    Error, Result,
    holder::{Holder, OperatorName},
    id::NodeName,
    limits,
};

use super::{Denial, Enrol, EnrolledRecord, enrolled_key, json, parse, removed_key, token};
use crate::{
    identity::{
        ca,
        cert::{CertInfo, Subject},
        new_enrolment,
    },
    pb,
    registry::{Entry, Expect, Op},
    text::sha256_hex,
    transport::{denied_enrolment, timestamp},
    wire,
};
use rcgen::PublicKeyData;

/// A request whose form is right.
struct Candidate<'a> {
    request: &'a pb::JoinRequest,
    name: Holder,
    key: rcgen::PublicKey,
    key_hash: String,
}

impl Enrol {
    pub(super) async fn admit(&self, request: &pb::JoinRequest) -> Result<pb::Leaf> {
        wire::agree(request.protocol_min, request.protocol_max)?;
        self.check_clock(request.now_ms)?;
        let candidate = candidate(request)?;
        self.until_settled(|| self.try_admit(&candidate)).await
    }

    fn check_clock(&self, theirs_ms: u64) -> Result<()> {
        let now_ms = self.clock.now_ms();
        if now_ms.abs_diff(theirs_ms) <= limits::CLOCK_SKEW_JOIN_MS {
            return Ok(());
        }
        let message = format!(
            "the clock of the joining node says {}, the hub's {}; set it (`chronyc makestep`, `timedatectl set-ntp true`) and join again",
            timestamp(theirs_ms),
            timestamp(now_ms)
        );
        Err(token::denied("clock_skew", &message))
    }

    async fn try_admit(&self, candidate: &Candidate<'_>) -> Result<pb::Leaf> {
        let (token, record) = self.token(candidate.request).await?;
        let now_ms = self.clock.now_ms();
        record.admits(&candidate.name, now_ms)?;
        let enrolled = self.enrolled(&candidate.name).await?;
        if let Some((entry, old)) = &enrolled
            && old.key == candidate.key_hash
        {
            // Our answer was lost: it was let in already, and is not counted twice.
            return self.issue(candidate, entry, old, now_ms).await;
        }
        let removed = self.registry.get(&removed_key(&candidate.name)).await?;
        refuse_taken(candidate, enrolled.as_ref().map(|(_, old)| old), removed.is_some())?;
        if record.uses_left == 0 {
            return Err(token::denied(
                "token_used_up",
                "the join token is used up; make another with `flockctl token create` on a hub",
            ));
        }
        let (leaf, mut new) = self.leaf(candidate, new_enrolment(), now_ms)?;
        new.key.clone_from(&candidate.key_hash);
        let used = token::TokenRecord {
            uses_left: record.uses_left - 1,
            ..record
        };
        let mut ops = vec![put(&token.key, json(&used), Expect::Revision(token.revision))];
        ops.push(put(
            &enrolled_key(&candidate.name),
            json(&new),
            expect(enrolled.as_ref().map(|(entry, _)| entry)),
        ));
        if let Some(entry) = &removed {
            ops.push(Op::Delete {
                key: entry.key.clone(),
                expect: Expect::Revision(entry.revision),
            });
        }
        ops.extend(enrolled.map(|(_, old)| deny(&candidate.name, &old.enrolment, now_ms)));
        self.registry.txn(&super::command_id(), ops).await?;
        Ok(leaf)
    }

    /// The token, whose secret the request knows. One answer for "no such token" and "wrong secret": neither helps a guesser.
    async fn token(&self, request: &pb::JoinRequest) -> Result<(Entry, token::TokenRecord)> {
        let unknown = || {
            token::denied(
                "token_unknown",
                "the hub knows no such join token; make one with `flockctl token create` on a hub",
            )
        };
        if !token::is_id(&request.token_id) {
            return Err(unknown());
        }
        let entry = self
            .registry
            .get(&token::key(&request.token_id))
            .await?
            .ok_or_else(unknown)?;
        let record: token::TokenRecord = parse(&entry)?;
        if record.opens_with(&request.secret) {
            Ok((entry, record))
        } else {
            Err(unknown())
        }
    }

    async fn issue(
        &self,
        candidate: &Candidate<'_>,
        entry: &Entry,
        old: &EnrolledRecord,
        now_ms: u64,
    ) -> Result<pb::Leaf> {
        let (leaf, mut new) = self.leaf(candidate, old.enrolment.clone(), now_ms)?;
        new.key.clone_from(&old.key);
        let put = put(&entry.key, json(&new), Expect::Revision(entry.revision));
        self.registry.txn(&super::command_id(), vec![put]).await?;
        Ok(leaf)
    }

    fn leaf(&self, candidate: &Candidate<'_>, enrolment: String, now_ms: u64) -> Result<(pb::Leaf, EnrolledRecord)> {
        let flock_id = self.identity.flock_id().to_owned();
        let subject = Subject {
            flock_id,
            holder: candidate.name.clone(),
            hub: false,
            enrolment,
        };
        self.sign(&subject, &candidate.key, &candidate.request.machine_id, now_ms)
    }

    /// A leaf, and what the registry is to remember of it.
    pub(super) fn sign(
        &self,
        subject: &Subject,
        key: &rcgen::PublicKey,
        machine_id: &str,
        now_ms: u64,
    ) -> Result<(pb::Leaf, EnrolledRecord)> {
        let authority = self.identity.authority()?;
        let leaf = authority.leaf(subject, key, now_ms)?;
        let record = EnrolledRecord {
            machine_id: machine_id.to_owned(),
            serial: CertInfo::parse(&leaf)?.serial,
            at_ms: now_ms,
            enrolment: subject.enrolment.clone(),
            key: String::new(),
            hub: subject.hub,
        };
        let reply = pb::Leaf {
            chain: vec![leaf.to_vec(), authority.certificate().to_vec()],
            roots: self
                .identity
                .tls()
                .current()
                .roots()
                .iter()
                .map(|root| root.to_vec())
                .collect(),
            flock_id: subject.flock_id.clone(),
            hubs: self.identity.hubs(),
            now_ms,
        };
        Ok((reply, record))
    }
}

fn candidate(request: &pb::JoinRequest) -> Result<Candidate<'_>> {
    let name = match request.operator {
        true => Holder::Operator(OperatorName::parse(&request.name)?),
        false => NodeName::parse(&request.name)?.into(),
    };
    if request.hub {
        return Err(Error::configuration(
            "a join token lets in members; this hub serves its registry alone: leave out [registry] in agent.toml of the joining node",
        )
        .with_code("hub_join"));
    }
    if request.machine_id.len() > limits::MACHINE_ID_BYTES || request.csr.len() > limits::CERTIFICATE_BYTES {
        return Err(Error::protocol("the signing request is too large").with_code("bad_csr"));
    }
    let key = ca::requested_key(&request.csr)?;
    let key_hash = sha256_hex(key.der_bytes());
    Ok(Candidate {
        request,
        name,
        key,
        key_hash,
    })
}

fn refuse_taken(candidate: &Candidate<'_>, enrolled: Option<&EnrolledRecord>, removed: bool) -> Result<()> {
    let name = &candidate.name;
    if enrolled.is_some_and(|old| old.hub) {
        return Err(token::denied(
            "name_taken",
            &format!("{name} is a hub of this flock; choose another name"),
        ));
    }
    if candidate.request.replace {
        return Ok(());
    }
    let again = super::again(name);
    if removed {
        let message = format!("{name} was removed from this flock; {again} takes it back in");
        return Err(token::denied("removed", &message));
    }
    if enrolled.is_some() {
        let message = format!(
            "{name} is in this flock already; if this machine takes its place, {again} (the other one is then denied), else choose another name"
        );
        return Err(token::denied("name_taken", &message));
    }
    Ok(())
}

/// What the replaced machine still holds is denied until the last of it has expired.
pub(super) fn deny(name: &Holder, enrolment: &str, now_ms: u64) -> Op {
    let key = format!(
        "{}{}",
        super::REMOVED,
        flock_core::id::escape(&denied_enrolment(enrolment))
    );
    let denial = Denial {
        name: name.to_string(),
        expires_ms: now_ms + limits::LEAF_MS,
    };
    put(&key, json(&denial), Expect::Any)
}

fn expect(entry: Option<&Entry>) -> Expect {
    entry.map_or(Expect::Absent, |entry| Expect::Revision(entry.revision))
}

fn put(key: &str, value: Vec<u8>, expect: Expect) -> Op {
    Op::Put {
        key: key.to_owned(),
        value,
        expect,
        session: None,
    }
}
