//! Growing a tree from columns in bins: one task for each tree, nothing sorted, no memory taken per node but for what
//! is kept.

mod by_bin;
mod classes;
mod cut;
mod fine;
mod grow;
mod medians;
mod random;
mod rows;
mod sums;

pub(crate) use classes::{ClassCriterion, ManyClasses};
pub(crate) use fine::Fine;
pub(crate) use grow::{Plan, grow};
pub(crate) use medians::Medians;
pub(crate) use random::ByRows;
pub(crate) use rows::{Counted, Row, Sample};
pub(crate) use sums::{SumCriterion, Sums};

use super::monotone::Bounds;
use super::structure::Summary;
use random::{Codes, LANES, Side};

/// How impurity is measured, and what a node says about its rows.
pub(crate) trait Learning: Sync {
    /// What is known of a row.
    type Row: Row;
    /// What is known of a node.
    type Totals;
    /// What is known of each bin of a column in a node; empty between two columns.
    type Table: Default;
    /// Sums on both sides of a cut.
    type Sides<'a>: Sides
    where
        Self: 'a;

    fn totals(&self, samples: &[Self::Row]) -> Self::Totals;
    /// Whether there is nothing to gain from a cut.
    fn is_pure(&self, totals: &Self::Totals) -> bool;
    /// What is kept of a node; `bounds` hold for its value.
    fn summary(&self, totals: &Self::Totals, bounds: Bounds) -> Summary;
    /// Adds up the bins of a column; `bins` are those that occur.
    fn fill(
        &self,
        table: &mut Self::Table,
        totals: &Self::Totals,
        samples: &[Self::Row],
        codes: &[u8],
        bins: &[u8],
    );
    /// Puts categories into the order in which a cut between them is best.
    fn arrange(&self, table: &mut Self::Table, totals: &Self::Totals, categories: &mut [u8]);
    /// All rows on the right.
    fn sides<'a>(&'a self, table: &'a mut Self::Table, totals: &'a Self::Totals) -> Self::Sides<'a>;
    /// What goes left where each of several columns is cut after its bin in `up_to`.
    fn sides_of(
        &self,
        table: &mut Self::Table,
        totals: &Self::Totals,
        samples: &[Self::Row],
        codes: &[Codes],
        up_to: Codes,
    ) -> [Side; LANES] {
        std::array::from_fn(|lane| {
            let mut sides = self.sides(table, totals);
            let left = samples.iter().zip(codes).filter(|(_, codes)| codes[lane] <= up_to[lane]);
            left.for_each(|(&sample, _)| sides.move_row(sample));
            Side { n_left: sides.n_left(), gain: sides.gain(), means: sides.means() }
        })
    }
    /// Forgets the column.
    fn clear(&self, table: &mut Self::Table, bins: &[u8]);
    /// An impurity in the units of the target.
    fn in_units(&self, impurity: f64) -> f64 {
        impurity
    }
}

/// Bins move from the right side of a cut to its left side.
pub(crate) trait Sides {
    fn move_left(&mut self, bin: u8);
    /// Moves one row instead of a bin.
    fn move_row(&mut self, row: impl Row);
    /// How many rows are on the left.
    fn n_left(&self) -> u32;
    /// How much less impurity, times weight, both sides have than the whole; not finite where the cut may not be.
    fn gain(&self) -> f64;
    /// What both sides say, where that is one number.
    fn means(&self) -> [f64; 2];
}
