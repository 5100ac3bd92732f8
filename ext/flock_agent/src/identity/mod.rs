//! Who this node is: made by `init` on the first hub, by `join` everywhere else, renewed while the agent runs.

mod ca;
pub mod cert;
pub mod enrol;
mod files;
mod folder;
mod join;
mod join_string;
pub mod machine;
mod operator;
pub mod renew;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use flock_core::{Error, Result, id::NodeName};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{
    clock::Clock,
    config::Config,
    transport::{Credentials, Tls},
};
use ca::Authority;
use cert::Subject;
use files::{Files, Keyed, Material, Meta};

#[cfg(test)]
pub(crate) use ca::requested_key;
pub(crate) use files::private_dir;
pub use join::JoinOptions;
pub use join_string::{JoinString, join_string};
pub use operator::Operator;

/// A cloneable handle to the identity of this node.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    name: NodeName,
    meta: Meta,
    hubs: Vec<String>,
    files: Files,
    tls: Arc<Tls>,
    authority: Option<Authority>,
    /// It was restored on another machine, which no hub has heard of yet.
    rebind: AtomicBool,
}

/// What a directory holds that an identity was copied into.
#[derive(Debug, Clone)]
pub(crate) struct Inspected {
    pub name: String,
    pub flock_id: String,
    /// When the leaf ends, Unix time.
    pub expires_ms: u64,
}

/// Reads the identity in `data_dir` whole, whatever machine it is of.
///
/// # Errors
/// `configuration` when it cannot be used.
pub(crate) fn inspect(data_dir: &Path) -> Result<Inspected> {
    let material = Files::of(data_dir).load()?;
    let leaf = material.node.chain.first().map(AsRef::as_ref).unwrap_or_default();
    Ok(Inspected {
        name: material.meta.name,
        flock_id: material.meta.flock_id,
        expires_ms: cert::CertInfo::parse(leaf)?.not_after_ms,
    })
}

/// Whether the node in `data_dir` founded its flock; `None` = there is none, or it may not be looked at.
pub(crate) fn founded(data_dir: &Path) -> Option<bool> {
    Files::of(data_dir).meta().ok().map(|meta| meta.hub)
}

/// Makes the identity in `data_dir` this machine's, and answers whether it was another's; the next renewal tells the hub.
///
/// # Errors
/// `configuration` when it cannot be written.
pub(crate) fn rebind(data_dir: &Path) -> Result<bool> {
    let files = Files::of(data_dir);
    let mut meta = files.meta()?;
    let own = machine::id_hash();
    if meta.machine_id == own {
        return Ok(false);
    }
    meta.machine_id = own;
    meta.rebind = true;
    files.write_meta(&meta).map(|()| true)
}

impl Identity {
    /// Founds a flock: makes the root, the intermediate of this hub and its first leaf.
    ///
    /// # Errors
    /// `configuration`: there is an identity or data already (`already_initialised`), no `[registry]`, or data_dir cannot be written.
    pub fn init(config: &Config, now_ms: u64) -> Result<Self> {
        if config.registry.is_none() {
            return Err(Error::configuration(format!(
                "{} has no [registry]: only a hub can found a flock; add it, or run `flockctl join STRING` instead",
                config.path.display()
            ))
            .with_code("no_registry"));
        }
        refuse_existing(&config.data_dir)?;
        private_dir(&config.data_dir)?;
        let material = found(config, now_ms)?;
        Files::of(&config.data_dir).create(&material)?;
        Self::from_material(config, material, Clock::system())
    }

    /// The identity that `init` or `join` left.
    ///
    /// # Errors
    /// `configuration`: there is none (`not_joined`), it is of another machine (`cloned`) or under another name (`renamed`), a file is
    /// damaged or a key readable by others.
    pub fn load(config: &Config) -> Result<Self> {
        Self::load_with(config, Clock::system())
    }

    /// [`Identity::load`] with a clock of one's own.
    ///
    /// # Errors
    /// As [`Identity::load`].
    pub fn load_with(config: &Config, clock: Clock) -> Result<Self> {
        let files = Files::of(&config.data_dir);
        if !files.exist() {
            return Err(Error::configuration(format!(
                "this node is in no flock ({} has no identity): run `flockctl init` on the first hub, `flockctl join STRING` on every other node",
                config.data_dir.display()
            ))
            .with_code("not_joined"));
        }
        let mut material = files.load()?;
        operator::refuse(config, &material.meta)?;
        refuse_clone(&material.meta)?;
        refuse_renamed(config, &material.meta)?;
        succeed(&files, &mut material, clock.now_ms())?;
        Self::from_material(config, material, clock)
    }

