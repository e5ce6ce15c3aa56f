//! The means of classes and how rows spread around them.

use ndarray::{Array2, ArrayRef2, Axis};
use perennial_core::{Classes, Error, Features, Result};
use perennial_numeric::linalg::{eigh, gram};

use crate::classes::{class_totals, some_prior};
use crate::rows::power_of_two;

/// The weight and the mean of each class, in units that keep squares in range.
pub(super) struct Groups {
    /// What all numbers are divided by.
    pub(super) unit: f64,
    pub(super) totals: Vec<f64>,
    /// Classes x features; 0 for classes without rows.
    pub(super) means: Array2<f64>,
    /// The rows less the mean of their class.
    pub(super) centred: Array2<f64>,
}

impl Groups {
    pub(super) fn new(x: &ArrayRef2<f64>, y: &Classes, weights: Option<&[f64]>) -> Groups {
        let totals = class_totals(y, weights);
        let unit = power_of_two(x.iter().fold(0.0, |most, value| f64::max(most, value.abs())));
        let mut centred = x.mapv(|value| value / unit);
        let mut means = Array2::zeros((totals.len(), x.ncols()));
        // Twice: the second mean takes out what the first one rounded.
        for _ in 0..2 {
            let mut drift = Array2::<f64>::zeros(means.dim());
            for (row, &code) in y.codes().iter().enumerate() {
                let weight = weights.map_or(1.0, |weights| weights[row]);
                if weight > 0.0 {
                    let share = weight / totals[code as usize];
                    drift.row_mut(code as usize).scaled_add(share, &centred.row(row));
                }
            }
            for (mut row, &code) in centred.axis_iter_mut(Axis(0)).zip(y.codes()) {
                row -= &drift.row(code as usize);
            }
            means += &drift;
        }
        Groups { unit, totals, means, centred }
    }

    /// How probable the classes are beforehand, with the sum 1: as given, or the shares of their rows; 0 for classes without rows.
    pub(super) fn priors(&self, given: Option<Vec<f64>>, names: &[String]) -> Result<Vec<f64>> {
        let Some(mut priors) = given else {
            let total: f64 = self.totals.iter().sum();
            return Ok(self.totals.iter().map(|class| class / total).collect());
        };
        some_prior(&priors, &self.totals, names)?;
        for (prior, total) in priors.iter_mut().zip(&self.totals) {
            if *total == 0.0 {
                *prior = 0.0;
            }
        }
        let sum: f64 = priors.iter().sum();
        Ok(priors.into_iter().map(|prior| prior / sum).collect())
    }
}

/// How much speaks for each class, from the scores of rows x classes: with two classes one column, the log odds of the second.
/// A class that is not possible has the score minus infinity in every row.
pub(super) fn decisions(scores: Vec<f64>, possible: &[bool]) -> Result<Array2<f64>> {
    let n_classes = possible.len();
    let lost = |(place, score): (usize, &f64)| {
        score.is_nan()
            || *score == f64::INFINITY
            || (*score == f64::NEG_INFINITY && possible[place % n_classes])
    };
    if let Some(place) = scores.iter().enumerate().position(lost) {
        return Err(far(place / n_classes));
    }
    let (width, scores) = match n_classes {
        2 => (1, scores.chunks_exact(2).map(|pair| pair[1] - pair[0]).collect::<Vec<f64>>()),
        _ => (n_classes, scores),
    };
    // Two large scores may differ by more than there is room for.
    let bounded = possible.iter().all(|possible| *possible);
    if let Some(place) = scores.iter().position(|score| score.is_nan() || (bounded && score.is_infinite())) {
        return Err(far(place / width));
    }
    Array2::from_shape_vec((scores.len() / width, width), scores).map_err(Error::other)
}

fn far(row: usize) -> Error {
    Error::overflow(format!(
        "row {row} is so far from the classes that its scores leave the range of f64; check its units"
    ))
}

/// The covariance of centred rows, moved a share towards its mean variance on the diagonal.
pub(super) fn covariance(
    centred: &ArrayRef2<f64>,
    weights: Option<&[f64]>,
    divisor: f64,
    shrinkage: f64,
) -> Array2<f64> {
    let mut covariance = gram(centred, weights) / divisor;
    let width = covariance.nrows();
    let mean = covariance.diag().sum() / width as f64;
    covariance *= 1.0 - shrinkage;
    covariance.diag_mut().iter_mut().for_each(|variance| *variance += shrinkage * mean);
    covariance
}

/// What takes a covariance to the identity on the directions that have spread: `whiten^T C whiten = I`.
pub(super) struct Whitening {
    /// Features x rank.
    pub(super) whiten: Array2<f64>,
    /// The logarithm of the determinant on those directions.
    pub(super) log_det: f64,
}

/// Directions with less than this share of the largest variance count as without spread.
pub(super) const RELATIVE: f64 = 1e-12;

impl Whitening {
    pub(super) fn new(covariance: &Array2<f64>, what: &str) -> Result<Whitening> {
        // Columns in their own deviations: what is small only by its unit is not without spread.
        let deviations: Vec<f64> = covariance
            .diag()
            .iter()
            .map(|variance| if *variance > 0.0 { variance.sqrt() } else { 1.0 })
            .collect();
        let n = deviations.len();
        let scaled =
            Array2::from_shape_fn((n, n), |(i, j)| covariance[[i, j]] / deviations[i] / deviations[j]);
        let eigen = eigh(&scaled)?;
        let largest = eigen.values.iter().copied().fold(0.0, f64::max);
        let kept: Vec<usize> = (0..n).filter(|&k| eigen.values[k] > RELATIVE * largest).collect();
        if kept.is_empty() {
            return Err(Error::singular(format!(
                "{what} do not spread in any direction, so they have no normal distribution; check that the columns are not constant within classes, or give more rows"
            )));
        }
        let mut whiten = eigen.vectors.select(Axis(1), &kept);
        for (mut column, &k) in whiten.axis_iter_mut(Axis(1)).zip(&kept) {
            let scale = eigen.values[k].sqrt();
            column.iter_mut().zip(&deviations).for_each(|(entry, deviation)| *entry /= scale * deviation);
        }
        let spread: f64 = kept.iter().map(|&k| eigen.values[k].ln()).sum();
        let log_det = spread + deviations.iter().map(|deviation| 2.0 * deviation.ln()).sum::<f64>();
        if !whiten.iter().all(|entry| entry.is_finite()) || !log_det.is_finite() {
            return Err(Error::overflow(format!(
                "the spread of {what} leaves the range of f64; scale the columns"
            )));
        }
        Ok(Whitening { whiten, log_det })
    }
}

/// Refuses a model, read from a file, whose numbers do not fit its features and classes.
pub(super) fn check_shape(
    features: &Features,
    classes: &[String],
    means: &Array2<f64>,
    priors: &[f64],
) -> Result<()> {
    let sound = means.dim() == (classes.len(), features.len())
        && priors.len() == classes.len()
        && priors.iter().all(|prior| (0.0..=1.0).contains(prior))
        && means.iter().all(|mean| mean.is_finite());
    if sound {
        Ok(())
    } else {
        Err(Error::corrupt("the means and priors of the discriminant do not hold together"))
    }
}
