//! Sparse rows among dense centres.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Csr, Error, Result};
use perennial_numeric::reduce;
use perennial_numeric::simd::{Kernel, widest};

use super::lloyd::{BLOCK, add, largest, unit_of};
use super::spots::Spots;
use crate::rows::{power_of_two, row_major, rows_that_count, tame};

/// Rows of a task that searches for their nearest centres.
const ROWS: usize = 1024;
/// The most parts of which the sums of clusters are added up, as each part is as large as the centres.
const PARTS: usize = 16;
/// A squared distance that is at least this share of the squared lengths comes from their product; below, cancellation has
/// cost more than four digits.
const TRUSTED: f64 = 1e-4;

/// Sparse rows that count, in units in which squares neither overflow nor vanish.
#[derive(Debug)]
pub(crate) struct Sparse<'a> {
    pub(super) csr: Cow<'a, Csr>,
    /// The squared length of each row.
    pub(super) lengths: Vec<f64>,
    weights: Option<Cow<'a, [f64]>>,
    unit: f64,
    /// What squared distances are multiplied by so that they fit 32 bits.
    pub(super) scale: f64,
}

impl<'a> Sparse<'a> {
    pub(crate) fn new(csr: &'a Csr, weights: Option<&'a [f64]>) -> Result<Self> {
        if csr.n_cols() == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        let (mut own, mut counts) = (Cow::Borrowed(csr), tame(weights));
        if weights.is_some_and(|weights| weights.contains(&0.0)) {
            let rows = rows_that_count(csr.n_rows(), weights)?;
            let rows: Vec<usize> = rows.into_iter().map(|row| row as usize).collect();
            own = Cow::Owned(csr.take(&rows)?);
            counts = counts.map(|counts| rows.iter().map(|&row| counts[row]).collect());
        }
        let unit = unit_of(largest(own.values()));
        if unit != 1.0 {
            let values = own.values().iter().map(|value| value / unit).collect();
            own = Cow::Owned(Csr::new(own.n_cols(), own.indptr().to_vec(), own.indices().to_vec(), values)?);
        }
        Ok(Sparse::of(own, counts, unit))
    }

    fn of(csr: Cow<'a, Csr>, weights: Option<Cow<'a, [f64]>>, unit: f64) -> Self {
        let mut lengths = vec![0.0; csr.n_rows()];
        reduce::fill_chunks(&mut lengths, BLOCK, |first, lengths| {
            for (place, length) in lengths.iter_mut().enumerate() {
                *length = squares(csr.row(first + place).1);
            }
        });
        let scale = 1.0 / power_of_two(largest(csr.values()));
        Sparse { csr, lengths, weights, unit, scale: scale * scale }
    }

    /// The nearest centre of each row; of those at one distance the first. Where products cannot tell two centres apart, the
    /// row is measured.
    pub(super) fn find(&self, centres: &[f64], nearest: &mut [u32]) {
        let width = self.csr.n_cols();
        let n_centres = centres.len() / width;
        let mut turned = vec![0.0; centres.len()];
        for (number, centre) in centres.chunks_exact(width).enumerate() {
            for (column, value) in centre.iter().enumerate() {
                turned[column * n_centres + number] = *value;
            }
        }
        let halves: Vec<f64> = centres.chunks_exact(width).map(|centre| squares(centre) / 2.0).collect();
        let longest = (2.0 * halves.iter().copied().fold(0.0, f64::max)).sqrt();
        reduce::fill_chunks(nearest, ROWS, |first, nearest| {
            let (turned, halves) = (&turned[..], &halves[..]);
            widest(Find { rows: self, first, centres, turned, halves, longest, nearest });
        });
    }
}

/// The nearest centre of each row from `first` on.
struct Find<'a> {
    rows: &'a Sparse<'a>,
    first: usize,
    centres: &'a [f64],
    /// The centres, the numbers of one column side by side.
    turned: &'a [f64],
    /// Half the squared length of each centre.
    halves: &'a [f64],
    longest: f64,
    nearest: &'a mut [u32],
}

impl Kernel for Find<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (n_centres, width) = (self.halves.len(), self.rows.csr.n_cols());
        let mut scores = self.halves.to_vec();
        for (place, nearest) in self.nearest.iter_mut().enumerate() {
            let (columns, values) = self.rows.csr.row(self.first + place);
            scores.copy_from_slice(self.halves);
            for (&column, &value) in columns.iter().zip(values) {
                let numbers = &self.turned[column as usize * n_centres..][..n_centres];
                scores.iter_mut().zip(numbers).for_each(|(score, number)| *score -= value * number);
            }
            let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
            let length = self.rows.lengths[self.first + place].sqrt();
            let rounding = (columns.len() + width + 8) as f64 * f64::EPSILON;
            let near = least + rounding * self.longest * (self.longest + length);
            let mut close = scores.iter().enumerate().filter(|(_, score)| **score <= near);
            let first = close.next().map_or(0, |(number, _)| number);
            *nearest = first as u32;
            let mut shortest = None;
            for (number, _) in close {
                let measure =
                    |number: usize| merged(columns, values, &self.centres[number * width..][..width]);
                let before = *shortest.get_or_insert_with(|| measure(first));
                let distance = measure(number);
                if distance < before {
                    (shortest, *nearest) = (Some(distance), number as u32);
                }
            }
        }
    }
}

