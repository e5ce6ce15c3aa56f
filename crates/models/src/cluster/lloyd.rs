//! Lloyd's iteration, which the estimators of this module share.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::ArrayRef2;
use perennial_core::{Context, Error, Result, Train};
use perennial_numeric::neighbors::{Bounds, nearest_centres};
use perennial_numeric::reduce;
use perennial_numeric::simd::{Kernel, widest};

use super::spots::{Finder, Spots};
use crate::rows::{power_of_two, row_major, rows_that_count, tame};

/// Rows of one task.
pub(super) const BLOCK: usize = 8192;

/// The rows that count, in units in which squares neither overflow nor vanish.
#[derive(Debug)]
pub(crate) struct Data<'a> {
    pub(crate) cells: Cow<'a, [f64]>,
    pub(crate) width: usize,
    pub(crate) weights: Option<Cow<'a, [f64]>>,
    pub(crate) unit: f64,
}

impl<'a> Data<'a> {
    pub(crate) fn new<Y: ?Sized>(train: &Train<'a, perennial_core::Matrix, Y>) -> Result<Self> {
        let x = train.x.dense()?;
        let width = x.ncols();
        if width == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        let mut weights = tame(train.weights);
        let mut cells = row_major(x);
        let (mut most, is_finite) = extent(&cells);
        if !is_finite {
            train.x.check_finite(false)?;
        }
        if train.weights.is_some_and(|weights| weights.contains(&0.0)) {
            let rows = rows_that_count(x.nrows(), train.weights)?;
            cells = rows.iter().flat_map(|&row| cells[row as usize * width..][..width].to_vec()).collect();
            weights = weights.map(|weights| rows.iter().map(|&row| weights[row as usize]).collect());
            most = largest(&cells);
        }
        let unit = unit_of(most);
        if unit != 1.0 {
            cells.to_mut().iter_mut().for_each(|value| *value /= unit);
        }
        Ok(Data { cells, width, weights, unit })
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.width..][..self.width]
    }
}

/// A unit in which the squares of such numbers neither overflow nor vanish: a power of two, or 1 where none is needed.
pub(super) fn unit_of(largest: f64) -> f64 {
    if largest == 0.0 || (1e-100..=1e100).contains(&largest) { 1.0 } else { power_of_two(largest) }
}

/// The largest magnitude of finite numbers.
pub(crate) fn largest(cells: &[f64]) -> f64 {
    extent(cells).0
}

/// The largest magnitude, and whether all numbers are finite.
fn extent(cells: &[f64]) -> (f64, bool) {
    let part = |range: Range<usize>| widest(Extent(&cells[range]));
    let join = |a: (f64, bool), b: (f64, bool)| (a.0.max(b.0), a.1 && b.1);
    reduce::map_reduce(cells.len(), 1 << 16, part, join).unwrap_or((0.0, true))
}

struct Extent<'a>(&'a [f64]);

impl Kernel for Extent<'_> {
    type Output = (f64, bool);

    #[inline(always)]
    fn run(self) -> (f64, bool) {
        let (mut most, mut zeros) = ([0.0f64; 16], [0.0; 16]);
        let (blocks, rest) = self.0.as_chunks::<16>();
        let mut see = |lane: usize, value: f64| {
            most[lane] = if value.abs() > most[lane] { value.abs() } else { most[lane] };
            zeros[lane] += value * 0.0;
        };
        blocks.iter().for_each(|block| (0..16).for_each(|lane| see(lane, block[lane])));
        rest.iter().for_each(|value| see(0, *value));
        (most.into_iter().fold(0.0, f64::max), zeros.into_iter().sum::<f64>() == 0.0)
    }
}

/// The sum of two vectors of one length.
pub(crate) fn add(mut left: Vec<f64>, right: Vec<f64>) -> Vec<f64> {
    left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
    left
}

/// What the iteration found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) centres: Vec<f64>,
    pub(crate) labels: Vec<u32>,
    pub(crate) inertia: f64,
    pub(crate) n_iterations: usize,
    pub(crate) converged: bool,
    /// The sum of the squared moves of the centres in the last step.
    pub(crate) shift: f64,
}

/// Sums of the rows of each cluster, and their weights after them.
struct Sums {
    sums: Vec<f64>,
    counts: Vec<f64>,
}

pub(crate) struct Lloyd<'a, S, F> {
    pub(crate) data: &'a S,
    pub(crate) points: &'a F,
    pub(crate) max_iter: usize,
    /// Of the sum of squared moves.
    pub(crate) tolerance: f64,
}

