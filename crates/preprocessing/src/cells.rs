//! Row by row from one dense matrix to another, in blocks that stay in the first cache.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Error, Features, Matrix, Result, memory};
use perennial_data::{Change, ChangeKind};
use perennial_numeric::{reduce, simd};

/// Numbers per block: what is read and what is written fit into the first cache together.
const BLOCK: usize = 2048;

/// Blocks per task.
const BLOCKS: usize = 32;

/// A matrix with the columns `output`, each block of whose rows `f(first row, rows in, rows out)` writes.
///
/// Infinities are found on the way, while the numbers are in the cache.
///
/// # Errors
/// When a number of `x` is infinite, or one that `f` writes is.
pub(crate) fn map_rows(
    x: &Matrix,
    output: &Features,
    f: impl Fn(usize, &[f64], &mut [f64]) + Sync,
) -> Result<Matrix> {
    let cells = x.dense()?;
    let (n_rows, n_cols, width) = (cells.nrows(), cells.ncols(), output.len());
    let mut out = memory::zeros(n_rows * width);
    let fine = std::sync::atomic::AtomicBool::new(true);
    let block = (BLOCK / n_cols.max(width).max(1)).max(1);
    reduce::fill_rows(&mut out, width, block * BLOCKS, |first, rows| {
        let mut copy = Vec::new();
        let mut bad = false;
        for (index, out) in rows.chunks_mut(block * width).enumerate() {
            let start = first + index * block;
            let input = rows_of(cells, start, out.len() / width, &mut copy);
            bad |= simd::widest(|| {
                f(start, input, out);
                any_infinite(input) | any_infinite(out)
            });
        }
        if bad {
            fine.store(false, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let out = Array2::from_shape_vec((n_rows, width), out).map_err(Error::other)?;
    let out = Matrix::from_dense(out, output.clone())?;
    if !fine.into_inner() {
        x.check_finite(true)?;
        out.check_finite(true).map_err(|error| {
            Error::overflow("a transformed value leaves the range of f64; such a value is far from all that this step learned from")
                .with_source(error)
        })?;
    }
    Ok(out)
}

/// Some rows in row-major order: lent where they lie so, else copied.
pub(crate) fn rows_of<'a>(
    x: &'a ArrayRef2<f64>,
    first: usize,
    n: usize,
    copy: &'a mut Vec<f64>,
) -> &'a [f64] {
    let n_cols = x.ncols();
    match x.as_slice() {
        Some(all) => &all[first * n_cols..(first + n) * n_cols],
        None => {
            copy.clear();
            (first..first + n).for_each(|row| copy.extend(x.row(row)));
            copy
        }
    }
}

#[inline(always)]
fn any_infinite(numbers: &[f64]) -> bool {
    numbers.iter().fold(false, |any, number| any | number.is_infinite())
}

/// How many cells of each column are missing.
pub(crate) fn missing_counts(x: &ArrayRef2<f64>) -> Vec<usize> {
    let mut counts = vec![0; x.ncols()];
    for row in x.rows() {
        counts.iter_mut().zip(row).for_each(|(count, cell)| *count += usize::from(cell.is_nan()));
    }
    counts
}

/// What was done to so many cells of each column, of those where it was done.
pub(crate) fn changes(features: &Features, kind: ChangeKind, counts: &[usize]) -> Vec<Change> {
    let done = features.names().zip(counts).filter(|(_, count)| **count > 0);
    done.map(|(name, count)| Change::of_cells(name, kind, *count)).collect()
}

/// Columns gathered at a time: those of one cache line of a row.
const GROUP: usize = 8;

/// `work(column, its values)` of every column, side by side; the values are copied out of the rows a few
/// columns at a time.
pub(crate) fn by_column<T: Send>(
    x: &ArrayRef2<f64>,
    work: impl Fn(usize, &mut Vec<f64>) -> T + Sync,
) -> Vec<T> {
    let n_cols = x.ncols();
    let mut results = Vec::with_capacity(n_cols);
    for start in (0..n_cols).step_by(GROUP) {
        let columns = gather(x, start..(start + GROUP).min(n_cols));
        let mut slots: Vec<(Vec<f64>, Option<T>)> =
            columns.into_iter().map(|values| (values, None)).collect();
        reduce::fill_chunks(&mut slots, 1, |index, slot| {
            for (values, result) in slot {
                *result = Some(work(start + index, values));
            }
        });
        results.extend(slots.into_iter().filter_map(|slot| slot.1));
    }
    results
}

fn gather(x: &ArrayRef2<f64>, columns: std::ops::Range<usize>) -> Vec<Vec<f64>> {
    let mut gathered: Vec<Vec<f64>> = columns.clone().map(|_| Vec::with_capacity(x.nrows())).collect();
    for row in x.rows() {
        for (values, column) in gathered.iter_mut().zip(columns.clone()) {
            values.push(row[column]);
        }
    }
    gathered
}
