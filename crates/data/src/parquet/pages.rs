//! What pages claim to hold, against what their bytes can hold, before any of them is decompressed.
//!
//! The decoder sets aside what the header of a page claims, up to 2 GiB, and finds out later. Headers are structs of Thrift's compact protocol; of them
//! the sizes are read here and the rest is passed over, byte for byte as the decoder does, which looks at the kinds of few fields.

use std::io::Read;

use parquet::arrow::ProjectionMask;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use perennial_core::{Error, Result};

/// How much of a header is looked at first; statistics may make it longer.
const WINDOW: u64 = 512;
/// How deep structs may lie in each other, as for the decoder; those of a page lie three deep.
const DEEPEST: usize = 64;
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
    let compression = column.compression();
    let most = match compression {
        Compression::UNCOMPRESSED => return Ok(()),
        // Three bytes of Snappy copy 64 at most; a byte of LZ4 lengthens a copy by 255.
        Compression::SNAPPY => 22,
        Compression::LZ4 | Compression::LZ4_RAW => 256,
        // Two bits of deflate copy 258 bytes; four bytes of zstd repeat one 128 KiB long.
        Compression::GZIP(_) => 1032,
        Compression::ZSTD(_) if cfg!(feature = "parquet-zstd") => 1 << 15,
        Compression::BROTLI(_) if cfg!(feature = "parquet-brotli") => u64::MAX,
        other => return Err(unknown(column, other)),
    };
    // Those of old claim no more than their bytes can hold; these no more than the file declares, which has its limit.
    let declared = match compression {
        Compression::GZIP(_) | Compression::ZSTD(_) | Compression::BROTLI(_) => {
            u64::try_from(column.uncompressed_size()).unwrap_or(0)
        }
        _ => u64::MAX,
    };
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
    let Some((mut at, end)) = range.and_then(|(start, length)| Some((start, start.checked_add(length)?)))
    else {
        return Err(Error::malformed("a column lies before the start of the file"));
    };
    // What is no header is for the decoder to say.
    while let Some(page) = next_page(reader, at, end) {
        let claims_too_much = page.claimed > page.packed.saturating_mul(most).saturating_add(SMALL)
            || page.claimed > declared
            || holds_more(reader, at.saturating_add(page.header), &page, compression);
        if claims_too_much {
            return Err(Error::malformed(format!(
                "not a sound Parquet file: a page of {} bytes claims to hold {}, which is not what it does",
                page.packed, page.claimed
            )));
        }
        at = at.saturating_add(page.header).saturating_add(page.packed);
    }
    Ok(())
}

fn unknown(column: &ColumnChunkMetaData, compression: Compression) -> Error {
    let error = match compression {
        #[cfg(not(feature = "parquet-zstd"))]
        Compression::ZSTD(_) => super::write::lacking("zstd"),
        #[cfg(not(feature = "parquet-brotli"))]
        Compression::BROTLI(_) => super::write::lacking("brotli"),
        other => Error::unsupported(format!("nothing here reads pages compressed by {other}")),
    };
    error.context(format!("column `{}`", column.column_path().string()))
}

/// So much memory is left to a page of gzip beyond what it claims; what could hold more is unpacked to see.
const UNSEEN: u64 = 1 << 27;

/// Whether a page holds more than it claims. The decoders of gzip and brotli unpack all that comes, and compare later.
fn holds_more(reader: &impl ChunkReader, at: u64, page: &Page, compression: Compression) -> bool {
    let is_seen = match compression {
        Compression::GZIP(_) => page.packed.saturating_mul(1032) > UNSEEN.saturating_add(page.claimed),
        Compression::BROTLI(_) => true,
        _ => false,
    };
    if !is_seen || !page.is_packed || page.levels > page.packed || page.levels >= page.claimed {
        return false;
    }
    let Some(Ok(bytes)) = usize::try_from(page.packed).ok().map(|length| reader.get_bytes(at, length)) else {
        return false;
    };
    let (bytes, most) = (&bytes[page.levels as usize..], page.claimed - page.levels);
    match compression {
        Compression::GZIP(_) => is_longer(flate2::read::MultiGzDecoder::new(bytes), most),
        #[cfg(feature = "parquet-brotli")]
        Compression::BROTLI(_) => is_longer(brotli::Decompressor::new(bytes, 1 << 12), most),
        _ => false,
    }
}

/// Whether there are more bytes than so many before the end or a fault, which the decoder will find too.
fn is_longer(stream: impl Read, most: u64) -> bool {
    std::io::copy(&mut stream.take(most.saturating_add(1)), &mut std::io::sink())
        .is_ok_and(|length| length > most)
}

