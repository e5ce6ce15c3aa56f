//! The bytes of a CSV file, decompressed, within limits.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use perennial_core::{Error, Result, ResultExt};

use super::error::CsvError;
use crate::objects::{Ranges, Source};

const CHUNK: u64 = 1 << 18;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// By the first bytes.
    ///
    /// # Errors
    /// When they are those of an archive, of which no file is read.
    pub(super) fn of(bytes: &[u8]) -> Result<Option<Self>> {
        match bytes {
            [0x1f, 0x8b, ..] => Ok(Some(Compression::Gzip)),
            // A frame, or one of sixteen kinds that are to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Some(Compression::Zstd)),
            // With files in it, or with none.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Err(Error::unsupported(
                "the data is a zip archive (a workbook of a spreadsheet is one too); unpack it and read the file inside, or save it as CSV",
            )),
            _ => Ok(None),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    fn decoder<'a>(self, stream: impl Read + Send + 'a) -> Result<Box<dyn Read + Send + 'a>> {
        let stream = BufReader::new(stream);
        match self {
            Compression::Gzip => Ok(Box::new(MultiGzDecoder::new(stream))),
            #[cfg(feature = "zstd")]
            Compression::Zstd => Ok(Box::new(crate::zstd::Frames::new(stream))),
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => Err(Error::unsupported(
                "the data is compressed by zstd, which needs the feature `zstd` of `perennial-data`",
            )),
        }
    }
}

/// How much may be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: u64,
    pub(crate) line: usize,
}

/// How much may be read unless told otherwise.
pub(crate) const DEFAULT_LIMITS: Limits = Limits { bytes: 4 << 30, line: 16 << 20 };

/// The contents of a file.
pub(crate) fn read_path(path: &Path, limits: Limits) -> Result<Vec<u8>> {
    let place = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    let (whole, length, compression) = start(path)?;
    match compression {
        Some(compression) => decompress(compression, whole, limits),
        None => read_all(whole, length, limits).map_err(|stop| stop.into_error(place)),
    }
}

/// A file to be read piece by piece, decompressed.
pub(crate) struct Input {
    stream: Box<dyn Read + Send>,
    compression: Option<Compression>,
    what: String,
}

impl Input {
    /// Reads into a buffer; 0 bytes at the end of the file.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(error)),
                Ok(n_read) => return Ok(n_read),
            }
        }
    }

    fn error(&self, error: std::io::Error) -> Error {
        // What a store said is an error of ours already.
        let error = match error.downcast::<Error>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        match self.compression {
            Some(compression) => {
                CsvError::Compressed { format: compression.name(), detail: error.to_string() }.into()
            }
            None => Error::io(format!("cannot read {}", self.what), error),
        }
    }
}

/// Opens a file or an object; one that is larger than `limit` bytes as it is, is refused.
pub(crate) fn open(source: &Source, limit: u64) -> Result<Input> {
    match source {
        Source::File(path) => input(start(path)?, format!("`{}`", path.display()), limit),
        Source::Object { store, object } => {
            let what = format!("the object `{}`", object.key);
            let mut ranges = Ranges::new(store.clone(), object.clone());
            let mut start = Vec::new();
            if let Err(error) = ranges.by_ref().take(4).read_to_end(&mut start) {
                return Err(error
                    .downcast()
                    .unwrap_or_else(|error| Error::io(format!("cannot read {what}"), error)));
            }
            let compression = Compression::of(&start).context(what.clone())?;
            input((std::io::Cursor::new(start).chain(ranges), object.n_bytes, compression), what, limit)
        }
    }
}

fn input(
    (whole, length, compression): (impl Read + Send + 'static, u64, Option<Compression>),
    what: String,
    limit: u64,
) -> Result<Input> {
    let stream: Box<dyn Read + Send> = match compression {
        Some(compression) => compression.decoder(whole)?,
        None if length > limit => return Err(CsvError::TooLarge { limit }.into()),
        None => Box::new(whole),
    };
    Ok(Input { stream, compression, what })
}

/// A file from its first byte on, its length, and how it is compressed.
fn start(path: &Path) -> Result<(impl Read + Send + use<>, u64, Option<Compression>)> {
    let place = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    // Opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(place)?;
    if !metadata.is_file() {
        return Err(Error::unsupported(format!("`{}` is not a regular file", path.display())));
    }
    let mut file = File::open(path).map_err(place)?;
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start).map_err(place)?;
    let compression = Compression::of(&start).context(format!("`{}`", path.display()))?;
    Ok((std::io::Cursor::new(start).chain(file), metadata.len(), compression))
}

/// The contents of what is compressed.
pub(super) fn decompress(
    compression: Compression,
    stream: impl Read + Send,
    limits: Limits,
) -> Result<Vec<u8>> {
    let format = compression.name();
    let damaged = |error: std::io::Error| CsvError::Compressed { format, detail: error.to_string() }.into();
    read_all(compression.decoder(stream)?, 0, limits).map_err(|stop| stop.into_error(damaged))
}

enum Stop {
    Io(std::io::Error),
    Limit(CsvError),
}

impl Stop {
    fn into_error(self, io: impl Fn(std::io::Error) -> Error) -> Error {
        match self {
            Stop::Io(error) => io(error),
            Stop::Limit(error) => error.into(),
        }
    }
}

/// Reads to the end, or until a limit is passed: a bomb or a file without lines stops early.
fn read_all(mut stream: impl Read, expected: u64, limits: Limits) -> std::result::Result<Vec<u8>, Stop> {
    let mut bytes = Vec::with_capacity(expected.min(limits.bytes) as usize + 1);
    let mut line_start = 0;
    loop {
        let filled = bytes.len();
        let n_read = stream.by_ref().take(CHUNK).read_to_end(&mut bytes).map_err(Stop::Io)?;
        if n_read == 0 {
            return Ok(bytes);
        }
        if bytes.len() as u64 > limits.bytes {
            return Err(Stop::Limit(CsvError::TooLarge { limit: limits.bytes }));
        }
        match bytes[filled..].iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(end) => line_start = filled + end + 1,
            None if bytes.len() - line_start > limits.line => {
                let line = 1 + super::scan::line_ends(&bytes, 0..line_start);
                return Err(Stop::Limit(CsvError::LineTooLong { line, limit: limits.line }));
            }
            None => {}
        }
    }
}

/// The bytes, decompressed if they are compressed.
pub(crate) fn decompressed(bytes: &[u8], limits: Limits) -> Result<Cow<'_, [u8]>> {
    match Compression::of(bytes)? {
        Some(compression) => decompress(compression, bytes, limits).map(Cow::Owned),
        None => Ok(Cow::Borrowed(bytes)),
    }
}