impl Spots for Sparse<'_> {
    type Packed<'p>
        = &'p Self
    where
        Self: 'p;
    type Part = Sparse<'static>;

    fn n_rows(&self) -> usize {
        self.csr.n_rows()
    }

    fn width(&self) -> usize {
        self.csr.n_cols()
    }

    fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    fn unit(&self) -> f64 {
        self.unit
    }

    fn pack(&self) -> &Self {
        self
    }

    fn add_to(&self, row: usize, weight: f64, sums: &mut [f64]) {
        let (columns, values) = self.csr.row(row);
        columns.iter().zip(values).for_each(|(&column, value)| sums[column as usize] += weight * value);
    }

    fn lengths(&self, centres: &[f64]) -> Vec<f64> {
        centres.chunks_exact(self.width()).map(squares).collect()
    }

    fn squared(&self, row: usize, centre: &[f64], length: f64) -> f64 {
        squared_to(self.csr.row(row), self.lengths[row], centre, length)
    }

    fn take(&self, rows: &[usize], weighted: bool) -> Result<Sparse<'static>> {
        let weights = self.weights.as_deref().filter(|_| weighted);
        let weights = weights.map(|weights| rows.iter().map(|&row| weights[row]).collect());
        Ok(Sparse::of(Cow::Owned(self.csr.take(rows)?), weights, self.unit))
    }

    fn block(&self, _: usize) -> usize {
        BLOCK.max(self.n_rows().div_ceil(PARTS))
    }

    fn variance(&self) -> f64 {
        let width = self.width();
        // The sums of some numbers of each column, the weights of the entries of each, and the weights of the rows.
        let sums = |value: &(dyn Fn(usize, f64) -> f64 + Sync)| {
            let part = |rows: Range<usize>| {
                let mut sums = vec![0.0; 2 * width + 1];
                for row in rows {
                    let weight = self.weight(row);
                    sums[2 * width] += weight;
                    let (columns, values) = self.csr.row(row);
                    for (&column, &entry) in columns.iter().zip(values) {
                        let column = column as usize;
                        sums[column] += weight * value(column, entry);
                        sums[width + column] += weight;
                    }
                }
                sums
            };
            let sums = reduce::map_reduce(self.n_rows(), self.block(1), part, add);
            sums.unwrap_or_else(|| vec![0.0; 2 * width + 1])
        };
        let first = sums(&|_, entry| entry);
        let total = first[2 * width];
        let means: Vec<f64> = first[..width].iter().map(|sum| sum / total).collect();
        let second = sums(&|column, entry| (entry - means[column]) * (entry - means[column]));
        let zeros = |column: usize| (total - second[width + column]).max(0.0);
        let column = |column: usize| second[column] + zeros(column) * means[column] * means[column];
        (0..width).map(|at| column(at) / total).sum::<f64>() / width as f64
    }
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// The squared distance of a sparse row from a dense centre, given their squared lengths.
pub(super) fn squared_to((columns, values): (&[u32], &[f64]), own: f64, centre: &[f64], length: f64) -> f64 {
    let product: f64 =
        columns.iter().zip(values).map(|(&column, value)| value * centre[column as usize]).sum();
    let distance = own + length - 2.0 * product;
    let trusted = distance >= TRUSTED * (own + length) && distance.is_finite();
    if trusted { distance } else { merged(columns, values, centre) }
}

/// The same by the differences of all columns.
fn merged(columns: &[u32], values: &[f64], centre: &[f64]) -> f64 {
    let (mut sum, mut from) = (0.0, 0);
    for (&column, value) in columns.iter().zip(values) {
        let column = column as usize;
        let difference = value - centre[column];
        sum += squares(&centre[from..column]) + difference * difference;
        from = column + 1;
    }
    sum + squares(&centre[from..])
}

/// The nearest centre of each row of any sparse matrix.
pub(super) fn place(csr: &Csr, centres: &ArrayRef2<f64>) -> Vec<i32> {
    let centres = row_major(centres);
    let tame = |most: f64| most == 0.0 || (1e-90..=1e90).contains(&most);
    let most = |values: &[f64]| values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let centre = most(&centres);
    let mut nearest = vec![0; csr.n_rows()];
    let rows = Sparse::of(Cow::Borrowed(csr), None, 1.0);
    rows.find(&centres, &mut nearest);
    for (row, nearest) in nearest.iter_mut().enumerate() {
        let (columns, values) = csr.row(row);
        if tame(centre) && tame(most(values)) {
            continue;
        }
        // In a unit in which squares neither overflow nor vanish.
        let unit = power_of_two(centre.max(most(values)));
        let values: Vec<f64> = values.iter().map(|value| value / unit).collect();
        let mut shortest = f64::INFINITY;
        for (number, centre) in centres.chunks_exact(csr.n_cols()).enumerate() {
            let centre: Vec<f64> = centre.iter().map(|value| value / unit).collect();
            let distance = merged(columns, &values, &centre);
            if distance < shortest {
                (shortest, *nearest) = (distance, number as u32);
            }
        }
    }
    nearest.into_iter().map(|label| label as i32).collect()
}

/// The distance of each row from each centre, rows x centres.
pub(super) fn distances(csr: &Csr, centres: &ArrayRef2<f64>) -> Result<Array2<f64>> {
    let n_centres = centres.nrows();
    let centres = row_major(centres);
    let rows = Sparse::of(Cow::Borrowed(csr), None, 1.0);
    let lengths = rows.lengths(&centres);
    let mut out = vec![0.0; csr.n_rows() * n_centres];
    reduce::fill_rows(&mut out, n_centres, ROWS, |first, out| {
        for (place, out) in out.chunks_exact_mut(n_centres).enumerate() {
            let all = centres.chunks_exact(csr.n_cols()).zip(&lengths);
            for (out, (centre, length)) in out.iter_mut().zip(all) {
                *out = rows.squared(first + place, centre, *length).sqrt();
            }
        }
    });
    Array2::from_shape_vec((csr.n_rows(), n_centres), out).map_err(Error::other)
}