impl<S: Spots, F: Finder> Lloyd<'_, S, F> {
    pub(crate) fn run(&self, ctx: &Context, mut centres: Vec<f64>) -> Result<Found> {
        let (n_rows, width) = (self.data.n_rows(), self.data.width());
        let n_clusters = centres.len() / width;
        let (mut labels, mut before) = (vec![0; n_rows], vec![u32::MAX; n_rows]);
        let mut sums = Sums { sums: Vec::new(), counts: Vec::new() };
        let mut bounds = Bounds::default();
        let (mut shift, mut converged, mut settled, mut n_iterations) = (f64::INFINITY, false, false, 0);
        for iteration in 0..self.max_iter {
            ctx.step(iteration, self.max_iter)?;
            n_iterations = iteration + 1;
            self.points.nearest_again(&centres, &mut labels, &mut bounds);
            let changed = reduce::map_chunks(n_rows, BLOCK, |rows| {
                rows.filter(|&row| labels[row] != before[row]).map(|row| row as u32).collect::<Vec<u32>>()
            })
            .concat();
            if changed.is_empty() {
                (converged, settled, shift) = (true, true, 0.0);
                break;
            }
            if changed.len() > n_rows / 8 {
                sums = self.sums(&labels, n_clusters);
            } else {
                changed.iter().for_each(|&row| {
                    self.step(&mut sums, row as usize, before[row as usize], labels[row as usize])
                });
            }
            before.copy_from_slice(&labels);
            self.reseat(&centres, &mut before, &mut sums);
            let mut moved = 0.0;
            for cluster in 0..n_clusters {
                let count = sums.counts[cluster];
                if count > 0.0 {
                    for column in cluster * width..(cluster + 1) * width {
                        let value = sums.sums[column] / count;
                        moved += (value - centres[column]) * (value - centres[column]);
                        centres[column] = value;
                    }
                }
            }
            shift = moved;
            if moved <= self.tolerance {
                converged = true;
                break;
            }
        }
        if !settled {
            self.points.nearest_again(&centres, &mut labels, &mut bounds);
        }
        let inertia = inertia(self.data, &centres, &labels);
        Ok(Found { centres, labels, inertia, n_iterations, converged, shift })
    }

    fn sums(&self, labels: &[u32], n_clusters: usize) -> Sums {
        let width = self.data.width();
        let part = |rows: Range<usize>| {
            let (mut sums, mut counts) = (vec![0.0; n_clusters * width], vec![0.0; n_clusters]);
            for row in rows {
                let (label, weight) = (labels[row] as usize, self.data.weight(row));
                counts[label] += weight;
                self.data.add_to(row, weight, &mut sums[label * width..][..width]);
            }
            Sums { sums, counts }
        };
        let join = |left: Sums, right: Sums| Sums {
            sums: add(left.sums, right.sums),
            counts: add(left.counts, right.counts),
        };
        let block = self.data.block(n_clusters);
        let none = || Sums { sums: vec![0.0; n_clusters * width], counts: vec![0.0; n_clusters] };
        reduce::map_reduce(labels.len(), block, part, join).unwrap_or_else(none)
    }

    /// Moves a row from one cluster to another.
    fn step(&self, sums: &mut Sums, row: usize, from: u32, to: u32) {
        let (width, weight) = (self.data.width(), self.data.weight(row));
        for (label, weight) in [(from, -weight), (to, weight)] {
            let label = label as usize;
            sums.counts[label] += weight;
            self.data.add_to(row, weight, &mut sums.sums[label * width..][..width]);
        }
    }

    /// Gives each empty cluster the row that is farthest from its centre.
    fn reseat(&self, centres: &[f64], labels: &mut [u32], sums: &mut Sums) {
        let least = 1e-12 * sums.counts.iter().sum::<f64>() / labels.len() as f64;
        let empty: Vec<usize> = (0..sums.counts.len()).filter(|&label| sums.counts[label] <= least).collect();
        if empty.is_empty() {
            return;
        }
        let width = self.data.width();
        let lengths = self.data.lengths(centres);
        let mut far: Vec<(f64, usize)> = reduce::map_chunks(labels.len(), BLOCK, |rows| {
            rows.map(|row| {
                let label = labels[row] as usize;
                let centre = &centres[label * width..][..width];
                (self.data.squared(row, centre, lengths[label]) * self.data.weight(row), row)
            })
            .collect::<Vec<_>>()
        })
        .concat();
        far.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut far = far.into_iter().filter(|(distance, _)| *distance > 0.0);
        for label in empty {
            let donor = far
                .by_ref()
                .find(|&(_, row)| sums.counts[labels[row] as usize] > self.data.weight(row) * (1.0 + 1e-9));
            let Some((_, row)) = donor else { return };
            sums.counts[label] = 0.0;
            sums.sums[label * width..][..width].fill(0.0);
            self.step(sums, row, labels[row], label as u32);
            labels[row] = label as u32;
        }
    }
}

/// The sum of the squared distances of the rows from the centres of their clusters, times their weights.
pub(crate) fn inertia(data: &impl Spots, centres: &[f64], labels: &[u32]) -> f64 {
    let (width, lengths) = (data.width(), data.lengths(centres));
    let part = |rows: Range<usize>| {
        rows.map(|row| {
            let label = labels[row] as usize;
            data.squared(row, &centres[label * width..][..width], lengths[label]) * data.weight(row)
        })
        .sum::<f64>()
    };
    reduce::map_reduce(labels.len(), BLOCK, part, |left, right| left + right).unwrap_or(0.0)
}

#[inline]
pub(crate) fn squared(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut lanes = [0.0; 4];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..4 {
            lanes[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + rest
}

/// The nearest centre of each row of any matrix.
pub(crate) fn place(x: &ArrayRef2<f64>, centres: &ArrayRef2<f64>) -> Vec<i32> {
    let mut nearest = vec![0; x.nrows()];
    nearest_centres(&row_major(x), x.ncols(), &row_major(centres), &mut nearest);
    nearest.into_iter().map(|label| label as i32).collect()
}
