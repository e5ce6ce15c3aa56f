//! Rows with the centre and the scale of each feature, which no copy of the input ever is.

use std::borrow::Cow;
use std::ops::Range;

use perennial_core::{Csr, Matrix, Result, Rows};
use perennial_numeric::reduce;
use perennial_numeric::simd::{Kernel, widest};

use super::model::total_weight;
use crate::rows::row_major;

/// Rows of one task; with their gradient they stay in the second-level cache.
const NUMBERS: usize = 1 << 16;
/// The fewest rows of a sparse matrix that one task takes.
const SPARSE_ROWS: usize = 4096;
/// The fewest entries of a task for each feature.
const PER_FEATURE: f64 = 24.0;
/// So few features stay in the first-level cache wherever they lie.
const FEW_FEATURES: usize = 512;
/// Sparse rows whose entries are read twice in turn.
const SPARSE_BITE: usize = 64;

pub(super) enum Numbers<'a> {
    Dense(Cow<'a, [f64]>),
    Sparse(&'a Csr),
}

/// For each feature how many are more frequent; those that come equally often in their order.
fn by_frequency(csr: &Csr) -> Vec<u32> {
    let mut counts = vec![0_u32; csr.n_cols()];
    csr.indices().iter().for_each(|&column| counts[column as usize] += 1);
    let mut order: Vec<u32> = (0..counts.len() as u32).collect();
    order.sort_by_key(|&column| std::cmp::Reverse(counts[column as usize]));
    let mut places = vec![0; order.len()];
    order.iter().zip(0..).for_each(|(&column, place)| places[column as usize] = place);
    places
}

/// The rows, with the centre and scale of each feature.
pub(super) struct Design<'a> {
    pub(super) numbers: Numbers<'a>,
    pub(super) n_rows: usize,
    pub(super) n_features: usize,
    weights: Option<Cow<'a, [f64]>>,
    pub(super) total_weight: f64,
    pub(super) alpha: f64,
    pub(super) intercept: bool,
    /// Whether any centre is not 0.
    centred: bool,
    pub(super) centres: Vec<f64>,
    pub(super) scales: Vec<f64>,
    /// Where the numbers of a feature of sparse rows lie: those of frequent features side by side. Empty where each has its own
    /// place.
    pub(super) places: Vec<u32>,
    /// The place of the feature of each entry.
    columns: Vec<u32>,
}

impl<'a> Design<'a> {
    pub(super) fn new(
        x: &'a Matrix,
        weights: Option<&'a [f64]>,
        alpha: f64,
        intercept: bool,
    ) -> Result<Self> {
        let numbers = match x.sparse() {
            Some(csr) => Numbers::Sparse(csr),
            None => Numbers::Dense(row_major(x.dense()?)),
        };
        let (n_rows, n_features) = (x.n_rows(), x.n_cols());
        let total_weight = total_weight(weights, n_rows);
        let mut design = Design {
            numbers,
            n_rows,
            n_features,
            weights: weights.map(Cow::Borrowed),
            total_weight,
            alpha,
            intercept,
            centred: false,
            centres: vec![0.0; n_features],
            scales: vec![1.0; n_features],
            places: Vec::new(),
            columns: Vec::new(),
        };
        design.measure();
        if let Numbers::Sparse(csr) = design.numbers
            && n_features > FEW_FEATURES
        {
            design.places = by_frequency(csr);
            design.columns = csr.indices().iter().map(|&column| design.places[column as usize]).collect();
        }
        Ok(design)
    }

