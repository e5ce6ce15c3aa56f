//! Times to an event whose logarithm is a score and noise.

use perennial_core::{Error, Param, Result};
use perennial_numeric::special::exp;
use perennial_statistics::special::{mills_ratio, normal_tails};
use serde::{Deserialize, Serialize};

use super::{LEAST_HESSIAN, check_targets, finite_exp};
use crate::boosting::objective::{Labels, Objective};

const SCALE: Param =
    Param::real("scale", "how wide the logarithms of times lie around the score").at_least(1e-6).at_most(1e6);

/// Standardised differences are cut here, so that sums of squares of what follows from them stay finite.
pub(super) const LARGEST: f64 = 300.0;
/// From here on the curvature of log-logistic times is that of a parabola above the loss.
const FAR: f64 = 3.0;
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// How the logarithm of a time lies around its score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeDistribution {
    /// Normally, so that times are log-normal: `normal` of XGBoost.
    #[default]
    LogNormal,
    /// By the logistic distribution, so that times are log-logistic: `logistic` of XGBoost.
    LogLogistic,
    /// By that of the least of many, so that times are those of Weibull: `extreme` of XGBoost.
    Weibull,
}

/// Accelerated failure times (Wei, 1992; of boosted trees, Barnwal, Cho and Hocking, 2022), for times until something happens: the
/// logarithm of a time is the score and `scale` times noise. Where [`Cox`](super::Cox) orders rows, this answers with a time.
///
/// A target is the time of the event, or the negative time at which a row was last seen without one: 12.5 for an event
/// at 12.5, -12.5 for none up to then; 0 is refused. Where a column of the matrix holds the latest time of the event
/// ([`GradientBoostingRegressor::latest`](crate::GradientBoostingRegressor::latest)), -12.5 and 20 stand for an event between the two, 0
/// and 20 for one before 20, and a missing latest time for what the target says alone; beside a positive target it is missing, or the
/// same. Some target must not be 0, as all events may else have been at once. The answer is the exponential of the score: the median time
/// of log-normal and log-logistic times, and the time that 63 % of Weibull's have passed. The loss is the mean negative logarithm of the
/// likelihood.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `distribution` | `LogNormal` | see [`TimeDistribution`] | how the logarithm of a time lies around the score |
/// | `scale` | 1 | 1e-6 to 1e6 | the standard deviation of log-normal noise, and the unit of the other two |
///
/// Second derivatives are exact where they do not vanish; where they do, steps would be as long as they please. Events of Weibull's
/// far earlier than expected keep 1 / `scale`^2, and log-logistic times more than three scales from their score, those without an
/// event only above it, have the curvature of the parabola that lies above the loss and touches it there and as far on the other side.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::GradientBoostingRegressor;
/// use perennial_models::boosting::{AcceleratedFailureTime, TimeDistribution};
///
/// let x = Matrix::from(Array2::from_shape_fn((300, 1), |(row, _)| (row % 2) as f64));
/// // The second kind lasts five times as long; watching ends at 12.
/// let time = |row: i32| f64::from(1 + row % 7) * if row % 2 == 0 { 1.0 } else { 5.0 };
/// let y: Values = (0..300).map(time).map(|time| if time > 12.0 { -12.0 } else { time }).collect();
/// let loss = AcceleratedFailureTime { distribution: TimeDistribution::Weibull, scale: 0.5 };
/// let model = GradientBoostingRegressor::new().loss(loss).fit(&x, &y)?;
/// let times = model.predict(&x)?;
/// assert!(times.as_slice()[1] / times.as_slice()[0] > 3.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcceleratedFailureTime {
    /// How the logarithm of a time lies around the score.
    pub distribution: TimeDistribution,
    /// How wide.
    pub scale: f64,
}

impl Default for AcceleratedFailureTime {
    fn default() -> Self {
        AcceleratedFailureTime { distribution: TimeDistribution::default(), scale: 1.0 }
    }
}

