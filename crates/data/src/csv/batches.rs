//! Reading a CSV file that is larger than memory, batch by batch.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use perennial_core::{Error, Result, ResultExt};

use super::cell::Kind;
use super::error::CsvError;
use super::file::{File, Part};
use super::input;
use super::reader::CsvReader;
use super::scan::{self, line_ends};
use crate::{Column, ColumnType, Table};

/// How much more is read at once when a batch does not end.
const STEP: usize = 1 << 18;

/// The tables of a CSV file, made by [`CsvReader::scan`]. After an error there are no more.
pub struct CsvScan {
    reader: CsvReader,
    records: Records,
    n_tables: usize,
    failed: bool,
    path: PathBuf,
}

impl fmt::Debug for CsvScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvScan")
            .field("reader", &self.reader)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Whole records of a file, one batch after the other.
struct Records {
    stream: Box<dyn Read + Send>,
    batch_bytes: usize,
    names: Vec<String>,
    pending: Vec<u8>,
    at_end: bool,
    /// Lines and bytes before what is pending.
    lines: usize,
    bytes: usize,
}

impl CsvReader {
    /// Reads a file, plain or gzip, in batches of about `batch_bytes` bytes of its text, at least 64 KiB, so that a file may be larger than
    /// memory. The tables have the columns, types and levels that reading the file at once would give, and the same rows in
    /// their order. A file without rows gives one table without rows.
    ///
    /// Because types come from all cells, the file is read once more for those that are not given, and once again where
    /// there are texts, of which there may be few different ones; [`types`](CsvReader::types) or a [`schema`](CsvReader::schema) of all columns spare that. At
    /// a time there are the text of one batch, its table and what parsing takes, in all about four times `batch_bytes`, and the
    /// levels of categories. `max_bytes` does not apply.
    ///
    /// ```
    /// use perennial_data::{CsvReader, Summary};
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers.csv");
    /// let lines: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    /// std::fs::write(&path, format!("n\n{}\n", lines.join("\n"))).unwrap();
    ///
    /// let scan = CsvReader::new().scan(&path, 1 << 16)?;
    /// let summary = Summary::of_all(scan)?;
    /// assert_eq!((summary.n_rows(), summary.column("n")?.mean()), (100_000, Some(49_999.5)));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the file cannot be read, a setting is wrong, or the file is not the CSV it should be where types are found. What is
    /// wrong in rows after that is an error of the iterator.
    pub fn scan(&self, path: impl AsRef<Path>, batch_bytes: usize) -> Result<CsvScan> {
        let path = path.as_ref();
        self.check()?;
        let batch_bytes = batch_bytes.max(1 << 16);
        let place = || format!("reading `{}`", path.display());
        let reader = self.settled(path, batch_bytes).context(place())?;
        let records = Records::open(self, path, batch_bytes).context(place())?;
        Ok(CsvScan { reader, records, n_tables: 0, failed: false, path: path.to_owned() })
    }

    /// The same settings with a type for each column, and levels for categories.
    fn settled(&self, path: &Path, batch_bytes: usize) -> Result<CsvReader> {
        let mut records = Records::open(self, path, batch_bytes)?;
        let open: Vec<usize> =
            (0..records.names.len()).filter(|&at| !self.types.contains_key(&records.names[at])).collect();
        let mut reader = self.clone();
        if open.is_empty() {
            return Ok(reader);
        }
        let mut kinds = vec![Kind::Nothing; records.names.len()];
        while let Some(bytes) = records.next_batch(self)? {
            let found = records.file(self, &bytes).survey()?;
            kinds.iter_mut().zip(&found).for_each(|(kind, found)| *kind = kind.join(found.kind));
            records.pass(&bytes);
        }
        let names = records.names;
        let mut texts: BTreeMap<String, Texts> = BTreeMap::new();
        for at in open {
            let column_type = match kinds[at] {
                Kind::Nothing | Kind::Real => ColumnType::Real,
                Kind::Boolean => ColumnType::Boolean,
                Kind::Integer | Kind::BigInteger => ColumnType::Integer,
                Kind::Date => ColumnType::Date,
                Kind::DateTime => ColumnType::DateTime,
                Kind::Text => {
                    texts.insert(names[at].clone(), Texts::default());
                    ColumnType::Text
                }
            };
            reader.types.insert(names[at].clone(), column_type);
        }
        if texts.is_empty() || self.max_categories == 0 {
            return Ok(reader);
        }
        let mut records = Records::open(self, path, batch_bytes)?;
        while let Some(bytes) = records.next_batch(self)? {
            let (table, _) = records.file(&reader, &bytes).read()?;
            for (name, texts) in &mut texts {
                texts.add(table.column(name)?, self.max_categories)?;
            }
            records.pass(&bytes);
        }
        for (name, texts) in texts {
            if texts.distinct.len() <= self.max_categories && 2 * texts.distinct.len() <= texts.n_present {
                reader.types.insert(name.clone(), ColumnType::Category);
                reader.levels.insert(name, texts.distinct.into_iter().collect());
            }
        }
        Ok(reader)
    }
}

