//! Reading CSV: the settings.

use std::collections::BTreeMap;
use std::path::Path;

use perennial_core::{Error, Result, ResultExt};
use serde::{Deserialize, Serialize};

use super::error::CsvError;
use super::file::{File, blocks_at_once};
use super::input::{self, Compression, DEFAULT_LIMITS, Limits};
use super::reading::Reading;
use super::records::Records;
use super::report::Inferred;
use super::scan::Dialect;
use crate::objects::{self, ObjectStore, Source};
use crate::time_format::TimeFormat;
use crate::{ColumnType, Contract, Format, Schema, Table};

/// The cells that mean "missing" unless told otherwise.
pub const NULL_TOKENS: [&str; 14] =
    ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "null", "NULL", "None", "none"];

/// The largest record; offsets inside a block take 31 bits.
const MAX_RECORD: usize = 1 << 30;

/// Reads a CSV file with a header, see [`CsvReader`]. Between the cells of a file that ends in `.tsv` or `.tab`, compressed or not, stand tabs.
///
/// # Errors
/// As for [`CsvReader::read_path`].
pub fn read_csv(path: impl AsRef<Path>) -> Result<Table> {
    let path = path.as_ref();
    let delimiter = Format::of(path).and_then(Format::delimiter).unwrap_or(b',');
    CsvReader::new().delimiter(delimiter).read_path(path)
}

/// Settings for reading CSV.
///
/// Types are found from all cells, never from a sample:
///
/// | type | cells |
/// |---|---|
/// | boolean | `true`, `True`, `TRUE`, `false`, `False`, `FALSE` |
/// | integer | `-12`, `+3`, within 64 bits |
/// | real | `1.5`, `.5`, `5.`, `1e-3`, `inf`; correctly rounded; integers among them must be exact in `f64`; with `decimal(b',')` `1,5` |
/// | date | `2024-02-29`, a day of the calendar |
/// | date_time | `2024-02-29 23:59[:59[.123456]][Z\|+01:00]`, `T` for the space; days among them are midnights |
/// | category | texts, at most `max_categories` distinct ones, each twice or more on average |
/// | text | anything else: `0x10`, `1_000`, `007`, `1,5`, integers beyond 64 bits |
///
/// A column with nothing but missing cells is real. A number such as `1e309` in a real column is an error.
/// In numbers, dates and booleans a null token is missing, quoted or not. In text and categories a quoted cell
/// is text as it stands: `""` is the empty text, and an empty cell without quotes is missing.
///
/// Records end at LF, CR or CRLF outside of quotes. Blank lines are skipped; in a file of one column they are
/// missing cells. A quote inside of a cell that does not start with one is a character like any other. A byte
/// order mark is dropped. A gzip stream is recognised by its first bytes.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `delimiter` | `,` | the byte between cells |
/// | `quote` | `"` | the byte around cells |
/// | `decimal` | `.` | the mark before the decimals of numbers; with another one a number with a point is text |
/// | `date_format` | ISO 8601 | how days and moments are written, such as `%d.%m.%Y` |
/// | `header` | true | whether the first line has the names; otherwise they are `x0`, `x1`, ... |
/// | `name_empty_columns` | false | whether a column without a name is called `column3` for its position |
/// | `trim` | false | whether spaces and tabs around cells without quotes are dropped |
/// | `null_tokens` | [`NULL_TOKENS`] | the cells that mean "missing" |
/// | `types` | none | types of some columns |
/// | `schema` | none | types and levels of columns |
/// | `contract` | none | what the rows must be like |
/// | `max_categories` | 1000 | how many levels an inferred category has at most; 0 infers none |
/// | `max_columns` | 100 000 | how many columns there may be |
/// | `max_line_bytes` | 16 MiB | how long a line or record may be; at most 1 GiB |
/// | `max_bytes` | 4 GiB | how long the file may be, after decompression |
/// | `block_bytes` | 128 KiB | how much one task reads; no result depends on it |
///
/// ```
/// use perennial_data::{ColumnType, CsvReader};
///
/// let text = b"id;price;on\n007;1.5;2024-02-29\n008;NA;2024-03-01\n";
/// let (table, report) = CsvReader::new().delimiter(b';').read_bytes_with_report(text)?;
/// assert_eq!(table.column("id")?.column_type(), ColumnType::Text);
/// assert_eq!(table.column("price")?.null_count(), 1);
/// assert_eq!(report[2].column_type, ColumnType::Date);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvReader {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
    pub(super) decimal: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date_format: Option<String>,
    pub(super) header: bool,
    pub(super) name_empty_columns: bool,
    pub(super) trim: bool,
    pub(super) null_tokens: Vec<String>,
    pub(super) types: BTreeMap<String, ColumnType>,
    pub(super) levels: BTreeMap<String, Vec<String>>,
    pub(super) max_categories: usize,
    pub(super) max_columns: usize,
    pub(super) max_line_bytes: usize,
    pub(super) max_bytes: u64,
    pub(super) block_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contract: Option<Contract>,
}

