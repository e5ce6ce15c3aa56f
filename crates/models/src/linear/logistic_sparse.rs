//! The log loss of more than two classes of sparse rows, and products with its Hessian.
//!
//! Vectors lie feature by feature, the numbers of all classes side by side, so that an entry of a row asks memory once and
//! not once for each class.

use std::ops::Range;

use perennial_core::Csr;
use perennial_numeric::simd::Kernel;

/// Classes that are worked on side by side; their number is filled up to a multiple.
pub(super) const LANES: usize = 4;

/// Sums of the products of a row's entries with the numbers of their features; `groups` blocks of classes.
#[inline(always)]
pub(super) fn gather(row: (&[u32], &[f64]), turned: &[[f64; LANES]], sums: &mut [[f64; LANES]]) {
    let groups = sums.len();
    for (group, out) in sums.iter_mut().enumerate() {
        let mut own = *out;
        for (&column, value) in row.0.iter().zip(row.1) {
            let numbers = &turned[column as usize * groups + group];
            for lane in 0..LANES {
                own[lane] += value * numbers[lane];
            }
        }
        *out = own;
    }
}

/// Adds a row's entries, each times the factors of the classes, to the sums of their features.
#[inline(always)]
pub(super) fn scatter(row: (&[u32], &[f64]), factors: &[[f64; LANES]], sums: &mut [[f64; LANES]]) {
    let groups = factors.len();
    for (group, factors) in factors.iter().enumerate() {
        for (&column, value) in row.0.iter().zip(row.1) {
            let sum = &mut sums[column as usize * groups + group];
            for lane in 0..LANES {
                sum[lane] += value * factors[lane];
            }
        }
    }
}

/// Scores of rows, `groups` blocks for each row, to which `scores` holds the intercepts.
pub(super) struct Gather<'a> {
    pub(super) csr: &'a Csr,
    pub(super) rows: Range<usize>,
    pub(super) turned: &'a [[f64; LANES]],
    pub(super) groups: usize,
    pub(super) scores: &'a mut [[f64; LANES]],
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (row, scores) in self.rows.zip(self.scores.chunks_exact_mut(self.groups)) {
            gather(self.csr.row(row), self.turned, scores);
        }
    }
}

/// The sums over rows of their entries times their slopes.
pub(super) struct Scatter<'a> {
    pub(super) csr: &'a Csr,
    pub(super) rows: Range<usize>,
    pub(super) slopes: &'a [[f64; LANES]],
    pub(super) groups: usize,
    pub(super) sums: &'a mut [[f64; LANES]],
}

impl Kernel for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (row, slopes) in self.rows.zip(self.slopes.chunks_exact(self.groups)) {
            scatter(self.csr.row(row), slopes, self.sums);
        }
    }
}

/// Vectors of all classes, one after the other, turned feature by feature.
pub(super) fn turn(vectors: &[f64], n_features: usize, n_vectors: usize) -> Vec<[f64; LANES]> {
    let groups = n_vectors.div_ceil(LANES);
    let mut turned = vec![[0.0; LANES]; n_features * groups];
    for (class, vector) in vectors.chunks_exact(n_features).take(n_vectors).enumerate() {
        for (feature, value) in vector.iter().enumerate() {
            turned[feature * groups + class / LANES][class % LANES] = *value;
        }
    }
    turned
}

/// The reverse of [`turn`].
pub(super) fn turn_back(turned: &[[f64; LANES]], vectors: &mut [f64], n_features: usize) {
    let n_vectors = vectors.len() / n_features.max(1);
    let groups = n_vectors.div_ceil(LANES);
    for (class, vector) in vectors.chunks_exact_mut(n_features.max(1)).enumerate() {
        for (feature, value) in vector.iter_mut().enumerate() {
            *value = turned[feature * groups + class / LANES][class % LANES];
        }
    }
}
