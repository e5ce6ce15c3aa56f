//! How alike the values at two points are.

use std::ops::{Add, Mul};

use ndarray::Array2;
use perennial_core::{Context, Error, Result};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::stationary::{Shape, stationary};

/// How alike the values at two points are: covariances that add and multiply to others.
///
/// ```
/// use perennial_models::gaussian_process::Covariance;
///
/// // A smooth function of amplitude 2 and length 1.5, seen with noise.
/// let covariance = Covariance::constant(4.0) * Covariance::rbf([1.5]) + Covariance::white(0.1);
/// assert_eq!(covariance.parameters(), [4.0, 1.5, 0.1]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// The same everywhere.
    Constant(f64),
    /// Noise: a variance of each value by itself.
    White(f64),
    /// `exp(-d^2 / 2)`: smooth functions. One length for all columns, or one for each.
    Rbf(Vec<f64>),
    /// `exp(-d)`: functions that are continuous, and rough (Matérn with 1/2).
    Exponential(Vec<f64>),
    /// Functions with one derivative (Matérn with 3/2).
    Matern32(Vec<f64>),
    /// Functions with two derivatives (Matérn with 5/2).
    Matern52(Vec<f64>),
    /// `(1 + d^2 / (2 alpha length^2))^-alpha`: functions that are smooth at several lengths.
    RationalQuadratic {
        /// The length.
        length: f64,
        /// How much larger lengths than that count.
        alpha: f64,
    },
    /// `exp(-2 sin^2(pi d / period) / length^2)`: functions that repeat.
    Periodic {
        /// The length, as a share of the period.
        length: f64,
        /// After which distance they repeat.
        period: f64,
    },
    /// `sigma^2 + x . x'`: straight lines.
    DotProduct(f64),
    /// Its numbers are not searched; see [`Covariance::fixed`].
    Fixed(Box<Covariance>),
    /// Its numbers are searched between bounds; see [`Covariance::between`].
    Between {
        /// Of which the numbers are.
        covariance: Box<Covariance>,
        /// The least that a number may be.
        low: f64,
        /// The most that a number may be.
        high: f64,
    },
    /// Both, one on top of the other.
    Sum(Box<Covariance>, Box<Covariance>),
    /// Alike only where both are.
    Product(Box<Covariance>, Box<Covariance>),
}

impl Add for Covariance {
    type Output = Covariance;

    fn add(self, other: Covariance) -> Covariance {
        Covariance::Sum(Box::new(self), Box::new(other))
    }
}

impl Mul for Covariance {
    type Output = Covariance;

    fn mul(self, other: Covariance) -> Covariance {
        Covariance::Product(Box::new(self), Box::new(other))
    }
}

/// Rows that others are compared with.
#[derive(Clone, Debug)]
pub(super) struct Points<'a> {
    cells: &'a [f64],
    width: usize,
    /// Column by column.
    turned: Vec<f64>,
}

impl<'a> Points<'a> {
    /// Row-major rows of `width` numbers.
    pub(super) fn new(cells: &'a [f64], width: usize) -> Self {
        let column = |column: usize| cells.iter().skip(column).step_by(width).copied();
        Points { cells, width, turned: (0..width).flat_map(column).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len() / self.width.max(1)
    }

    pub(super) fn row(&self, row: usize) -> &'a [f64] {
        &self.cells[row * self.width..(row + 1) * self.width]
    }

    /// The first `n` numbers of a column.
    pub(super) fn column(&self, column: usize, n: usize) -> &[f64] {
        &self.turned[column * self.len()..][..n]
    }
}

impl Covariance {
    /// The same everywhere.
    pub fn constant(value: f64) -> Self {
        Covariance::Constant(value)
    }

    /// Noise of this variance.
    pub fn white(noise: f64) -> Self {
        Covariance::White(noise)
    }

    /// Smooth functions; one length, or one for each column.
    pub fn rbf(length: impl Into<Vec<f64>>) -> Self {
        Covariance::Rbf(length.into())
    }

    /// Functions with one derivative; one length, or one for each column.
    pub fn matern_32(length: impl Into<Vec<f64>>) -> Self {
        Covariance::Matern32(length.into())
    }

    /// Functions with two derivatives; one length, or one for each column.
    pub fn matern_52(length: impl Into<Vec<f64>>) -> Self {
        Covariance::Matern52(length.into())
    }

