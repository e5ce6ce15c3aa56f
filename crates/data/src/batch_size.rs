//! How large the parts of a scan are.

use perennial_core::{Error, ErrorKind, Result};

/// How large the tables of a scan are: a number in the unit of its reader, which is bytes of text for CSV and JSON lines and rows for others, or
/// [as large as memory allows](BatchSize::max_memory).
///
/// ```
/// use perennial_data::{BatchSize, CsvReader, Summary};
///
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("numbers.csv");
/// let lines: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
/// std::fs::write(&path, format!("n\n{}\n", lines.join("\n"))).unwrap();
///
/// let scan = CsvReader::new().scan(&path, BatchSize::max_memory(64 << 20))?;
/// assert_eq!(Summary::of_all(scan)?.n_rows(), 100_000);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize(Size);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Of(usize),
    Within(u64),
}

impl From<usize> for BatchSize {
    fn from(size: usize) -> Self {
        BatchSize(Size::Of(size))
    }
}

/// What threads, the buffers of decoders, and code that runs for the first time take, whatever is read.
const FIXED: u64 = 8 << 20;

/// The least memory that a scan can be kept to.
const LEAST: u64 = 16 << 20;

impl BatchSize {
    /// Reading takes at most so many bytes of memory, the table that was given last included, where it is dropped before the next one; 16 MiB at least. The
    /// sizes of batches follow. A line, a row group or a batch of the file that cannot be read within it is an error that says so.
    ///
    /// Beside it there are the different levels of categories, names of columns that differ from line to line, and the rows that a contract keeps of
    /// what must be unique.
    pub fn max_memory(bytes: u64) -> Self {
        BatchSize(Size::Within(bytes))
    }

    /// The size as a number of the reader's unit, or the bytes that data may take within the cap.
    pub(crate) fn resolved(self) -> Result<Batch> {
        match self.0 {
            Size::Of(size) => Ok(Batch::Of(size)),
            Size::Within(bytes) if bytes < LEAST => {
                Err(Error::invalid_param("max_memory", bytes, "at least 16777216 bytes, which is 16 MiB"))
            }
            Size::Within(bytes) => Ok(Batch::Within(bytes - FIXED)),
        }
    }

    /// An error of something that is too large, with the memory to which it is.
    pub(crate) fn explained(self, error: Error) -> Error {
        match (self.0, error.kind()) {
            (Size::Within(bytes), ErrorKind::TooLarge { .. }) => error.context(format!(
                "it cannot be read within the {bytes} bytes of `max_memory`, of which lines, row groups and tables get a share; raise it"
            )),
            _ => error,
        }
    }
}

/// A size that was looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Batch {
    /// In the unit of the reader.
    Of(usize),
    /// The bytes that data may take.
    Within(u64),
}
