//! Tables through Arrow's C stream interface, by which libraries of any language hand over columns without copying them.

use std::iter::once;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::ffi_stream::ArrowArrayStreamReader;
pub use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::ArrowError;
use perennial_core::{Error, Result};

use crate::Table;

impl Table {
    /// All batches of a stream below each other; columns are taken over as by
    /// [`from_record_batch`](Table::from_record_batch), those of a stream of one batch without a copy where the type allows.
    /// A stream without batches gives a table of no rows.
    ///
    /// The stream is the C struct that other libraries hand out, as what Python calls `__arrow_c_stream__` gives in a
    /// capsule. Who made it is trusted to keep to the interface: it is memory that another library describes.
    ///
    /// ```
    /// use perennial_data::Table;
    ///
    /// let table = Table::builder().integer("age", [31, 45]).build()?;
    /// let stream = table.to_c_stream()?;
    /// assert_eq!(Table::from_c_stream(stream)?, table);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Of a stream that was released already, of what the producer reports, and of columns that a table has no type for.
    pub fn from_c_stream(stream: FFI_ArrowArrayStream) -> Result<Table> {
        let tables: Vec<Table> = scan_c_stream(stream)?.collect::<Result<_>>()?;
        Table::stacked(tables)
    }

    /// The table as a stream of one batch, which shares its columns.
    ///
    /// # Errors
    /// When Arrow refuses the columns.
    pub fn to_c_stream(&self) -> Result<FFI_ArrowArrayStream> {
        let batch = self.to_record_batch()?;
        let schema = batch.schema();
        let batches = RecordBatchIterator::new(once(Ok::<RecordBatch, ArrowError>(batch)), schema);
        Ok(FFI_ArrowArrayStream::new(Box::new(batches)))
    }
}

/// The tables of a stream one after the other; see [`scan_c_stream`].
#[derive(Debug)]
pub struct CStreamScan {
    batches: ArrowArrayStreamReader,
    /// Whether no batch came yet: a stream without batches gives one table of no rows.
    first: bool,
    ended: bool,
}

/// The batches of a stream as tables, one after the other, as they come: at least one, as a stream without batches has
/// columns too.
///
/// # Errors
/// Of a stream that was released already, or whose columns the producer does not tell.
pub fn scan_c_stream(stream: FFI_ArrowArrayStream) -> Result<CStreamScan> {
    let batches = ArrowArrayStreamReader::try_new(stream).map_err(refused)?;
    Ok(CStreamScan { batches, first: true, ended: false })
}

impl Iterator for CStreamScan {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if self.ended {
            return None;
        }
        let first = std::mem::take(&mut self.first);
        // Of a producer that fails without a word Arrow would like to know the word, and gives up.
        let next = catch_unwind(AssertUnwindSafe(|| self.batches.next()));
        let next = next.unwrap_or_else(|_| {
            let what = "the producer failed and does not say why".to_owned();
            Some(Err(ArrowError::CDataInterface(what)))
        });
        let table = match next {
            Some(batch) => batch.map_err(refused).and_then(|batch| Table::from_record_batch(&batch)),
            None => {
                self.ended = true;
                if !first {
                    return None;
                }
                Table::from_record_batch(&RecordBatch::new_empty(self.batches.schema()))
            }
        };
        self.ended |= table.is_err();
        Some(table)
    }
}

fn refused(error: ArrowError) -> Error {
    Error::malformed(format!("the Arrow stream cannot be read: {error}")).with_source(error)
}
