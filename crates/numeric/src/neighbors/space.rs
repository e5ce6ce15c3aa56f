//! Distances, and the coordinates in which they are searched.

use std::fmt;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::reduce;

/// How the distance of two rows is measured.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// The root of the sum of squared differences.
    #[default]
    Euclidean,
    /// The sum of absolute differences.
    Manhattan,
    /// The largest absolute difference.
    Chebyshev,
    /// The p-th root of the sum of the p-th powers of absolute differences; p from 1 to 100.
    Minkowski(f64),
    /// 1 minus the cosine of the angle. A row of zeros has no direction: its distance to any row is 1.
    Cosine,
    /// The angle in radians between two points of a sphere, each given by latitude and longitude in radians.
    Haversine,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Euclidean => f.write_str("euclidean"),
            Metric::Manhattan => f.write_str("manhattan"),
            Metric::Chebyshev => f.write_str("chebyshev"),
            Metric::Minkowski(p) => write!(f, "minkowski({p})"),
            Metric::Cosine => f.write_str("cosine"),
            Metric::Haversine => f.write_str("haversine"),
        }
    }
}

/// Coordinates in which a metric is searched: those of the rows divided by a unit, directions, or points on a sphere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub(super) metric: Metric,
    /// The number of columns that rows have.
    pub(super) width: usize,
    /// A power of two that keeps powers of differences in the range of `f64`.
    unit: f64,
}

impl Space {
    pub(super) fn new(metric: Metric, width: usize, magnitude: f64) -> Result<Self> {
        let unit = crate::linalg::power_of_two(magnitude);
        let metric = match metric {
            Metric::Minkowski(p) if !(1.0..=100.0).contains(&p) => {
                return Err(Error::invalid_param("metric", metric, "minkowski with p from 1 to 100"));
            }
            Metric::Minkowski(1.0) => Metric::Manhattan,
            Metric::Minkowski(2.0) => Metric::Euclidean,
            other => other,
        };
        if metric == Metric::Haversine && width != 2 {
            return Err(Error::malformed(format!(
                "the haversine distance takes 2 columns, latitude and longitude in radians; there are {width}"
            )));
        }
        // Where nothing is at stake the numbers stay as they are.
        let tame = (1e-90..=1e90).contains(&magnitude) && !matches!(metric, Metric::Minkowski(_));
        Ok(Space { metric, width, unit: if tame { 1.0 } else { unit } })
    }

    /// The number of coordinates.
    pub(super) fn n_coordinates(&self) -> usize {
        match self.metric {
            Metric::Cosine => self.width + 2,
            Metric::Haversine => 3,
            _ => self.width,
        }
    }

    /// The coordinates of rows. Those of zeros get a coordinate of their own, `zeros` after the others, that puts
    /// them as far from all as a right angle.
    pub(super) fn place(&self, rows: &[f64], zeros: usize) -> Vec<f64> {
        let (width, n_coordinates) = (self.width, self.n_coordinates());
        let mut out = vec![0.0; rows.len() / width * n_coordinates];
        reduce::fill_rows(&mut out, n_coordinates, 4096, |first, out| {
            let rows = rows[first * width..].chunks_exact(width);
            for (out, row) in out.chunks_exact_mut(n_coordinates).zip(rows) {
                match self.metric {
                    Metric::Haversine => {
                        let ((sin, cos), (east, north)) = (row[0].sin_cos(), row[1].sin_cos());
                        out.copy_from_slice(&[cos * north, cos * east, sin]);
                    }
                    Metric::Cosine => {
                        let largest = row.iter().fold(0.0, |most, value| f64::max(most, value.abs()));
                        let unit = crate::linalg::power_of_two(largest);
                        let length =
                            row.iter().map(|value| (value / unit) * (value / unit)).sum::<f64>().sqrt();
                        if largest == 0.0 {
                            out[width + zeros] = 1.0;
                        } else {
                            out.iter_mut().zip(row).for_each(|(out, value)| *out = value / unit / length);
                        }
                    }
                    _ if self.unit == 1.0 => out.copy_from_slice(row),
                    _ => out.iter_mut().zip(row).for_each(|(out, value)| *out = value / self.unit),
                }
            }
        });
        out
    }

    /// The distance that belongs to a sum of the search.
    pub(super) fn distance(&self, sum: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => sum.sqrt() * self.unit,
            Metric::Manhattan | Metric::Chebyshev => sum * self.unit,
            Metric::Minkowski(p) => sum.powf(1.0 / p) * self.unit,
            Metric::Cosine => (sum / 2.0).min(2.0),
            Metric::Haversine => 2.0 * (sum.sqrt() / 2.0).min(1.0).asin(),
        }
    }

    /// The sum of the search that belongs to a distance.
    pub(super) fn sum(&self, distance: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => (distance / self.unit) * (distance / self.unit),
            Metric::Manhattan | Metric::Chebyshev => distance / self.unit,
            Metric::Minkowski(p) => (distance / self.unit).powf(p),
            Metric::Cosine => distance * 2.0,
            Metric::Haversine if distance >= std::f64::consts::PI => f64::INFINITY,
            Metric::Haversine => {
                let chord = 2.0 * (distance / 2.0).sin();
                chord * chord
            }
        }
    }
}

/// The angle between two points of the sphere; digits are kept where they are close.
pub(super) fn haversine(a: &[f64], b: &[f64]) -> f64 {
    let (across, along) = (((a[0] - b[0]) / 2.0).sin(), ((a[1] - b[1]) / 2.0).sin());
    let share = across * across + a[0].cos() * b[0].cos() * along * along;
    2.0 * share.clamp(0.0, 1.0).sqrt().asin()
}