    fn from_material(config: &Config, material: Material, clock: Clock) -> Result<Self> {
        let hubs = hubs(config, &material.meta);
        Self::assemble(Files::of(&config.data_dir), hubs, material, clock)
    }

    fn assemble(files: Files, hubs: Vec<String>, material: Material, clock: Clock) -> Result<Self> {
        let Material {
            meta,
            node,
            roots,
            authority,
            ..
        } = material;
        let tls = Tls::new(credentials(&node, roots)?, clock);
        let authority = authority.map(|keyed| {
            let certificate = keyed
                .chain
                .into_iter()
                .next()
                .ok_or_else(|| Error::internal("hub.pem is empty"))?;
            Authority::from_parts(certificate, keyed.key)
        });
        Ok(Self(Arc::new(Inner {
            name: NodeName::parse(&meta.name)?,
            hubs,
            files,
            tls: Arc::new(tls),
            authority: authority.transpose()?,
            rebind: AtomicBool::new(meta.rebind),
            meta,
        })))
    }

    /// The node.
    pub fn name(&self) -> &NodeName {
        &self.0.name
    }

    /// The flock, a UUID.
    pub fn flock_id(&self) -> &str {
        &self.0.meta.flock_id
    }

    /// Whether this node may serve the registry and let others in.
    pub fn is_hub(&self) -> bool {
        self.0.authority.is_some()
    }

    /// Where hubs listen, `host:port`: `[join]` of agent.toml, else what `join` learned, else, on a hub, its own address.
    pub fn hubs(&self) -> Vec<String> {
        self.0.hubs.clone()
    }

    /// The credentials, replaced at each renewal.
    pub fn tls(&self) -> Arc<Tls> {
        Arc::clone(&self.0.tls)
    }

    /// The pin of join strings: SHA-256 of the root's public key, hexadecimal.
    ///
    /// # Errors
    /// `protocol` when the root cannot be read.
    pub fn pin(&self) -> Result<String> {
        let current = self.0.tls.current();
        let root = current
            .roots()
            .first()
            .ok_or_else(|| Error::internal("the trust bundle is empty"))?;
        cert::spki_sha256(root)
    }

    /// When the leaf in force ends, Unix time.
    pub fn expires_ms(&self) -> u64 {
        self.0.tls.current().info().not_after_ms
    }

    /// When the intermediate certificate of a hub ends, Unix time.
    pub fn authority_expires_ms(&self) -> Option<u64> {
        self.0.authority.as_ref().map(Authority::not_after_ms)
    }

    /// Leaves that this hub makes from now on last that long.
    #[cfg(test)]
    pub(crate) fn shorten_leaves(&self, leaf_ms: u64) {
        self.0.authority.as_ref().unwrap().shorten(leaf_ms);
    }

    /// Whether a hub has yet to be told that the node is another machine now.
    pub(crate) fn is_rebinding(&self) -> bool {
        self.0.rebind.load(Ordering::Relaxed)
    }

    fn authority(&self) -> Result<&Authority> {
        let none = || Error::configuration(format!("{} is no hub and lets nobody in", self.name())).with_code("no_hub");
        self.0.authority.as_ref().ok_or_else(none)
    }

    /// Writes a renewed leaf and puts it in force.
    fn adopt(&self, node: &Keyed, roots: Vec<CertificateDer<'static>>) -> Result<()> {
        let credentials = credentials(node, roots)?;
        self.0.files.renew(node, credentials.roots())?;
        if self.0.rebind.load(Ordering::Relaxed) {
            let bound = Meta {
                rebind: false,
                ..self.0.meta.clone()
            };
            self.0.files.write_meta(&bound)?;
            self.0.rebind.store(false, Ordering::Relaxed);
        }
        self.0.tls.replace(credentials);
        Ok(())
    }
}

