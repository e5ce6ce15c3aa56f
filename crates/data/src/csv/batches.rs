//! Reading a CSV file that is larger than memory, batch by batch.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use perennial_core::{Error, Result, ResultExt};

use super::cell::Kind;
use super::reader::CsvReader;
use super::records::Records;
use crate::batch_size::Batch;
use crate::contract::Parts;
use crate::objects::{ObjectStore, Source};
use crate::{BatchSize, Column, ColumnType, Table};

/// The tables of a CSV file, made by [`CsvReader::scan`]. After an error there are no more.
pub struct CsvScan {
    reader: CsvReader,
    records: Records,
    held: Option<Parts>,
    n_tables: usize,
    failed: bool,
    source: Source,
    size: BatchSize,
}

impl fmt::Debug for CsvScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvScan")
            .field("reader", &self.reader)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl CsvReader {
    /// Reads a file, plain or gzip, in batches of about `batch` bytes of its text, at least 64 KiB, or within a [memory](BatchSize::max_memory), so that a
    /// file may be larger than memory. The tables have the columns, types and levels that reading the file at once would give, and the same rows in
    /// their order. A file without rows gives one table without rows.
    ///
    /// Because types come from all cells, the file is read once more for those that are not given, and once again where
    /// there are texts, of which there may be few different ones; [`types`](CsvReader::types) or a [`schema`](CsvReader::schema) of all columns spare that. At
    /// a time there are the text of one batch, its table and what parsing takes, in all about eight times `batch`, and the
    /// levels of categories. `max_bytes` does not apply.
    ///
    /// A [`contract`](CsvReader::contract) is held to each part, and what it says of all rows (how many there are, what is unique, in order, or
    /// right in a share of the rows, smallest, largest and missing cells) to all of them; the last of it is told after the last table. Of what must be
    /// unique each row that has it is kept in some tens of bytes, for each such rule; 2^24 of them for all rules together, and more are an error.
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
    /// When the file cannot be read, a setting is wrong, the contract has a rule that takes all rows at once, such as one about a mean, or the file is not the CSV it should be where types are found. What is
    /// wrong in rows after that is an error of the iterator.
    pub fn scan(&self, path: impl AsRef<Path>, batch: impl Into<BatchSize>) -> Result<CsvScan> {
        self.scan_source(Source::file(path), batch.into())
    }

    /// As [`scan`](CsvReader::scan), of an object of a store, which is fetched range by range; of a store that tells versions, all of one object.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use perennial_data::{CsvReader, MemoryStore, ObjectStore};
    ///
    /// let store = MemoryStore::new();
    /// store.put("days/one.csv", b"n\n1\n2\n")?;
    /// let parts: Vec<_> = CsvReader::new().scan_object(Arc::new(store), "days/one.csv", 1 << 16)?.collect();
    /// assert_eq!(parts.len(), 1);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`scan`](CsvReader::scan), and when the store has no such object or cannot be asked.
    pub fn scan_object(
        &self,
        store: Arc<dyn ObjectStore>,
        key: &str,
        batch: impl Into<BatchSize>,
    ) -> Result<CsvScan> {
        self.scan_source(Source::object(store, key)?, batch.into())
    }

    fn scan_source(&self, source: Source, size: BatchSize) -> Result<CsvScan> {
        self.check()?;
        let held = self.contract.as_ref().map(Parts::new).transpose()?;
        let mut reader = self.clone();
        let batch_bytes = match size.resolved()? {
            Batch::Of(batch_bytes) => batch_bytes.max(1 << 16),
            // A batch ends with a line, and lines may be as long as a batch; empty cells take most for their text.
            Batch::Within(bytes) => {
                let batch_bytes = usize::try_from(bytes / 40).unwrap_or(usize::MAX);
                reader.max_line_bytes = reader.max_line_bytes.min(batch_bytes);
                batch_bytes
            }
        };
        let open = || {
            let settled = reader.settled(&source, batch_bytes)?;
            Ok::<_, Error>((settled, Records::open(&reader, &source, batch_bytes, u64::MAX)?))
        };
        let (reader, records) = open().map_err(|error| size.explained(error)).context(source.to_string())?;
        Ok(CsvScan { reader, records, held, n_tables: 0, failed: false, source, size })
    }

    /// The same settings with a type for each column, and levels for categories.
    fn settled(&self, source: &Source, batch_bytes: usize) -> Result<CsvReader> {
        let mut records = Records::open(self, source, batch_bytes, u64::MAX)?;
        let given = self.given_types();
        let open: Vec<usize> =
            (0..records.names.len()).filter(|&at| !given.contains_key(&records.names[at])).collect();
        let mut reader = self.clone();
        if open.is_empty() {
            return Ok(reader);
        }
        let mut kinds = vec![Kind::Nothing; records.names.len()];
        while let Some(batch) = records.next_batch(self)? {
            let found = records.file(self, batch.clone()).survey()?;
            kinds.iter_mut().zip(&found).for_each(|(kind, found)| *kind = kind.join(*found));
            records.pass(batch);
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
        let mut records = Records::open(self, source, batch_bytes, u64::MAX)?;
        while let Some(batch) = records.next_batch(self)? {
            let (table, _) = records.file(&reader, batch.clone()).read()?;
            for (name, texts) in &mut texts {
                texts.add(table.column(name)?, self.max_categories)?;
            }
            records.pass(batch);
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

impl Iterator for CsvScan {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if self.failed {
            return None;
        }
        let batch = match self.records.next_batch(&self.reader) {
            Ok(Some(batch)) => batch,
            Ok(None) if self.n_tables == 0 => 0..0,
            Ok(None) => return self.held.take()?.finish().err().map(|error| self.failure(error)),
            Err(error) => return Some(self.failure(error)),
        };
        let table = self.records.file(&self.reader, batch.clone()).read().and_then(|(table, _)| {
            self.held.as_mut().map_or(Ok(()), |held| held.hold(&table)).map(|()| table)
        });
        self.records.pass(batch);
        self.n_tables += 1;
        Some(table.or_else(|error| self.failure(error)))
    }
}

impl CsvScan {
    fn failure(&mut self, error: Error) -> Result<Table> {
        self.failed = true;
        Err(self.size.explained(error).context(self.source.to_string()))
    }
}
