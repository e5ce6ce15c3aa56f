//! Reading a Parquet file that is larger than memory, batch by batch.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
use perennial_core::{Error, Result, ResultExt};

use super::place::Stored;
use super::{ParquetReader, unharmed};
use crate::batch_size::Batch;
use crate::contract::Parts;
use crate::objects::{ObjectStore, Source};
use crate::{BatchSize, Table};

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
    /// The row group that is open, and how many of its rows were given.
    place: (usize, usize),
    held: Option<Parts>,
    n_tables: usize,
    failed: bool,
    size: BatchSize,
    /// How large a table may be.
    max_table: u64,
}

/// The rows of a table that is read to see how large rows are.
const SAMPLE_ROWS: usize = 64;

/// Most rows of a table whose size memory decides.
const MOST_ROWS: usize = 1 << 16;

impl fmt::Debug for ParquetScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetScan")
            .field("reader", &self.reader)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl ParquetReader {
    /// Reads a file in tables of at most `batch` rows, or within a [memory](BatchSize::max_memory), row group by row group, so that a file may be larger
    /// than memory.
    /// Row groups that a [`filter`](ParquetReader::filter) excludes are not read. Categories have the levels of their batch. A file without
    /// rows that are wanted gives one table without rows.
    ///
    /// At a time there are the compressed pages of one row group and one table; `max_bytes` holds for each row group, not for
    /// the file. Of a memory the columns of a row group that are wanted get up to five eighths, compressed and decompressed, and a table an eighth; a table
    /// that would be larger is read again with half of its rows. A [`contract`](ParquetReader::contract) is held to the parts and to all of them, as by [`CsvReader::scan`](crate::CsvReader::scan).
    ///
    /// # Errors
    /// When the file cannot be read, is not a sound Parquet file, has a row group of more than `max_bytes`, lacks a column, the contract has a
    /// rule that takes all rows at once, or `batch` is 0. What is wrong in the rows is an error of the iterator.
    pub fn scan(&self, path: impl AsRef<Path>, batch: impl Into<BatchSize>) -> Result<ParquetScan> {
        self.scan_source(Source::file(path), batch.into())
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
        batch: impl Into<BatchSize>,
    ) -> Result<ParquetScan> {
        self.scan_source(Source::object(store, key)?, batch.into())
    }

    fn scan_source(&self, source: Source, size: BatchSize) -> Result<ParquetScan> {
        let (batch_rows, memory) = match size.resolved()? {
            Batch::Of(0) => return Err(Error::invalid_param("batch", 0, "at least 1 row")),
            Batch::Of(rows) => (rows, u64::MAX),
            Batch::Within(bytes) => (SAMPLE_ROWS, bytes),
        };
        let held = self.contract.as_ref().map(Parts::new).transpose()?;
        let open = || {
            let (loaded, mask, groups) = match &source {
                Source::File(path) => self.open(path.as_path())?,
                Source::Object { store, object } => self.open(&Stored { store: store.as_ref(), object })?,
            };
            groups.iter().try_for_each(|group| self.check_size(&loaded, &mask, &[*group]))?;
            if memory < u64::MAX {
                groups.iter().try_for_each(|&group| fits(&loaded, &mask, group, memory / 8 * 5))?;
            }
            Ok((loaded, mask, groups))
        };
        let (loaded, mask, mut groups) =
            unharmed(open).map_err(|error| size.explained(error)).context(source.to_string())?;
        groups.reverse();
        let (reader, open, n_tables, failed) = (self.clone(), None, 0, false);
        let max_table = memory / 8;
        let mut scan = ParquetScan {
            reader,
            source,
            batch_rows,
            loaded,
            mask,
            groups,
            open,
            place: (0, 0),
            held,
            n_tables,
            failed,
            size,
            max_table,
        };
        if memory < u64::MAX {
            let place = scan.source.to_string();
            unharmed(|| scan.measure()).map_err(|error| size.explained(error)).context(place)?;
        }
        Ok(scan)
    }
}

/// Whether the wanted columns of a row group take no more than so many bytes, compressed and decompressed.
fn fits(loaded: &ArrowReaderMetadata, mask: &ProjectionMask, group: usize, most: u64) -> Result<()> {
    let columns = loaded.metadata().row_group(group).columns().iter().enumerate();
    let sizes = columns.filter(|(at, _)| mask.leaf_included(*at)).map(|(_, column)| {
        let sizes = [column.compressed_size(), column.uncompressed_size()];
        sizes.into_iter().fold(0, |sum: u64, size| sum.saturating_add(size.unsigned_abs()))
    });
    let bytes = sizes.fold(0, u64::saturating_add);
    match bytes > most {
        false => Ok(()),
        true => Err(Error::too_large(format!(
            "row group {group} holds {bytes} bytes, compressed and decompressed, and {most} are left for it; read fewer `columns`, or write \
             smaller row groups"
        ))),
    }
}

impl ParquetScan {
    /// Reads some rows of the first row group, and decides how many rows a table has.
    fn measure(&mut self) -> Result<()> {
        let Some(&group) = self.groups.last() else { return Ok(()) };
        let rows = self.batches((group, 0))?.next().transpose().map_err(super::refused)?;
        let sample = rows.map(|batch| self.reader.plain(Ok(batch))).transpose()?;
        if let Some(sample) = sample.filter(|sample| sample.n_rows() > 0) {
            // Half of what there is, for rows that are larger than these.
            let bytes_per_row = (sample.n_bytes() / sample.n_rows()).max(1) as u64;
            let rows = self.max_table / 2 / bytes_per_row;
            self.batch_rows = usize::try_from(rows).unwrap_or(usize::MAX).clamp(1, MOST_ROWS);
        }
        Ok(())
    }

    fn batches(&self, place: (usize, usize)) -> Result<ParquetRecordBatchReader> {
        let (loaded, mask, rows, from) = (&self.loaded, &self.mask, self.batch_rows, place);
        match &self.source {
            Source::File(path) => self.reader.batches(path.as_path(), loaded, mask, from, rows),
            Source::Object { store, object } => {
                let place = Stored { store: store.as_ref(), object };
                self.reader.batches(&place, loaded, mask, from, rows)
            }
        }
    }

    fn next_table(&mut self) -> Result<Option<Table>> {
        loop {
            if let Some(batch) = self.open.as_mut().and_then(Iterator::next) {
                let n_rows = batch.as_ref().map_or(0, |batch| batch.num_rows());
                let table = self.reader.table(batch)?;
                if table.n_bytes() as u64 > self.max_table {
                    // Rows may be larger than those that were measured: fewer of them are read again.
                    if n_rows > 1 {
                        drop(table);
                        self.open = None;
                        self.batch_rows = n_rows / 2;
                        self.open = Some(self.batches(self.place)?);
                        continue;
                    }
                    return Err(Error::too_large(format!(
                        "{} rows take {} bytes, and {} are left for a table",
                        table.n_rows(),
                        table.n_bytes(),
                        self.max_table
                    )));
                }
                self.place.1 += n_rows;
                if table.n_rows() > 0 {
                    return Ok(Some(table));
                }
                continue;
            }
            match self.groups.pop() {
                Some(group) => {
                    // The row group before is given back first.
                    self.open = None;
                    self.place = (group, 0);
                    self.open = Some(self.batches(self.place)?);
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
        let next = next.map_err(|error| self.size.explained(error).context(self.source.to_string()));
        self.n_tables += 1;
        self.failed = next.is_err();
        next.transpose()
    }
}