impl Default for CsvReader {
    fn default() -> Self {
        CsvReader {
            delimiter: b',',
            quote: b'"',
            decimal: b'.',
            date_format: None,
            header: true,
            name_empty_columns: false,
            trim: false,
            null_tokens: NULL_TOKENS.map(str::to_owned).to_vec(),
            types: BTreeMap::new(),
            levels: BTreeMap::new(),
            max_categories: 1000,
            max_columns: 100_000,
            max_line_bytes: DEFAULT_LIMITS.line,
            max_bytes: DEFAULT_LIMITS.bytes,
            block_bytes: 1 << 17,
            contract: None,
        }
    }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        impl CsvReader {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            })*
        }
    };
}

settings! {
    /// The byte between cells.
    delimiter: u8;
    /// The byte around cells.
    quote: u8;
    /// The mark before the decimals of numbers, such as `,` in files whose cells are delimited by `;`.
    decimal: u8;
    /// Whether the first line has the names of the columns.
    header: bool;
    /// Whether a column without a name is called `column3` for its position.
    name_empty_columns: bool;
    /// Whether spaces and tabs around cells without quotes are dropped.
    trim: bool;
    /// How many levels an inferred category has at most; 0 infers none.
    max_categories: usize;
    /// How many columns there may be.
    max_columns: usize;
    /// How long a line or record may be, in bytes; at most 1 GiB.
    max_line_bytes: usize;
    /// How long the file may be, in bytes after decompression.
    max_bytes: u64;
    /// How much one task reads, in bytes; no result depends on it.
    block_bytes: usize;
}

impl CsvReader {
    /// The default settings.
    pub fn new() -> Self {
        CsvReader::default()
    }

    /// The cells that mean "missing", in place of [`NULL_TOKENS`].
    #[must_use]
    pub fn null_tokens<S: Into<String>>(mut self, tokens: impl IntoIterator<Item = S>) -> Self {
        self.null_tokens = tokens.into_iter().map(Into::into).collect();
        self
    }

