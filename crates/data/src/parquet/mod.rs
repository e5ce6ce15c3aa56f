//! Parquet files.

mod append;
mod decimal_texts;
mod filter;
mod growing;
mod pages;
mod place;
mod scan;
mod write;

use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::{RecordBatch, new_empty_array};
use arrow_schema::{ArrowError, DataType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};
use perennial_core::{Error, ErrorKind, Result, ResultExt};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::filter::Filter;
use self::growing::Growing;
use self::place::{Place, Stored};
use crate::arrow::column_of;
use crate::objects::{ObjectStore, check};
use crate::{Contract, Scalar, Table};

pub use self::append::ParquetAppender;
pub use self::scan::ParquetScan;
pub(crate) use self::write::bytes_of;
pub use self::write::{ParquetCompression, ParquetWriter, write_parquet};

const BATCH: usize = 1 << 16;

/// Reads all columns of a Parquet file, see [`ParquetReader`].
///
/// # Errors
/// As for [`ParquetReader::read`].
pub fn read_parquet(path: impl AsRef<Path>) -> Result<Table> {
    ParquetReader::new().read(path)
}

/// Settings for reading Parquet.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `columns` | all | which columns to read, in this order |
/// | `filters` | none | ranges of columns; only rows whose cells lie in all of them are read |
/// | `max_bytes` | 16 GiB | how much the columns may hold once decompressed, as the file declares it |
/// | `decimal_as_text` | false | whether columns of decimals become texts, digit by digit, instead of numbers |
/// | `contract` | none | what the rows must be like |
///
/// Columns with an Arrow dictionary of text are categories; other types are taken over as by
/// [`Table::from_record_batch`]. A table has no type for times of the day, durations, bytes, lists and structs: a file with such
/// columns is read by naming the others as `columns`.
///
/// Pages may be compressed by Snappy, LZ4 and gzip, with the feature `parquet-zstd` by zstd, which is what polars writes, and with
/// `parquet-brotli` by brotli.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParquetReader {
    columns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    filters: Vec<Filter>,
    max_bytes: u64,
    decimal_as_text: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<Contract>,
}

impl Default for ParquetReader {
    fn default() -> Self {
        let (columns, filters, max_bytes) = (None, Vec::new(), 16 << 30);
        ParquetReader { columns, filters, max_bytes, decimal_as_text: false, contract: None }
    }
}

impl ParquetReader {
    /// The default settings.
    pub fn new() -> Self {
        ParquetReader::default()
    }

