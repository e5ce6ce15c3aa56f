//! Where a Parquet file lies: on a disk, or in an object store that gives ranges of bytes.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use perennial_core::{Error, Result};

use super::{damaged, pages};
use crate::objects::{self, ObjectMeta, ObjectStore};

/// How many bytes are fetched from the end of an object to find its metadata.
const TAIL: u64 = 1 << 16;
/// Columns that lie so near to each other are fetched at once.
const GAP: u64 = 1 << 16;

/// A place from which metadata and row groups are read.
pub(super) trait Place: Sync {
    type Reader: ChunkReader + 'static;

    fn metadata(&self) -> Result<ArrowReaderMetadata>;

    /// What can read the columns of one row group.
    fn group(&self, group: &RowGroupMetaData, mask: &ProjectionMask) -> Result<Self::Reader>;

    /// The same once more, for another thread.
    fn again(&self, reader: &Self::Reader) -> Result<Self::Reader>;
}

impl Place for Path {
    type Reader = File;

    fn metadata(&self) -> Result<ArrowReaderMetadata> {
        let metadata = std::fs::metadata(self).map_err(|error| Error::io("cannot open it", error))?;
        if !metadata.is_file() {
            return Err(Error::unsupported("it is not a regular file"));
        }
        let mut file = opened(self)?;
        check_footer(&mut file, metadata.len()).map_err(|error| Error::io("cannot read it", error))??;
        ArrowReaderMetadata::load(&opened(self)?, ArrowReaderOptions::new()).map_err(damaged)
    }

    fn group(&self, _: &RowGroupMetaData, _: &ProjectionMask) -> Result<File> {
        opened(self)
    }

    /// A file that is opened once has one place at which it is read.
    fn again(&self, _: &File) -> Result<File> {
        opened(self)
    }
}

/// The end of a file that has metadata which can be read.
const MAGIC: &[u8] = b"PAR1";

/// Looks at the metadata of a file before the decoder does; what has none is for the decoder to say.
fn check_footer(file: &mut File, n_bytes: u64) -> std::io::Result<Result<()>> {
    let Some(start) = n_bytes.checked_sub(8) else { return Ok(Ok(())) };
    let mut end = [0; 8];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut end)?;
    if !end.ends_with(MAGIC) {
        return Ok(Ok(()));
    }
    let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    let Some(start) = start.checked_sub(length) else { return Ok(Ok(())) };
    file.seek(SeekFrom::Start(start))?;
    let mut footer = Vec::new();
    file.take(length).read_to_end(&mut footer)?;
    Ok(pages::check_depth(&footer))
}

/// The metadata at the end of some bytes, if all of it is there.
fn footer(bytes: &[u8]) -> Option<&[u8]> {
    let (rest, end) = bytes.split_last_chunk::<8>()?;
    if !end.ends_with(MAGIC) {
        return None;
    }
    let length = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as usize;
    rest.get(rest.len().checked_sub(length)?..)
}

fn opened(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::io("cannot open it", error))
}

/// An object of a store.
pub(super) struct Stored<'a> {
    pub(super) store: &'a dyn ObjectStore,
    pub(super) object: &'a ObjectMeta,
}

impl Stored<'_> {
    fn fetch(&self, range: Range<u64>) -> Result<(u64, Bytes)> {
        let start = range.start;
        objects::range(self.store, self.object, range).map(|bytes| (start, bytes.into()))
    }
}

impl Place for Stored<'_> {
    type Reader = Fetched;

    fn metadata(&self) -> Result<ArrowReaderMetadata> {
        let (n_bytes, mut tail) = (self.object.n_bytes, TAIL);
        loop {
            let (_, bytes) = self.fetch(n_bytes.saturating_sub(tail)..n_bytes)?;
            footer(&bytes).map_or(Ok(()), pages::check_depth)?;
            let mut reader = ParquetMetaDataReader::new();
            match reader.try_parse_sized(&bytes, n_bytes) {
                // The length of the metadata stands at the end of the file, and needs at most one more try.
                Err(ParquetError::NeedMoreData(needed)) if needed as u64 > tail && tail < n_bytes => {
                    tail = needed as u64
                }
                Err(error) => return Err(damaged(error)),
                Ok(()) => {
                    let metadata = reader.finish().map_err(damaged)?;
                    return ArrowReaderMetadata::try_new(metadata.into(), ArrowReaderOptions::new())
                        .map_err(damaged);
                }
            }
        }
    }

    fn group(&self, group: &RowGroupMetaData, mask: &ProjectionMask) -> Result<Fetched> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (at, column) in group.columns().iter().enumerate() {
            if mask.leaf_included(at) {
                let (start, length) = column.byte_range();
                let end = start.checked_add(length).filter(|end| *end <= self.object.n_bytes);
                let end = end.ok_or_else(|| Error::malformed("a column ends behind the end of the file"))?;
                ranges.push(start..end);
            }
        }
        ranges.sort_by_key(|range| range.start);
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(GAP) => {
                    last.end = last.end.max(range.end)
                }
                _ => joined.push(range),
            }
        }
        let blocks = joined.into_iter().map(|range| self.fetch(range)).collect::<Result<_>>()?;
        Ok(Fetched { n_bytes: self.object.n_bytes, blocks })
    }

    fn again(&self, fetched: &Fetched) -> Result<Fetched> {
        Ok(fetched.clone())
    }
}

/// The bytes of an object that were fetched, with their places.
#[derive(Clone)]
pub(super) struct Fetched {
    n_bytes: u64,
    blocks: Vec<(u64, Bytes)>,
}

impl Fetched {
    /// The bytes from a place to the end of their block.
    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        let inside = |(at, bytes): &&(u64, Bytes)| *at <= start && start - *at <= bytes.len() as u64;
        match self.blocks.iter().find(inside) {
            Some((at, bytes)) => Ok(bytes.slice((start - at) as usize..)),
            None => Err(ParquetError::EOF(format!("the bytes at {start} belong to no column that is read"))),
        }
    }
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.n_bytes
    }
}

impl ChunkReader for Fetched {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Cursor<Bytes>> {
        self.from(start).map(Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.from(start)?;
        match length <= bytes.len() {
            true => Ok(bytes.slice(..length)),
            false => {
                Err(ParquetError::EOF(format!("{length} bytes at {start} are more than the column has")))
            }
        }
    }
}