    /// Its numbers, from the left to the right.
    pub fn parameters(&self) -> Vec<f64> {
        let mut found = Vec::new();
        self.visit(&mut |value| found.push(*value));
        found
    }

    /// The same with other numbers, in the order of [`parameters`](Covariance::parameters).
    pub(super) fn with(&self, parameters: &[f64]) -> Covariance {
        let mut copy = self.clone();
        let mut next = parameters.iter();
        copy.visit_mut(&mut |value| {
            if let Some(parameter) = next.next() {
                *value = *parameter;
            }
        });
        copy
    }

    fn visit(&self, see: &mut dyn FnMut(&f64)) {
        match self {
            Covariance::Constant(value) | Covariance::White(value) | Covariance::DotProduct(value) => {
                see(value)
            }
            Covariance::Rbf(lengths)
            | Covariance::Exponential(lengths)
            | Covariance::Matern32(lengths)
            | Covariance::Matern52(lengths) => lengths.iter().for_each(see),
            Covariance::RationalQuadratic { length, alpha } => [length, alpha].into_iter().for_each(see),
            Covariance::Periodic { length, period } => [length, period].into_iter().for_each(see),
            Covariance::Fixed(inner) | Covariance::Between { covariance: inner, .. } => inner.visit(see),
            Covariance::Sum(a, b) | Covariance::Product(a, b) => {
                a.visit(see);
                b.visit(see);
            }
        }
    }

    fn visit_mut(&mut self, see: &mut dyn FnMut(&mut f64)) {
        match self {
            Covariance::Constant(value) | Covariance::White(value) | Covariance::DotProduct(value) => {
                see(value)
            }
            Covariance::Rbf(lengths)
            | Covariance::Exponential(lengths)
            | Covariance::Matern32(lengths)
            | Covariance::Matern52(lengths) => lengths.iter_mut().for_each(see),
            Covariance::RationalQuadratic { length, alpha } => [length, alpha].into_iter().for_each(see),
            Covariance::Periodic { length, period } => [length, period].into_iter().for_each(see),
            Covariance::Fixed(inner) | Covariance::Between { covariance: inner, .. } => inner.visit_mut(see),
            Covariance::Sum(a, b) | Covariance::Product(a, b) => {
                a.visit_mut(see);
                b.visit_mut(see);
            }
        }
    }

    /// Refuses numbers that are not positive, and lengths that do not fit the columns.
    pub(super) fn check(&self, n_cols: usize, depth: usize) -> Result<()> {
        if depth > 64 {
            return Err(Error::too_large("the covariance has more than 64 sums and products in each other"));
        }
        match self {
            Covariance::Fixed(inner) | Covariance::Between { covariance: inner, .. } => {
                inner.check(n_cols, depth + 1)
            }
            Covariance::Sum(a, b) | Covariance::Product(a, b) => {
                a.check(n_cols, depth + 1)?;
                b.check(n_cols, depth + 1)
            }
            Covariance::Constant(value) => positive("constant", *value),
            Covariance::White(value) => positive("white", *value),
            Covariance::DotProduct(value) => positive("dot_product", *value),
            Covariance::RationalQuadratic { length, alpha } => {
                positive("length", *length)?;
                positive("alpha", *alpha)
            }
            Covariance::Periodic { length, period } => {
                positive("length", *length)?;
                positive("period", *period)
            }
            Covariance::Rbf(lengths) => check_lengths("rbf", lengths, n_cols),
            Covariance::Exponential(lengths) => check_lengths("exponential", lengths, n_cols),
            Covariance::Matern32(lengths) => check_lengths("matern32", lengths, n_cols),
            Covariance::Matern52(lengths) => check_lengths("matern52", lengths, n_cols),
        }
    }

    /// How far the value at a point spreads by itself.
    pub(super) fn at(&self, x: &[f64]) -> f64 {
        match self {
            Covariance::Constant(value) | Covariance::White(value) => *value,
            Covariance::DotProduct(sigma) => sigma * sigma + x.iter().map(|value| value * value).sum::<f64>(),
            Covariance::Fixed(inner) | Covariance::Between { covariance: inner, .. } => inner.at(x),
            Covariance::Sum(a, b) => a.at(x) + b.at(x),
            Covariance::Product(a, b) => a.at(x) * b.at(x),
            _ => 1.0,
        }
    }

