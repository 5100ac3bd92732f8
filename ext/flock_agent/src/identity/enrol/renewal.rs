//! Whether a leaf is replaced by a fresh one: its holder proves to have its key, also a while after its end.

use flock_core::{Error, Result, holder::Holder, id::escape, limits};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::CertificateDer;

use super::{Enrol, admit::deny, again, enrolled_key, json, removed_key, token::denied};
use crate::{
    identity::{ca, cert::CertInfo, machine, renew::signed_part},
    pb,
    registry::{Expect, Op},
    transport::{client_path, denied_enrolment},
};

impl Enrol {
    pub(super) async fn renewed(&self, request: &pb::RenewRequest) -> Result<pb::Leaf> {
        let now_ms = self.clock.now_ms();
        self.nonces.check(&request.nonce, now_ms)?;
        let info = self.proven(request, now_ms)?;
        let key = ca::requested_key(&request.csr)?;
        self.until_settled(|| self.try_renew(request, &info, &key)).await
    }

    /// What the leaf says, once it is ours, not too old, and its key has signed this request.
    fn proven(&self, request: &pb::RenewRequest, now_ms: u64) -> Result<CertInfo> {
        let too_large = |der: &&Vec<u8>| der.len() > limits::CERTIFICATE_BYTES;
        if request.chain.len() > 3 || request.chain.iter().chain([&request.csr]).any(|der| too_large(&der)) {
            return Err(Error::protocol("the renewal is too large").with_code("bad_csr"));
        }
        let info = CertInfo::parse(request.chain.first().map(Vec::as_slice).unwrap_or_default())?;
        let name = &info.subject.holder;
        if info.not_after_ms.saturating_add(limits::RENEW_GRACE_MS) < now_ms {
            let message = format!(
                "the certificate of {name} ended more than 90 days ago; {} takes it back in",
                again(name)
            );
            return Err(denied("certificate_expired", &message));
        }
        let chain: Vec<_> = request
            .chain
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        // At a moment within its life: it may have ended, or been made here while this hub's clock was ahead.
        let at_ms = now_ms
            .max(info.not_before_ms)
            .min(info.not_after_ms.saturating_sub(1000));
        let path = client_path(self.identity.tls().current().store()?)?;
        if info.subject.flock_id != self.identity.flock_id() || !path.verify(&chain, at_ms) {
            return Err(denied(
                "other_flock",
                &format!("the certificate of {name} is not of this flock"),
            ));
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &info.public_key)
            .verify(&signed_part(&request.nonce, &request.csr), &request.signature)
            .map_err(|_| {
                denied(
                    "bad_signature",
                    &format!("the renewal is not signed with the key of {name}"),
                )
            })?;
        Ok(info)
    }

    async fn try_renew(&self, request: &pb::RenewRequest, info: &CertInfo, key: &rcgen::PublicKey) -> Result<pb::Leaf> {
        let name = &info.subject.holder;
        if self.registry.get(&removed_key(name)).await?.is_some() {
            let message = format!("{name} was removed from this flock; {} takes it back in", again(name));
            return Err(denied("removed", &message));
        }
        let enrolled = self.enrolled(name).await?;
        let mut ops = Vec::new();
        if let Some((_, old)) = &enrolled {
            if self.is_older(old, info).await? {
                tracing::warn!(node = %name, "the registry knew an older machine of that name: was it restored from a backup? that one is denied");
                ops.push(deny(name, &old.enrolment, self.clock.now_ms()));
            } else {
                refuse_other_machine(name, old, request, info)?;
            }
        }
        let (leaf, mut new) = self.sign(&info.subject, key, &request.machine_id, self.clock.now_ms())?;
        // A registry that was lost and begun anew does not throw the flock out: the certificate speaks for itself.
        let mut expect = Expect::Absent;
        if let Some((entry, old)) = &enrolled {
            expect = Expect::Revision(entry.revision);
            new.key.clone_from(&old.key);
            new.hub = old.hub;
        }
        ops.push(Op::Put {
            key: enrolled_key(name),
            value: json(&new),
            expect,
            session: None,
        });
        self.registry.txn(&super::command_id(), ops).await?;
        tracing::info!(node = %name, "certificate renewed");
        Ok(leaf)
    }

    /// Whether the registry tells of an enrolment that this one has replaced: it was restored from a backup, for whoever is replaced
    /// gets no later leaf, and is denied by its enrolment. All times are of the hub's clock.
    async fn is_older(&self, known: &super::EnrolledRecord, info: &CertInfo) -> Result<bool> {
        let own = &info.subject.enrolment;
        let issued_ms = info.not_before_ms.saturating_add(limits::BACKDATE_MS);
        if known.enrolment == *own || issued_ms <= known.at_ms {
            return Ok(false);
        }
        let denial = format!("{}{}", super::REMOVED, escape(&denied_enrolment(own)));
        Ok(self.registry.get(&denial).await?.is_none())
    }
}

fn refuse_other_machine(
    name: &Holder,
    enrolled: &super::EnrolledRecord,
    request: &pb::RenewRequest,
    info: &CertInfo,
) -> Result<()> {
    if enrolled.enrolment != info.subject.enrolment {
        let message = format!(
            "another machine has joined as {name} since; {} takes the name back",
            again(name)
        );
        return Err(denied("replaced", &message));
    }
    if machine::differ(&enrolled.machine_id, &request.machine_id) && !request.rebind {
        let message = format!(
            "{name} asks from another machine than the one that joined; run `flockctl join STRING --replace` there"
        );
        return Err(denied("cloned", &message));
    }
    Ok(())
}
