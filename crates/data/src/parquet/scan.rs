//! Reading a Parquet file that is larger than memory, batch by batch.

use std::fmt;
use std::path::{Path, PathBuf};

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
use perennial_core::{Error, Result};

use super::{ParquetReader, guarded};
use crate::Table;

/// The tables of a Parquet file, made by [`ParquetReader::scan`]. After an error there are no more.
pub struct ParquetScan {
    reader: ParquetReader,
    path: PathBuf,
    batch_rows: usize,
    loaded: ArrowReaderMetadata,
    mask: ProjectionMask,
    /// The row groups that are not read yet, the next one last.
    groups: Vec<usize>,
    open: Option<ParquetRecordBatchReader>,
    n_tables: usize,
    failed: bool,
}

impl fmt::Debug for ParquetScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetScan")
            .field("reader", &self.reader)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ParquetReader {
    /// Reads a file in tables of at most `batch_rows` rows, row group by row group, so that a file may be larger than memory.
    /// Row groups that a [`filter`](ParquetReader::filter) excludes are not read. Categories have the levels of their batch. A file without
    /// rows that are wanted gives one table without rows.
    ///
    /// At a time there are the compressed pages of one row group and one table; `max_bytes` holds for each row group, not for
    /// the file.
    ///
    /// # Errors
    /// When the file cannot be read, is not a sound Parquet file, has a row group of more than `max_bytes`, lacks a column, or
    /// `batch_rows` is 0. What is wrong in the rows is an error of the iterator.
    pub fn scan(&self, path: impl AsRef<Path>, batch_rows: usize) -> Result<ParquetScan> {
        let path = path.as_ref();
        if batch_rows == 0 {
            return Err(Error::invalid_param("batch_rows", batch_rows, "at least 1 row"));
        }
        guarded(path, || {
            let (loaded, mask, mut groups) = self.open(path)?;
            for group in &groups {
                self.check_size(&loaded, &mask, &[*group])?;
            }
            groups.reverse();
            let (reader, path) = (self.clone(), path.to_owned());
            let (open, n_tables, failed) = (None, 0, false);
            Ok(ParquetScan { reader, path, batch_rows, loaded, mask, groups, open, n_tables, failed })
        })
    }
}

impl ParquetScan {
    fn next_table(&mut self) -> Result<Option<Table>> {
        loop {
            if let Some(batch) = self.open.as_mut().and_then(Iterator::next) {
                let table = self.reader.table(batch)?;
                if table.n_rows() > 0 {
                    return Ok(Some(table));
                }
                continue;
            }
            match self.groups.pop() {
                Some(group) => {
                    let batches = self.reader.batches(
                        self.path.as_path(),
                        &self.loaded,
                        &self.mask,
                        group,
                        self.batch_rows,
                    )?;
                    self.open = Some(batches);
                }
                None if self.n_tables == 0 => {
                    return self.reader.without_rows(&self.loaded, &self.mask).map(Some);
                }
                None => return Ok(None),
            }
        }
    }
}

impl Iterator for ParquetScan {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if self.failed {
            return None;
        }
        let path = self.path.clone();
        let next = guarded(&path, || self.next_table());
        self.n_tables += 1;
        self.failed = next.is_err();
        next.transpose()
    }
}