    /// The covariances of `x` with the first `out.len()` points, of which it is the one at `own`, if any. With `slopes`, also
    /// what they change by for the logarithm of each number, each as long as `out`.
    fn row(
        &self,
        x: &[f64],
        points: &Points<'_>,
        own: Option<usize>,
        out: &mut [f64],
        slopes: Option<&mut [Vec<f64>]>,
    ) {
        match self {
            Covariance::Constant(value) => {
                out.fill(*value);
                slopes.into_iter().for_each(|slopes| slopes[0].fill(*value));
            }
            Covariance::White(noise) => {
                out.fill(0.0);
                let own = own.filter(|own| *own < out.len());
                own.into_iter().for_each(|own| out[own] = *noise);
                if let Some(slopes) = slopes {
                    slopes[0].copy_from_slice(out);
                }
            }
            Covariance::Rbf(lengths) => stationary(x, points, lengths, out, slopes, Shape::Rbf),
            Covariance::Exponential(lengths) => {
                stationary(x, points, lengths, out, slopes, Shape::Exponential)
            }
            Covariance::Matern32(lengths) => stationary(x, points, lengths, out, slopes, Shape::Matern32),
            Covariance::Matern52(lengths) => stationary(x, points, lengths, out, slopes, Shape::Matern52),
            Covariance::RationalQuadratic { length, alpha } => {
                let mut slopes = slopes;
                for j in 0..out.len() {
                    let d2 = squared(x, points.row(j)) / (length * length);
                    let base = 1.0 + d2 / (2.0 * alpha);
                    out[j] = base.powf(-alpha);
                    if let Some(slopes) = slopes.as_deref_mut() {
                        slopes[0][j] = d2 * base.powf(-alpha - 1.0);
                        slopes[1][j] = alpha * out[j] * (d2 / (2.0 * alpha * base) - base.ln());
                    }
                }
            }
            Covariance::Periodic { length, period } => {
                let mut slopes = slopes;
                for j in 0..out.len() {
                    let angle = std::f64::consts::PI * squared(x, points.row(j)).sqrt() / period;
                    let (sin, cos) = angle.sin_cos();
                    out[j] = (-2.0 * (sin / length).powi(2)).exp();
                    if let Some(slopes) = slopes.as_deref_mut() {
                        slopes[0][j] = 4.0 * (sin / length).powi(2) * out[j];
                        slopes[1][j] = 4.0 / (length * length) * sin * cos * angle * out[j];
                    }
                }
            }
            Covariance::DotProduct(sigma) => {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = sigma * sigma + reduce::dot(x, points.row(j));
                }
                slopes.into_iter().for_each(|slopes| slopes[0].fill(2.0 * sigma * sigma));
            }
            Covariance::Fixed(inner) | Covariance::Between { covariance: inner, .. } => {
                inner.row(x, points, own, out, slopes)
            }
            Covariance::Sum(a, b) => {
                let mut other = vec![0.0; out.len()];
                let (first, second) = divided(slopes, a.parameters().len());
                a.row(x, points, own, out, first);
                b.row(x, points, own, &mut other, second);
                out.iter_mut().zip(other).for_each(|(out, other)| *out += other);
            }
            Covariance::Product(a, b) => {
                let mut other = vec![0.0; out.len()];
                let (mut first, mut second) = divided(slopes, a.parameters().len());
                a.row(x, points, own, out, first.as_deref_mut());
                b.row(x, points, own, &mut other, second.as_deref_mut());
                let times = |slopes: Option<&mut [Vec<f64>]>, factors: &[f64]| {
                    slopes.into_iter().flatten().for_each(|slope| {
                        slope.iter_mut().zip(factors).for_each(|(slope, factor)| *slope *= factor);
                    });
                };
                times(first, &other);
                times(second, out);
                out.iter_mut().zip(other).for_each(|(out, other)| *out *= other);
            }
        }
    }

    /// The covariances of all points with each other; the lower triangle is filled, and mirrored.
    pub(super) fn matrix(&self, points: &Points<'_>, ctx: &Context) -> Result<Array2<f64>> {
        let n = points.len();
        let mut cells = vec![0.0; n * n];
        reduce::try_fill_chunks(&mut cells, (16 * n).max(1), |first, rows| {
            ctx.check()?;
            for (place, row) in rows.chunks_exact_mut(n).enumerate() {
                let i = first / n + place;
                self.row(points.row(i), points, Some(i), &mut row[..=i], None);
            }
            Ok(())
        })?;
        let mut matrix = Array2::from_shape_vec((n, n), cells).map_err(Error::other)?;
        for i in 0..n {
            for j in 0..i {
                matrix[[j, i]] = matrix[[i, j]];
            }
        }
        Ok(matrix)
    }

    /// For each number, the sum over all pairs of `weights` times what the covariance changes by for its logarithm.
    pub(super) fn slopes(
        &self,
        points: &Points<'_>,
        weights: &Array2<f64>,
        ctx: &Context,
    ) -> Result<Vec<f64>> {
        let (n, n_parameters) = (weights.nrows(), self.parameters().len());
        let part = |rows: std::ops::Range<usize>| {
            ctx.check()?;
            let mut sums = vec![0.0; n_parameters];
            for i in rows {
                let mut out = vec![0.0; i + 1];
                let mut slopes = vec![vec![0.0; i + 1]; n_parameters];
                self.row(points.row(i), points, Some(i), &mut out, Some(&mut slopes));
                for (sum, slope) in sums.iter_mut().zip(&slopes) {
                    // The matrix is symmetric, and this is its lower half.
                    let row = weights.row(i);
                    let below: f64 = slope[..i].iter().zip(row).map(|(slope, weight)| slope * weight).sum();
                    *sum += 2.0 * below + slope[i] * row[i];
                }
            }
            Ok(sums)
        };
        let add = |mut a: Vec<f64>, b: Vec<f64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            Ok(a)
        };
        Ok(reduce::try_map_reduce(n, 16, part, add)?.unwrap_or_else(|| vec![0.0; n_parameters]))
    }

    /// The covariances of other rows with these points: `out` holds one row for each of the others.
    pub(super) fn cross(&self, others: &[f64], points: &Points<'_>, out: &mut [f64]) {
        let rows = others.chunks_exact(points.width.max(1));
        for (row, out) in rows.zip(out.chunks_exact_mut(points.len().max(1))) {
            self.row(row, points, None, out, None);
        }
    }
}

