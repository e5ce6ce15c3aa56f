//! The triangular factor of a tall design by one pass over its rows, where that keeps the digits.
//!
//! The products of the centred columns lose digits with the square of the condition, where Householder's reflections
//! lose them with the condition. For columns that hardly depend on each other that is the same, and the products move
//! each number through the processor once. So they are formed, the condition is measured, and only then is it decided.

use std::ops::Range;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Context, Result};

use super::blocks::row_block;
use super::householder::Columns;
use crate::reduce;
use crate::simd::{Kernel, broad, prefetch, widest};

/// Columns of one tile of products: as many by as many as leave registers for the factors.
const TILE: [usize; 2] = [4, 12];
const BROAD_TILE: [usize; 2] = [4, 16];
/// Numbers of a block of rows that stays in the first-level cache.
const CACHED: usize = 3072;
/// Numbers in a line of a cache.
const LINE: usize = 8;
/// Rows of one task.
const TASK_ROWS: usize = 8192;
/// The largest mean square of the entries of the inverse factor, for columns of unit length. The products then lose at
/// most about two digits to their square.
const CONDITION: f64 = 400.0;
/// The share of the squares around the shift that must remain around the mean.
const REMAINS: f64 = 0.05;
/// More columns than this are better served by blocked products.
const MOST_COLUMNS: usize = 64;
const MOST_BROAD: usize = 256;

/// Sums of products of columns: the lower triangle in tiles, row after row.
pub(super) struct Products {
    padded: usize,
    numbers: Vec<f64>,
    /// The sum of each column, and at last the sum of the weights.
    sums: Vec<f64>,
}

impl Products {
    fn new(width: usize) -> Self {
        let padded = width.next_multiple_of(if broad() { BROAD_TILE[1] / 2 } else { TILE[1] });
        Products { padded, numbers: vec![0.0; padded * padded], sums: vec![0.0; padded + 1] }
    }

    fn add(mut self, other: Products) -> Products {
        self.numbers.iter_mut().zip(&other.numbers).for_each(|(left, right)| *left += right);
        self.sums.iter_mut().zip(&other.sums).for_each(|(left, right)| *left += right);
        self
    }

    /// The sum of the products of two columns.
    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.numbers[i.max(j) * self.padded + i.min(j)]
    }

    /// The sum of a column.
    pub(super) fn sum(&self, column: usize) -> f64 {
        self.sums[column]
    }

    /// Adds the products of row-major numbers less their shifts.
    fn take(&mut self, x: &[f64], y: &[f64], shifts: &[f64], weights: Option<&[f64]>, n_rows: usize) {
        let (p, t) = (x.len() / n_rows.max(1), y.len() / n_rows.max(1));
        let step = (CACHED / self.padded.max(1)).clamp(16, 128);
        let mut block = vec![0.0; step * self.padded];
        let mut weighted = vec![0.0; if weights.is_some() { step * self.padded } else { 0 }];
        for first in (0..n_rows).step_by(step) {
            let end = n_rows.min(first + step);
            let size = (end - first) * self.padded;
            let soon = &x[end * p..n_rows.min(end + step) * p];
            let block = Rows {
                x: &x[first * p..end * p],
                soon,
                y: &y[first * t..end * t],
                shifts,
                weights: weights.map(|weights| &weights[first..end]),
                block: &mut block[..size],
                weighted: &mut weighted,
                out: self,
            };
            match broad() {
                true => widest(Block::<true>(block)),
                false => widest(Block::<false>(block)),
            }
        }
    }
}

/// The sums of products of the columns less their shifts.
pub(super) fn shifted(x: &ArrayRef2<f64>, shifts: &[f64]) -> Products {
    let none = Array2::zeros((x.nrows(), 0));
    let part = |rows: Range<usize>| products(x, &none, None, shifts, rows);
    reduce::map_reduce(x.nrows(), TASK_ROWS, part, Products::add).unwrap_or_else(|| Products::new(x.ncols()))
}

/// Whether the products of so many columns are better found here than by blocked products, which spend their time on
/// packing.
pub(super) fn suits(width: usize) -> bool {
    (1..=if broad() { MOST_BROAD } else { MOST_COLUMNS }).contains(&width)
}

