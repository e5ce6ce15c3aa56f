//! Covariances of the distance alone.

use perennial_numeric::simd::{self, Kernel};
use perennial_numeric::special::exp;

use super::covariance::Points;

/// Covariances of the distance in lengths.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Rbf,
    Exponential,
    Matern32,
    Matern52,
}

impl Shape {
    /// The covariance at a squared distance, and what each column's share of it is multiplied by in its slope.
    fn at(self, d2: f64) -> (f64, f64) {
        let mut value = [d2];
        Values { shape: self, out: &mut value }.run();
        let factor = match self {
            Shape::Rbf => value[0],
            Shape::Exponential if d2 > 0.0 => value[0] / d2.sqrt(),
            Shape::Exponential => 0.0,
            Shape::Matern32 => 3.0 * exp(-(3.0 * d2).sqrt()),
            Shape::Matern52 => {
                let a = (5.0 * d2).sqrt();
                5.0 / 3.0 * (1.0 + a) * exp(-a)
            }
        };
        (value[0], factor)
    }
}

/// Squared distances become covariances.
struct Values<'a> {
    shape: Shape,
    out: &'a mut [f64],
}

impl Kernel for Values<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        match self.shape {
            Shape::Rbf => self.out.iter_mut().for_each(
                #[inline(always)]
                |out| *out = exp(-0.5 * *out),
            ),
            Shape::Exponential => self.out.iter_mut().for_each(
                #[inline(always)]
                |out| *out = exp(-out.sqrt()),
            ),
            Shape::Matern32 => self.out.iter_mut().for_each(
                #[inline(always)]
                |out| {
                    let a = (3.0 * *out).sqrt();
                    *out = (1.0 + a) * exp(-a);
                },
            ),
            Shape::Matern52 => self.out.iter_mut().for_each(
                #[inline(always)]
                |out| {
                    let a = (5.0 * *out).sqrt();
                    *out = (1.0 + a + a * a / 3.0) * exp(-a);
                },
            ),
        }
    }
}

/// Adds the squared differences from one number, in units.
struct AddSquares<'a> {
    value: f64,
    others: &'a [f64],
    inverse: f64,
    out: &'a mut [f64],
}

impl Kernel for AddSquares<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for (out, other) in self.out.iter_mut().zip(self.others) {
            let part = (self.value - other) * self.inverse;
            *out += part * part;
        }
    }
}

/// A covariance of the distance in lengths, of the rows that `out` has places for; with `slopes`, also what each number
/// changes.
pub(super) fn stationary(
    x: &[f64],
    points: &Points<'_>,
    lengths: &[f64],
    out: &mut [f64],
    slopes: Option<&mut [Vec<f64>]>,
    shape: Shape,
) {
    let inverse = |column: usize| 1.0 / lengths[if lengths.len() == 1 { 0 } else { column }];
    let Some(slopes) = slopes else {
        out.fill(0.0);
        for (column, &value) in x.iter().enumerate() {
            let others = points.column(column, out.len());
            simd::widest(AddSquares { value, others, inverse: inverse(column), out });
        }
        return simd::widest(Values { shape, out });
    };
    let inverses: Vec<f64> = (0..x.len()).map(inverse).collect();
    for j in 0..out.len() {
        let parts = x.iter().zip(points.row(j)).zip(&inverses).map(|((a, b), inverse)| {
            let part = (a - b) * inverse;
            part * part
        });
        let (value, factor) = shape.at(parts.clone().sum());
        out[j] = value;
        if lengths.len() == 1 {
            slopes[0][j] = factor * parts.sum::<f64>();
        } else {
            parts.zip(slopes.iter_mut()).for_each(|(part, slope)| slope[j] = factor * part);
        }
    }
}
