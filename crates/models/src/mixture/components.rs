//! The components of a mixture: weights, means and covariances, and the densities that follow from them.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use perennial_core::{Error, Result};
use perennial_numeric::linalg::{Cholesky, matmul};
use serde::{Deserialize, Serialize};

/// The shape of the covariances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CovarianceType {
    /// Each component has one of its own.
    #[default]
    Full,
    /// All components share one.
    Tied,
    /// Each component has a variance for each column.
    Diagonal,
    /// Each component has one variance.
    Spherical,
}

/// Weights, means and covariances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Components {
    pub(super) covariance: CovarianceType,
    pub(super) weights: Vec<f64>,
    /// Components x columns.
    pub(super) means: Array2<f64>,
    /// Row after row: components x columns x columns, columns x columns, components x columns, or components.
    pub(super) covariances: Vec<f64>,
}

/// What densities are computed from.
#[derive(Clone, Debug)]
pub(super) struct Densities {
    covariance: CovarianceType,
    n_components: usize,
    /// What rows are shifted by first, so that no digits are lost to a common offset.
    shift: Vec<f64>,
    /// Columns x (components x columns), or columns x columns: what makes the covariances unit matrices.
    whitening: Array2<f64>,
    /// Shifted means, whitened where covariances are matrices: components x columns.
    centres: Vec<f64>,
    /// Inverse variances, components x columns, where covariances are diagonal.
    precisions: Vec<f64>,
    /// The logarithms of the weights and of the factors of the densities.
    constants: Vec<f64>,
}

impl Components {
    pub(super) fn n_components(&self) -> usize {
        self.weights.len()
    }

    pub(super) fn width(&self) -> usize {
        self.means.ncols()
    }

    /// How many covariance numbers a shape has.
    pub(super) fn n_covariances(covariance: CovarianceType, n_components: usize, width: usize) -> usize {
        match covariance {
            CovarianceType::Full => n_components * width * width,
            CovarianceType::Tied => width * width,
            CovarianceType::Diagonal => n_components * width,
            CovarianceType::Spherical => n_components,
        }
    }

    /// How many numbers can be chosen freely.
    pub(super) fn n_parameters(&self) -> usize {
        let (k, d) = (self.n_components(), self.width());
        let covariances = match self.covariance {
            CovarianceType::Full => k * d * (d + 1) / 2,
            CovarianceType::Tied => d * (d + 1) / 2,
            CovarianceType::Diagonal => k * d,
            CovarianceType::Spherical => k,
        };
        covariances + k * d + k - 1
    }

    /// The lower Cholesky factor of a covariance that is a matrix.
    pub(super) fn factor(&self, component: usize) -> Result<Array2<f64>> {
        let d = self.width();
        let at = if self.covariance == CovarianceType::Tied { 0 } else { component * d * d };
        let matrix =
            ArrayView2::from_shape((d, d), &self.covariances[at..at + d * d]).map_err(Error::other)?;
        Ok(Cholesky::new(&matrix.to_owned()).map_err(|_| collapsed(component))?.lower())
    }

    /// Half the logarithm of the determinant of each component's inverse covariance.
    pub(super) fn log_precision_roots(&self) -> Result<Vec<f64>> {
        let (k, d) = (self.n_components(), self.width());
        let root = |component: usize| {
            Ok(match self.covariance {
                CovarianceType::Full | CovarianceType::Tied => {
                    let lower = self.factor(component)?;
                    -(0..d).map(|i| lower[[i, i]].ln()).sum::<f64>()
                }
                CovarianceType::Diagonal => {
                    -0.5 * self.covariances[component * d..][..d].iter().map(|value| value.ln()).sum::<f64>()
                }
                CovarianceType::Spherical => -0.5 * d as f64 * self.covariances[component].ln(),
            })
        };
        match self.covariance {
            CovarianceType::Tied => Ok(vec![root(0)?; k]),
            _ => (0..k).map(root).collect(),
        }
    }

    pub(super) fn densities(&self) -> Result<Densities> {
        let (k, d) = (self.n_components(), self.width());
        let total: f64 = self.weights.iter().sum();
        let shift: Vec<f64> = (0..d)
            .map(|column| {
                self.means
                    .column(column)
                    .iter()
                    .zip(&self.weights)
                    .map(|(mean, weight)| mean * (weight / total))
                    .sum()
            })
            .collect();
        let mut centres: Vec<f64> = self
            .means
            .rows()
            .into_iter()
            .flat_map(|row| row.iter().zip(&shift).map(|(mean, shift)| mean - shift).collect::<Vec<_>>())
            .collect();
        let mut constants: Vec<f64> = self.weights.iter().map(|weight| weight.ln()).collect();
        let half = 0.5 * d as f64 * (2.0 * std::f64::consts::PI).ln();
        constants.iter_mut().for_each(|constant| *constant -= half);
        let (mut whitening, mut precisions) = (Array2::zeros((d, 0)), Vec::new());
        match self.covariance {
            CovarianceType::Full | CovarianceType::Tied => {
                let tied = self.covariance == CovarianceType::Tied;
                whitening = Array2::zeros((d, if tied { d } else { k * d }));
                for component in 0..k {
                    let first = if tied { 0 } else { component * d };
                    let lower = self.factor(component)?;
                    constants[component] -= (0..d).map(|i| lower[[i, i]].ln()).sum::<f64>();
                    if component == 0 || !tied {
                        let inverse = inverse_of_lower(&lower);
                        for i in 0..d {
                            (0..=i).for_each(|j| whitening[[j, first + i]] = inverse[[i, j]]);
                        }
                    }
                    let centre: Vec<f64> = (0..d)
                        .map(|i| (0..d).map(|j| centres[component * d + j] * whitening[[j, first + i]]).sum())
                        .collect();
                    centres[component * d..][..d].copy_from_slice(&centre);
                }
            }
            CovarianceType::Diagonal | CovarianceType::Spherical => {
                for component in 0..k {
                    for column in 0..d {
                        let variance = match self.covariance {
                            CovarianceType::Diagonal => self.covariances[component * d + column],
                            _ => self.covariances[component],
                        };
                        if !(variance > 0.0) {
                            return Err(collapsed(component));
                        }
                        precisions.push(1.0 / variance);
                        constants[component] -= 0.5 * variance.ln();
                    }
                }
            }
        }
        let known = [&centres, &precisions].into_iter().flatten().chain(whitening.iter());
        if !known.into_iter().all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "the covariances of the mixture are beyond the range of f64; scale the columns",
            ));
        }
        Ok(Densities {
            covariance: self.covariance,
            n_components: k,
            shift,
            whitening,
            centres,
            precisions,
            constants,
        })
    }
}