    /// The places of the features of all entries of sparse rows.
    pub(super) fn columns<'c>(&'c self, csr: &'c Csr) -> &'c [u32] {
        if self.places.is_empty() { csr.indices() } else { &self.columns }
    }

    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.as_deref().map_or(1.0, |weights| weights[row])
    }

    /// The weights of some rows, where there are any.
    pub(super) fn weights(&self, rows: Range<usize>) -> Option<&[f64]> {
        self.weights.as_deref().map(|weights| &weights[rows])
    }

    /// Every `step`-th of dense rows, in the same units and with the same penalty for its weight; `None` of sparse rows,
    /// and where the part has no weight.
    pub(super) fn every(&self, step: usize) -> Option<Design<'static>> {
        let Numbers::Dense(numbers) = &self.numbers else { return None };
        let rows = || (0..self.n_rows).step_by(step);
        let n = self.n_features;
        let mut part = Vec::with_capacity(rows().len() * n);
        rows().for_each(|row| part.extend_from_slice(&numbers[row * n..(row + 1) * n]));
        let weights =
            self.weights.as_deref().map(|weights| rows().map(|row| weights[row]).collect::<Vec<f64>>());
        let total_weight = total_weight(weights.as_deref(), rows().len());
        if !(total_weight > 0.0) {
            return None;
        }
        Some(Design {
            numbers: Numbers::Dense(Cow::Owned(part)),
            n_rows: rows().len(),
            n_features: n,
            weights: weights.map(Cow::Owned),
            total_weight,
            alpha: self.alpha * (total_weight / self.total_weight),
            intercept: self.intercept,
            centred: self.centred,
            centres: self.centres.clone(),
            scales: self.scales.clone(),
            places: Vec::new(),
            columns: Vec::new(),
        })
    }

    pub(super) fn block_rows(&self) -> usize {
        match self.numbers {
            Numbers::Dense(_) => (NUMBERS / self.n_features.max(1)).clamp(16, 4096),
            // Each task has sums of all features, which are cleared and added up: rows must be worth that.
            Numbers::Sparse(csr) => {
                let worth = PER_FEATURE * self.n_features as f64 / csr.n_stored().max(1) as f64;
                SPARSE_ROWS.max(((worth * self.n_rows as f64) as usize).min(self.n_rows))
            }
        }
    }

    /// The rows of a task in parts, each of which is worked on from its scores to its sums: entries of few sparse rows
    /// stay in the first-level cache, and dense rows are multiplied all at once.
    pub(super) fn bites(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let step = match self.numbers {
            Numbers::Dense(_) => rows.len().max(1),
            Numbers::Sparse(_) => SPARSE_BITE,
        };
        rows.clone().step_by(step).map(move |first| first..rows.end.min(first + step))
    }

    /// Chooses centres and scales that make the Hessian's diagonal about 1. Any choice gives the
    /// same answer, so one pass must do, relative to the first row; a sparse matrix is not centred.
    fn measure(&mut self) {
        let n = self.n_features;
        let origin: Vec<f64> = match (&self.numbers, self.intercept) {
            (Numbers::Dense(numbers), true) => numbers[..n].to_vec(),
            _ => vec![0.0; n],
        };
        // Sums, sums of squares, and the largest magnitude.
        let part = |rows: Range<usize>| {
            let mut sums = vec![0.0; 3 * n];
            let (sum, rest) = sums.split_at_mut(n);
            let (squares, largest) = rest.split_at_mut(n);
            match &self.numbers {
                Numbers::Dense(numbers) => {
                    let values = &numbers[rows.start * n..rows.end * n];
                    let (origin, weights) = (&origin[..], self.weights(rows));
                    widest(Spread { values, origin, weights, sum, squares, largest });
                }
                Numbers::Sparse(csr) => {
                    for row in rows {
                        let weight = self.weight(row);
                        let (columns, values) = csr.row(row);
                        for (&column, &value) in columns.iter().zip(values) {
                            let column = column as usize;
                            sum[column] += weight * value;
                            squares[column] += weight * value * value;
                            largest[column] = f64::max(largest[column], value.abs());
                        }
                    }
                }
            }
            sums
        };
        let add = |mut left: Vec<f64>, right: Vec<f64>| {
            for (index, (left, right)) in left.iter_mut().zip(right).enumerate() {
                *left = if index < 2 * n { *left + right } else { left.max(right) };
            }
            left
        };
        let sums = reduce::map_reduce(self.n_rows, self.block_rows(), part, add).unwrap_or_default();
        let penalty = 2.0 * (self.alpha / self.total_weight).sqrt();
        let centred = self.intercept && matches!(self.numbers, Numbers::Dense(_));
        for column in 0..n {
            let mean = sums[column] / self.total_weight;
            let square = sums[n + column] / self.total_weight;
            let shift = if centred { mean } else { 0.0 };
            let (centre, mut spread) = (origin[column] + shift, (square - shift * shift).max(0.0).sqrt());
            // A centre near 0 is not worth a subtraction for each value.
            let far = centred && spread.is_finite() && centre.is_finite() && centre.abs() > spread;
            self.centres[column] = if far { centre } else { 0.0 };
            self.centred |= far && centre != 0.0;
            if !spread.is_finite() || (spread == 0.0 && square > 0.0) {
                spread = sums[2 * n + column];
            }
            let scale = spread.hypot(penalty);
            self.scales[column] = if scale > 1e-290 && scale.is_finite() { scale } else { 1.0 };
        }
    }

    /// Dense rows without their centres.
    pub(super) fn dense_rows<'r>(&self, rows: Range<usize>, numbers: &'r [f64]) -> Cow<'r, [f64]> {
        let n = self.n_features;
        let values = &numbers[rows.start * n..rows.end * n];
        if !self.centred {
            return Cow::Borrowed(values);
        }
        let mut own = values.to_vec();
        for row in own.chunks_exact_mut(n.max(1)) {
            row.iter_mut().zip(&self.centres).for_each(|(value, centre)| *value -= centre);
        }
        Cow::Owned(own)
    }

    /// A row of dense numbers without its centre, in `spare` where it has one.
    pub(super) fn row<'r>(&self, numbers: &'r [f64], row: usize, spare: &'r mut [f64]) -> &'r [f64] {
        let values = &numbers[row * self.n_features..(row + 1) * self.n_features];
        if !self.centred {
            return values;
        }
        for (out, (value, centre)) in spare.iter_mut().zip(values.iter().zip(&self.centres)) {
            *out = value - centre;
        }
        spare
    }
}

/// For each column of some rows the sums of weighted deviations from an origin and of their squares, and the largest
/// magnitude.
struct Spread<'a> {
    values: &'a [f64],
    origin: &'a [f64],
    weights: Option<&'a [f64]>,
    sum: &'a mut [f64],
    squares: &'a mut [f64],
    largest: &'a mut [f64],
}

impl Kernel for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.origin.len();
        if n == 0 {
            return;
        }
        for (row, values) in self.values.chunks_exact(n).enumerate() {
            let weight = self.weights.map_or(1.0, |weights| weights[row]);
            let sums = self.sum.iter_mut().zip(self.squares.iter_mut()).zip(self.largest.iter_mut());
            for (((sum, square), largest), (value, origin)) in sums.zip(values.iter().zip(self.origin)) {
                let deviation = value - origin;
                let weighted = weight * deviation;
                *sum += weighted;
                *square += weighted * deviation;
                *largest = f64::max(*largest, value.abs());
            }
        }
    }
}
