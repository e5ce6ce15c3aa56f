//! Least squares by Householder QR, in one pass over the rows.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayRef2};
use perennial_core::{Context, Error, Result};

use super::blocks::{column_magnitudes, power_of_two, row_block};
use super::householder::Columns;
use super::tall;
use crate::reduce;

/// A regression problem reduced to its triangular factor: all that least squares, ridge paths and
/// covariances need, whatever the number of rows.
///
/// The design is the columns of `x`, after a column of ones where there is an intercept. Blocks of rows are
/// reduced in parallel, and their factors reduced again in pairs (TSQR; Demmel, Grigori, Hoemmen and
/// Langou, 2012). Where there are many more rows than columns the products of the centred columns are formed
/// first, in one pass; their factor is taken if the condition, which it tells, is so small that no more than about two
/// digits are lost to its square, and else the reflections do the work.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::linalg::Qr;
///
/// let x = array![[1.0], [2.0], [3.0], [4.0]];
/// let y = array![[3.0], [5.0], [7.0], [9.0]];
/// let fit = Qr::new(&x, &y, None, true)?.solve()?;
/// assert!((fit.coefficients[[0, 0]] - 2.0).abs() < 1e-14);
/// assert!((fit.intercept[0] - 1.0).abs() < 1e-14);
/// assert_eq!(fit.rank, 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Qr {
    /// R of the design and the targets side by side, square, in scaled units.
    r: Columns,
    /// A column of the design or the targets is this many times the scaled one; powers of two.
    scales: Vec<f64>,
    n_rows: usize,
    n_features: usize,
    n_targets: usize,
    intercept: bool,
}

/// The answer of a least-squares problem; one column, or one entry, for each target.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LeastSquares {
    /// Coefficients, features x targets.
    pub coefficients: Array2<f64>,
    /// Intercepts; 0 without an intercept.
    pub intercept: Array1<f64>,
    /// How many columns of the design are independent, the intercept included.
    pub rank: usize,
    /// The weighted sum of squared residuals.
    pub residual_sum_of_squares: Array1<f64>,
}

impl Qr {
    /// Reduces the design `x` (rows x features) and the targets `y` (rows x targets, possibly none).
    ///
    /// # Errors
    /// When there are no rows, lengths differ, a number is not finite, or a weight is negative.
    pub fn new(
        x: &ArrayRef2<f64>,
        y: &ArrayRef2<f64>,
        weights: Option<&[f64]>,
        intercept: bool,
    ) -> Result<Qr> {
        Qr::new_in(&Context::new(), x, y, weights, intercept)
    }

