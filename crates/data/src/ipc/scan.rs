//! Reading Arrow's own format when it is larger than memory, batch by batch.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use perennial_core::{Error, Result, ResultExt};

use super::{CONTINUATION, MAGIC, MAX_BYTES, check_batch, damaged, few_empty};
use crate::batch_size::Batch;
use crate::objects::{ObjectStore, Ranges, Source};
use crate::{BatchSize, Table};

/// The tables of a file or object of Arrow, made by [`scan_arrow`] and [`scan_arrow_object`]. After an error there are no more.
pub struct ArrowScan {
    source: Source,
    stream: Box<dyn Read + Send>,
    /// How many bytes have not been read.
    left: u64,
    decoder: StreamDecoder,
    /// What the decoder has not taken of the message that was read last.
    rest: Buffer,
    /// Whether the end mark was read.
    ended: bool,
    batch_rows: usize,
    /// A batch of the file, of which the rows up to `given` were given.
    batch: Option<Table>,
    given: usize,
    n_tables: usize,
    done: bool,
    size: BatchSize,
    /// How large a batch of the file may be.
    max_batch: u64,
}

impl fmt::Debug for ArrowScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArrowScan")
            .field("source", &self.source)
            .field("batch_rows", &self.batch_rows)
            .finish_non_exhaustive()
    }
}

/// Reads a file in Arrow's file or stream format in tables of at most `batch` rows, or within a [memory](BatchSize::max_memory), so that it may be larger
/// than memory. At a time there are one batch as it was written, and the levels of categories; of a memory a batch may be a twelfth, because numbers that
/// are narrow in the file become wide ones. A file without rows gives one table without rows.
///
/// ```
/// use perennial_data::{Column, Table, scan_arrow, write_arrow};
///
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("ids.arrow");
/// write_arrow(&Table::new([("id", Column::integer(0..1000))])?, &path)?;
/// let rows: Vec<usize> = scan_arrow(&path, 300)?.map(|part| Ok(part?.n_rows())).collect::<perennial_core::Result<_>>()?;
/// assert_eq!(rows, [300, 300, 300, 100]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the file cannot be read or `batch` is 0. What is wrong in it is an error of the iterator.
pub fn scan_arrow(path: impl AsRef<Path>, batch: impl Into<BatchSize>) -> Result<ArrowScan> {
    let path = path.as_ref();
    let place = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    // Opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(place)?;
    if !metadata.is_file() {
        return Err(Error::unsupported(format!("`{}` is not a regular file", path.display())));
    }
    let stream = BufReader::new(File::open(path).map_err(place)?);
    ArrowScan::new(Source::file(path), Box::new(stream), metadata.len(), batch.into())
}

/// As [`scan_arrow`], of an object of a store, which is fetched range by range.
///
/// # Errors
/// As for [`scan_arrow`], and when the store has no such object or cannot be asked.
pub fn scan_arrow_object(
    store: Arc<dyn ObjectStore>,
    key: &str,
    batch: impl Into<BatchSize>,
) -> Result<ArrowScan> {
    let source = Source::object(store.clone(), key)?;
    let Source::Object { object, .. } = &source else { return Err(damaged("it is no object")) };
    let (stream, n_bytes) = (Ranges::new(store, object.clone()), object.n_bytes);
    ArrowScan::new(source, Box::new(stream), n_bytes, batch.into())
}

impl ArrowScan {
    fn new(source: Source, stream: Box<dyn Read + Send>, n_bytes: u64, size: BatchSize) -> Result<Self> {
        let (batch_rows, max_batch) = match size.resolved()? {
            Batch::Of(0) => return Err(Error::invalid_param("batch", 0, "at least 1 row")),
            Batch::Of(rows) => (rows, MAX_BYTES),
            Batch::Within(bytes) => (usize::MAX, MAX_BYTES.min(bytes / 12)),
        };
        let (decoder, batch) = (StreamDecoder::new(), None);
        let (rest, ended) = (Buffer::from_vec(Vec::<u8>::new()), false);
        let (left, given, n_tables, done) = (n_bytes, 0, 0, false);
        let mut scan = ArrowScan {
            source,
            stream,
            left,
            decoder,
            rest,
            ended,
            batch_rows,
            batch,
            given,
            n_tables,
            done,
            size,
            max_batch,
        };
        scan.start().map_err(|error| size.explained(error)).context(scan.source.to_string())?;
        Ok(scan)
    }

