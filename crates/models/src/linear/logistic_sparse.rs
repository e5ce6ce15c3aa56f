//! The log loss of more than two classes of sparse rows, and products with its Hessian.
//!
//! Vectors lie feature by feature, the numbers of all classes side by side, so that an entry of a row asks memory once and
//! not once for each class.

use std::ops::Range;

use perennial_core::Csr;
use perennial_numeric::simd::Kernel;

/// Classes that are worked on side by side; their number is filled up to a multiple.
pub(super) const LANES: usize = 4;

/// Blocks of classes whose sums stay in registers.
const WIDE: usize = 8;

/// Does `$part::<G>` for all blocks of classes, so many at a time that their number is known when it is compiled.
macro_rules! by_width {
    ($groups:expr, |$first:ident| $of:ident.$part:ident($($width:literal)*)) => {{
        let groups = $groups;
        let mut $first = 0;
        while $first < groups {
            let width = (groups - $first).min(WIDE);
            match width {
                $($width => $of.$part::<$width>($first),)*
                _ => $of.$part::<WIDE>($first),
            }
            $first += width;
        }
    }};
}

/// Scores of rows, `groups` blocks for each row, to which `scores` holds the intercepts.
pub(super) struct Gather<'a> {
    pub(super) csr: &'a Csr,
    /// The places of the features of all entries.
    pub(super) columns: &'a [u32],
    pub(super) rows: Range<usize>,
    pub(super) turned: &'a [[f64; LANES]],
    pub(super) groups: usize,
    pub(super) scores: &'a mut [[f64; LANES]],
}

impl Gather<'_> {
    /// Sums of the products of the rows' entries with the numbers of their features, for `G` blocks from `first` on.
    #[inline(always)]
    fn part<const G: usize>(&mut self, first: usize) {
        let groups = self.groups;
        for (row, scores) in self.rows.clone().zip(self.scores.chunks_exact_mut(groups)) {
            let entries = self.csr.indptr()[row]..self.csr.indptr()[row + 1];
            let (columns, values) = (&self.columns[entries.clone()], &self.csr.values()[entries]);
            let mut sums: [[f64; LANES]; G] = std::array::from_fn(|group| scores[first + group]);
            for (&column, &value) in columns.iter().zip(values) {
                let numbers = &self.turned[column as usize * groups + first..][..G];
                for group in 0..G {
                    for lane in 0..LANES {
                        sums[group][lane] = value.mul_add(numbers[group][lane], sums[group][lane]);
                    }
                }
            }
            scores[first..first + G].copy_from_slice(&sums);
        }
    }
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        by_width!(self.groups, |first| self.part(1 2 3 4 5 6 7));
    }
}

/// Adds to the sums of the features the rows' entries, or their squares, each times the slopes of its row.
pub(super) struct Scatter<'a, const SQUARED: bool = false> {
    pub(super) csr: &'a Csr,
    /// The places of the features of all entries.
    pub(super) columns: &'a [u32],
    pub(super) rows: Range<usize>,
    pub(super) slopes: &'a [[f64; LANES]],
    pub(super) groups: usize,
    pub(super) sums: &'a mut [[f64; LANES]],
}

impl<const SQUARED: bool> Scatter<'_, SQUARED> {
    #[inline(always)]
    fn part<const G: usize>(&mut self, first: usize) {
        let groups = self.groups;
        for (row, slopes) in self.rows.clone().zip(self.slopes.chunks_exact(groups)) {
            let entries = self.csr.indptr()[row]..self.csr.indptr()[row + 1];
            let (columns, values) = (&self.columns[entries.clone()], &self.csr.values()[entries]);
            let slopes: [[f64; LANES]; G] = std::array::from_fn(|group| slopes[first + group]);
            for (&column, &value) in columns.iter().zip(values) {
                let value = if SQUARED { value * value } else { value };
                let sums = &mut self.sums[column as usize * groups + first..][..G];
                for group in 0..G {
                    for lane in 0..LANES {
                        sums[group][lane] = value.mul_add(slopes[group][lane], sums[group][lane]);
                    }
                }
            }
        }
    }
}

impl<const SQUARED: bool> Kernel for Scatter<'_, SQUARED> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        by_width!(self.groups, |first| self.part(1 2 3 4 5 6 7));
    }
}

/// Where the numbers of a feature lie; without places each has its own.
fn place_of(places: &[u32], feature: usize) -> usize {
    places.get(feature).map_or(feature, |&place| place as usize)
}

/// Vectors of all classes, one after the other, turned feature by feature, each to its place.
pub(super) fn turn(
    vectors: &[f64],
    places: &[u32],
    n_features: usize,
    n_vectors: usize,
) -> Vec<[f64; LANES]> {
    let groups = n_vectors.div_ceil(LANES);
    let mut turned = vec![[0.0; LANES]; n_features * groups];
    for (class, vector) in vectors.chunks_exact(n_features).take(n_vectors).enumerate() {
        for (feature, value) in vector.iter().enumerate() {
            turned[place_of(places, feature) * groups + class / LANES][class % LANES] = *value;
        }
    }
    turned
}

/// The reverse of [`turn`].
pub(super) fn turn_back(turned: &[[f64; LANES]], places: &[u32], vectors: &mut [f64], n_features: usize) {
    let n_vectors = vectors.len() / n_features.max(1);
    let groups = n_vectors.div_ceil(LANES);
    for (class, vector) in vectors.chunks_exact_mut(n_features.max(1)).enumerate() {
        for (feature, value) in vector.iter_mut().enumerate() {
            *value = turned[place_of(places, feature) * groups + class / LANES][class % LANES];
        }
    }
}