    /// As [`new`](Qr::new), but stops where `ctx` says so.
    ///
    /// # Errors
    /// As [`new`](Qr::new), and [`Cancelled`](perennial_core::ErrorKind::Cancelled).
    pub fn new_in(
        ctx: &Context,
        x: &ArrayRef2<f64>,
        y: &ArrayRef2<f64>,
        weights: Option<&[f64]>,
        intercept: bool,
    ) -> Result<Qr> {
        ctx.check()?;
        let (n_rows, n_features, n_targets) = (x.nrows(), x.ncols(), y.ncols());
        if n_rows == 0 || n_features == 0 && !intercept {
            return Err(Error::empty(format!("the design has {n_rows} rows and {n_features} columns")));
        }
        if y.nrows() != n_rows {
            return Err(Error::length_mismatch("the target", n_rows, y.nrows()));
        }
        let weight_scale = check_weights(weights, n_rows)?;
        // Here columns are as they are: the factor is only found so where their squares are well in range.
        if let Some(r) = tall::factor(x, y, weights, intercept, ctx)? {
            let width = r.n_cols;
            return Ok(Qr { r, scales: vec![1.0; width], n_rows, n_features, n_targets, intercept });
        }
        let mut scales = vec![1.0; usize::from(intercept)];
        scales.extend(column_magnitudes(x, "the input")?.into_iter().map(power_of_two));
        scales.extend(column_magnitudes(y, "the target")?.into_iter().map(power_of_two));

        let width = scales.len();
        let reduce_block = |rows: Range<usize>| {
            ctx.check()?;
            let mut block = Columns::zeros(rows.len(), width);
            let root = |row: usize| weights.map_or(1.0, |w| (w[row] / weight_scale).sqrt());
            let roots: Vec<f64> = rows.clone().map(root).collect();
            if intercept {
                block.column_mut(0).copy_from_slice(&roots);
            }
            let mut first = usize::from(intercept);
            for part in [x, y] {
                let numbers = row_block(part, rows.clone());
                for j in 0..part.ncols() {
                    let inverse = 1.0 / scales[first + j];
                    let values = numbers.iter().skip(j).step_by(part.ncols());
                    for ((out, value), root) in block.column_mut(first + j).iter_mut().zip(values).zip(&roots)
                    {
                        *out = value * inverse * root;
                    }
                }
                first += part.ncols();
            }
            Ok(block.into_r())
        };
        // Blocks that stay in the second-level cache, and tall enough for the reduction to pay.
        let block_rows = (32_768 / width).max(4 * width).max(64);
        let r = reduce::try_map_reduce(n_rows, block_rows, reduce_block, |top, bottom| {
            ctx.check()?;
            Ok(stack(&top, &bottom).into_r())
        })?;
        let r = r.unwrap_or_else(|| Columns::zeros(0, width));
        let r = Columns::from_fn(width, width, |i, j| if i < r.n_rows { r.at(i, j) } else { 0.0 });
        // The common factor of the weights moves from the rows to R.
        let root = weight_scale.sqrt();
        let r = Columns::from_fn(width, width, |i, j| r.at(i, j) * root);
        Ok(Qr { r, scales, n_rows, n_features, n_targets, intercept })
    }

    /// The number of columns of the design, the intercept included.
    fn n_design(&self) -> usize {
        self.n_features + usize::from(self.intercept)
    }

    /// R of the design, upper triangular: `R^T R = X^T W X`, the intercept first.
    pub fn r(&self) -> Array2<f64> {
        let n = self.n_design();
        Array2::from_shape_fn((n, n), |(i, j)| self.r.at(i, j) * self.scales[j])
    }

    /// `Q^T y`, design columns x targets: the targets as seen by [`r`](Qr::r).
    pub fn qty(&self) -> Array2<f64> {
        let n = self.n_design();
        Array2::from_shape_fn((n, self.n_targets), |(i, j)| self.r.at(i, n + j) * self.scales[n + j])
    }

    /// The weighted means of the features; `None` without an intercept.
    pub fn means(&self) -> Option<Array1<f64>> {
        let root = self.r.at(0, 0);
        let mean = |j| self.r.at(0, j + 1) / root * self.scales[j + 1];
        (self.intercept && root != 0.0).then(|| (0..self.n_features).map(mean).collect())
    }

