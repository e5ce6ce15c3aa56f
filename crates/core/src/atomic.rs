//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// The number of the next temporary file.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to the file at `path` so that a reader sees the old file or the new one, never a part.
///
/// The bytes go to a temporary file in the same directory, reach the disk, and take the place of `path` in
/// one step; the directory reaches the disk last. After a crash a file named `.{name}.{..}.tmp` may be left,
/// which can be deleted; it is in the way of no other write.
///
/// ```
/// let path = std::env::temp_dir().join(format!("write_atomic_{}.txt", std::process::id()));
/// perennial_core::write_atomic(&path, b"whole")?;
/// assert_eq!(std::fs::read(&path)?, b"whole");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io) when the path names no file or the operating system refuses; the
/// old file is then still there, and the temporary one is gone.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let refused = |source| Error::io(format!("cannot write `{}`", path.display()), source);
    let (directory, temporary, file) = loop {
        let (directory, temporary) = temporary_beside(path)?;
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => break (directory, temporary, file),
            // In containers one process after the other has the same number. What is there may be another's, and stays.
            Err(error) if error.kind() == IoErrorKind::AlreadyExists && is_taken(&temporary) => {}
            Err(error) => return Err(refused(error)),
        }
    };
    let written = write_and_rename(path, &temporary, file, bytes).and_then(|()| sync_directory(&directory));
    written.map_err(|source| {
        // The error that matters is the first one, not that of cleaning up.
        let _ = fs::remove_file(&temporary);
        refused(source)
    })
}

/// Whether there is anything by this name, be it a link that leads nowhere.
fn is_taken(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn temporary_beside(path: &Path) -> Result<(PathBuf, PathBuf)> {
    let Some(name) = path.file_name() else {
        return Err(Error::invalid_name(format!(
            "`{}` names no file; give the path of a file",
            path.display()
        )));
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let temporary = directory.join(temporary);
    Ok((directory, temporary))
}

fn write_and_rename(path: &Path, temporary: &Path, mut file: File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

/// The rename itself survives a crash only once the directory is on the disk.
fn sync_directory(directory: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let directory = std::env::temp_dir().join(format!("perennial_atomic_{}", std::process::id()));
        let target = directory.join("taken");
        fs::create_dir_all(target.join("inside")).unwrap();
        assert!(write_atomic(&target, b"a file cannot replace a directory").is_err());
        assert!(write_atomic(directory.join("absent/file"), b"").is_err());
        assert!(write_atomic("/", b"").is_err());
        let left: Vec<_> =
            fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["taken"]);
        write_atomic(directory.join("kept"), b"old").unwrap();
        write_atomic(directory.join("kept"), b"new").unwrap();
        assert_eq!(fs::read(directory.join("kept")).unwrap(), b"new");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_other_processes_of_this_number_left_is_in_no_way() {
        let directory = std::env::temp_dir().join(format!("perennial_atomic_left_{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let next = COUNT.load(Ordering::Relaxed);
        let left: Vec<PathBuf> = (next..next + 40)
            .map(|count| directory.join(format!(".kept.{}.{count}.tmp", std::process::id())))
            .collect();
        left.iter().for_each(|left| fs::write(left, b"another's").unwrap());
        write_atomic(directory.join("kept"), b"whole").unwrap();
        assert_eq!(fs::read(directory.join("kept")).unwrap(), b"whole");
        assert!(left.iter().all(|left| fs::read(left).unwrap() == b"another's"));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 41);
        fs::remove_dir_all(&directory).unwrap();
    }
}
