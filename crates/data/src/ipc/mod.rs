//! Arrow's own format, as a file and as a stream.

mod scan;

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{ArrowError, DataType};
use perennial_core::{Error, Result, ResultExt, write_atomic};

pub use self::scan::{ArrowScan, scan_arrow, scan_arrow_object};
use crate::Table;

/// The first bytes of a file; a stream starts with its schema.
const MAGIC: &[u8; 8] = b"ARROW1\0\0";
/// How long a file may be, and how much it may hold once decompressed.
const MAX_BYTES: u64 = 16 << 30;
/// LZ4 makes at most so many bytes of one.
const LZ4_RATIO: u64 = 255;
/// What stands before the length of a message.
const CONTINUATION: u32 = u32::MAX;

/// Reads a file of Arrow's file format, which is also Feather of version 2, or of its stream format. Buffers may be plain or
/// compressed with LZ4; columns are taken over as by [`Table::from_record_batch`].
///
/// # Errors
/// When the file cannot be read, is larger than 16 GiB, or [`parse_arrow`] refuses it.
pub fn read_arrow(path: impl AsRef<Path>) -> Result<Table> {
    let path = path.as_ref();
    let place = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    // Opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(place)?;
    if !metadata.is_file() {
        return Err(Error::unsupported(format!("`{}` is not a regular file", path.display())));
    }
    if metadata.len() > MAX_BYTES {
        return Err(Error::too_large(format!(
            "`{}` has {} bytes, more than {MAX_BYTES}; split it",
            path.display(),
            metadata.len()
        )));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).map_err(place)?;
    parse_arrow(bytes).context(format!("reading `{}`", path.display()))
}

/// As [`read_arrow`], from bytes. Of a `Vec<u8>` with a single batch of plain buffers nothing is copied: the columns share it.
///
/// ```
/// use perennial_data::{Table, parse_arrow, to_arrow};
///
/// let table = Table::builder().integer("id", [1, 2]).category("city", [Some("Bern"), None]).build()?;
/// assert_eq!(parse_arrow(to_arrow(&table)?)?, table);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the bytes are no sound stream or file, end before their end mark, hold more than 16 GiB once decompressed, or have a
/// column of a type that a table does not know.
pub fn parse_arrow(bytes: impl Into<Vec<u8>>) -> Result<Table> {
    let bytes = bytes.into();
    let start = match bytes.strip_prefix(MAGIC) {
        // A file holds a stream; some writers fill up to the next 64 bytes before it.
        Some(rest) => MAGIC.len() + rest.iter().take_while(|byte| **byte == 0).count() / 8 * 8,
        None => 0,
    };
    // The decoder trusts lengths; what it is not checked for here must not take the program down.
    catch_unwind(AssertUnwindSafe(|| {
        let end = check(&bytes, start)?;
        decode(Buffer::from_vec(bytes), start, end)
    }))
    .unwrap_or_else(|_| Err(Error::malformed("the Arrow data is damaged: its decoder gave up")))
}

/// A table in Arrow's stream format, uncompressed.
///
/// # Errors
/// When the table has no columns.
pub fn to_arrow(table: &Table) -> Result<Vec<u8>> {
    let batch = batch_of(table)?;
    let mut bytes = Vec::new();
    let written = StreamWriter::try_new(&mut bytes, &batch.schema()).and_then(|mut writer| {
        writer.write(&batch)?;
        writer.finish()
    });
    written.map_err(unwritten)?;
    Ok(bytes)
}

/// Writes a table to a file of Arrow's file format, uncompressed, whole or not at all.
///
/// # Errors
/// When the table has no columns or the file cannot be written.
pub fn write_arrow(table: &Table, path: impl AsRef<Path>) -> Result<()> {
    write_atomic(path, &file_of(table)?)
}

/// The bytes of a file with a table.
pub(crate) fn file_of(table: &Table) -> Result<Vec<u8>> {
    let batch = batch_of(table)?;
    let mut bytes = Vec::new();
    let written = FileWriter::try_new(&mut bytes, &batch.schema()).and_then(|mut writer| {
        writer.write(&batch)?;
        writer.finish()
    });
    written.map_err(unwritten)?;
    Ok(bytes)
}

fn batch_of(table: &Table) -> Result<RecordBatch> {
    match table.n_cols() {
        0 => Err(Error::empty("the table has no columns")),
        _ => table.to_record_batch(),
    }
}

fn unwritten(error: ArrowError) -> Error {
    Error::unsupported(format!("the table cannot be written as Arrow: {error}")).with_source(error)
}