impl TimeDistribution {
    /// The negative logarithm of the density of an event at `z`, its first derivative, and its second or a bound of it.
    #[inline(always)]
    pub(super) fn event(self, z: f64) -> [f64; 3] {
        match self {
            Self::LogNormal => [0.5 * z * z + LN_SQRT_2PI, z, 1.0],
            Self::LogLogistic => {
                let [below, above] = shares(z);
                let curve = if z.abs() > FAR { (below - above) / z } else { 2.0 * below * above };
                [2.0 * softplus(z) - z, below - above, curve]
            }
            Self::Weibull => {
                let hazard = exp(z.min(LARGEST));
                [hazard - z, hazard - 1.0, hazard.max(1.0)]
            }
        }
    }

    /// The negative logarithm of the share that lasts longer than `z`, its first derivative, and its second or a bound of it.
    #[inline(always)]
    pub(super) fn lasting(self, z: f64) -> [f64; 3] {
        match self {
            Self::LogNormal => {
                let tails = normal_tails(z);
                let hazard = if z >= 0.0 {
                    1.0 / mills_ratio(z)
                } else {
                    (-0.5 * z * z - LN_SQRT_2PI).exp() / tails.upper
                };
                // Far out the difference of the hazard and `z` has no digits left.
                let curve =
                    if z > 200.0 { 1.0 - 1.0 / (z * z) + 6.0 / z.powi(4) } else { hazard * (hazard - z) };
                [-tails.ln_upper, hazard, curve]
            }
            Self::LogLogistic => {
                let [below, above] = shares(z);
                let curve = if z > FAR { (below - above) / (2.0 * z) } else { below * above };
                [softplus(z), below, curve]
            }
            Self::Weibull => [exp(z.min(LARGEST)); 3],
        }
    }
}

/// The shares below and above `z` of the logistic distribution.
#[inline(always)]
fn shares(z: f64) -> [f64; 2] {
    let tail = exp(-z.abs());
    let (small, large) = (tail / (1.0 + tail), 1.0 / (1.0 + tail));
    if z < 0.0 { [small, large] } else { [large, small] }
}

/// `ln(1 + e^z)`.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

impl AcceleratedFailureTime {
    /// How far the logarithm of a time lies above its score, in units of the scale.
    #[inline(always)]
    fn standardised(self, y: f64, score: f64) -> f64 {
        ((y.abs().ln() - score) / self.scale).clamp(-1e100, 1e100)
    }

    /// The loss of a row, its first derivative by a step that moves the time, and its second or a bound of it, in units of the scale.
    fn row(self, labels: &Labels<'_>, row: usize, score: f64) -> [f64; 3] {
        let y = labels.y[row];
        let low = self.standardised(y, score);
        match labels.latest().map(|latest| latest[row]) {
            Some(latest) if y <= 0.0 && latest > -y => {
                self.distribution.between(low, self.standardised(latest, score))
            }
            Some(latest) if y > 0.0 || latest == -y => self.event_at(y, low),
            _ if y > 0.0 => self.event_at(y, low),
            _ => self.distribution.lasting(low),
        }
    }

    fn event_at(self, y: f64, z: f64) -> [f64; 3] {
        let [loss, slope, curve] = self.distribution.event(z);
        [loss + self.scale.ln() + y.abs().ln(), slope, curve]
    }

    /// The derivatives of the loss of a row by its score, whatever stands beside its target.
    fn slopes_of(self, labels: &Labels<'_>, row: usize, score: f64) -> (f64, f64) {
        let [_, slope, curve] = self.row(labels, row, score);
        (-slope / self.scale, (curve / (self.scale * self.scale)).max(LEAST_HESSIAN))
    }

    /// The logarithm of a time that a row stands for.
    fn middle(labels: &Labels<'_>, row: usize) -> f64 {
        let y = labels.y[row].abs();
        match labels.latest().map(|latest| latest[row]) {
            Some(latest) if y == 0.0 => latest.ln(),
            Some(latest) if latest > y => y.ln().midpoint(latest.ln()),
            _ => y.ln(),
        }
    }