/// Makes a new intermediate in the last third of the old one's life, where the root is at hand. Leaves of the old one hold until their
/// own end; the next renewal brings each the new one.
fn succeed(files: &Files, material: &mut Material, now_ms: u64) -> Result<()> {
    let (Some(old), Some(root)) = (&material.authority, &material.root) else {
        return Ok(());
    };
    if !authority_of(old)?.is_due(now_ms) {
        return Ok(());
    }
    let (flock_id, name) = (&material.meta.flock_id, &material.meta.name);
    let new = keyed(&authority_of(root)?.intermediate(flock_id, name, now_ms)?)?;
    files.write_hub(&new)?;
    tracing::info!("a new intermediate certificate of this hub is in force");
    material.authority = Some(new);
    Ok(())
}

fn authority_of(keyed: &Keyed) -> Result<Authority> {
    let certificate = keyed.chain.first().cloned();
    let certificate = certificate.ok_or_else(|| Error::internal("a key has no certificate"))?;
    let der = PrivatePkcs8KeyDer::from(keyed.key.serialized_der());
    let key = rcgen::KeyPair::try_from(&der).map_err(|e| Error::internal(format!("a key cannot be read: {e}")))?;
    Authority::from_parts(certificate, key)
}

fn found(config: &Config, now_ms: u64) -> Result<Material> {
    let flock_id = uuid::Uuid::new_v4().to_string();
    let name = &config.name;
    let root = Authority::root(&flock_id, now_ms)?;
    let authority = root.intermediate(&flock_id, name.as_str(), now_ms)?;
    let subject = Subject {
        flock_id: flock_id.clone(),
        holder: name.into(),
        hub: true,
        enrolment: new_enrolment(),
    };
    let key = ca::key()?;
    let leaf = authority.leaf(&subject, &key, now_ms)?;
    let hubs = config.public_address().into_iter().collect();
    Ok(Material {
        meta: Meta::new(&flock_id, &name.into(), true, hubs),
        node: Keyed {
            key,
            chain: vec![leaf, authority.certificate().clone()],
        },
        roots: vec![root.certificate().clone()],
        authority: Some(keyed(&authority)?),
        root: Some(keyed(&root)?),
    })
}

fn keyed(authority: &Authority) -> Result<Keyed> {
    let der = PrivatePkcs8KeyDer::from(authority.key().serialized_der());
    let key =
        rcgen::KeyPair::try_from(&der).map_err(|e| Error::internal(format!("a new key cannot be read back: {e}")))?;
    Ok(Keyed {
        key,
        chain: vec![authority.certificate().clone()],
    })
}

fn new_enrolment() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn credentials(node: &Keyed, roots: Vec<CertificateDer<'static>>) -> Result<Credentials> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(node.key.serialized_der()));
    Credentials::new(node.chain.clone(), &key, roots)
}

fn hubs(config: &Config, meta: &Meta) -> Vec<String> {
    if !config.hubs.is_empty() {
        return config.hubs.clone();
    }
    // The address of a hub is what its file says now, not what it said at `init`.
    match config.public_address() {
        Some(own) if meta.hub && meta.hubs.len() < 2 => vec![own],
        _ => meta.hubs.clone(),
    }
}

fn refuse_existing(data_dir: &Path) -> Result<()> {
    let held = ["identity", "state.db", "registry.db"]
        .into_iter()
        .find(|file| data_dir.join(file).exists());
    match held {
        None => Ok(()),
        Some(file) => Err(Error::configuration(format!(
            "{} already holds {file}: this node is in a flock; `flockctl leave` takes it out",
            data_dir.display()
        ))
        .with_code("already_initialised")),
    }
}

fn refuse_clone(meta: &Meta) -> Result<()> {
    if !machine::differ(&meta.machine_id, &machine::id_hash()) {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "the identity of {0} was made on another machine: this is a copy of it; run `flockctl join STRING --replace` to take the name over, \
         `flockctl restore FILE --replace` to move the node here with a backup, or give this machine a name of its own in agent.toml and join with that",
        meta.name
    ))
    .with_code("cloned"))
}

fn refuse_renamed(config: &Config, meta: &Meta) -> Result<()> {
    if config.name.as_str() == meta.name {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "agent.toml calls this node {}, but it joined as {}; change the name back or run `flockctl join STRING --replace`",
        config.name, meta.name
    ))
    .with_code("renamed"))
}

/// Random bytes of the operating system.
///
/// # Errors
/// `internal` when it has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::internal("the system has no randomness"))?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