    /// Which columns to read, in this order.
    #[must_use]
    pub fn columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Only rows whose cell of this column lies in a range; a missing cell lies in none. Row groups of which the file says that no
    /// cell does are not read at all. The column need not be among `columns`. Several filters must all hold.
    ///
    /// ```
    /// use perennial_data::{Column, ParquetReader, Table, write_parquet};
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("orders.parquet");
    /// let orders = Table::new([("day", Column::date(0..100)), ("sum", Column::integer(0..100))])?;
    /// write_parquet(&orders, &path)?;
    /// let reader = ParquetReader::new().columns(["sum"]).filter("day", "1970-01-11".."1970-01-14");
    /// assert_eq!(reader.read(&path)?.values("sum")?.as_slice(), [10.0, 11.0, 12.0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn filter<S: Into<Scalar> + Clone>(
        mut self,
        column: impl Into<String>,
        range: impl RangeBounds<S>,
    ) -> Self {
        self.filters.push(Filter::new(column.into(), &range));
        self
    }

    /// How much the columns may hold once decompressed.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Whether columns of decimals become texts. Otherwise they are numbers, and a decimal with more digits than a number keeps is
    /// an error.
    #[must_use]
    pub fn decimal_as_text(mut self, decimal_as_text: bool) -> Self {
        self.decimal_as_text = decimal_as_text;
        self
    }

    /// What the rows that are read must be like. The table is held to it. Rows that could be set aside are by [`read_with_quarantine`](ParquetReader::read_with_quarantine), and are an error elsewhere.
    /// Warnings pass.
    #[must_use]
    pub fn contract(mut self, contract: &Contract) -> Self {
        self.contract = Some(contract.clone());
        self
    }

    fn held(&self, table: Table) -> Result<Table> {
        self.contract.as_ref().map_or(Ok(()), |contract| contract.enforce(&table)).map(|()| table)
    }

    /// Reads a file, its columns in parallel; with filters its row groups.
    ///
    /// # Errors
    /// When the file cannot be read, is not a sound Parquet file, declares more than `max_bytes`, lacks a
    /// column, has one of a type that a table does not know, or its rows break the contract.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        guarded(path, || self.held(self.read_place(path)?))
    }

    /// Reads a file, and sets aside the rows that the contract does, as [`Contract::sift`]: the second table has them with the
    /// number of each `quarantine row` among those that were read, and the `quarantine reason`.
    ///
    /// # Errors
    /// As for [`read`](ParquetReader::read) and [`Contract::sift`].
    pub fn read_with_quarantine(&self, path: impl AsRef<Path>) -> Result<(Table, Table)> {
        let path = path.as_ref();
        guarded(path, || {
            let nothing = Contract::new().extra_columns(true);
            let sifted = self.contract.as_ref().unwrap_or(&nothing).sift(&self.read_place(path)?)?;
            Ok((sifted.kept, sifted.quarantine))
        })
    }

    /// Reads an object of a store: of the bytes its end, and the columns that are wanted of the row groups that may have such rows, one after the
    /// other at a time on each thread.
    ///
    /// # Errors
    /// As for [`read`](ParquetReader::read), and when the store has no such object or cannot be asked.
    pub fn read_object(&self, store: &dyn ObjectStore, key: &str) -> Result<Table> {
        self.read_stored(store, key).context(format!("reading the object `{key}`"))
    }

    pub(crate) fn read_stored(&self, store: &dyn ObjectStore, key: &str) -> Result<Table> {
        let object = store.head(check(key)?)?;
        unharmed(|| self.held(self.read_place(&Stored { store, object: &object })?))
    }

    fn read_place(&self, place: &(impl Place + ?Sized)) -> Result<Table> {
        let (loaded, mask, groups) = self.open(place)?;
        self.check_size(&loaded, &mask, &groups)?;
        if self.filters.is_empty() && !groups.is_empty() {
            return self.all_rows(place, &loaded, &mask, &groups);
        }
        let read = |group: &usize| -> Result<Vec<Table>> {
            // A group in one piece need not be put together; one of gigabytes is not held twice while it is filtered.
            let large = loaded.metadata().row_group(*group).total_byte_size() > 1 << 30;
            let rows = if large { BATCH } else { 16 * BATCH };
            self.batches(place, &loaded, &mask, (*group, 0), rows)?.map(|batch| self.table(batch)).collect()
        };
        let groups: Vec<Result<Vec<Table>>> = groups.par_iter().map(read).collect();
        let parts: Vec<Table> =
            groups.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        match parts.as_slice() {
            [] => self.without_rows(&loaded, &mask),
            [whole] => Ok(whole.clone()),
            _ => Table::stacked(parts),
        }
    }

    /// Every row: column beside column, each of which grows batch by batch.
    fn all_rows(
        &self,
        place: &(impl Place + ?Sized),
        loaded: &ArrowReaderMetadata,
        mask: &ProjectionMask,
        groups: &[usize],
    ) -> Result<Table> {
        let roots = roots(loaded, mask);
        let mut columns: Vec<Growing> = roots.iter().map(|_| Growing::default()).collect();
        let mut n_rows = 0_usize;
        for &group in groups {
            let of_group = loaded.metadata().row_group(group);
            let input = place.group(of_group, mask)?;
            let read = |(column, root): (&mut Growing, &usize)| -> Result<()> {
                let only = ProjectionMask::roots(loaded.parquet_schema(), [*root]);
                pages::check(&input, of_group, &only)?;
                let add = |column: &mut Growing, n_rows: usize| -> Result<()> {
                    for batch in batches(place.again(&input)?, loaded, &only, (group, 0), n_rows)? {
                        let table = self.plain(batch)?;
                        table.columns().try_for_each(|(_, part)| column.add(part))?;
                    }
                    Ok(())
                };
                let before = column.n_rows();
                let is_dictionary =
                    matches!(loaded.schema().field(*root).data_type(), DataType::Dictionary(..));
                if let (Some(n_rows), false) = (believable(of_group, mask, &only, input.len()), is_dictionary)
                {
                    match add(column, n_rows) {
                        // What is too much at once may not be too much in parts.
                        Err(_) if column.n_rows() == before => {}
                        done => return done,
                    }
                }
                add(column, BATCH)
            };
            let read: Vec<Result<()>> = columns.par_iter_mut().zip(&roots).map(read).collect();
            read.into_iter().collect::<Result<()>>()?;
            let rows = usize::try_from(of_group.num_rows()).ok();
            n_rows = rows.and_then(|rows| n_rows.checked_add(rows)).ok_or_else(|| {
                Error::malformed(format!("a row group claims to have {} rows", of_group.num_rows()))
            })?;
            // The decoder says nothing of a column that ends too early.
            if let Some(at) = columns.iter().position(|column| column.n_rows() != n_rows) {
                return Err(Error::malformed(format!(
                    "not a sound Parquet file: column `{}` has {} rows up to the end of row group {group}, and {n_rows} are declared",
                    loaded.schema().field(roots[at]).name(),
                    columns[at].n_rows()
                )));
            }
        }
        if n_rows == 0 {
            return self.without_rows(loaded, mask);
        }
        let fields = loaded.schema().fields();
        let mut named = Vec::with_capacity(roots.len());
        for (column, &root) in columns.into_iter().zip(&roots) {
            let column = column.finish()?.ok_or_else(|| Error::malformed("a column has no batch"))?;
            named.push((fields[root].name().as_str().into(), column));
        }
        let of_columns = roots.iter().map(|&root| fields[root].as_ref());
        let table = crate::arrow::marked(Table::with_rows(n_rows, named)?, of_columns)?;
        match &self.columns {
            Some(columns) => table.select(columns),
            None => Ok(table),
        }
    }

    /// The metadata of a file, the columns to read, and the row groups that may have rows that are wanted.
    fn open(
        &self,
        place: &(impl Place + ?Sized),
    ) -> Result<(ArrowReaderMetadata, ProjectionMask, Vec<usize>)> {
        let loaded = place.metadata()?;
        let mask = self.mask(&loaded)?;
        for root in roots(&loaded, &mask) {
            let field = loaded.schema().field(root);
            if let Err(error) = column_of(&new_empty_array(field.data_type())) {
                let what = format!("name the other columns in `columns` to leave out `{}`", field.name());
                return Err(error.context(format!("column `{}`", field.name())).context(what));
            }
        }
        let mut groups: Vec<usize> = (0..loaded.metadata().num_row_groups()).collect();
        for filter in &self.filters {
            let skipped = filter.skipped(&loaded);
            groups.retain(|&group| !skipped.get(group).copied().unwrap_or(false));
        }
        Ok((loaded, mask, groups))
    }

    fn batches(
        &self,
        place: &(impl Place + ?Sized),
        loaded: &ArrowReaderMetadata,
        mask: &ProjectionMask,
        (group, given): (usize, usize),
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader> {
        let of_group = loaded.metadata().row_group(group);
        let input = place.group(of_group, mask)?;
        pages::check(&input, of_group, mask)?;
        batches(input, loaded, mask, (group, given), batch_rows)
    }

    /// A batch as it is.
    fn plain(&self, batch: std::result::Result<RecordBatch, ArrowError>) -> Result<Table> {
        let batch = batch.map_err(refused)?;
        match self.decimal_as_text {
            false => Table::from_record_batch(&batch).map_err(|error| {
                let has_decimals =
                    batch.schema().fields().iter().any(|field| decimal_texts::is_one(field.data_type()));
                // All types are known by now, so that it is a number that has too many digits.
                match has_decimals && matches!(error.kind(), ErrorKind::Unsupported { .. }) {
                    true => error.context("`decimal_as_text` reads decimals as texts"),
                    false => error,
                }
            }),
            true => Table::from_record_batch(&decimal_texts::as_texts(&batch)?),
        }
    }

    /// The rows of a batch that are wanted, with the columns that are.
    fn table(&self, batch: std::result::Result<RecordBatch, ArrowError>) -> Result<Table> {
        let mut table = self.plain(batch)?;
        for filter in &self.filters {
            table = filter.apply(&table)?;
        }
        match &self.columns {
            Some(columns) => table.select(columns),
            None => Ok(table),
        }
    }

    fn mask(&self, loaded: &ArrowReaderMetadata) -> Result<ProjectionMask> {
        let Some(columns) = &self.columns else { return Ok(ProjectionMask::all()) };
        let fields = loaded.schema().fields();
        let position = |name: &String| {
            fields.iter().position(|field| field.name() == name).ok_or_else(|| {
                let known: Vec<_> = fields.iter().take(10).map(|field| field.name().as_str()).collect();
                Error::unknown(format!("no column is named `{name}`; there are: {}", known.join(", ")))
            })
        };
        let filtered = self.filters.iter().map(Filter::column);
        let positions = columns.iter().chain(filtered).map(position).collect::<Result<Vec<_>>>()?;
        Ok(ProjectionMask::roots(loaded.parquet_schema(), positions))
    }

    fn check_size(
        &self,
        loaded: &ArrowReaderMetadata,
        mask: &ProjectionMask,
        groups: &[usize],
    ) -> Result<()> {
        let mut bytes = 0_u64;
        for group in groups.iter().map(|&group| loaded.metadata().row_group(group)) {
            for (at, column) in group.columns().iter().enumerate() {
                let size = if mask.leaf_included(at) { column.uncompressed_size() } else { 0 };
                let size =
                    u64::try_from(size).map_err(|_| Error::malformed("a column has a negative size"))?;
                bytes = bytes.saturating_add(size);
            }
        }
        match bytes > self.max_bytes {
            false => Ok(()),
            true => Err(Error::too_large(format!(
                "the columns hold {bytes} bytes, more than {}; read fewer `columns` or raise `max_bytes`",
                self.max_bytes
            ))),
        }
    }

    fn without_rows(&self, loaded: &ArrowReaderMetadata, mask: &ProjectionMask) -> Result<Table> {
        let schema = loaded.schema().project(&roots(loaded, mask)).map_err(refused)?;
        self.table(Ok(RecordBatch::new_empty(schema.into())))
    }
}

