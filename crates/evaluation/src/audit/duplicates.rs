//! Rows that are the same, or nearly.

use std::cmp::Ordering;

use ndarray::{Array1, Array2, Axis};
use perennial_core::{Matrix, Result, Rows};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::describe::quantile_sorted;

use crate::Split;

/// The values of a row that are not zero, with their columns; 0 and -0 are one value, and so are all NaN.
fn cells(x: &Matrix, row: usize) -> impl Iterator<Item = (usize, u64)> {
    let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    let dense = x.dense().ok().map(|x| x.row(row));
    let sparse = x.sparse().map(|x| x.row(row));
    let from_dense = dense.into_iter().flat_map(|cells| cells.into_iter().copied().enumerate());
    let from_sparse = sparse.into_iter().flat_map(|(columns, values)| {
        columns.iter().map(|&column| column as usize).zip(values.iter().copied())
    });
    from_dense
        .chain(from_sparse)
        .filter(|(_, value)| *value != 0.0)
        .map(move |(column, value)| (column, bits(value)))
}

/// A number per row; rows have the same where all their values are the same.
pub(super) fn identical(x: &Matrix) -> Vec<u32> {
    let n = x.n_rows();
    // A sum of the cells sorts nearly all rows; only those that it does not tell apart are compared.
    let mix = |sum: u64, (column, bits): (usize, u64)| {
        (sum ^ bits ^ (column as u64).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    };
    let sums =
        reduce::map_chunks(n, 1024, |rows| rows.map(|row| cells(x, row).fold(1, mix)).collect::<Vec<u64>>())
            .concat();
    let compare = |a: usize, b: usize| sums[a].cmp(&sums[b]).then_with(|| cells(x, a).cmp(cells(x, b)));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| compare(a, b));
    let mut same = vec![0; n];
    let mut number = 0;
    for (place, &row) in order.iter().enumerate() {
        if place > 0 && compare(order[place - 1], row) != Ordering::Equal {
            number += 1;
        }
        same[row] = number;
    }
    same
}

/// So many values tell the quartiles of a column.
const SAMPLE: usize = 1000;
/// How far the quartiles of normal numbers are apart, in deviations.
const NORMAL_QUARTILES: f64 = 1.348_979_500_392_163_6;

/// The columns in standard deviations, and how far rows are along one direction.
pub(super) struct Scaled {
    x: Array2<f64>,
    along: Array1<f64>,
    reach: f64,
    /// Where each row is among those that are looked at.
    places: Vec<usize>,
}

impl Scaled {
    /// Rows with a value that is not finite are near to none.
    pub(super) fn new(x: &Matrix, near: f64) -> Result<Self> {
        Scaled::by(x, &(0..x.n_rows()).collect::<Vec<usize>>(), near, |_| None)
    }

