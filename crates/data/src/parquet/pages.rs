//! What pages claim to hold, against what their bytes can hold, before any of them is decompressed.
//!
//! The decoder sets aside what the header of a page claims, up to 2 GiB, and finds out later. Headers are structs of Thrift's compact protocol; of them
//! the first fields are read here and the rest is passed over.

use parquet::arrow::ProjectionMask;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use perennial_core::{Error, Result};

/// How much of a header is looked at first; statistics may make it longer.
const WINDOW: u64 = 512;
/// How deep structs may lie in each other; those of a page lie three deep.
const DEEPEST: usize = 16;
/// So many bytes a page may claim whatever it has.
const SMALL: u64 = 1 << 10;

/// Refuses columns of a row group that have a page which claims more than its codec could have packed.
pub(super) fn check(
    reader: &impl ChunkReader,
    group: &RowGroupMetaData,
    mask: &ProjectionMask,
) -> Result<()> {
    let wanted = group.columns().iter().enumerate().filter(|(at, _)| mask.leaf_included(*at));
    wanted.map(|(_, column)| column).try_for_each(|column| check_column(reader, column))
}

fn check_column(reader: &impl ChunkReader, column: &ColumnChunkMetaData) -> Result<()> {
    // Three bytes of Snappy copy 64 at most; a byte of LZ4 lengthens a copy by 255.
    let most = match column.compression() {
        Compression::SNAPPY => 22,
        Compression::LZ4 | Compression::LZ4_RAW => 256,
        _ => return Ok(()),
    };
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
    let Some((mut at, end)) = range.and_then(|(start, length)| Some((start, start.checked_add(length)?)))
    else {
        return Err(Error::malformed("a column lies before the start of the file"));
    };
    // What is no header is for the decoder to say.
    while let Some(page) = next_page(reader, at, end) {
        if page.claimed > page.packed.saturating_mul(most).saturating_add(SMALL) {
            return Err(Error::malformed(format!(
                "not a sound Parquet file: a page of {} bytes claims to hold {}, more than it can",
                page.packed, page.claimed
            )));
        }
        at = at.saturating_add(page.header).saturating_add(page.packed);
    }
    Ok(())
}

/// The sizes of a page.
struct Page {
    header: u64,
    packed: u64,
    claimed: u64,
}

fn next_page(reader: &impl ChunkReader, at: u64, end: u64) -> Option<Page> {
    let rest = end.min(reader.len()).checked_sub(at).filter(|rest| *rest > 0)?;
    let mut window = WINDOW.min(rest);
    loop {
        let bytes = reader.get_bytes(at, window as usize).ok()?;
        match Header::read(&bytes) {
            Ok(page) => return Some(page),
            Err(Stop::Short) if window < rest => window = window.saturating_mul(8).min(rest),
            Err(_) => return None,
        }
    }
}

/// Why a header could not be read.
enum Stop {
    /// There are more bytes of it.
    Short,
    /// It is none.
    Wrong,
}

/// The bytes of a header, and how many of them were read.
struct Header<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Header<'_> {
    fn read(bytes: &[u8]) -> std::result::Result<Page, Stop> {
        let mut header = Header { bytes, at: 0 };
        let (mut claimed, mut packed, mut id) = (None, None, 0_i64);
        while let Some((next, kind)) = header.field(id)? {
            id = next;
            match (id, kind) {
                (2, 5) => claimed = Some(header.signed()?),
                (3, 5) => packed = Some(header.signed()?),
                _ => header.skip(kind, 0)?,
            }
        }
        let size = |size: Option<i64>| size.and_then(|size| u64::try_from(size).ok()).ok_or(Stop::Wrong);
        Ok(Page { header: header.at as u64, packed: size(packed)?, claimed: size(claimed)? })
    }

    fn byte(&mut self) -> std::result::Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::Short)?;
        self.at += 1;
        Ok(byte)
    }

    /// A number of seven bits a byte, the lowest first.
    fn unsigned(&mut self) -> std::result::Result<u64, Stop> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        Err(Stop::Wrong)
    }

    /// A number whose sign is its lowest bit.
    fn signed(&mut self) -> std::result::Result<i64, Stop> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// The number and the kind of the next field of a struct; nothing at its end.
    fn field(&mut self, last: i64) -> std::result::Result<Option<(i64, u8)>, Stop> {
        let byte = self.byte()?;
        Ok(match (byte >> 4, byte & 15) {
            (_, 0) => None,
            (0, kind) => Some((self.signed()?, kind)),
            (step, kind) => Some((last.saturating_add(i64::from(step)), kind)),
        })
    }

    fn pass(&mut self, n_bytes: u64) -> std::result::Result<(), Stop> {
        let end = usize::try_from(n_bytes).ok().and_then(|n_bytes| self.at.checked_add(n_bytes));
        self.at = end.filter(|end| *end <= self.bytes.len()).ok_or(Stop::Short)?;
        Ok(())
    }

    /// Passes over a value of a field.
    fn skip(&mut self, kind: u8, depth: usize) -> std::result::Result<(), Stop> {
        if depth > DEEPEST {
            return Err(Stop::Wrong);
        }
        match kind {
            // The kind of a field says which truth value it is.
            1 | 2 => Ok(()),
            3 => self.pass(1),
            4..=6 => self.unsigned().map(drop),
            7 => self.pass(8),
            8 => {
                let length = self.unsigned()?;
                self.pass(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let length = if byte >> 4 == 15 { self.unsigned()? } else { u64::from(byte >> 4) };
                (0..length).try_for_each(|_| self.item(byte & 15, depth))
            }
            11 => {
                let length = self.unsigned()?;
                let kinds = if length == 0 { 0 } else { self.byte()? };
                (0..length).try_for_each(|_| {
                    self.item(kinds >> 4, depth)?;
                    self.item(kinds & 15, depth)
                })
            }
            12 => {
                let mut id = 0;
                while let Some((next, kind)) = self.field(id)? {
                    id = next;
                    self.skip(kind, depth + 1)?;
                }
                Ok(())
            }
            _ => Err(Stop::Wrong),
        }
    }

    /// Passes over an item of a list, where truth values have a byte of their own.
    fn item(&mut self, kind: u8, depth: usize) -> std::result::Result<(), Stop> {
        if matches!(kind, 1 | 2) { self.pass(1) } else { self.skip(kind, depth + 1) }
    }
}