/// The different texts of a column, until there are too many for categories.
#[derive(Default)]
struct Texts {
    distinct: BTreeSet<String>,
    n_present: usize,
}

impl Texts {
    fn add(&mut self, column: &Column, most: usize) -> Result<()> {
        self.n_present += column.n_rows() - column.null_count();
        for text in column.as_text()?.flatten() {
            if self.distinct.len() > most {
                break;
            }
            if !self.distinct.contains(text) {
                self.distinct.insert(text.to_owned());
            }
        }
        Ok(())
    }
}

impl Records {
    /// A file with its header read.
    fn open(reader: &CsvReader, path: &Path, batch_bytes: usize) -> Result<Self> {
        let stream = input::open(path)?;
        let mut records = Records {
            stream,
            batch_bytes,
            names: Vec::new(),
            pending: Vec::new(),
            at_end: false,
            lines: 0,
            bytes: 0,
        };
        // The header may be as long as any line; mostly the first step has it.
        let mut wanted = STEP;
        records.fill(wanted)?;
        if records.pending.starts_with(b"\xef\xbb\xbf") {
            records.pending.drain(..3);
        }
        loop {
            let ends = matches!(
                scan::header(&records.pending, reader.dialect()),
                Ok(Some((_, end))) if end < records.pending.len()
            );
            if ends || records.at_end || records.pending.len() > reader.max_line_bytes {
                let (names, start) = File::new(reader, &records.pending).names()?;
                records.names = names;
                records.pass_pending(start);
                return Ok(records);
            }
            wanted *= 2;
            records.fill(wanted)?;
        }
    }

    /// Reads until so many bytes are pending, or the file ends.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        while !self.at_end && self.pending.len() < wanted {
            let missing = (wanted - self.pending.len()) as u64;
            let n_read = self.stream.by_ref().take(missing).read_to_end(&mut self.pending);
            let n_read = n_read.map_err(|error| Error::io("cannot read on", error))?;
            self.at_end = n_read == 0;
        }
        Ok(())
    }

    fn pass_pending(&mut self, length: usize) {
        self.lines += line_ends(&self.pending, 0..length);
        self.bytes += length;
        self.pending.drain(..length);
    }

    /// The next whole records; nothing at the end.
    fn next_batch(&mut self, reader: &CsvReader) -> Result<Option<Vec<u8>>> {
        let mut wanted = self.batch_bytes + STEP;
        loop {
            self.fill(wanted)?;
            if self.at_end && self.pending.len() <= self.batch_bytes {
                let rest = std::mem::take(&mut self.pending);
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            match scan::record_start_from(&self.pending, 0, self.batch_bytes, reader.dialect()) {
                // A line end that is read last may be the first half of one of two bytes.
                Ok(end) if end < self.pending.len() || self.at_end => {
                    let rest = self.pending.split_off(end);
                    return Ok(Some(std::mem::replace(&mut self.pending, rest)));
                }
                // An open quote of a file that has ended is told with its place when the rest is read.
                Err(_) if self.at_end => return Ok(Some(std::mem::take(&mut self.pending))),
                _ => {}
            }
            if wanted > self.batch_bytes.saturating_add(reader.max_line_bytes) {
                let line = 1 + self.lines + line_ends(&self.pending, 0..self.batch_bytes);
                return Err(CsvError::LineTooLong { line, limit: reader.max_line_bytes }.into());
            }
            wanted = self.batch_bytes + 2 * (wanted - self.batch_bytes);
        }
    }

    fn file<'a>(&'a self, reader: &'a CsvReader, bytes: &'a [u8]) -> File<'a> {
        File::part(reader, bytes, Part { names: &self.names, lines: self.lines, bytes: self.bytes })
    }

    /// Counts what was read.
    fn pass(&mut self, bytes: &[u8]) {
        self.lines += line_ends(bytes, 0..bytes.len());
        self.bytes += bytes.len();
    }
}

impl Iterator for CsvScan {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if self.failed {
            return None;
        }
        let bytes = match self.records.next_batch(&self.reader) {
            Ok(Some(bytes)) => bytes,
            Ok(None) if self.n_tables == 0 => Vec::new(),
            Ok(None) => return None,
            Err(error) => {
                self.failed = true;
                return Some(Err(error.context(format!("reading `{}`", self.path.display()))));
            }
        };
        let table = self.records.file(&self.reader, &bytes).read().map(|(table, _)| table);
        self.records.pass(&bytes);
        self.n_tables += 1;
        self.failed = table.is_err();
        Some(table.context(format!("reading `{}`", self.path.display())))
    }
}
