//! Forward substitution for many right-hand sides.
//!
//! Right-hand sides lie side by side in panels, and what is known of the solution is taken off by tiles of products. What
//! is done for one of them does not depend on its neighbours, so each has the same bits in any company.

use std::ops::Range;

use faer::Mat;

use super::micro::{HIGH, Tile, WIDE, tile};
use crate::simd::{Kernel, widest};

/// Rows of the matrix that are worked on with the same part of the solution: with [`COLUMNS`] of them packed they stay in
/// the second-level cache.
const ROWS: usize = 24 * HIGH;
/// Columns of one part: so much of a panel, and the strip that it is multiplied with, stay in the first-level cache.
const COLUMNS: usize = 96;
/// Panels for which a part of the matrix is packed at a time.
const PANELS: usize = 12;

/// Each row `b` becomes the solution of `L x = b`. Only the lower triangle is read, whose diagonal must not hold 0.
pub(super) fn forward(lower: &Mat<f64>, rows: &mut [f64]) {
    let n = lower.nrows();
    if n == 0 {
        return;
    }
    let n_padded = n.next_multiple_of(HIGH);
    let mut packed = vec![[0.0; HIGH]; ROWS / HIGH * (ROWS + 1)];
    let mut x = Vec::new();
    for rows in rows.chunks_mut(PANELS * WIDE * n) {
        x.clear();
        x.resize((rows.len() / n).div_ceil(WIDE) * n_padded, [0.0; WIDE]);
        for (panel, rows) in x.chunks_exact_mut(n_padded).zip(rows.chunks(WIDE * n)) {
            for first in (0..n).step_by(COLUMNS) {
                for (place, row) in rows.chunks_exact(n).enumerate() {
                    let numbers = row[first..].iter().take(COLUMNS);
                    panel[first..].iter_mut().zip(numbers).for_each(|(x, value)| x[place] = *value);
                }
            }
        }
        for first in (0..n_padded).step_by(ROWS) {
            block(lower, first..n_padded.min(first + ROWS), &mut packed, &mut x, n_padded);
        }
        for (panel, rows) in x.chunks_exact(n_padded).zip(rows.chunks_mut(WIDE * n)) {
            for first in (0..n).step_by(COLUMNS) {
                for (place, row) in rows.chunks_exact_mut(n).enumerate() {
                    let numbers = row[first..].iter_mut().take(COLUMNS);
                    panel[first..].iter().zip(numbers).for_each(|(x, value)| *value = x[place]);
                }
            }
        }
    }
}

/// Solves for some rows, those before which are solved.
fn block(lower: &Mat<f64>, rows: Range<usize>, packed: &mut [[f64; HIGH]], x: &mut [[f64; WIDE]], n: usize) {
    let mut products = [[0.0; WIDE]; HIGH];
    for start in (0..rows.start).step_by(COLUMNS) {
        let columns = start..rows.start.min(start + COLUMNS);
        let packed = pack(lower, &rows, &columns, packed);
        for panel in x.chunks_exact_mut(n) {
            let (known, rest) = panel.split_at_mut(rows.start);
            let known = &known[columns.clone()];
            let strips = packed.chunks_exact(stride(&columns)).zip(rest.as_chunks_mut::<HIGH>().0);
            for (strip, rest) in strips {
                tile(&strip[..columns.len()], known, &mut products);
                widest(Subtract { products: &products, from: rest });
            }
        }
    }
    let packed = pack(lower, &rows, &rows, packed);
    for panel in x.chunks_exact_mut(n) {
        let panel = &mut panel[rows.clone()];
        for (place, strip) in packed.chunks_exact(stride(&rows)).enumerate() {
            let (known, rest) = panel.split_at_mut(place * HIGH);
            let (strip, corner) = strip.split_at(known.len());
            tile(strip, known, &mut products);
            let (Some(rest), Some(corner)) = (rest.first_chunk_mut(), corner.first_chunk()) else { return };
            widest(Subtract { products: &products, from: rest });
            widest(Corner { corner, rows: rest });
        }
    }
}

/// From one packed strip to the next: an odd number of cache lines, or the numbers of one column would all fall into a few
/// sets of the cache.
fn stride(columns: &Range<usize>) -> usize {
    columns.len() | 1
}

/// A part of the matrix, strip by strip and in those column by column; zeros where it ends.
fn pack<'a>(
    lower: &Mat<f64>,
    rows: &Range<usize>,
    columns: &Range<usize>,
    packed: &'a mut [[f64; HIGH]],
) -> &'a [[f64; HIGH]] {
    let packed = &mut packed[..rows.len() / HIGH * stride(columns)];
    for (k, column) in columns.clone().enumerate() {
        let numbers = if column < lower.ncols() { &lower.col_as_slice(column)[rows.start..] } else { &[] };
        let (whole, rest) = numbers.as_chunks::<HIGH>();
        for (strip, out) in packed.iter_mut().skip(k).step_by(stride(columns)).enumerate() {
            *out = whole.get(strip).copied().unwrap_or_else(|| {
                std::array::from_fn(|place| {
                    if strip == whole.len() { rest.get(place).copied().unwrap_or(0.0) } else { 0.0 }
                })
            });
        }
    }
    packed
}

struct Subtract<'a> {
    products: &'a Tile,
    from: &'a mut Tile,
}

impl Kernel for Subtract<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for (from, product) in self.from.as_flattened_mut().iter_mut().zip(self.products.as_flattened()) {
            *from -= product;
        }
    }
}

/// Solves with the part of the matrix at its diagonal, given column by column.
struct Corner<'a> {
    corner: &'a [[f64; HIGH]; HIGH],
    rows: &'a mut Tile,
}

impl Kernel for Corner<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for i in 0..HIGH {
            let (known, rest) = self.rows.split_at_mut(i);
            let Some(row) = rest.first_mut() else { return };
            for (known, column) in known.iter().zip(self.corner) {
                for (value, known) in row.iter_mut().zip(known) {
                    *value -= column[i] * known;
                }
            }
            // Behind the last row there are zeros.
            let diagonal = if self.corner[i][i] == 0.0 { 1.0 } else { self.corner[i][i] };
            row.iter_mut().for_each(|value| *value /= diagonal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_solved_each_by_itself() {
        for n in [1, 7, 8, 100, 193, 500] {
            let number = |i: usize, j: usize| ((i * 37 + j * 11) % 101) as f64 / 101.0 - 0.5;
            let lower =
                Mat::from_fn(n, n, |i, j| if i == j { 8.0 + number(i, j) } else { number(i, j) / 10.0 });
            // More right-hand sides than are packed for at a time.
            let n_rows = PANELS * WIDE + 31;
            let solution: Vec<f64> = (0..n_rows * n).map(|cell| number(cell / n, cell % n + 3)).collect();
            let mut sides: Vec<f64> = (0..n_rows * n)
                .map(|cell| {
                    (0..=cell % n).map(|k| lower[(cell % n, k)] * solution[cell - cell % n + k]).sum()
                })
                .collect();
            let mut alone = sides[(n_rows - 1) * n..].to_vec();
            forward(&lower, &mut sides);
            for (found, truth) in sides.iter().zip(&solution) {
                assert!((found - truth).abs() < 1e-12, "{found} instead of {truth}, {n} rows");
            }
            forward(&lower, &mut alone);
            assert_eq!(alone, sides[(n_rows - 1) * n..]);
        }
    }
}
