//! An operator's identity: a person's, in a folder of theirs on a machine without an agent.
//!
//! The folder holds `identity/` as an agent's data_dir does. It is bound to no machine, and no service of nodes takes its certificate.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use flock_core::{
    Error, ErrorKind, Result,
    holder::{Holder, OperatorName},
};

use super::{
    Identity, JoinOptions, credentials,
    files::{Files, Material, Meta, private_dir},
    folder::{FolderLock, is_a_nodes},
    join::{Candidate, enrol},
    join_string::JoinString,
    renew,
};
use crate::{
    clock::Clock,
    config::Config,
    transport::{Tls, timestamp},
};

/// A cloneable handle to it.
#[derive(Clone)]
pub struct Operator {
    /// Never handed out: its name alone would look like a node's.
    identity: Identity,
    name: OperatorName,
    dir: PathBuf,
}

impl Operator {
    /// Enrols the operator for whom a join string was made, and stores what it is given in `dir`.
    ///
    /// # Errors
    /// `configuration`: no join string, or one for nodes (`bad_join_string`); there is an identity already (`already_joined`), which
    /// `replace` gives up unless it is a node's (`nodes_folder`); else as [`Identity::join`].
    pub async fn join(dir: &Path, join_string: &str, options: JoinOptions, clock: Clock) -> Result<Self> {
        let invitation = JoinString::parse(join_string)?;
        if invitation.operator.is_empty() {
            return Err(Error::configuration(
                "this join string is for nodes; `flockctl token create --operator NAME` on a hub makes one for an operator",
            )
            .with_code("bad_join_string"));
        }
        let name = OperatorName::parse(&invitation.operator)?;
        refuse_kept(dir, options.replace)?;
        private_dir(dir)?;
        let _lock = FolderLock::take(dir).await?;
        refuse_kept(dir, options.replace)?;
        let candidate = Candidate {
            holder: Holder::Operator(name),
            hub: false,
        };
        let material = enrol(&candidate, &invitation, options, &clock).await?;
        Files::of_operator(dir).create(&material)?;
        Self::load_with(dir, clock)
    }

    /// What [`Operator::join`] left in `dir`.
    ///
    /// # Errors
    /// `configuration`: there is none (`no_operator`), it is a node's, a file is damaged or a key readable by others.
    pub fn load(dir: &Path) -> Result<Self> {
        Self::load_with(dir, Clock::system())
    }

    pub(super) fn load_with(dir: &Path, clock: Clock) -> Result<Self> {
        let files = Files::of_operator(dir);
        if !files.exist() {
            return Err(Error::configuration(format!(
                "no operator's identity is in {}: `flockctl token create --operator NAME` on a hub makes a join string, \
                 `flockctl join --operator STRING` here uses it",
                dir.display()
            ))
            .with_code("no_operator"));
        }
        let material = files.load()?;
        if !material.meta.operator {
            let message = format!("{} holds the identity of a node, not an operator's", dir.display());
            return Err(Error::configuration(message).with_code("no_operator"));
        }
        let (name, hubs) = (OperatorName::parse(&material.meta.name)?, material.meta.hubs.clone());
        let identity = Identity::assemble(files, hubs, material, clock)?;
        let dir = dir.to_owned();
        Ok(Self { identity, name, dir })
    }

    /// Whose it is.
    pub fn name(&self) -> &OperatorName {
        &self.name
    }

    /// The flock, a UUID.
    pub fn flock_id(&self) -> &str {
        self.identity.flock_id()
    }

    /// Where hubs listen, `host:port`, in the order in which they are tried.
    pub fn hubs(&self) -> Vec<String> {
        self.identity.hubs()
    }

    /// When its certificate ends, Unix time.
    pub fn expires_ms(&self) -> u64 {
        self.identity.expires_ms()
    }

    /// The credentials for connections to hubs.
    pub(crate) fn tls(&self) -> Arc<Tls> {
        self.identity.tls()
    }

    /// Renews the certificate if two thirds of its life are over; of several commands at once one does, and the others take up what it
    /// got. That fails without a word while it still holds.
    ///
    /// # Errors
    /// Once it has ended: `connection` when no hub could be asked, `denied` when it refuses; both name the way to another one.
    pub async fn keep_fresh(&self) -> Result<()> {
        if !self.is_due() {
            return Ok(());
        }
        match self.renew().await {
            Err(error) if self.expires_ms() <= self.now_ms() => Err(self.ended(&error)),
            Err(error) => {
                tracing::debug!(%error, "the certificate was not renewed");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn renew(&self) -> Result<()> {
        let _lock = FolderLock::take(&self.dir).await?;
        self.identity.reload()?;
        match self.is_due() {
            true => renew::renew(&self.identity).await,
            false => Ok(()),
        }
    }

    fn is_due(&self) -> bool {
        renew::due_ms(self.identity.tls().current().info()) <= self.now_ms()
    }

    fn now_ms(&self) -> u64 {
        self.identity.tls().clock().now_ms()
    }

    fn ended(&self, why: &Error) -> Error {
        let kind = match why.kind() {
            ErrorKind::Timeout => ErrorKind::Connection,
            kind => kind,
        };
        let message = format!(
            "the certificate of {} ended at {} and was not renewed: {why}; another one: `flockctl token create --operator {}` on a hub, \
             then `flockctl join --operator STRING --replace`",
            self.name,
            timestamp(self.expires_ms()),
            self.name.name()
        );
        Error::new(kind, message).with_code("certificate_expired")
    }
}

impl Identity {
    /// Takes up what another process has put in the place of what this one has read.
    ///
    /// # Errors
    /// `configuration` when it cannot be used, or is somebody else's by now.
    fn reload(&self) -> Result<()> {
        let Material { meta, node, roots, .. } = self.0.files.load()?;
        if (&meta.name, &meta.flock_id, meta.operator)
            != (&self.0.meta.name, &self.0.meta.flock_id, self.0.meta.operator)
        {
            let message = format!(
                "the identity of {} was replaced meanwhile; run the command again",
                self.0.meta.name
            );
            return Err(Error::configuration(message).with_code("renamed"));
        }
        if node.chain != self.0.tls.current().chain() {
            self.0.tls.replace(credentials(&node, roots)?);
        }
        Ok(())
    }
}

/// Refuses to put an operator's identity where one is kept, or where a node's is or was: that one is not to be had again.
fn refuse_kept(dir: &Path, replace: bool) -> Result<()> {
    let files = Files::of_operator(dir);
    let known = files.exist().then(|| files.meta());
    let node = matches!(&known, Some(Ok(meta)) if !meta.operator);
    if node || is_a_nodes(dir) {
        return Err(Error::configuration(format!(
            "{} is the data_dir of a node, whose identity is kept whatever is asked for; name a folder of your own with FLOCK_OPERATOR_DIR",
            dir.display()
        ))
        .with_code("nodes_folder"));
    }
    if known.is_none() || replace {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "{} holds an operator's identity already: add --replace, or name another folder with FLOCK_OPERATOR_DIR",
        dir.display()
    ))
    .with_code("already_joined"))
}

/// Refuses the identity of a person in the place of a node's.
pub(super) fn refuse(config: &Config, meta: &Meta) -> Result<()> {
    if !meta.operator {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "{} holds the identity of an operator; a node needs a data_dir of its own",
        config.data_dir.display()
    ))
    .with_code("not_joined"))
}