/// The places of the columns that are wanted.
fn roots(loaded: &ArrowReaderMetadata, mask: &ProjectionMask) -> Vec<usize> {
    let schema = loaded.parquet_schema();
    let wanted = (0..schema.num_columns()).filter(|&leaf| mask.leaf_included(leaf));
    let mut roots: Vec<usize> = wanted.map(|leaf| schema.get_column_root_idx(leaf)).collect();
    roots.dedup();
    roots
}

/// How many rows a group has, where that is no more than the bytes of each of its columns `only`, and those of all that are
/// wanted are no more than there are: the decoder sets places aside for as many rows as it is told, whether they come or not.
fn believable(
    group: &RowGroupMetaData,
    wanted: &ProjectionMask,
    only: &ProjectionMask,
    n_bytes: u64,
) -> Option<usize> {
    let sizes = |mask: &ProjectionMask| {
        let columns = group.columns().iter().enumerate().filter(|(at, _)| mask.leaf_included(*at));
        columns.map(|(_, column)| u64::try_from(column.compressed_size()).ok()).collect::<Option<Vec<u64>>>()
    };
    let n_rows = u64::try_from(group.num_rows()).ok()?;
    let all = sizes(wanted)?.into_iter().try_fold(0_u64, u64::checked_add)?;
    let holds = all <= n_bytes && sizes(only)?.into_iter().all(|size| n_rows <= size);
    usize::try_from(n_rows).ok().filter(|_| holds)
}

/// The rows of a group but for so many at its start.
fn batches(
    input: impl ChunkReader + 'static,
    loaded: &ArrowReaderMetadata,
    mask: &ProjectionMask,
    (group, given): (usize, usize),
    batch_rows: usize,
) -> Result<ParquetRecordBatchReader> {
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(input, loaded.clone());
    let builder =
        builder.with_row_groups(vec![group]).with_batch_size(batch_rows).with_projection(mask.clone());
    let builder = if given > 0 { builder.with_offset(given) } else { builder };
    builder.build().map_err(damaged)
}

/// The decoder has panicked on damaged files before; a file must not take the program down.
fn unharmed<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Error::malformed("the Parquet file is damaged: its decoder gave up")))
}

fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    unharmed(read).context(format!("reading `{}`", path.display()))
}

fn damaged(error: ParquetError) -> Error {
    Error::malformed(format!("not a sound Parquet file: {error}")).with_source(error)
}

fn refused(error: arrow_schema::ArrowError) -> Error {
    Error::malformed(format!("not a sound Parquet file: {error}")).with_source(error)
}