/// The sizes of a page.
struct Page {
    header: u64,
    packed: u64,
    claimed: u64,
    /// How many of its first bytes are not packed.
    levels: u64,
    /// Whether the others are.
    is_packed: bool,
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

/// How deep a column may lie in groups: the decoder follows them by calling itself, and must not run out of stack.
const DEEPEST_COLUMN: usize = 100;

/// Refuses metadata whose columns lie deeper in groups than that.
pub(super) fn check_depth(footer: &[u8]) -> Result<()> {
    match too_deep(footer) {
        Ok(true) => Err(Error::unsupported(format!(
            "a column lies in more than {DEEPEST_COLUMN} groups within each other; a table has none such"
        ))),
        Ok(false) => Ok(()),
        // The decoder reads fields by their numbers, whatever kind they are said to be of: it could see other columns than this does.
        Err(_) => Err(Error::malformed("not a sound Parquet file: its metadata is damaged")),
    }
}

fn too_deep(footer: &[u8]) -> std::result::Result<bool, Stop> {
    let (mut header, mut id) = (Header { bytes: footer, at: 0 }, 0);
    while let Some((next, kind)) = header.field(id)? {
        id = next;
        match (id, kind) {
            (1, 5) => {
                header.unsigned()?;
                continue;
            }
            (2, 9) => {}
            _ => return Err(Stop::Wrong),
        }
        let byte = header.byte()?;
        let length = if byte >> 4 == 15 { header.unsigned()? } else { u64::from(byte >> 4) };
        // How many children of each group around an element are still to come.
        let mut groups: Vec<i64> = Vec::new();
        for _ in 0..length {
            while groups.pop_if(|left| *left == 0).is_some() {}
            if let Some(left) = groups.last_mut() {
                *left -= 1;
            }
            let (mut id, mut n_children) = (0, 0);
            while let Some((next, kind)) = header.field(id)? {
                id = next;
                match (id, kind) {
                    (5, 5) => n_children = i64::from(header.signed()? as i32),
                    (4, 8) | (1..=3 | 6..=9, 5) => header.skip(kind, 0)?,
                    (10, 12) => header.logical_type()?,
                    (1..=10, _) => return Err(Stop::Wrong),
                    _ => header.skip(kind, 0)?,
                }
            }
            // The decoder sets aside what is claimed here.
            if n_children < 0 || n_children as u64 >= length {
                return Err(Stop::Wrong);
            }
            if n_children > 0 {
                groups.push(n_children);
            }
            if groups.len() > DEEPEST_COLUMN {
                return Ok(true);
            }
        }
        // A second list is none that the decoder reads.
        return Ok(false);
    }
    Err(Stop::Wrong)
}

/// The bytes of a header, and how many of them were read.
struct Header<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Header<'_> {
    fn read(bytes: &[u8]) -> std::result::Result<Page, Stop> {
        let mut header = Header { bytes, at: 0 };
        let (mut claimed, mut packed, mut id) = (None, None, 0);
        let (mut levels, mut is_packed) = ([0, 0], true);
        while let Some((next, kind)) = header.field(id)? {
            id = next;
            match id {
                1 | 4 => header.unsigned().map(drop)?,
                2 => claimed = Some(header.signed()? as i32),
                3 => packed = Some(header.signed()? as i32),
                // What there is to know of data, an index, a dictionary, and data of the second version.
                5 => header.numbered(4, |_, _, _| {})?,
                6 => header.numbered(0, |_, _, _| {})?,
                7 => header.numbered(2, |_, _, _| {})?,
                8 => {
                    // What stands twice is what it is the second time.
                    (levels, is_packed) = ([0, 0], true);
                    header.numbered(6, |id, kind, number| match id {
                        5 | 6 => levels[usize::from(id == 6)] = u64::from(number as i32 as u32),
                        7 => is_packed = kind == 1,
                        _ => {}
                    })?;
                }
                _ => header.skip(kind, 0)?,
            }
        }
        let size = |size: Option<i32>| size.and_then(|size| u64::try_from(size).ok()).ok_or(Stop::Wrong);
        let (packed, claimed) = (size(packed)?, size(claimed)?);
        let levels = levels[0] + levels[1];
        Ok(Page { header: header.at as u64, packed, claimed, levels, is_packed })
    }