    /// The least-squares answer; where columns depend on each other, the one with the smallest
    /// coefficients (the intercept not counted), so that equal columns share their coefficient.
    ///
    /// A column depends on the others when less than about 1e-14 to 1e-12 of its length is its own, by the number of
    /// rows; columns are compared at unit length, so units of measurement do not matter.
    ///
    /// # Errors
    /// When all weights are 0 with an intercept, or a coefficient leaves the range of `f64`.
    pub fn solve(&self) -> Result<LeastSquares> {
        let (n, skip) = (self.n_features, usize::from(self.intercept));
        let lengths: Vec<f64> = (0..n)
            .map(|j| self.r.column(j + skip).iter().map(|r| r * r).sum::<f64>().sqrt())
            .map(|length| if length == 0.0 { 1.0 } else { length })
            .collect();
        let mut design = Columns::from_fn(n, n, |i, j| self.r.at(i + skip, j + skip) / lengths[j]);
        let mut targets = self.targets();
        let order = design.pivoted_qr(&mut targets);
        let tolerance = f64::EPSILON * self.n_rows.min(8192).max(n).max(32) as f64;
        let rank = (0..n).take_while(|&k| design.at(k, k).abs() > tolerance).count();

        let mut scaled = Columns::zeros(n, self.n_targets);
        if rank == n {
            for t in 0..self.n_targets {
                design.solve_upper(n, targets.column_mut(t));
                for (place, &j) in order.iter().enumerate() {
                    scaled.column_mut(t)[j] = targets.at(place, t) / lengths[j];
                }
            }
        } else {
            let unit = |j: usize| lengths[j] * self.scales[j + skip];
            let largest = (0..n).map(unit).fold(f64::MIN_POSITIVE, f64::max);
            let mut rows = Columns::zeros(n, rank);
            for (place, &j) in order.iter().enumerate() {
                for i in 0..rank.min(place + 1) {
                    rows.column_mut(i)[j] = design.at(i, place) * (unit(j) / largest);
                }
            }
            let taus = rows.qr_with(&mut Columns::zeros(n, 0));
            for t in 0..self.n_targets {
                let part = scaled.column_mut(t);
                part[..rank].copy_from_slice(&targets.column(t)[..rank]);
                rows.solve_upper_t(rank, part);
            }
            rows.apply_q(&taus, &mut scaled);
            for t in 0..self.n_targets {
                for (j, value) in scaled.column_mut(t).iter_mut().enumerate() {
                    *value *= self.scales[j + skip] / largest;
                }
            }
        }
        let lost = |t: usize| targets.column(t)[rank..].iter().map(|z| z * z).sum::<f64>();
        let lost: Vec<f64> = (0..self.n_targets).map(lost).collect();
        self.answer(&scaled, rank + skip, &lost)
    }

    /// The answer that adds `alpha` times the sum of squared coefficients (the intercept not
    /// counted) to the weighted sum of squared residuals (Hoerl and Kennard, 1970).
    ///
    /// `residual_sum_of_squares` is that of the residuals alone. With `alpha` = 0 this is [`solve`](Qr::solve).
    ///
    /// # Errors
    /// When `alpha` is negative or not finite, and those of [`solve`](Qr::solve).
    pub fn ridge(&self, alpha: f64) -> Result<LeastSquares> {
        if !(alpha >= 0.0 && alpha.is_finite()) {
            return Err(Error::invalid_param("alpha", alpha, "a finite number >= 0"));
        }
        if alpha == 0.0 {
            return self.solve();
        }
        let (n, skip) = (self.n_features, usize::from(self.intercept));
        let root = alpha.sqrt();
        let mut design = Columns::from_fn(2 * n, n, |i, j| match i {
            i if i < n => self.r.at(i + skip, j + skip),
            i if i - n == j => root / self.scales[j + skip],
            _ => 0.0,
        });
        let reduced = self.targets();
        let mut targets =
            Columns::from_fn(2 * n, self.n_targets, |i, t| if i < n { reduced.at(i, t) } else { 0.0 });
        design.qr_with(&mut targets);
        if (0..n).any(|j| !(design.at(j, j).abs() > 0.0 && design.at(j, j).is_finite())) {
            return Err(Error::overflow(format!(
                "alpha = {alpha} is too far from the scale of the features; standardise the features"
            )));
        }
        for t in 0..self.n_targets {
            design.solve_upper(n, targets.column_mut(t));
        }
        let scaled = Columns::from_fn(n, self.n_targets, |j, t| targets.at(j, t));
        let misfit = |t: usize| -> f64 {
            let fitted =
                |i: usize| (i..n).map(|j| self.r.at(i + skip, j + skip) * scaled.at(j, t)).sum::<f64>();
            (0..n).map(|i| (reduced.at(i, t) - fitted(i)).powi(2)).sum()
        };
        let misfits: Vec<f64> = (0..self.n_targets).map(misfit).collect();
        self.answer(&scaled, n + skip, &misfits)
    }

