//! Memory that was used and can be used again.

use crate::boosting::engine::histogram::Histogram;
use crate::pool::Pool;

/// The buffers of a fit, by what they hold.
#[derive(Default)]
pub(crate) struct Spare {
    pub(crate) histograms: Pool<Histogram>,
    /// Derivatives of all rows.
    pub(crate) packed: Pool<u64>,
    /// Derivatives of the rows of a leaf, in their order.
    pub(crate) gathered: Pool<u64>,
    pub(crate) rows: Pool<u32>,
}
