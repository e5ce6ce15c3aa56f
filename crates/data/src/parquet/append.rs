//! Writing a Parquet file that is larger than memory, table by table.

use std::fmt;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use perennial_core::{Error, Result};

use super::write::{ParquetWriter, refused};
use crate::Table;
use crate::growing_file::{GrowingFile, SameColumns, failed};

/// How many bytes of a row group are held before it is written.
const GROUP_BYTES: usize = 64 << 20;

/// A Parquet file to which tables are added, made by [`ParquetWriter::create`]. The file is there once [`finish`](ParquetAppender::finish) was called; dropped before
/// that, or after an error of writing, nothing stays of it; a table with other columns is refused, and the file goes on without it.
pub struct ParquetAppender {
    settings: ParquetWriter,
    path: PathBuf,
    state: State,
    held: SameColumns,
}

enum State {
    Empty(GrowingFile),
    Open(Box<ArrowWriter<GrowingFile>>, SchemaRef),
    Failed,
}

impl fmt::Debug for ParquetAppender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetAppender")
            .field("settings", &self.settings)
            .field("n_rows", &self.held.n_rows)
            .finish_non_exhaustive()
    }
}

impl ParquetWriter {
    /// Begins a file to which tables are added one after the other, so that it may be larger than memory. Rows are held, and written
    /// at the end of a table that fills a row group of 64 MiB, and after 2^20 rows.
    ///
    /// ```
    /// use perennial_data::{CsvReader, ParquetWriter, read_parquet};
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let (csv, parquet) = (directory.path().join("n.csv"), directory.path().join("n.parquet"));
    /// let lines: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
    /// std::fs::write(&csv, format!("n\n{}\n", lines.join("\n"))).unwrap();
    ///
    /// let mut file = ParquetWriter::new().create(&parquet)?;
    /// for part in CsvReader::new().scan(&csv, 1 << 16)? {
    ///     file.append(&part?)?;
    /// }
    /// assert_eq!(file.finish()?, 50_000);
    /// assert_eq!(read_parquet(&parquet)?, CsvReader::new().read_path(&csv)?);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the compression needs a feature that is off, or the file cannot be written.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<ParquetAppender> {
        self.properties()?;
        let path = path.as_ref().to_owned();
        let state = State::Empty(GrowingFile::create(&path)?);
        Ok(ParquetAppender { settings: *self, path, state, held: SameColumns::default() })
    }
}

impl ParquetAppender {
    /// Adds the rows of a table, which has the columns of the first one. Categories may have other levels.
    ///
    /// # Errors
    /// When the table has no columns or others than the first one, a table before it failed, or the file cannot be written.
    pub fn append(&mut self, table: &Table) -> Result<()> {
        self.held.hold(table)?;
        let batch = table.to_record_batch()?;
        let place = |error| refused_at(error, &self.path);
        let (mut writer, schema) = match std::mem::replace(&mut self.state, State::Failed) {
            State::Open(writer, schema) => (writer, schema),
            State::Empty(file) => {
                let properties = Some(self.settings.properties()?);
                let writer = ArrowWriter::try_new(file, batch.schema(), properties).map_err(place)?;
                (Box::new(writer), batch.schema())
            }
            State::Failed => return Err(failed()),
        };
        // Marks and roles of the columns are those of the first table.
        let batch = RecordBatch::try_new(schema.clone(), batch.columns().to_vec()).map_err(Error::other)?;
        writer.write(&batch).map_err(place)?;
        if writer.in_progress_size() >= GROUP_BYTES {
            writer.flush().map_err(place)?;
        }
        self.state = State::Open(writer, schema);
        Ok(())
    }

    /// Writes what is held and puts the file in its place; gives the number of its rows.
    ///
    /// # Errors
    /// When no table was appended, one could not be written, or the file cannot be written.
    pub fn finish(self) -> Result<usize> {
        let n_rows = self.held.some()?;
        match self.state {
            State::Open(writer, _) => {
                writer.into_inner().map_err(|error| refused_at(error, &self.path))?.finish()?;
            }
            State::Empty(_) | State::Failed => return Err(failed()),
        }
        Ok(n_rows)
    }
}

fn refused_at(error: ParquetError, path: &Path) -> Error {
    refused(error).context(format!("writing `{}`", path.display()))
}