fn damaged(what: impl std::fmt::Display) -> Error {
    Error::malformed(format!("not sound Arrow data: {what}"))
}

/// Walks over the messages and holds every length against what is there, so that decoding allocates no more than the data are
/// worth. Gives the byte after the end mark.
fn check(bytes: &[u8], mut at: usize) -> Result<usize> {
    let word = |at: usize| -> Result<u32> {
        let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
        word.map(u32::from_le_bytes).ok_or_else(|| damaged("it ends before its end mark; it may be cut off"))
    };
    let mut held = 0_u64;
    loop {
        let mut length = word(at)?;
        at += 4;
        if length == CONTINUATION {
            length = word(at)?;
            at += 4;
        }
        if length == 0 {
            return Ok(at);
        }
        let header = bytes
            .get(at..at.saturating_add(length as usize))
            .ok_or_else(|| damaged(format!("a message of {length} bytes does not end")))?;
        let message = arrow_ipc::root_as_message(header).map_err(damaged)?;
        at += length as usize;
        let body =
            usize::try_from(message.bodyLength()).ok().and_then(|length| bytes.get(at..)?.get(..length));
        let body =
            body.ok_or_else(|| damaged(format!("a body of {} bytes does not end", message.bodyLength())))?;
        at += body.len();
        let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
        if let Some(batch) = message.header_as_record_batch().or(dictionary) {
            held = held.saturating_add(check_batch(&batch, body)?);
            if held > MAX_BYTES {
                return Err(Error::too_large(format!(
                    "the data hold more than {MAX_BYTES} bytes; split them"
                )));
            }
        }
    }
}

/// How many bytes a batch holds once decompressed.
fn check_batch(batch: &arrow_ipc::RecordBatch<'_>, body: &[u8]) -> Result<u64> {
    let mut held = 0_u64;
    for buffer in batch.buffers().iter().flatten() {
        let part = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let part = part.and_then(|(start, length)| body.get(start..)?.get(..length));
        let part = part.ok_or_else(|| damaged("a buffer lies outside of its message"))?;
        let plain = part.len() as u64;
        let Some(prefix) = part.first_chunk::<8>().filter(|_| batch.compression().is_some()) else {
            held = held.saturating_add(plain);
            continue;
        };
        // -1 stands before what is not compressed after all.
        let claimed = match i64::from_le_bytes(*prefix) {
            -1 => plain,
            claimed => u64::try_from(claimed).map_err(|_| damaged("a buffer has a negative size"))?,
        };
        if claimed > plain.saturating_mul(LZ4_RATIO) {
            return Err(damaged(format!("{plain} bytes claim to hold {claimed}, more than they can")));
        }
        held = held.saturating_add(claimed);
    }
    Ok(held)
}

/// Counts the missing cells of no type, which take no space in the data and eight bytes each in a table.
fn few_empty(batch: &RecordBatch, n_empty: &mut usize, n_bytes: usize) -> Result<()> {
    let most_empty = n_bytes.saturating_mul(8).max(64 << 20);
    let empty = batch.columns().iter().filter(|column| *column.data_type() == DataType::Null).count();
    *n_empty = n_empty.saturating_add(empty.saturating_mul(batch.num_rows()));
    if n_empty.saturating_mul(8) > most_empty {
        return Err(Error::too_large(format!(
            "{n_empty} cells of columns without a type are more than {}; leave such columns out",
            most_empty / 8
        )));
    }
    Ok(())
}

fn decode(bytes: Buffer, start: usize, end: usize) -> Result<Table> {
    let n_bytes = bytes.len();
    let mut rest = bytes.slice_with_length(start, end - start);
    let (mut decoder, mut tables, mut n_empty) = (StreamDecoder::new(), Vec::new(), 0_usize);
    while !rest.is_empty() {
        let batch = decoder.decode(&mut rest).map_err(|error| damaged(&error).with_source(error))?;
        let Some(batch) = batch else { continue };
        few_empty(&batch, &mut n_empty, n_bytes)?;
        if batch.num_columns() == 0 {
            return Err(Error::empty("the data have no columns"));
        }
        tables.push(Table::from_record_batch(&batch)?);
    }
    match tables.as_slice() {
        [] => match decoder.schema() {
            Some(schema) if !schema.fields().is_empty() => {
                Table::from_record_batch(&RecordBatch::new_empty(schema))
            }
            Some(_) => Err(Error::empty("the data have no columns")),
            None => Err(damaged("there is no schema")),
        },
        [table] => Ok(table.clone()),
        tables => Table::concat(tables),
    }
}