/// R of the design (with ones first where there is an intercept) and the targets side by side, or `None` where columns
/// depend on each other too much, or are too few or too large, for it to be found so.
pub(super) fn factor(
    x: &ArrayRef2<f64>,
    y: &ArrayRef2<f64>,
    weights: Option<&[f64]>,
    intercept: bool,
    ctx: &Context,
) -> Result<Option<Columns>> {
    let (n_rows, width) = (x.nrows(), x.ncols() + y.ncols());
    if width > MOST_COLUMNS || n_rows < 4096.max(64 * width) {
        return Ok(None);
    }
    let shifts = if intercept { first_means(x, y) } else { vec![0.0; width] };
    if !shifts.iter().all(|shift| shift.is_finite()) {
        return Ok(None);
    }
    let part = |rows: Range<usize>| {
        ctx.check()?;
        Ok(products(x, y, weights, &shifts, rows))
    };
    let total = reduce::try_map_reduce(n_rows, TASK_ROWS, part, |a, b| Ok(Products::add(a, b)))?;
    Ok(total.and_then(|total| triangle(&total, &shifts, width, intercept)))
}

/// The means of the first rows; any number near the mean would do.
fn first_means(x: &ArrayRef2<f64>, y: &ArrayRef2<f64>) -> Vec<f64> {
    let mut means = Vec::with_capacity(x.ncols() + y.ncols());
    let n_rows = x.nrows().min(1024);
    for part in [x, y] {
        let width = part.ncols();
        let numbers = row_block(part, 0..n_rows);
        let mean = |j: usize| numbers.iter().skip(j).step_by(width).sum::<f64>() / n_rows as f64;
        means.extend((0..width).map(mean));
    }
    means
}

fn products(
    x: &ArrayRef2<f64>,
    y: &ArrayRef2<f64>,
    weights: Option<&[f64]>,
    shifts: &[f64],
    rows: Range<usize>,
) -> Products {
    let mut out = Products::new(x.ncols() + y.ncols());
    let (xs, ys) = (row_block(x, rows.clone()), row_block(y, rows.clone()));
    out.take(&xs, &ys, shifts, weights.map(|weights| &weights[rows.clone()]), rows.len());
    out
}

/// The products of columns of row-major numbers, of which the lower triangle counts: square, row after row. For columns
/// that [suit](suits).
pub(super) fn narrow_gram(numbers: &[f64], width: usize, weights: Option<&[f64]>) -> Vec<f64> {
    let mut out = Products::new(width);
    out.take(numbers, &[], &vec![0.0; width], weights, numbers.len() / width);
    let row = |i: usize| out.numbers[i * out.padded..i * out.padded + width].iter().copied();
    (0..width).flat_map(row).collect()
}

/// Some rows.
struct Rows<'a> {
    x: &'a [f64],
    /// The rows after these.
    soon: &'a [f64],
    y: &'a [f64],
    shifts: &'a [f64],
    weights: Option<&'a [f64]>,
    block: &'a mut [f64],
    weighted: &'a mut [f64],
    out: &'a mut Products,
}

/// Adds the products of some rows.
struct Block<'a, const BROAD: bool>(Rows<'a>);

impl<const BROAD: bool> Kernel for Block<'_, BROAD> {
    type Output = ();
    const BROAD: bool = BROAD;

    #[inline(always)]
    fn run(self) {
        let Rows { x, soon, y, shifts, weights, block, weighted, out } = self.0;
        let padded = out.padded;
        let n = block.len() / padded;
        let (p, t) = (x.len() / n, y.len() / n);
        let (x_shifts, y_shifts) = shifts.split_at(p);
        for (i, row) in block.chunks_exact_mut(padded).enumerate() {
            let (left, right) = row.split_at_mut(p);
            for ((out, value), shift) in left.iter_mut().zip(&x[i * p..(i + 1) * p]).zip(x_shifts) {
                *out = value - shift;
            }
            for ((out, value), shift) in right.iter_mut().zip(&y[i * t..(i + 1) * t]).zip(y_shifts) {
                *out = value - shift;
            }
        }
        let left: &[f64] = match weights {
            None => {
                out.sums[padded] += n as f64;
                block
            }
            Some(weights) => {
                let rows = weighted.chunks_exact_mut(padded).zip(block.chunks_exact(padded));
                for ((to, from), weight) in rows.zip(weights) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = from * weight);
                    out.sums[padded] += weight;
                }
                &weighted[..n * padded]
            }
        };
        let mut first = 0;
        while first < padded {
            // As many as have their sums in registers; there are a multiple of four.
            first += match padded - first {
                24.. => add_up::<24>(left, padded, first, &mut out.sums),
                8.. => add_up::<8>(left, padded, first, &mut out.sums),
                _ => add_up::<4>(left, padded, first, &mut out.sums),
            };
        }
        let numbers = &mut out.numbers;
        if BROAD {
            const HIGH: usize = BROAD_TILE[0];
            const WIDE: usize = BROAD_TILE[1];
            // While these rows are multiplied the next ones are on their way.
            let n_tiles: usize = (0..padded).step_by(HIGH).map(|i| i / WIDE + 1).sum();
            let n_lines = soon.len().div_ceil(LINE * n_tiles);
            let mut lines = (0..soon.len()).step_by(LINE);
            for i in (0..padded).step_by(HIGH) {
                for j in (0..=i).step_by(WIDE) {
                    lines.by_ref().take(n_lines).for_each(|at| prefetch(soon, at));
                    // Half a tile at the end of a row, where no more is needed.
                    match i + HIGH - j <= WIDE / 2 {
                        true => tile::<HIGH, { WIDE / 2 }>(left, block, padded, i, j, numbers),
                        false => tile::<HIGH, WIDE>(left, block, padded, i, j, numbers),
                    }
                }
            }
        } else {
            for i in (0..padded).step_by(TILE[0]) {
                for j in (0..=i).step_by(TILE[1]) {
                    tile::<{ TILE[0] }, { TILE[1] }>(left, block, padded, i, j, numbers);
                }
            }
        }
    }
}

