//! A file that is written piece by piece, and is there when it is whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use perennial_core::{Error, Result};

use crate::{ColumnType, Table};

/// Written beside its place, and put there by [`finish`](GrowingFile::finish); dropped before that, nothing stays of it.
#[derive(Debug)]
pub(crate) struct GrowingFile {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    finished: bool,
}

impl GrowingFile {
    pub(crate) fn create(path: impl AsRef<Path>) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let path = path.as_ref().to_owned();
        let Some(name) = path.file_name() else {
            let what = format!("`{}` names no file; give the path of a file", path.display());
            return Err(Error::invalid_name(what));
        };
        // The name by which stores of folders know what is not there yet.
        let (temporary, file) = loop {
            let mut temporary = OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{}.w{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
            let temporary = path.with_file_name(temporary);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                // Left by a crash of a process that had this number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => break (temporary, file),
            }
        };
        let file = BufWriter::new(file.map_err(|error| unwritten(&path, error))?);
        Ok(GrowingFile { path, temporary, file, finished: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place, where it replaces what was there.
    pub(crate) fn finish(mut self) -> Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let done = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        let done = done.and_then(|()| fs::rename(&self.temporary, &self.path));
        self.finished = done.is_ok();
        // The rename itself survives a crash only once the folder is on the disk.
        let done = done.and_then(|()| if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) });
        done.map_err(|error| unwritten(&self.path, error))
    }
}

impl Write for GrowingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for GrowingFile {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody can be told, and the place of the file is as it was.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// What is said of a file that is given up.
pub(crate) fn failed() -> Error {
    Error::unsupported("the file is given up, since a table before could not be written; begin it anew")
}

pub(crate) fn unwritten(path: &Path, error: io::Error) -> Error {
    Error::io(format!("cannot write `{}`", path.display()), error)
}

/// The columns that all tables of a file must have.
#[derive(Debug, Default)]
pub(crate) struct SameColumns {
    columns: Option<Vec<(String, ColumnType)>>,
    pub(crate) n_tables: usize,
    pub(crate) n_rows: usize,
}

impl SameColumns {
    /// Counts a table in, which must have columns, and those of the first one.
    pub(crate) fn hold(&mut self, table: &Table) -> Result<()> {
        if table.n_cols() == 0 {
            return Err(Error::empty("the table has no columns"));
        }
        let own = table.columns().map(|(name, column)| (name.to_owned(), column.column_type()));
        let own: Vec<(String, ColumnType)> = own.collect();
        let first = self.columns.get_or_insert_with(|| own.clone());
        if own.len() != first.len() {
            return Err(Error::malformed(format!(
                "table {} has {} columns and the first one {}; all tables of a file have the same",
                self.n_tables + 1,
                own.len(),
                first.len()
            )));
        }
        if let Some(((name, kind), (other, wanted))) = own.iter().zip(first).find(|(own, first)| own != first)
        {
            return Err(Error::malformed(format!(
                "table {} has the column `{name}` of type {kind} where the first one has `{other}` of type {wanted}; all tables of a file have the same",
                self.n_tables + 1
            )));
        }
        self.n_tables += 1;
        self.n_rows += table.n_rows();
        Ok(())
    }

    /// An error where there was no table.
    pub(crate) fn some(&self) -> Result<usize> {
        match self.n_tables {
            0 => Err(Error::empty("no table was appended, so the file has no columns")),
            _ => Ok(self.n_rows),
        }
    }
}