    fn check_latest(labels: &Labels<'_>) -> Result<()> {
        let right = |row: &usize| {
            let (y, latest) = (labels.y[*row], labels.latest().map_or(f64::NAN, |latest| latest[*row]));
            match latest.is_nan() {
                true => y != 0.0,
                false if y > 0.0 => latest == y,
                false => latest > 0.0 && latest.is_finite() && latest >= -y,
            }
        };
        match (0..labels.n_rows()).find(|row| !right(row)) {
            None => Ok(()),
            Some(row) => Err(Error::malformed(format!(
                "the target is {:?} at row {row}, and its latest time is {:?}; the loss of failure times needs a negative target -a, \
                 or 0, where the event lies between a and the latest time, which must not be less than a, and a latest time that is missing, or the \
                 same, beside a positive target",
                labels.y[row],
                labels.latest().map_or(f64::NAN, |latest| latest[row])
            ))),
        }
    }

    /// The derivatives of the loss of a row by its score.
    #[inline(always)]
    fn slopes(self, y: f64, score: f64) -> (f64, f64) {
        let z = self.standardised(y, score);
        let [_, slope, curve] =
            if y > 0.0 { self.distribution.event(z) } else { self.distribution.lasting(z) };
        (-slope / self.scale, (curve / (self.scale * self.scale)).max(LEAST_HESSIAN))
    }
}

impl Objective for AcceleratedFailureTime {
    fn check(&self, labels: &Labels<'_>) -> Result<()> {
        self.check_watched(labels)?;
        if (0..labels.n_rows()).all(|row| labels.y[row] == 0.0 || labels.weight(row) == 0.0) {
            return Err(Error::insufficient_data(
                "no row is known to last to any time: all targets are 0, and the best time would be 0; give rows with an event after a \
                 known time",
            ));
        }
        let happens =
            |row: usize| labels.y[row] > 0.0 || labels.latest().is_some_and(|latest| !latest[row].is_nan());
        if (0..labels.n_rows()).any(|row| happens(row) && labels.weight(row) > 0.0) {
            return Ok(());
        }
        Err(Error::insufficient_data(
            "no row has an event: all targets are negative, which marks times without one; give the times of events as positive targets",
        ))
    }

    fn check_watched(&self, labels: &Labels<'_>) -> Result<()> {
        SCALE.check(self.scale)?;
        if labels.latest().is_some() {
            return Self::check_latest(labels);
        }
        let expected = "the time of an event, above 0, or the negative time up to which there was none";
        check_targets(labels, |y| y == 0.0, "the loss of failure times", expected)
    }

    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        const STEPS: usize = 200;
        // The loss is convex: the slope rises, and what is best lies between where it is negative and where it is positive.
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut base = labels.mean_by(|row| Self::middle(labels, row));
        let mut reach = self.scale;
        let (mut moved, mut before) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..STEPS {
            let slope = labels.mean_by(|row| self.slopes_of(labels, row, base).0);
            let curve = labels.mean_by(|row| self.slopes_of(labels, row, base).1);
            if slope > 0.0 {
                high = base
            } else {
                low = base
            }
            let newton = base - slope / curve;
            let next = if low.is_finite() && high.is_finite() {
                // Steps that do not become half as long in two are too short, or go to and fro.
                let shrinks = 2.0 * (newton - base).abs() <= before;
                if shrinks && low < newton && newton < high { newton } else { low.midpoint(high) }
            } else {
                reach *= 2.0;
                base - reach.copysign(slope)
            };
            (before, moved) = (moved, (next - base).abs());
            if slope == 0.0 || !next.is_finite() || moved <= 1e-14 * (1.0 + base.abs()) {
                break;
            }
            base = next;
        }
        Ok(vec![base])
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        if labels.latest().is_none() {
            return labels.each_row(scores, gradients, hessians, |y, score| self.slopes(y, score));
        }
        labels.each_place(gradients, hessians, |row| self.slopes_of(labels, row, scores[row]));
    }

    fn takes_latest(&self) -> bool {
        true
    }

    fn answer(&self, scores: &mut [f64]) {
        scores[0] = finite_exp(scores[0]);
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        labels.mean_by(|row| self.row(labels, row, scores[row])[0])
    }
}