/// Adds the values of `N` columns from `first` on to their sums; gives their number.
#[inline(always)]
fn add_up<const N: usize>(rows: &[f64], padded: usize, first: usize, sums: &mut [f64]) -> usize {
    let mut own = [0.0; N];
    own.copy_from_slice(&sums[first..first + N]);
    for row in rows.chunks_exact(padded) {
        let Some(values) = row[first..].first_chunk::<N>() else { break };
        own.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    sums[first..first + N].copy_from_slice(&own);
    N
}

/// Adds the products of the columns from `i` on of `left` with those from `j` on of `right`.
#[inline(always)]
fn tile<const HIGH: usize, const WIDE: usize>(
    left: &[f64],
    right: &[f64],
    padded: usize,
    i: usize,
    j: usize,
    out: &mut [f64],
) {
    let mut sums = [[0.0; WIDE]; HIGH];
    for (left, right) in left.chunks_exact(padded).zip(right.chunks_exact(padded)) {
        let (Some(left), Some(right)) = (left[i..].first_chunk::<HIGH>(), right[j..].first_chunk::<WIDE>())
        else {
            return;
        };
        for (sums, value) in sums.iter_mut().zip(left) {
            for (sum, other) in sums.iter_mut().zip(right) {
                *sum = value.mul_add(*other, *sum);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let start = (i + row) * padded + j;
        out[start..start + WIDE].iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
    }
}

/// R from the products around the shifts.
fn triangle(total: &Products, shifts: &[f64], width: usize, intercept: bool) -> Option<Columns> {
    let weight = total.sums[total.padded];
    if !(weight > 0.0 && weight.is_finite()) {
        return None;
    }
    let first = usize::from(intercept);
    let raw = |i: usize, j: usize| total.at(i, j);
    let centred = |i: usize, j: usize| {
        raw(i, j) - if intercept { total.sums[i] * (total.sums[j] / weight) } else { 0.0 }
    };
    let mut lengths = vec![0.0; width];
    for (j, length) in lengths.iter_mut().enumerate() {
        let squares = centred(j, j);
        // Numbers whose squares are near the limits, and those of no spread.
        if !(squares > 1e-200 && squares < 1e200 && squares >= REMAINS * raw(j, j)) {
            return None;
        }
        *length = squares.sqrt();
    }
    // Columns of R at unit length.
    let mut unit = Columns::zeros(width, width);
    for j in 0..width {
        for i in 0..=j {
            let known: f64 = (0..i).map(|k| unit.at(k, i) * unit.at(k, j)).sum();
            let rest = centred(i, j) / lengths[i] / lengths[j] - known;
            unit.column_mut(j)[i] = if i < j { rest / unit.at(i, i) } else { rest.max(0.0).sqrt() };
        }
        if !(unit.at(j, j) > 1e-3) {
            return None;
        }
    }
    let mut squares = 0.0;
    let mut column = vec![0.0; width];
    for j in 0..width {
        column.fill(0.0);
        column[j] = 1.0;
        unit.solve_upper(width, &mut column);
        squares += column.iter().map(|value| value * value).sum::<f64>();
    }
    if !(squares <= CONDITION * width as f64) {
        return None;
    }
    let root = weight.sqrt();
    Some(Columns::from_fn(width + first, width + first, |i, j| match (i, j) {
        (i, j) if i > j => 0.0,
        (0, 0) if intercept => root,
        (0, j) if intercept => (total.sums[j - 1] / weight + shifts[j - 1]) * root,
        (i, j) => unit.at(i - first, j - first) * lengths[j - first],
    }))
}
