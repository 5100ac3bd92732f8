//! The tar file: written beside, synced and renamed; read with every size and digest checked.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use flock_core::Result;
use sha2::{Digest, Sha256};

use super::{
    manifest::{self, Kept, Manifest, damaged},
    private, sync, unwritable,
};
use crate::text::hex;

/// Packs the files that `manifest` names, in `stage`, into `target`; answers with its size in bytes.
pub(super) fn pack(manifest: &Manifest, stage: &Path, target: &Path) -> Result<u64> {
    let beside = target.with_file_name(format!(".{}.new", file_name(target)));
    let packed = write(manifest, stage, &beside).and_then(|bytes| {
        fs::rename(&beside, target)?;
        sync(target.parent().unwrap_or(Path::new("/")))?;
        Ok(bytes)
    });
    packed.map_err(|e| {
        let _ = fs::remove_file(&beside);
        unwritable(target, &e)
    })
}

fn write(manifest: &Manifest, stage: &Path, beside: &Path) -> io::Result<u64> {
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    let mut tar = tar::Builder::new(io::BufWriter::new(file));
    let text = serde_json::to_vec_pretty(manifest)?;
    let seconds = manifest.created_ms / 1000;
    tar.append_data(&mut header(text.len() as u64, seconds), manifest::NAME, text.as_slice())?;
    for kept in &manifest.files {
        let open = File::open(stage.join(&kept.name))?;
        tar.append_data(&mut header(kept.bytes, seconds), &kept.name, open.take(kept.bytes))?;
    }
    let mut file = tar.into_inner()?;
    file.flush()?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn header(bytes: u64, seconds: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(seconds);
    header
}

/// Reads the manifest of an archive and nothing else.
pub(super) fn peek(source: &Path) -> Result<Manifest> {
    let file = File::open(source).map_err(|e| unreadable(source, &e))?;
    let mut archive = tar::Archive::new(file);
    let mut entries = archive.entries().map_err(|_| damaged("it is no tar file"))?;
    read_manifest(&mut entries)
}

/// Unpacks a whole archive into `stage`. What does not have the size and digest that the manifest names is refused.
pub(super) fn unpack(source: &Path, stage: &Path) -> Result<Manifest> {
    let file = File::open(source).map_err(|e| unreadable(source, &e))?;
    let mut archive = tar::Archive::new(io::BufReader::new(file));
    let mut entries = archive.entries().map_err(|_| damaged("it is no tar file"))?;
    let manifest = read_manifest(&mut entries)?;
    for kept in &manifest.files {
        let mut entry = next(&mut entries, &kept.name)?;
        take(&mut entry, kept, stage)?;
    }
    match entries.next() {
        None => Ok(manifest),
        Some(_) => Err(damaged("it holds more than its manifest names")),
    }
}

type Entry<'a, R> = tar::Entry<'a, R>;

fn read_manifest<R: Read>(entries: &mut tar::Entries<'_, R>) -> Result<Manifest> {
    let entry = next(entries, manifest::NAME)?;
    let mut text = Vec::new();
    let read = entry.take(manifest::BYTES + 1).read_to_end(&mut text);
    match read {
        Ok(bytes) if bytes as u64 <= manifest::BYTES => Manifest::parse(&text),
        _ => Err(damaged("its manifest cannot be read")),
    }
}

fn next<'a, R: Read>(entries: &mut tar::Entries<'a, R>, name: &str) -> Result<Entry<'a, R>> {
    let cut = || damaged(&format!("it ends before {name}, or what stands there cannot be read"));
    let entry = entries.next().ok_or_else(cut)?.map_err(|_| cut())?;
    let plain = entry.header().entry_type() == tar::EntryType::Regular;
    if plain && entry.path_bytes().as_ref() == name.as_bytes() {
        Ok(entry)
    } else {
        Err(damaged(&format!("{name} is not where its manifest says")))
    }
}

fn take<R: Read>(entry: &mut Entry<'_, R>, kept: &Kept, stage: &Path) -> Result<()> {
    let path = stage.join(&kept.name);
    let mut copied = || {
        private(path.parent().unwrap_or(stage))?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let copied = copy(&mut entry.take(kept.bytes.saturating_add(1)), &mut file)?;
        file.sync_all()?;
        Ok(copied)
    };
    let (bytes, sha256) = copied().map_err(|e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => damaged(&format!("{}: {e}", kept.name)),
        _ => unwritable(&path, &e),
    })?;
    match bytes == kept.bytes && sha256 == kept.sha256 {
        true => Ok(()),
        false => Err(damaged(&format!("{} is not what its manifest says", kept.name))),
    }
}

/// The entry of a file for the manifest.
pub(super) fn describe(stage: &Path, name: &str) -> io::Result<Kept> {
    let mut file = File::open(stage.join(name))?;
    let (bytes, sha256) = copy(&mut file, &mut io::sink())?;
    Ok(Kept {
        name: name.to_owned(),
        bytes,
        sha256,
    })
}

/// Copies a small file privately.
pub(super) fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    private(to.parent().unwrap_or(Path::new("/")))?;
    fs::copy(from, to)?;
    fs::set_permissions(to, Permissions::from_mode(0o600))
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let (mut digest, mut bytes, mut part) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        match from.read(&mut part)? {
            0 => return Ok((bytes, hex(&digest.finalize()))),
            read => {
                digest.update(&part[..read]);
                to.write_all(&part[..read])?;
                bytes += read as u64;
            }
        }
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unreadable(path: &Path, error: &io::Error) -> flock_core::Error {
    flock_core::Error::configuration(format!("cannot read the backup {}: {error}", path.display()))
        .with_code("backup_unreadable")
}

/// One small text file of an archive.
pub(super) fn text_of(source: &Path, name: &str) -> Result<String> {
    let file = File::open(source).map_err(|e| unreadable(source, &e))?;
    let mut archive = tar::Archive::new(io::BufReader::new(file));
    let mut entries = archive.entries().map_err(|_| damaged("it is no tar file"))?;
    let manifest = read_manifest(&mut entries)?;
    let absent = || damaged(&format!("it has no {name}, and there is none here either"));
    let kept = manifest
        .files
        .iter()
        .find(|kept| kept.name == name)
        .ok_or_else(absent)?;
    for entry in entries {
        let entry = entry.map_err(|e| damaged(&e.to_string()))?;
        if entry.path_bytes().as_ref() == name.as_bytes() {
            let mut text = Vec::new();
            let read = entry.take(manifest::BYTES).read_to_end(&mut text);
            let whole = read.is_ok() && hex(&Sha256::digest(&text)) == kept.sha256;
            return String::from_utf8(text).ok().filter(|_| whole).ok_or_else(absent);
        }
    }
    Err(absent())
}
