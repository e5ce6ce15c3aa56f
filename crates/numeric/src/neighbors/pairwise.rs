//! The distances of all pairs of rows, under any metric.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Error, Result};

use super::norm::{Largest, Magnitudes, Norm, Powers, Squares, between};
use super::space::{Metric, Space, haversine};
use crate::linalg::{array, magnitude, row_block, rows_of};
use crate::{reduce, simd};

/// The distances of the rows of `a` from those of `b`, rows of `a` x rows of `b`, coordinate by coordinate: to the bit
/// those that an [`Index`](super::Index) finds.
///
/// # Errors
/// When a matrix is empty or holds a number that is not finite, the columns are not the same, the metric does not suit
/// them, or a distance is beyond the range of `f64`.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::neighbors::{Metric, pairwise};
///
/// let x = array![[0.0, 0.0], [3.0, 4.0]];
/// assert_eq!(pairwise(Metric::Euclidean, &x, &x)?, array![[0.0, 5.0], [5.0, 0.0]]);
/// assert_eq!(pairwise(Metric::Manhattan, &x, &x)?, array![[0.0, 7.0], [7.0, 0.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn pairwise(metric: Metric, a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Result<Array2<f64>> {
    let largest = f64::max(magnitude(a, "the matrix of rows")?, magnitude(b, "the matrix of others")?);
    if a.ncols() != b.ncols() {
        return Err(Error::malformed(format!(
            "rows of {} columns have no distance from rows of {}; both must have the same",
            a.ncols(),
            b.ncols()
        )));
    }
    let space = Space::new(metric, a.ncols(), largest)?;
    let (n_rows, n_others) = (a.nrows(), b.nrows());
    let (rows, others) = (row_block(a, 0..n_rows), row_block(b, 0..n_others));
    let mut out = vec![0.0; n_rows * n_others];
    if space.metric == Metric::Haversine {
        reduce::fill_rows(&mut out, n_others, rows_of(1 << 12, n_others), |first, out| {
            for (out, row) in out.chunks_exact_mut(n_others).zip(rows[2 * first..].chunks_exact(2)) {
                let pairs = out.iter_mut().zip(others.chunks_exact(2));
                pairs.for_each(|(out, other)| *out = haversine(row, other));
            }
        });
        return Ok(array(n_rows, n_others, out));
    }
    // Rows of zeros, which have no direction, are as far from each other as from all others.
    let (rows, others) = (space.place(&rows, 1), space.place(&others, 0));
    let pair = Pair { space: &space, rows: &rows, others: &others };
    match space.metric {
        Metric::Manhattan => pair.fill(Magnitudes, &mut out),
        Metric::Chebyshev => pair.fill(Largest, &mut out),
        Metric::Minkowski(p) => pair.fill(Powers(p), &mut out),
        _ => pair.fill(Squares, &mut out),
    }
    match out.iter().position(|distance| !distance.is_finite()) {
        None => Ok(array(n_rows, n_others, out)),
        Some(place) => Err(Error::overflow(format!(
            "the distance of row {} from row {} is beyond the range of f64; scale the columns",
            place / n_others,
            place % n_others
        ))),
    }
}

/// The distances of pairs of rows, as [`pairwise`] gives them.
///
/// # Errors
/// As for [`pairwise`], and when a pair has a row that is none.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::neighbors::{Metric, paired};
///
/// let x = array![[0.0, 0.0], [3.0, 4.0], [3.0, 0.0]];
/// assert_eq!(paired(Metric::Euclidean, &x, &[(0, 1), (2, 1)])?, [5.0, 4.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn paired(metric: Metric, x: &ArrayRef2<f64>, pairs: &[(u32, u32)]) -> Result<Vec<f64>> {
    let space = Space::new(metric, x.ncols(), magnitude(x, "the matrix of rows")?)?;
    if let Some((a, b)) = pairs.iter().find(|(a, b)| (*a).max(*b) as usize >= x.nrows()) {
        return Err(Error::malformed(format!("the pair ({a}, {b}) has a row that is none of {}", x.nrows())));
    }
    let cells = row_block(x, 0..x.nrows());
    let (places, others) = match space.metric {
        Metric::Haversine => (cells.to_vec(), cells.to_vec()),
        _ => (space.place(&cells, 1), space.place(&cells, 0)),
    };
    let width = places.len() / x.nrows().max(1);
    let mut out = vec![0.0; pairs.len()];
    reduce::fill_chunks(&mut out, 4096, |first, out| {
        for (out, (a, b)) in out.iter_mut().zip(&pairs[first..]) {
            let (a, b) = (&places[*a as usize * width..][..width], &others[*b as usize * width..][..width]);
            *out = match space.metric {
                Metric::Haversine => haversine(a, b),
                Metric::Manhattan => space.distance(between(Magnitudes, a, b)),
                Metric::Chebyshev => space.distance(between(Largest, a, b)),
                Metric::Minkowski(p) => space.distance(between(Powers(p), a, b)),
                _ => space.distance(between(Squares, a, b)),
            };
        }
    });
    match out.iter().position(|distance| !distance.is_finite()) {
        None => Ok(out),
        Some(place) => Err(Error::overflow(format!(
            "the distance of row {} from row {} is beyond the range of f64; scale the columns",
            pairs[place].0, pairs[place].1
        ))),
    }
}

struct Pair<'a> {
    space: &'a Space,
    rows: &'a [f64],
    others: &'a [f64],
}

impl Pair<'_> {
    fn fill<N: Norm>(&self, norm: N, out: &mut [f64]) {
        let width = self.space.n_coordinates();
        let n_others = self.others.len() / width;
        reduce::fill_rows(out, n_others, rows_of(1 << 16, n_others * width), |first, out| {
            simd::widest(
                #[inline(always)]
                || {
                    let rows = self.rows[first * width..].chunks_exact(width);
                    for (out, row) in out.chunks_exact_mut(n_others).zip(rows) {
                        for (out, other) in out.iter_mut().zip(self.others.chunks_exact(width)) {
                            *out = self.space.distance(between(norm, row, other));
                        }
                    }
                },
            );
        });
    }
}