    /// The inverse of `X^T W X` of the design, the intercept first: times the variance of
    /// the noise it is the covariance of the coefficients.
    ///
    /// # Errors
    /// When columns of the design depend on each other.
    pub fn covariance(&self) -> Result<Array2<f64>> {
        let n = self.n_design();
        let rank = self.solve()?.rank;
        if rank < n {
            return Err(Error::singular(format!(
                "only {rank} of the {n} columns of the design are independent, so the coefficients have no covariance; drop columns that others determine, or use a ridge penalty"
            )));
        }
        let mut inverse = Columns::from_fn(n, n, |i, j| f64::from(i == j));
        for j in 0..n {
            self.r.solve_upper(n, inverse.column_mut(j));
        }
        let entry =
            |i: usize, j: usize| (i.max(j)..n).map(|k| inverse.at(i, k) * inverse.at(j, k)).sum::<f64>();
        Ok(Array2::from_shape_fn((n, n), |(i, j)| entry(i, j) / self.scales[i] / self.scales[j]))
    }

    /// The part of `Q^T y` that belongs to the features, in scaled units.
    fn targets(&self) -> Columns {
        let (skip, n) = (usize::from(self.intercept), self.n_design());
        Columns::from_fn(self.n_features, self.n_targets, |i, t| self.r.at(i + skip, n + t))
    }

    /// Coefficients in the units of the data, with intercepts and sums of squares.
    fn answer(&self, scaled: &Columns, rank: usize, misfits: &[f64]) -> Result<LeastSquares> {
        let (n, skip, n_design) = (self.n_features, usize::from(self.intercept), self.n_design());
        let unit = |t: usize| self.scales[n_design + t];
        if self.intercept && self.r.at(0, 0) == 0.0 {
            return Err(Error::singular(
                "all weights are 0, so there is no intercept; give rows a positive weight",
            ));
        }
        let coefficients = Array2::from_shape_fn((n, self.n_targets), |(j, t)| {
            scaled.at(j, t) / self.scales[j + skip] * unit(t)
        });
        let intercept = |t: usize| {
            let explained: f64 = (0..n).map(|j| self.r.at(0, j + 1) * scaled.at(j, t)).sum();
            (self.r.at(0, n_design + t) - explained) / self.r.at(0, 0) * unit(t)
        };
        let intercept: Array1<f64> =
            (0..self.n_targets).map(|t| if self.intercept { intercept(t) } else { 0.0 }).collect();
        if !coefficients.iter().chain(&intercept).all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "a coefficient of the least-squares fit left the range of f64; scale the features and the target",
            ));
        }
        let residual = |t: usize| {
            let beyond: f64 = self.r.column(n_design + t)[n_design..].iter().map(|r| r * r).sum();
            (beyond + misfits[t]) * unit(t) * unit(t)
        };
        let residual_sum_of_squares = (0..self.n_targets).map(residual).collect();
        Ok(LeastSquares { coefficients, intercept, rank, residual_sum_of_squares })
    }
}

fn stack(top: &Columns, bottom: &Columns) -> Columns {
    let split = top.n_rows;
    Columns::from_fn(split + bottom.n_rows, top.n_cols, |i, j| {
        if i < split { top.at(i, j) } else { bottom.at(i - split, j) }
    })
}

/// A power of four near the largest weight: the square root of a weight over it is well in range.
fn check_weights(weights: Option<&[f64]>, n_rows: usize) -> Result<f64> {
    let Some(weights) = weights else { return Ok(1.0) };
    if weights.len() != n_rows {
        return Err(Error::length_mismatch("the weights", n_rows, weights.len()));
    }
    if let Some((row, weight)) = weights.iter().enumerate().find(|(_, w)| !(**w >= 0.0 && w.is_finite())) {
        return Err(Error::malformed(format!(
            "the weight of row {row} is {weight}; weights must be finite and >= 0"
        )));
    }
    let root = power_of_two(weights.iter().copied().fold(0.0, f64::max).sqrt());
    Ok(root * root)
}
