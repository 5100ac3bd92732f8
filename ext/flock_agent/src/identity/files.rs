//! `data_dir/identity/`: what a node is, on disk. Keys are 0600; every file is written beside, synced and renamed.
//!
//! ```text
//! identity.json   who: flock, name, hubs, machine; see Meta
//! node.pem        the leaf's key, the leaf, its intermediate
//! roots.pem       the trust bundle
//! hub.pem         hubs: the intermediate's key and certificate
//! root.pem        first hub: the root's key and certificate; may be moved to a safe place, only new hubs need it
//! ```

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flock_core::{Error, Result, holder::Holder};
use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};

/// The version of this directory's format.
const VERSION: u32 = 1;

/// identity.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    pub version: u32,
    pub flock_id: String,
    pub name: String,
    pub hub: bool,
    /// Learned by `join`.
    pub hubs: Vec<String>,
    /// Hash of the machine id; "" = the machine had none.
    pub machine_id: String,
    /// The machine is another one than the hub knows: the identity was restored from a backup.
    #[serde(default)]
    pub rebind: bool,
    /// It is a person's: `name` is an operator's, and no machine is meant.
    #[serde(default)]
    pub operator: bool,
}

impl Meta {
    pub fn new(flock_id: &str, holder: &Holder, hub: bool, hubs: Vec<String>) -> Self {
        Self {
            version: VERSION,
            flock_id: flock_id.to_owned(),
            name: holder.name().to_owned(),
            hub,
            hubs,
            machine_id: machine_of(holder),
            rebind: false,
            operator: holder.is_operator(),
        }
    }
}

/// The machine that an identity is bound to: an operator's folder may move.
pub(super) fn machine_of(holder: &Holder) -> String {
    match holder.is_operator() {
        true => String::new(),
        false => super::machine::id_hash(),
    }
}

/// A key and the certificates that go with it.
pub(super) struct Keyed {
    pub key: KeyPair,
    pub chain: Vec<CertificateDer<'static>>,
}

/// Everything of an identity.
pub(super) struct Material {
    pub meta: Meta,
    pub node: Keyed,
    pub roots: Vec<CertificateDer<'static>>,
    pub authority: Option<Keyed>,
    pub root: Option<Keyed>,
}

/// The directory.
#[derive(Debug, Clone)]
pub(super) struct Files {
    dir: PathBuf,
    /// A person's: other remedies help.
    operator: bool,
}

impl Files {
    pub fn of(data_dir: &Path) -> Self {
        Self {
            dir: data_dir.join("identity"),
            operator: false,
        }
    }

    /// Those of an operator.
    pub fn of_operator(dir: &Path) -> Self {
        Self {
            operator: true,
            ..Self::of(dir)
        }
    }

    pub fn exist(&self) -> bool {
        self.dir.exists()
    }

    /// Writes a whole identity; an earlier one is there until the new one is complete.
    pub fn create(&self, material: &Material) -> Result<()> {
        let new = Self {
            dir: self.dir.with_extension("new"),
            operator: self.operator,
        };
        remove(&new.dir)?;
        private_dir(&new.dir)?;
        for (file, keyed) in [("root.pem", &material.root), ("hub.pem", &material.authority)] {
            keyed
                .as_ref()
                .map_or(Ok(()), |keyed| new.write(file, &keyed_pem(keyed)))?;
        }
        new.write("roots.pem", &certificates_pem(&material.roots))?;
        new.write("node.pem", &keyed_pem(&material.node))?;
        new.write_meta(&material.meta)?;
        self.take_over(&new)
    }

    fn take_over(&self, new: &Self) -> Result<()> {
        let old = self.dir.with_extension("old");
        remove(&old)?;
        let moved = if self.exist() {
            std::fs::rename(&self.dir, &old)
        } else {
            Ok(())
        };
        moved
            .and_then(|()| std::fs::rename(&new.dir, &self.dir))
            .and_then(|()| sync_parent(&self.dir))
            .map_err(|e| unwritable(&self.dir, &e))?;
        remove(&old)
    }