    fn byte(&mut self) -> std::result::Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::Short)?;
        self.at += 1;
        Ok(byte)
    }

    /// A struct whose first fields are numbers, whatever kind they are said to be of. Each field is shown with its kind and, where
    /// it is one of those, its number.
    fn numbered(
        &mut self,
        n_numbers: i16,
        mut show: impl FnMut(i16, u8, i64),
    ) -> std::result::Result<(), Stop> {
        let mut id = 0;
        while let Some((next, kind)) = self.field(id)? {
            id = next;
            if (1..=n_numbers).contains(&id) {
                show(id, kind, self.signed()?);
            } else {
                self.skip(kind, 0)?;
                show(id, kind, 0);
            }
        }
        Ok(())
    }

    /// A number of seven bits a byte, the lowest first; more bytes than it needs are no fault.
    fn unsigned(&mut self) -> std::result::Result<u64, Stop> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 127).wrapping_shl(shift);
            if byte < 128 {
                return Ok(number);
            }
            shift = shift.wrapping_add(7);
        }
    }

    /// A number whose sign is its lowest bit.
    fn signed(&mut self) -> std::result::Result<i64, Stop> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// The number and the kind of the next field of a struct; nothing at its end.
    fn field(&mut self, last: i16) -> std::result::Result<Option<(i16, u8)>, Stop> {
        let byte = self.byte()?;
        Ok(match (byte >> 4, byte & 15) {
            (_, 0) => None,
            (0, kind) => Some((self.signed()? as i16, kind)),
            (step, kind) => Some((last.checked_add(i16::from(step)).ok_or(Stop::Wrong)?, kind)),
        })
    }

    fn pass(&mut self, n_bytes: u64) -> std::result::Result<(), Stop> {
        let end = usize::try_from(n_bytes).ok().and_then(|n_bytes| self.at.checked_add(n_bytes));
        self.at = end.filter(|end| *end <= self.bytes.len()).ok_or(Stop::Short)?;
        Ok(())
    }

    /// Passes over the type of a column, whose fields have the kinds that the decoder takes for granted.
    fn logical_type(&mut self) -> std::result::Result<(), Stop> {
        let mut of = 0;
        while let Some((next, kind)) = self.field(of)? {
            of = next;
            if kind != 12 {
                return Err(Stop::Wrong);
            }
            let mut id = 0;
            while let Some((next, kind)) = self.field(id)? {
                id = next;
                match (of, id, kind) {
                    (5, 1 | 2, 5)
                    | (7 | 8, 1, 1 | 2)
                    | (10 | 16, 1, 3)
                    | (10, 2, 1 | 2)
                    | (17 | 18, 1, 8)
                    | (18, 2, 5) => {
                        self.skip(kind, 0)?;
                    }
                    // A unit of time is a struct in which there is one without fields.
                    (7 | 8, 2, 12) => {
                        while let Some((_, kind)) = self.field(0)? {
                            if kind != 12 || self.byte()? != 0 {
                                return Err(Stop::Wrong);
                            }
                        }
                    }
                    (5 | 7 | 8 | 10 | 18, 1 | 2, _) | (16 | 17, 1, _) => return Err(Stop::Wrong),
                    _ => self.skip(kind, 0)?,
                }
            }
        }
        Ok(())
    }

    /// Passes over a value of a field.
    fn skip(&mut self, kind: u8, depth: usize) -> std::result::Result<(), Stop> {
        if depth >= DEEPEST {
            return Err(Stop::Wrong);
        }
        match kind {
            // The kind of a field says which truth value it is; in lists too the decoder passes over no byte.
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
                self.items(length, &[byte & 15], depth)
            }
            11 => {
                let length = self.unsigned()?;
                let kinds = if length == 0 { 0 } else { self.byte()? };
                self.items(length, &[kinds >> 4, kinds & 15], depth)
            }
            12 => {
                while let Some((_, kind)) = self.field(0)? {
                    self.skip(kind, depth + 1)?;
                }
                Ok(())
            }
            13 => self.pass(16),
            _ => Err(Stop::Wrong),
        }
    }

    /// Passes over the items of a list, or the pairs of a map.
    fn items(&mut self, length: u64, kinds: &[u8], depth: usize) -> std::result::Result<(), Stop> {
        if length > i32::MAX as u64 {
            return Err(Stop::Wrong);
        }
        // Truth values have no bytes; any other item has one, so that the bytes bound how many there are.
        if kinds.iter().all(|kind| matches!(kind, 1 | 2)) {
            return Ok(());
        }
        (0..length).try_for_each(|_| kinds.iter().try_for_each(|kind| self.skip(*kind, depth + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of a header, and the sizes it tells.
    fn sizes(bytes: &[u8]) -> Option<(u64, u64, u64)> {
        Header::read(bytes).ok().map(|page| (page.header, page.packed, page.claimed))
    }

    /// What the decoder accepts is read as the decoder reads it: sizes of other kinds, fields that it passes over, long numbers.
    #[test]
    fn odd_headers_tell_their_sizes() {
        assert_eq!(sizes(&[0x15, 0, 0x15, 0xd8, 4, 0x15, 10, 0]), Some((8, 5, 300)));
        assert_eq!(sizes(&[0x18, 0, 0x16, 0xd8, 4, 0x18, 10, 0]), Some((8, 5, 300)));
        assert_eq!(sizes(&[0x15, 0, 0x15, 0xd8, 4, 0x15, 10]), None);
        assert_eq!(sizes(&[0x15, 0, 0x15, 0xd7, 4, 0x15, 10, 0]), None);
        let long = [&[0x25_u8, 0xd8, 0x84][..], &[0x80; 12], &[0, 0x15, 10, 0]].concat();
        assert_eq!(sizes(&long), Some((19, 5, 300)));
        let uuid = [&[0x9d_u8][..], &[0xff; 16]].concat();
        let truths = vec![0x99, 0xf1, 0xff, 0xff, 0xff, 0xff, 7];
        let pairs = vec![0x9b, 3, 0x23, 7, 7, 7];
        let deep = [&[0x9c_u8][..], &[0x1c; 40], &[0; 41]].concat();
        // The first field of what there is to know of data has the kind of a text.
        let data = vec![0x5c, 0x18, 0xd8, 4, 0x15, 0, 0];
        for before in [Vec::new(), uuid, truths, pairs, deep, data] {
            let n_bytes = before.len() as u64;
            // Fields by their own numbers: 2, and 65539, of which 16 bits are taken.
            let rest = [0x05_u8, 4, 0xd8, 4, 0x05, 0x86, 0x80, 8, 10, 0];
            assert_eq!(sizes(&[&before[..], &rest].concat()), Some((n_bytes + 10, 5, 300)), "{before:?}");
        }
        let endless = [&[0x9c_u8][..], &[0x1c; 100], &[0; 102]].concat();
        assert_eq!(sizes(&endless), None);
    }

    #[test]
    fn pages_that_hold_more_than_they_claim_are_seen() {
        use std::io::Write;
        // Enough that does not pack, so that gzip is looked at.
        let mut state = 1_u32;
        let mut data: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(200_000)
        .collect();
        data.resize(1_000_000, 0);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&data).unwrap();
        let mut cases = vec![(Compression::GZIP(Default::default()), encoder.finish().unwrap())];
        if cfg!(feature = "parquet-brotli") {
            let mut packed = Vec::new();
            #[cfg(feature = "parquet-brotli")]
            brotli::CompressorWriter::new(&mut packed, 4096, 1, 22).write_all(&data).unwrap();
            cases.push((Compression::BROTLI(Default::default()), packed));
        }
        for (compression, packed) in cases {
            // Three bytes of levels stand before what is packed.
            let bytes = bytes::Bytes::from([&b"abc"[..], &packed].concat());
            let n_bytes = bytes.len() as u64;
            for (claimed, is_packed, more) in
                [(1_000_003, true, false), (1_000_002, true, true), (500, true, true), (500, false, false)]
            {
                let page = Page { header: 0, packed: n_bytes, claimed, levels: 3, is_packed };
                assert_eq!(holds_more(&bytes, 0, &page, compression), more, "{compression} {claimed}");
            }
        }
        // The header of a page of the second version tells the levels, and whether the rest is packed.
        let header = [
            0x15, 6, 0x15, 20, 0x15, 10, 0x5c, 0x15, 2, 0x15, 0, 0x15, 2, 0x15, 0, 0x15, 4, 0x15, 6, 0x12, 0,
            0,
        ];
        let page = Header::read(&header).ok().unwrap();
        assert_eq!((page.levels, page.is_packed, page.claimed, page.packed), (5, false, 10, 5));
    }

    /// The decoder keeps what comes last, and so does this: what came before would hide what is packed.
    #[test]
    fn what_a_header_says_twice_is_what_it_says_last() {
        let sizes = [0x15, 6, 0x15, 20, 0x15, 10];
        let levels = |header: &[u8]| {
            let page = Header::read(&[&sizes[..], header, &[0]].concat()).ok().unwrap();
            (page.levels, page.is_packed)
        };
        // Five million definition levels, then, by its own number again, none; four repetition levels.
        let twice = [0x5c, 0x55, 0x80, 0xad, 0xe2, 4, 0x05, 10, 0, 0x15, 8, 0];
        assert_eq!(levels(&twice), (4, true));
        // A whole struct that says three levels of each and nothing packed, then, as field 8 again, an empty one.
        let again = [0x5c, 0x55, 6, 0x15, 6, 0x12, 0, 0x0c, 16, 0];
        assert_eq!(levels(&again[..7]), (6, false));
        assert_eq!(levels(&again), (0, true));
    }
}