    /// How days and moments are written, as [`Rule::time_format`](crate::Rule::time_format) takes it: with a year, and a month and a day or `%j`. Days and
    /// moments as ISO 8601 writes them are then text, and what reads as a number, such as `20240229`, is one unless the type of its
    /// column is given. A format with a time gives moments, in UTC by its `%z`.
    ///
    /// ```
    /// use perennial_data::{Column, CsvReader};
    ///
    /// let table = CsvReader::new().date_format("%d.%m.%Y").read_bytes(b"on\n02.01.1970\n31.12.1969\n")?;
    /// assert_eq!(*table.column("on")?, Column::date([1, -1]));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn date_format(mut self, format: impl Into<String>) -> Self {
        self.date_format = Some(format.into());
        self
    }

    /// How days are written, if not as ISO 8601.
    pub(super) fn dates(&self) -> Result<Option<TimeFormat>> {
        let read = |format: &String| {
            TimeFormat::of_days(format)
                .map_err(|why| Error::unsupported(format!("the `date_format` `{format}` {why}")))
        };
        self.date_format.as_ref().map(read).transpose()
    }

    /// The types of some columns. Leading zeros are then allowed in numbers.
    #[must_use]
    pub fn types<S: Into<String>>(mut self, types: impl IntoIterator<Item = (S, ColumnType)>) -> Self {
        self.types.extend(types.into_iter().map(|(name, column_type)| (name.into(), column_type)));
        self
    }

    /// The types of columns and the levels of category columns. A cell with another level is an error.
    #[must_use]
    pub fn schema(mut self, schema: &Schema) -> Self {
        for field in schema.columns() {
            self.types.insert(field.name.clone(), field.column_type);
            if field.column_type == ColumnType::Category {
                self.levels.insert(field.name.clone(), field.levels.clone());
            }
        }
        self
    }

    /// What the rows must be like. Its columns are read as the types that it says, but for those that only warn and those whose
    /// type was given otherwise, and the table is held to it. Rows that could be
    /// set aside are, with their lines and reasons, by [`read_path_with_quarantine`](CsvReader::read_path_with_quarantine), and are an
    /// error elsewhere. Warnings pass.
    ///
    /// ```
    /// use perennial_data::{ColumnContract, ColumnType, Contract, CsvReader, Severity};
    ///
    /// let age = ColumnContract::new("age", ColumnType::Integer).max(120.0).severity(Severity::Quarantine);
    /// let reader = CsvReader::new().contract(&Contract::new().with(age));
    /// assert!(reader.read_bytes(b"age\n31\n540\n").is_err());
    /// let (table, quarantine) = reader.read_bytes_with_quarantine(b"age\n31\n540\nold\n")?;
    /// assert_eq!(table.n_rows(), 1);
    /// assert_eq!(
    ///     quarantine.column("reason")?.as_text()?.flatten().collect::<Vec<_>>(),
    ///     ["`age`: above the maximum 120", "column `age`: `old` is not of type integer"]
    /// );
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn contract(mut self, contract: &Contract) -> Self {
        self.contract = Some(contract.clone());
        self
    }

    /// The types that were given, and for other columns those of the contract.
    pub(super) fn given_types(&self) -> BTreeMap<String, ColumnType> {
        let mut types = self.types.clone();
        for (name, column_type) in self.contract.iter().flat_map(Contract::types) {
            types.entry(name.to_owned()).or_insert(column_type);
        }
        types
    }

    /// What the rows are held to.
    #[cfg(feature = "catalog")]
    pub(crate) fn held_to(&self) -> Option<&Contract> {
        self.contract.as_ref()
    }

    /// The same settings without a contract and its types.
    #[cfg(feature = "catalog")]
    pub(crate) fn without_contract(mut self) -> Self {
        self.contract = None;
        self
    }

    /// As [`contract`](CsvReader::contract), without holding the table to it.
    #[cfg(feature = "catalog")]
    pub(crate) fn types_of(mut self, contract: &Contract) -> Self {
        for (name, column_type) in contract.types() {
            self.types.entry(name.to_owned()).or_insert(column_type);
        }
        self
    }

    /// With some columns as texts, which any cell is, so that no cell of theirs is shown.
    #[cfg(feature = "catalog")]
    pub(crate) fn with_texts(mut self, names: &[&str]) -> Self {
        for name in names {
            self.levels.remove(*name);
            self.types.insert((*name).to_owned(), ColumnType::Text);
        }
        self
    }

    pub(super) fn held(&self, table: Table) -> Result<Table> {
        self.contract.as_ref().map_or(Ok(()), |contract| contract.enforce(&table)).map(|()| table)
    }

    /// Reads a file, plain or gzip.
    ///
    /// # Errors
    /// When the file cannot be read, with a [`CsvError`] as its source when it is not the CSV it should be, when its rows break
    /// the contract, or when a setting is wrong.
    pub fn read_path(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        self.check()?;
        self.read_parts(path).context(format!("reading `{}`", path.display()))
    }

    /// Reads a file part by part, so that its text is never in memory at once.
    fn read_parts(&self, path: &Path) -> Result<Table> {
        // No result depends on how much is read at once: enough for all threads, and little enough for their caches.
        let part = self.block_bytes.saturating_mul(blocks_at_once());
        let part = part.min(MAX_RECORD);
        let source = Source::file(path);
        let mut records = Records::open(self, &source, part, self.max_bytes)?;
        let mut reading = Reading::new(self, records.names.clone())?;
        let n_bytes = std::fs::metadata(path).map_or(0, |file| file.len());
        let read = |records: &mut Records, reading: &mut Reading<'_>| {
            while let Some(batch) = records.next_batch(self)? {
                records.work_on(self, batch, |file| file.add_to(reading, 0))?;
                reading.make_room(n_bytes as f64 / records.bytes.max(1) as f64);
            }
            Ok::<_, Error>(())
        };
        read(&mut records, &mut reading)?;
        if let Some(mut second) = reading.second() {
            read(&mut Records::open(self, &source, part, self.max_bytes)?, &mut second)?;
            reading.replace(second)?;
        }
        self.held(reading.finish()?.0)
    }

    /// Reads a file, plain or gzip, and says why each column got its type.
    ///
    /// # Errors
    /// As for [`read_path`](CsvReader::read_path).
    pub fn read_path_with_report(&self, path: impl AsRef<Path>) -> Result<(Table, Vec<Inferred>)> {
        self.open(path.as_ref(), |file| self.reported(file))
    }

    /// Reads an object of a store, plain or gzip, of at most `max_bytes`; a larger one by [`scan_object`](CsvReader::scan_object).
    ///
    /// # Errors
    /// As for [`read_path`](CsvReader::read_path), and when the store has no such object or cannot be asked.
    pub fn read_object(&self, store: &dyn ObjectStore, key: &str) -> Result<Table> {
        let read = || self.read_bytes(&objects::whole(store, key, self.max_bytes)?);
        read().context(format!("reading the object `{key}`"))
    }

    /// Reads bytes, plain or gzip.
    ///
    /// # Errors
    /// As for [`read_path`](CsvReader::read_path).
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Table> {
        self.unpack(bytes, |file| self.held(file.read()?.0))
    }

    /// Reads bytes, plain or gzip, and says why each column got its type.
    ///
    /// # Errors
    /// As for [`read_path`](CsvReader::read_path).
    pub fn read_bytes_with_report(&self, bytes: &[u8]) -> Result<(Table, Vec<Inferred>)> {
        self.unpack(bytes, |file| self.reported(file))
    }

    fn reported(&self, file: &File<'_>) -> Result<(Table, Vec<Inferred>)> {
        let (table, report) = file.read_with_report()?;
        Ok((self.held(table)?, report))
    }

    fn open<T>(&self, path: &Path, read: impl Fn(&File<'_>) -> Result<T>) -> Result<T> {
        self.check()?;
        let bytes = input::read_path(path, self.limits())?;
        read(&File::new(self, &bytes)).context(format!("reading `{}`", path.display()))
    }

    fn unpack<T>(&self, bytes: &[u8], read: impl Fn(&File<'_>) -> Result<T>) -> Result<T> {
        self.check()?;
        match Compression::of(bytes)? {
            Some(compression) => {
                read(&File::new(self, &input::decompress(compression, bytes, self.limits())?))
            }
            None if bytes.len() as u64 > self.max_bytes => {
                Err(CsvError::TooLarge { limit: self.max_bytes }.into())
            }
            None => read(&File::new(self, bytes)),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        Dialect { delimiter: self.delimiter, quote: self.quote }
    }

    fn limits(&self) -> Limits {
        Limits { bytes: self.max_bytes, line: self.max_line_bytes }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.delimiter == self.quote || b"\r\n".contains(&self.delimiter) || b"\r\n".contains(&self.quote)
        {
            let both = (char::from(self.delimiter), char::from(self.quote));
            return Err(Error::invalid_param(
                "delimiter",
                both,
                "two different bytes that do not end a line",
            ));
        }
        if !self.delimiter.is_ascii() || !self.quote.is_ascii() {
            return Err(Error::invalid_param("delimiter", (self.delimiter, self.quote), "bytes below 128"));
        }
        check_decimal(self.decimal, &[self.delimiter, self.quote])?;
        self.dates()?;
        if !(1..=MAX_RECORD).contains(&self.max_line_bytes) {
            return Err(Error::invalid_param("max_line_bytes", self.max_line_bytes, "1 to 1073741824 bytes"));
        }
        if !(1..=MAX_RECORD).contains(&self.block_bytes) {
            return Err(Error::invalid_param("block_bytes", self.block_bytes, "1 to 1073741824 bytes"));
        }
        Ok(())
    }
}

/// Whether a mark can stand before the decimals of numbers, in a file in which these bytes have a meaning.
pub(super) fn check_decimal(decimal: u8, taken: &[u8]) -> Result<()> {
    let mark = char::from(decimal);
    if taken.contains(&decimal) {
        return Err(Error::invalid_param(
            "decimal",
            mark,
            "another byte than those between and around cells; files with `1,5` mostly have the delimiter `;`",
        ));
    }
    match decimal.is_ascii_punctuation() && !b"+-".contains(&decimal) {
        true => Ok(()),
        false => Err(Error::invalid_param(
            "decimal",
            mark,
            "a punctuation mark of ASCII such as `.` or `,`, no sign",
        )),
    }
}
