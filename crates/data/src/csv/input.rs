//! The bytes of a CSV file, decompressed, within limits.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use perennial_core::{Error, Result};

use super::error::CsvError;

const CHUNK: u64 = 1 << 18;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How much may be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: u64,
    pub(crate) line: usize,
}

/// How much may be read unless told otherwise.
pub(crate) const DEFAULT_LIMITS: Limits = Limits { bytes: 4 << 30, line: 16 << 20 };

/// Whether bytes are a gzip stream.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP)
}

/// The contents of a file.
pub(crate) fn read_path(path: &Path, limits: Limits) -> Result<Vec<u8>> {
    let place = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    let (whole, length, gzip) = start(path)?;
    match gzip {
        true => gunzip(whole, limits),
        false => read_all(whole, length, limits).map_err(|stop| stop.into_error(place)),
    }
}

/// The contents of a file to be read piece by piece, decompressed.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>> {
    let (whole, _, gzip) = start(path)?;
    Ok(if gzip { Box::new(MultiGzDecoder::new(std::io::BufReader::new(whole))) } else { Box::new(whole) })
}

/// A file from its first byte on, its length, and whether it is gzip.
fn start(path: &Path) -> Result<(impl Read + Send + use<>, u64, bool)> {
    let place = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    // Opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(place)?;
    if !metadata.is_file() {
        return Err(Error::unsupported(format!("`{}` is not a regular file", path.display())));
    }
    let mut file = File::open(path).map_err(place)?;
    let mut start = Vec::new();
    file.by_ref().take(GZIP.len() as u64).read_to_end(&mut start).map_err(place)?;
    let gzip = is_gzip(&start);
    Ok((std::io::Cursor::new(start).chain(file), metadata.len(), gzip))
}

/// The contents of a gzip stream.
pub(super) fn gunzip(stream: impl Read, limits: Limits) -> Result<Vec<u8>> {
    let damaged = |error: std::io::Error| CsvError::Gzip { detail: error.to_string() }.into();
    read_all(MultiGzDecoder::new(stream), 0, limits).map_err(|stop| stop.into_error(damaged))
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
