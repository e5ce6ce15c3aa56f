//! Reading a Parquet file that is larger than memory, batch by batch.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
use perennial_core::{Error, Result, ResultExt};

use super::place::Stored;
use super::{ParquetReader, unharmed};
use crate::Table;
use crate::contract::Parts;
use crate::objects::{ObjectStore, Source};

/// The tables of a Parquet file or object, made by [`ParquetReader::scan`] and [`ParquetReader::scan_object`]. After an error there are no more.
pub struct ParquetScan {
    reader: ParquetReader,
    source: Source,
    batch_rows: usize,
    loaded: ArrowReaderMetadata,
    mask: ProjectionMask,
    /// The row groups that are not read yet, the next one last.
    groups: Vec<usize>,
    open: Option<ParquetRecordBatchReader>,
    held: Option<Parts>,
    n_tables: usize,
    failed: bool,
}

impl fmt::Debug for ParquetScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetScan")
            .field("reader", &self.reader)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl ParquetReader {
    /// Reads a file in tables of at most `batch_rows` rows, row group by row group, so that a file may be larger than memory.
    /// Row groups that a [`filter`](ParquetReader::filter) excludes are not read. Categories have the levels of their batch. A file without
    /// rows that are wanted gives one table without rows.
    ///
    /// At a time there are the compressed pages of one row group and one table; `max_bytes` holds for each row group, not for
    /// the file. A [`contract`](ParquetReader::contract) is held to the parts and to all of them, as by [`CsvReader::scan`](crate::CsvReader::scan).
    ///
    /// # Errors
    /// When the file cannot be read, is not a sound Parquet file, has a row group of more than `max_bytes`, lacks a column, the contract has a
    /// rule that takes all rows at once, or `batch_rows` is 0. What is wrong in the rows is an error of the iterator.
    pub fn scan(&self, path: impl AsRef<Path>, batch_rows: usize) -> Result<ParquetScan> {
        self.scan_source(Source::file(path), batch_rows)
    }

    /// As [`scan`](ParquetReader::scan), of an object of a store: at a time the columns of one row group that are wanted are fetched.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use perennial_data::{Column, MemoryStore, ParquetReader, Table, write_object};
    ///
    /// let store = MemoryStore::new();
    /// write_object(&Table::new([("id", Column::integer(0..1000))])?, &store, "ids.parquet")?;
    /// let parts = ParquetReader::new().scan_object(Arc::new(store), "ids.parquet", 300)?;
    /// let rows: Vec<usize> = parts.map(|part| Ok(part?.n_rows())).collect::<perennial_core::Result<_>>()?;
    /// assert_eq!(rows, [300, 300, 300, 100]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`scan`](ParquetReader::scan), and when the store has no such object or cannot be asked.
    pub fn scan_object(
        &self,
        store: Arc<dyn ObjectStore>,
        key: &str,
        batch_rows: usize,
    ) -> Result<ParquetScan> {
        self.scan_source(Source::object(store, key)?, batch_rows)
    }

    fn scan_source(&self, source: Source, batch_rows: usize) -> Result<ParquetScan> {
        if batch_rows == 0 {
            return Err(Error::invalid_param("batch_rows", batch_rows, "at least 1 row"));
        }
        let held = self.contract.as_ref().map(Parts::new).transpose()?;
        let open = || {
            let (loaded, mask, groups) = match &source {
                Source::File(path) => self.open(path.as_path())?,
                Source::Object { store, object } => self.open(&Stored { store: store.as_ref(), object })?,
            };
            groups.iter().try_for_each(|group| self.check_size(&loaded, &mask, &[*group]))?;
            Ok((loaded, mask, groups))
        };
        let (loaded, mask, mut groups) = unharmed(open).context(source.to_string())?;
        groups.reverse();
        let (reader, open, n_tables, failed) = (self.clone(), None, 0, false);
        Ok(ParquetScan { reader, source, batch_rows, loaded, mask, groups, open, held, n_tables, failed })
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
                    let (loaded, mask, rows) = (&self.loaded, &self.mask, self.batch_rows);
                    self.open = Some(match &self.source {
                        Source::File(path) => {
                            self.reader.batches(path.as_path(), loaded, mask, group, rows)?
                        }
                        Source::Object { store, object } => {
                            let place = Stored { store: store.as_ref(), object };
                            self.reader.batches(&place, loaded, mask, group, rows)?
                        }
                    });
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
        let next = unharmed(|| {
            let table = self.next_table()?;
            match (&table, &mut self.held) {
                (Some(table), Some(held)) => held.hold(table)?,
                (None, held) => held.take().map_or(Ok(()), |held| held.finish())?,
                (Some(_), None) => {}
            }
            Ok(table)
        });
        let next = next.map_err(|error| error.context(self.source.to_string()));
        self.n_tables += 1;
        self.failed = next.is_err();
        next.transpose()
    }
}