    /// Replaces leaf and key, and the trust bundle when it changed.
    pub fn renew(&self, node: &Keyed, roots: &[CertificateDer<'static>]) -> Result<()> {
        let bundle = certificates_pem(roots);
        if self.read("roots.pem")? != bundle {
            self.write("roots.pem", &bundle)?;
        }
        self.write("node.pem", &keyed_pem(node))
    }

    /// Replaces the intermediate of a hub.
    pub fn write_hub(&self, hub: &Keyed) -> Result<()> {
        self.write("hub.pem", &keyed_pem(hub))
    }

    pub fn write_meta(&self, meta: &Meta) -> Result<()> {
        let text = serde_json::to_string_pretty(meta).unwrap_or_default();
        self.write("identity.json", &text)
    }

    pub fn meta(&self) -> Result<Meta> {
        let meta: Meta =
            serde_json::from_str(&self.read("identity.json")?).map_err(|e| self.damaged("identity.json", &e))?;
        if meta.version > VERSION {
            return Err(Error::configuration(format!(
                "{} is of a newer version of flock_of_chefs; install that one again",
                self.dir.display()
            ))
            .with_code("identity_newer"));
        }
        Ok(meta)
    }

    pub fn load(&self) -> Result<Material> {
        let meta = self.meta()?;
        Ok(Material {
            node: self.keyed("node.pem")?,
            roots: self.certificates("roots.pem", &self.read("roots.pem")?)?,
            authority: if meta.hub { Some(self.keyed("hub.pem")?) } else { None },
            root: if self.dir.join("root.pem").exists() {
                Some(self.keyed("root.pem")?)
            } else {
                None
            },
            meta,
        })
    }

    fn keyed(&self, file: &str) -> Result<Keyed> {
        self.refuse_public(file)?;
        let text = self.read(file)?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|e| self.damaged(file, &e))?;
        let key = KeyPair::try_from(&key).map_err(|e| self.damaged(file, &e))?;
        Ok(Keyed {
            key,
            chain: self.certificates(file, &text)?,
        })
    }

    fn refuse_public(&self, file: &str) -> Result<()> {
        let path = self.dir.join(file);
        let mode = std::fs::metadata(&path)
            .map(|meta| meta.permissions().mode())
            .unwrap_or_default();
        if mode & 0o077 == 0 {
            return Ok(());
        }
        let path = path.display();
        Err(Error::configuration(format!(
            "{path} holds a private key and others may read it; chmod 600 {path}"
        ))
        .with_code("key_not_private"))
    }

    fn read(&self, file: &str) -> Result<String> {
        std::fs::read_to_string(self.dir.join(file)).map_err(|e| self.damaged(file, &e))
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.dir.join(file);
        let beside = path.with_extension("tmp");
        let written = remove_file(&beside)
            .and_then(|()| {
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&beside)
            })
            .and_then(|mut open| open.write_all(text.as_bytes()).and_then(|()| open.sync_all()))
            .and_then(|()| std::fs::rename(&beside, &path))
            .and_then(|()| sync_parent(&path));
        written.map_err(|e| unwritable(&path, &e))
    }

    fn certificates(&self, file: &str, text: &str) -> Result<Vec<CertificateDer<'static>>> {
        let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let all = all.map_err(|e| self.damaged(file, &e))?;
        if all.is_empty() {
            Err(self.damaged(file, &"it holds no certificate"))
        } else {
            Ok(all)
        }
    }

    fn damaged(&self, file: &str, why: &dyn std::fmt::Display) -> Error {
        let remedy = match self.operator {
            true => {
                "get another: `flockctl token create --operator NAME` on a hub, then `flockctl join --operator STRING --replace` here"
            }
            false => "put a backup back (`flockctl restore FILE --replace`) or run `flockctl join STRING --replace`",
        };
        let path = self.dir.join(file);
        Error::configuration(format!("{} cannot be used: {why}; {remedy}", path.display()))
            .with_code("identity_damaged")
    }
}

/// Makes a directory that only its owner may enter, and makes an existing one so.
pub(crate) fn private_dir(dir: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.and_then(|()| std::fs::set_permissions(dir, Permissions::from_mode(0o700)))
        .and_then(|()| sync_parent(dir))
        .map_err(|e| unwritable(dir, &e))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

fn remove(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(unwritable(dir, &e)),
        _ => Ok(()),
    }
}

fn remove_file(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn keyed_pem(keyed: &Keyed) -> String {
    pem("PRIVATE KEY", keyed.key.serialized_der()) + &certificates_pem(&keyed.chain)
}

fn certificates_pem(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|der| pem("CERTIFICATE", der)).collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    let body: String = der.chunks(48).map(|line| STANDARD.encode(line) + "\n").collect();
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::configuration(format!(
        "cannot write {}: {error}; check who owns the folder and whether the disk is full",
        path.display()
    ))
    .with_code("data_dir")
}
