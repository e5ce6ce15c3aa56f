//! Objects in files.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use perennial_core::{Error, Result, write_atomic};

use super::{ObjectMeta, ObjectStore, beyond, check, missing};

/// The files of a folder, with those of its folders.
#[derive(Clone, Debug)]
pub struct FolderStore {
    folder: PathBuf,
}

impl FolderStore {
    /// The files of this folder; it is made with the first object.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        FolderStore { folder: folder.into() }
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        Ok(self.folder.join(check(key)?))
    }

    fn open(&self, key: &str) -> Result<(PathBuf, u64)> {
        let path = self.path(key)?;
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok((path, metadata.len())),
            // Opening a pipe would wait for a writer.
            Ok(_) => Err(Error::unsupported(format!("`{}` is not a regular file", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(missing(key)),
            Err(error) => Err(Error::io(format!("cannot open `{}`", path.display()), error)),
        }
    }

    fn walk(
        &self,
        folder: &Path,
        at: &str,
        prefix: &str,
        found: &mut Vec<ObjectMeta>,
    ) -> std::io::Result<()> {
        let entries = match fs::read_dir(folder) {
            // Not there, or taken away meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let (kind, name) = (entry.file_type()?, entry.file_name());
            let Some(name) = name.to_str() else { continue };
            let key = format!("{at}{name}");
            // A folder is gone through only where its keys can have the prefix; links, which may lead round, are not.
            let leads = key.starts_with(prefix) || prefix.starts_with(&format!("{key}/"));
            if kind.is_dir() && leads {
                self.walk(&entry.path(), &format!("{key}/"), prefix, found)?;
            } else if kind.is_file() && key.starts_with(prefix) && !is_temporary(name) {
                match entry.metadata() {
                    Ok(metadata) => found.push(ObjectMeta::new(key, metadata.len())),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// What is being written, or was left by a crash.
fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

impl ObjectStore for FolderStore {
    fn head(&self, key: &str) -> Result<ObjectMeta> {
        Ok(ObjectMeta::new(key, self.open(key)?.1))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let (path, n_bytes) = self.open(key)?;
        if range.start > range.end || range.end > n_bytes {
            return Err(beyond(key, &range, n_bytes));
        }
        let length = range.end - range.start;
        let mut bytes = Vec::with_capacity(length as usize);
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(range.start))?;
            file.take(length).read_to_end(&mut bytes)
        });
        read.map_err(|error| Error::io(format!("cannot read `{}`", path.display()), error))?;
        Ok(bytes)
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(key)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| Error::io(format!("cannot make `{}`", folder.display()), error))?;
        }
        write_atomic(path, bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        let mut found = Vec::new();
        self.walk(&self.folder, "", prefix, &mut found)
            .map_err(|error| Error::io(format!("cannot list `{}`", self.folder.display()), error))?;
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }
}