    /// Passes what stands before the stream in a file; some writers fill up to the next 64 bytes.
    fn start(&mut self) -> Result<()> {
        let mut first = self.bytes(self.left.min(MAGIC.len() as u64))?;
        if first.as_slice() == MAGIC {
            loop {
                first = self.bytes(self.left.min(8))?;
                if first.len() < 8 || first.iter().any(|byte| *byte != 0) {
                    break;
                }
            }
        }
        self.left += first.len() as u64;
        let rest = std::mem::replace(&mut self.stream, Box::new(std::io::empty()));
        self.stream = Box::new(Cursor::new(first).chain(rest));
        Ok(())
    }

    /// So many of the bytes that are left; memory is taken as they come.
    fn bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > self.left {
            return Err(damaged("it ends before its end mark; it may be cut off"));
        }
        if length > self.max_batch {
            let most = self.max_batch;
            return Err(Error::too_large(format!("a batch of {length} bytes is more than {most}; split it")));
        }
        let mut bytes = Vec::with_capacity(length.min(1 << 26) as usize);
        let read = self.stream.by_ref().take(length).read_to_end(&mut bytes);
        read.map_err(|error| {
            error.downcast::<Error>().unwrap_or_else(|error| Error::io("cannot read it", error))
        })?;
        if bytes.len() as u64 != length {
            return Err(damaged("it was cut off while it was read"));
        }
        self.left -= length;
        Ok(bytes)
    }

    /// The next message with its length before it, checked; nothing at the end mark.
    fn message(&mut self) -> Result<Option<Vec<u8>>> {
        let mut message = self.bytes(4)?;
        let word = |bytes: &[u8]| bytes.first_chunk::<4>().map_or(0, |word| u32::from_le_bytes(*word));
        let mut length = word(&message);
        if length == CONTINUATION {
            let next = self.bytes(4)?;
            length = word(&next);
            message.extend(next);
        }
        if length == 0 {
            return Ok(None);
        }
        let header = self.bytes(u64::from(length))?;
        let parsed = arrow_ipc::root_as_message(&header).map_err(damaged)?;
        let n_body = u64::try_from(parsed.bodyLength()).map_err(|_| damaged("a body has a negative size"))?;
        let body = self.bytes(n_body)?;
        let dictionary = parsed.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
        if let Some(batch) = parsed.header_as_record_batch().or(dictionary)
            && check_batch(&batch, &body)? > self.max_batch
        {
            let most = self.max_batch;
            return Err(Error::too_large(format!("a batch holds more than {most} bytes; split it")));
        }
        message.extend(header);
        message.extend(body);
        Ok(Some(message))
    }

    /// The next batch as it was written.
    fn next_batch(&mut self) -> Result<Option<Table>> {
        loop {
            while !self.rest.is_empty() {
                let n_bytes = self.rest.len();
                // A message without a body is taken when the next one comes, which stays in `rest`.
                let batch = self.decoder.decode(&mut self.rest);
                let batch = batch.map_err(|error| damaged(&error).with_source(error))?;
                let Some(batch) = batch else { continue };
                few_empty(&batch, &mut 0, n_bytes)?;
                if batch.num_columns() == 0 {
                    return Err(Error::empty("the data have no columns"));
                }
                return Table::from_record_batch(&batch).map(Some);
            }
            if self.ended {
                return Ok(None);
            }
            let message = self.message()?;
            self.ended = message.is_none();
            // The end mark is a length of 0.
            self.rest = Buffer::from_vec(message.unwrap_or_else(|| vec![0; 4]));
        }
    }

    fn next_table(&mut self) -> Result<Option<Table>> {
        loop {
            if let Some(batch) = &self.batch {
                let rows = self.given..batch.n_rows().min(self.given.saturating_add(self.batch_rows));
                if !rows.is_empty() {
                    self.given = rows.end;
                    return batch.slice(rows).map(Some);
                }
            }
            // The batch before is given back first.
            self.batch = None;
            (self.batch, self.given) = (self.next_batch()?, 0);
            if self.batch.is_some() {
                continue;
            }
            self.done = true;
            return match self.decoder.schema() {
                _ if self.n_tables > 0 => Ok(None),
                Some(schema) if !schema.fields().is_empty() => {
                    Table::from_record_batch(&RecordBatch::new_empty(schema)).map(Some)
                }
                Some(_) => Err(Error::empty("the data have no columns")),
                None => Err(damaged("there is no schema")),
            };
        }
    }
}

impl Iterator for ArrowScan {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if self.done {
            return None;
        }
        // The decoder trusts what it was not checked for; that must not take the program down.
        let next = catch_unwind(AssertUnwindSafe(|| self.next_table()))
            .unwrap_or_else(|_| Err(Error::malformed("the Arrow data is damaged: its decoder gave up")));
        self.n_tables += 1;
        self.done |= next.is_err();
        next.map_err(|error| self.size.explained(error).context(self.source.to_string())).transpose()
    }
}