fn collapsed(component: usize) -> Error {
    Error::singular(format!(
        "the covariance of component {component} is singular: raise `reg_covar`, ask for fewer components, or remove columns that depend on each other"
    ))
}

fn inverse_of_lower(lower: &Array2<f64>) -> Array2<f64> {
    let d = lower.nrows();
    let mut inverse = Array2::<f64>::zeros((d, d));
    for j in 0..d {
        inverse[[j, j]] = 1.0 / lower[[j, j]];
        for i in j + 1..d {
            let sum: f64 = (j..i).map(|l| lower[[i, l]] * inverse[[l, j]]).sum();
            inverse[[i, j]] = -sum / lower[[i, i]];
        }
    }
    inverse
}

impl Densities {
    /// Adds to the logarithm of each component.
    pub(super) fn adjust(&mut self, by: impl Fn(usize) -> f64) {
        self.constants.iter_mut().enumerate().for_each(|(component, constant)| *constant += by(component));
    }

    pub(super) fn n_components(&self) -> usize {
        self.n_components
    }

    /// The logarithm of weight times density of each component for some rows: rows x components.
    pub(super) fn logarithms(&self, cells: &[f64], rows: Range<usize>) -> Vec<f64> {
        let (k, d) = (self.n_components, self.shift.len());
        let shifted: Vec<f64> = cells[rows.start * d..rows.end * d]
            .chunks_exact(d)
            .flat_map(|row| row.iter().zip(&self.shift).map(|(value, shift)| value - shift))
            .collect();
        let mut out = vec![0.0; rows.len() * k];
        match self.covariance {
            CovarianceType::Full | CovarianceType::Tied => {
                let shifted = Array2::from_shape_vec((rows.len(), d), shifted).unwrap_or_default();
                let white = matmul(&shifted, &self.whitening).into_raw_vec_and_offset().0;
                let stride = self.whitening.ncols();
                let tied = self.covariance == CovarianceType::Tied;
                perennial_numeric::simd::widest(|| {
                    for (out, white) in out.chunks_exact_mut(k).zip(white.chunks_exact(stride)) {
                        for (component, out) in out.iter_mut().enumerate() {
                            let white = if tied { white } else { &white[component * d..][..d] };
                            let centre = &self.centres[component * d..][..d];
                            *out = self.constants[component] - 0.5 * squares(white, centre, None);
                        }
                    }
                });
            }
            CovarianceType::Diagonal | CovarianceType::Spherical => perennial_numeric::simd::widest(|| {
                for (out, row) in out.chunks_exact_mut(k).zip(shifted.chunks_exact(d)) {
                    for (component, out) in out.iter_mut().enumerate() {
                        let own = component * d..(component + 1) * d;
                        let sum = squares(row, &self.centres[own.clone()], Some(&self.precisions[own]));
                        *out = self.constants[component] - 0.5 * sum;
                    }
                }
            }),
        }
        out
    }
}

/// The sum of squared differences, each times its factor.
#[inline(always)]
fn squares(a: &[f64], b: &[f64], factors: Option<&[f64]>) -> f64 {
    let mut lanes = [0.0; 4];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut rest = 0.0;
    match factors {
        None => {
            for (a, b) in a.iter().zip(b) {
                for lane in 0..4 {
                    lanes[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
                }
            }
            a_rest.iter().zip(b_rest).for_each(|(a, b)| rest += (a - b) * (a - b));
        }
        Some(factors) => {
            let (factors, factors_rest) = factors.as_chunks::<4>();
            for ((a, b), factor) in a.iter().zip(b).zip(factors) {
                for lane in 0..4 {
                    lanes[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]) * factor[lane];
                }
            }
            let last = a_rest.iter().zip(b_rest).zip(factors_rest);
            last.for_each(|((a, b), factor)| rest += (a - b) * (a - b) * factor);
        }
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + rest
}

/// Turns the logarithms of a row into shares; gives the logarithm of their sum.
#[inline(always)]
pub(super) fn normalise(row: &mut [f64]) -> f64 {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    for value in row.iter_mut() {
        // Below this the exponential vanishes beside the largest.
        *value = if *value - top < -50.0 { 0.0 } else { (*value - top).exp() };
        total += *value;
    }
    row.iter_mut().for_each(|value| *value /= total);
    top + total.ln()
}
