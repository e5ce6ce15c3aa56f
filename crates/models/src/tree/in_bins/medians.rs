//! Numbers around their median, for the absolute error.

use super::super::absolute::{Deviations, LeftSide, in_units};
use super::super::structure::Summary;
use super::by_bin::ByBin;
use super::{Bounds, Learning, Row, Sample, Sides};

/// A target in units of `unit`, of which nodes answer the median.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Medians {
    pub(crate) unit: f64,
}

/// The target and the weight of each row by bin.
type MedianTable = ByBin<(f64, f64)>;

impl Learning for Medians {
    type Row = Sample;
    type Totals = Deviations;
    type Table = MedianTable;
    type Sides<'a> = MedianSides<'a>;

    fn totals(&self, samples: &[Sample]) -> Deviations {
        Deviations::of(samples.iter().map(|sample| (sample.y + 0.0, sample.weight)).collect())
    }

    fn is_pure(&self, totals: &Deviations) -> bool {
        totals.is_pure()
    }

    fn summary(&self, totals: &Deviations, bounds: Bounds) -> Summary {
        totals.summary(self.unit, bounds)
    }

    fn fill(&self, table: &mut MedianTable, _: &Deviations, samples: &[Sample], codes: &[u8], bins: &[u8]) {
        table.fill(samples.iter().map(|sample| (sample.y, sample.weight)), codes, bins);
    }

    /// By their means, as a tree of exact splits does.
    fn arrange(&self, table: &mut MedianTable, totals: &Deviations, categories: &mut [u8]) {
        let mean = |bin: u8| {
            let rows = table.of(bin);
            let sum: f64 = rows.iter().map(|&(y, weight)| weight * (y - totals.median())).sum();
            sum / rows.iter().map(|row| row.1).sum::<f64>()
        };
        categories.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)).then(a.cmp(&b)));
    }

    fn sides<'a>(&'a self, table: &'a mut MedianTable, totals: &'a Deviations) -> MedianSides<'a> {
        MedianSides { rows: table, left: LeftSide::new(totals), n_left: 0 }
    }

    fn clear(&self, table: &mut MedianTable, bins: &[u8]) {
        table.clear(bins);
    }

    fn in_units(&self, impurity: f64) -> f64 {
        in_units(impurity, self.unit)
    }
}

/// What has moved to the left.
#[derive(Debug)]
pub(crate) struct MedianSides<'a> {
    rows: &'a MedianTable,
    left: LeftSide<'a>,
    n_left: u32,
}

impl Sides for MedianSides<'_> {
    fn move_left(&mut self, bin: u8) {
        let rows = self.rows.of(bin);
        rows.iter().for_each(|&(y, weight)| self.left.add(y, weight));
        self.n_left += rows.len() as u32;
    }

    fn move_row(&mut self, row: impl Row) {
        self.left.add(row.y(), row.weight());
        self.n_left += 1;
    }

    fn n_left(&self) -> u32 {
        self.n_left
    }

    fn gain(&self) -> f64 {
        self.left.gain()
    }

    fn means(&self) -> [f64; 2] {
        self.left.medians()
    }
}