fn positive(name: &str, value: f64) -> Result<()> {
    if (1e-100..=1e100).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid_param(name, value, "a number from 1e-100 to 1e100"))
}

fn check_lengths(name: &str, lengths: &[f64], n_cols: usize) -> Result<()> {
    if lengths.len() != 1 && lengths.len() != n_cols {
        let expected = format!("one length, or one for each of the {n_cols} columns");
        return Err(Error::invalid_param(name, lengths, expected));
    }
    lengths.iter().try_for_each(|length| positive(name, *length))
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// What a covariance changes by for each of its numbers, where that is wanted.
type Slopes<'a> = Option<&'a mut [Vec<f64>]>;

fn divided(slopes: Slopes<'_>, at: usize) -> (Slopes<'_>, Slopes<'_>) {
    match slopes {
        Some(slopes) => {
            let (first, second) = slopes.split_at_mut(at);
            (Some(first), Some(second))
        }
        None => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_matrix() {
        let cells = [0.1, 0.9, -0.4, 0.3, 1.2, 0.8, 0.1, -0.7, 2.0, 0.5];
        let points = Points::new(&cells, 2);
        let ctx = Context::new();
        let all = [
            Covariance::constant(2.0) * Covariance::rbf([0.7, 1.3]) + Covariance::white(0.2),
            Covariance::Exponential(vec![0.8]) + Covariance::DotProduct(0.6),
            Covariance::matern_32([0.8, 0.5]) * Covariance::Periodic { length: 1.1, period: 1.7 },
            Covariance::matern_52([1.5])
                + Covariance::RationalQuadratic { length: 0.9, alpha: 0.6 } * Covariance::constant(0.5),
        ];
        let weights =
            Array2::from_shape_fn((5, 5), |(i, j)| 1.0 + ((i + j) % 3) as f64 + (i * j) as f64 * 0.1);
        for covariance in all {
            let found = covariance.slopes(&points, &weights, &ctx).unwrap();
            let numbers = covariance.parameters();
            for place in 0..numbers.len() {
                let sum = |by: f64| {
                    let mut numbers = numbers.clone();
                    numbers[place] *= by.exp();
                    (covariance.with(&numbers).matrix(&points, &ctx).unwrap() * &weights).sum()
                };
                let truth = (sum(1e-5) - sum(-1e-5)) / 2e-5;
                assert!(
                    (found[place] - truth).abs() < 1e-7 * (1.0 + truth.abs()),
                    "{covariance:?}: {} instead of {truth}",
                    found[place]
                );
            }
        }
    }
}
