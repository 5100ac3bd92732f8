//! The joining node's side of enrolment.

use flock_core::{Error, ErrorKind, Result, holder::Holder, limits};
use rustls::{RootCertStore, pki_types::CertificateDer};

use super::{
    Identity, ca, cert,
    files::{Files, Keyed, Material, Meta, machine_of, private_dir},
    join_string::JoinString,
    refuse_existing,
};
use crate::{
    clock::Clock,
    config::Config,
    pb::{self, enrol_client::EnrolClient},
    transport::{Target, client_path, dial_once, timestamp},
    wire,
};

/// How to join.
#[derive(Debug, Clone, Copy, Default)]
pub struct JoinOptions {
    /// Take the place of a node that has or had this name, here and in the flock.
    pub replace: bool,
}

impl Identity {
    /// Joins the flock of a join string under the name of `config`, and stores what it is given.
    ///
    /// # Errors
    /// `configuration`: no join string (`bad_join_string`), in a flock already (`already_initialised`);
    /// `denied`: `wrong_pin`, `clock_skew`, `token_unknown`, `token_expired`, `token_used_up`, `token_name`, `name_taken`, `removed`;
    /// `protocol`; `connection` when no hub of the string can be reached.
    pub async fn join(config: &Config, join_string: &str, options: JoinOptions, clock: Clock) -> Result<Self> {
        let invitation = JoinString::parse(join_string)?;
        if !options.replace {
            refuse_existing(&config.data_dir)?;
        }
        if !invitation.operator.is_empty() {
            return Err(Error::configuration(
                "this join string is for an operator; use it with `flockctl join --operator`, where no agent runs",
            )
            .with_code("bad_join_string"));
        }
        let candidate = Candidate {
            holder: (&config.name).into(),
            hub: config.registry.is_some(),
        };
        let material = enrol(&candidate, &invitation, options, &clock).await?;
        private_dir(&config.data_dir)?;
        Files::of(&config.data_dir).create(&material)?;
        Self::from_material(config, material, clock)
    }
}

/// Who wants to be let in.
pub(super) struct Candidate {
    pub holder: Holder,
    /// As a hub.
    pub hub: bool,
}

/// Asks the hubs of a join string for a certificate.
pub(super) async fn enrol(
    candidate: &Candidate,
    invitation: &JoinString,
    options: JoinOptions,
    clock: &Clock,
) -> Result<Material> {
    let key = ca::key()?;
    let request = request(candidate, invitation, &key, options, clock)?;
    let (leaf, hub) = ask_any(invitation, &request, clock).await?;
    accept(&candidate.holder, invitation, leaf, hub, key, clock)
}

fn request(
    candidate: &Candidate,
    invitation: &JoinString,
    key: &rcgen::KeyPair,
    options: JoinOptions,
    clock: &Clock,
) -> Result<pb::JoinRequest> {
    Ok(pb::JoinRequest {
        token_id: invitation.token_id.clone(),
        secret: invitation.secret.clone(),
        name: candidate.holder.name().to_owned(),
        csr: ca::request(key)?,
        machine_id: machine_of(&candidate.holder),
        replace: options.replace,
        hub: candidate.hub,
        operator: candidate.holder.is_operator(),
        now_ms: clock.now_ms(),
        protocol_min: limits::PROTOCOL_MIN,
        protocol_max: limits::PROTOCOL_MAX,
    })
}

/// Asks the hubs one after the other; only what another hub might answer differently goes on to the next.
async fn ask_any<'a>(
    invitation: &'a JoinString,
    request: &pb::JoinRequest,
    clock: &Clock,
) -> Result<(pb::Leaf, &'a String)> {
    let mut last = Error::connection("the join string names no hub");
    for hub in &invitation.hubs {
        match ask(&invitation.pin, hub, request.clone(), clock).await {
            Ok(leaf) => return Ok((leaf, hub)),
            Err(error) if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

async fn ask(pin: &str, hub: &str, request: pb::JoinRequest, clock: &Clock) -> Result<pb::Leaf> {
    let channel = dial_once(Target::Pinned(pin.to_owned(), clock.clone()), hub).await?;
    let mut client = EnrolClient::new(channel).max_decoding_message_size(limits::MESSAGE_BYTES);
    let call = client.join(wire::request(request, limits::CALL_MS));
    wire::within(limits::CALL_MS, &format!("the request to join at {hub}"), call).await
}

/// The hub has proven itself by the pin; what it sends is checked all the same, before it is kept.
fn accept(
    holder: &Holder,
    invitation: &JoinString,
    leaf: pb::Leaf,
    hub: &str,
    key: rcgen::KeyPair,
    clock: &Clock,
) -> Result<Material> {
    let chain: Vec<CertificateDer<'static>> = leaf.chain.into_iter().map(CertificateDer::from).collect();
    let roots: Vec<CertificateDer<'static>> = leaf.roots.into_iter().map(CertificateDer::from).collect();
    let info = cert::CertInfo::parse(chain.first().map(AsRef::as_ref).unwrap_or_default())?;
    let pinned = |root: &&CertificateDer<'_>| cert::spki_sha256(root).is_ok_and(|hash| hash == invitation.pin);
    let mut store = RootCertStore::empty();
    let root = roots
        .iter()
        .find(pinned)
        .ok_or_else(|| unfit("its root is not the one of the join string"))?;
    store.add(root.clone()).map_err(|e| unfit(&e.to_string()))?;
    let now_ms = clock.now_ms();
    if !client_path(store.into())?.verify(&chain, now_ms) {
        return Err(unfit(&format!(
            "it is not valid; the clock of this machine says {}, the hub's {}",
            timestamp(now_ms),
            timestamp(leaf.now_ms)
        )));
    }
    if info.subject.holder != *holder || info.subject.flock_id != leaf.flock_id || info.subject.hub {
        return Err(unfit("it names somebody else"));
    }
    // The address that worked comes first: what the hub calls itself may not be known here.
    let mut hubs = vec![hub.to_owned()];
    hubs.extend(
        leaf.hubs
            .into_iter()
            .filter(|other| other != hub)
            .take(limits::JOIN_HUBS - 1),
    );
    Ok(Material {
        meta: Meta::new(&leaf.flock_id, holder, false, hubs),
        node: Keyed { key, chain },
        roots,
        authority: None,
        root: None,
    })
}

fn unfit(why: &str) -> Error {
    Error::protocol(format!("the certificate that the hub sent cannot be used: {why}")).with_code("bad_certificate")
}
