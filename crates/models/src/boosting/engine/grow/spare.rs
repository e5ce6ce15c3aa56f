//! Memory that was used and can be used again.

use crate::boosting::engine::derivatives::OfRows;
use crate::boosting::engine::histogram::Histogram;
use crate::pool::Pool;

/// The buffers of a fit, by what they hold.
#[derive(Default)]
pub(crate) struct Spare {
    pub(crate) histograms: Pool<Histogram>,
    /// Derivatives of all rows.
    pub(crate) derivatives: Buffers,
    pub(crate) rows: Pool<u32>,
}

/// Buffers for derivatives.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) counted: Pool<i32>,
    pub(crate) both: Pool<u64>,
}

impl Buffers {
    pub(crate) fn give(&self, buffer: OfRows) {
        match buffer {
            OfRows::Counted(buffer) => self.counted.give(buffer),
            OfRows::Both(buffer) => self.both.give(buffer),
        }
    }
}
