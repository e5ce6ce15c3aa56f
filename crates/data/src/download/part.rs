//! What has come of a file so far.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use perennial_core::{Error, Result, write_atomic};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The bytes that have come, beside the file that they shall be, and what they are of.
pub(super) struct Part {
    path: PathBuf,
    about: PathBuf,
    file: File,
    len: u64,
    origin: Origin,
    resumed: bool,
}

/// What the bytes are of, as far as the server says.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Origin {
    /// The hash of the address: it may hold a secret.
    url: String,
    validator: Option<String>,
}

impl Part {
    /// What is there of the file at this address, if it is known that it can be gone on with.
    pub(super) fn open(to: &Path, url: &str, pinned: bool) -> Result<Self> {
        let [path, about] = [".part", ".part.json"].map(|ending| {
            let mut name = OsString::from(to);
            name.push(ending);
            PathBuf::from(name)
        });
        let url = hexadecimal(Sha256::digest(url.as_bytes()).as_slice());
        let origin: Option<Origin> =
            fs::read(&about).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let origin = origin.filter(|origin| origin.url == url && (pinned || origin.validator.is_some()));
        let file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(|error| at(&path, error))?;
        let len = file.metadata().map_err(|error| at(&path, error))?.len();
        let known = origin.is_some();
        let origin = origin.unwrap_or(Origin { url, validator: None });
        let mut part = Part { path, about, file, len, origin, resumed: known && len > 0 };
        if !known {
            part.restart(None, None)?;
        }
        Ok(part)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// What tells the server which version the bytes are of.
    pub(super) fn validator(&self) -> Option<&str> {
        self.origin.validator.as_deref()
    }

    /// Whether bytes of more than one answer were put together.
    pub(super) fn was_resumed(&self) -> bool {
        self.resumed
    }

    /// Starts over with a file that the server says this of.
    pub(super) fn restart(&mut self, etag: Option<String>, modified: Option<String>) -> Result<()> {
        self.file.set_len(0).map_err(|error| at(&self.path, error))?;
        (self.len, self.resumed) = (0, false);
        // A weak tag says that a file means the same, not that it is the same.
        self.origin.validator = etag.filter(|tag| !tag.starts_with("W/")).or(modified);
        let about = serde_json::to_vec(&self.origin).map_err(Error::other)?;
        write_atomic(&self.about, &about)
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| at(&self.path, error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn hash(&mut self) -> Result<(u64, String)> {
        hash_of(&self.path)?.ok_or_else(|| at(&self.path, std::io::Error::from(ErrorKind::NotFound)))
    }

    /// Forgets what has come.
    pub(super) fn discard(&mut self) -> Result<()> {
        self.restart(None, None)?;
        [&self.path, &self.about].into_iter().try_for_each(|path| remove(path))
    }

    /// Makes it the file that it shall be.
    pub(super) fn finish(self, to: &Path) -> Result<()> {
        self.file.sync_all().map_err(|error| at(&self.path, error))?;
        fs::rename(&self.path, to).map_err(|error| at(to, error))?;
        remove(&self.about)
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path, error)),
        _ => Ok(()),
    }
}

/// Size and SHA-256 of a file; nothing where there is none.
pub(super) fn hash_of(path: &Path) -> Result<Option<(u64, String)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(path, error)),
    };
    let (mut hash, mut n_bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(|error| at(path, error))? {
            0 => return Ok(Some((n_bytes, hexadecimal(hash.finalize().as_slice())))),
            n => {
                hash.update(&buffer[..n]);
                n_bytes += n as u64;
            }
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(path: &Path, error: std::io::Error) -> Error {
    Error::io(path.display(), error)
}