    /// As [`new`](Scaled::new), of these rows alone, and of columns that are measured by their quartiles where these are nearer to each
    /// other than those of normal numbers: few large values must not make all others near.
    pub(super) fn robust(x: &Matrix, rows: &[usize], near: f64) -> Result<Self> {
        Scaled::by(x, rows, near, |known| {
            // Drawn, as rows may take turns.
            let rows = Random::new(0).stream("quartiles").sample(known.len(), known.len().min(SAMPLE));
            let mut sample: Vec<f64> = rows.into_iter().map(|row| known[row]).collect();
            sample.sort_by(f64::total_cmp);
            let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile_sorted(&sample, share));
            let rounding = 1e-12 * low.abs().max(high.abs());
            (high - low > rounding).then_some((middle, (high - low) / NORMAL_QUARTILES))
        })
    }

    /// Of columns in deviations around their mean, or in another unit around another centre where that is less.
    fn by(
        x: &Matrix,
        rows: &[usize],
        near: f64,
        unit: impl Fn(&[f64]) -> Option<(f64, f64)>,
    ) -> Result<Self> {
        let mut places = vec![0; x.n_rows()];
        rows.iter().enumerate().for_each(|(place, &row)| places[row] = place);
        let dense = x.to_dense()?;
        let cells = dense.dense()?;
        // Without a view of each row where all are taken.
        let mut x = if rows.len() == cells.nrows() { cells.to_owned() } else { cells.select(Axis(0), rows) };
        for mut column in x.axis_iter_mut(Axis(1)) {
            let known: Vec<f64> = column.iter().copied().filter(|value| value.is_finite()).collect();
            // Divided by the largest first, so that squares stay in range.
            let most = known.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            let scaled: Vec<f64> = known.iter().map(|value| value / most).collect();
            let (mean, variance) = reduce::mean_variance(&scaled, 0);
            let deviation = variance.sqrt();
            let usual = most > 0.0 && deviation > 1e-12;
            let other = if usual { unit(&scaled).filter(|(_, unit)| *unit < deviation) } else { None };
            let (centre, deviation) = other.unwrap_or((mean, deviation));
            column.mapv_inplace(|value| match value.is_finite() {
                true if usual => (value / most - centre) / deviation,
                true => 0.0,
                false => f64::NAN,
            });
        }
        let p = x.ncols();
        let mut random = Random::new(0).stream("direction");
        let direction: Vec<f64> = (0..p).map(|_| random.normal()).collect();
        let length = direction.iter().map(|value| value * value).sum::<f64>().sqrt();
        let along = x.rows().into_iter().map(|row| {
            row.iter().zip(&direction).map(|(value, weight)| value * weight).sum::<f64>() / length
        });
        let along = along.collect();
        Ok(Scaled { x, along, reach: near * (p as f64).sqrt(), places })
    }

    fn along(&self, row: usize) -> f64 {
        self.along[self.places[row]]
    }

    /// The rows learned from, in the order of one direction.
    fn learned(&self, split: &Split) -> Vec<usize> {
        let mut learned: Vec<usize> =
            split.train.iter().copied().filter(|&row| self.along(row).is_finite()).collect();
        learned.sort_by(|&a, &b| self.along(a).total_cmp(&self.along(b)).then(a.cmp(&b)));
        learned
    }

    /// How many pairs of a tested row and one learned from that are no copies are near, how many are within four times as far, and how many
    /// were compared; nothing where more than so many have to be.
    pub(super) fn pairs(&self, split: &Split, same: &[u32], most: usize) -> Option<[usize; 3]> {
        let learned = self.learned(split);
        let reach = 4.0 * self.reach * (1.0 + 1e-9);
        let beside = |row: usize| {
            let at = self.along(row);
            let first = learned.partition_point(|&other| self.along(other) < at - reach);
            let last = learned.partition_point(|&other| self.along(other) <= at + reach);
            // None of a row that is at no place.
            &learned[first..last.max(first)]
        };
        let tested: Vec<usize> =
            split.test.iter().copied().filter(|&row| self.along(row).is_finite()).collect();
        let compared: usize = tested.iter().map(|&row| beside(row).len()).sum();
        if compared > most {
            return None;
        }
        let found = reduce::map_chunks(tested.len(), 256, |places| {
            let mut pairs = [0; 2];
            for &row in &tested[places] {
                for &other in beside(row).iter().filter(|&&other| same[other] != same[row]) {
                    if self.within(row, other, 4.0 * self.reach) {
                        pairs[1] += 1;
                        pairs[0] += usize::from(self.within(row, other, self.reach));
                    }
                }
            }
            pairs
        });
        let [near, around] =
            found.into_iter().fold([0; 2], |sum, pairs| [sum[0] + pairs[0], sum[1] + pairs[1]]);
        Some([near, around, compared])
    }

    /// The tested rows that have a near row, but no copy, among those learned from.
    pub(super) fn near(&self, split: &Split, same: &[u32]) -> Vec<usize> {
        // Two near rows are near in every direction, so only rows near in one are compared.
        let learned = self.learned(split);
        let mut copies: Vec<u32> = split.train.iter().map(|&row| same[row]).collect();
        copies.sort_unstable();
        let reach = self.reach * (1.0 + 1e-9);
        let has = |row: usize| {
            let at = self.along(row);
            if !at.is_finite() || copies.binary_search(&same[row]).is_ok() {
                return false;
            }
            let first = learned.partition_point(|&other| self.along(other) < at - reach);
            learned[first..]
                .iter()
                .take_while(|&&other| self.along(other) <= at + reach)
                .any(|&other| self.within(row, other, self.reach))
        };
        let tested = &split.test;
        let found = reduce::map_chunks(tested.len(), 256, |places| {
            tested[places].iter().copied().filter(|&row| has(row)).collect::<Vec<usize>>()
        });
        found.concat()
    }

    fn within(&self, a: usize, b: usize, reach: f64) -> bool {
        let limit = reach * reach;
        let mut sum = 0.0;
        for (a, b) in self.x.row(self.places[a]).iter().zip(self.x.row(self.places[b])) {
            sum += (a - b) * (a - b);
            if sum > limit {
                return false;
            }
        }
        true
    }
}
