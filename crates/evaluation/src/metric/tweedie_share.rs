//! The share of a deviance that is explained.

use perennial_core::{Result, Values};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::deviance::{MeanTweedieDeviance, share, two_rows};
use super::values::{checked, in_range};
use super::{Metric, bootstrap, mean_by, where_defined};
use crate::IntervalOptions;
use crate::interval::check_end;

/// The share of a deviance that rows which are left out must leave, to be told from rounding.
const LEAST_LEFT: f64 = 1e-9;

/// Whether the truths of the rows with weight are all the same.
fn all_equal(truth: &[f64], weights: Option<&[f64]>) -> bool {
    let counted = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
    let mut counted = (0..truth.len()).filter(counted).map(|row| truth[row]);
    let first = counted.next();
    counted.all(|y| Some(y) == first)
}

/// The share of a deviance that is explained, beside the mean of the truth as a constant answer.
///
/// The interval is that of the logarithm of the share that is left, by the jackknife (Tukey, 1958): a deviance of numbers that are far apart
/// hangs on few of them, and the fewer they are the further it reaches. It is the bootstrap's where that is asked for, where nothing is left
/// to explain, or where it hangs on a single row.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::metric::{D2Tweedie, IntervalOptions};
///
/// let truth: Values = (0..60).map(|row| f64::from(1 + row * 7 % 11)).collect();
/// let answer: Values = truth.as_slice().iter().enumerate().map(|(row, t)| t * (0.7 + 0.01 * row as f64)).collect();
/// let found = D2Tweedie::new(2.0).interval(&truth, &answer, &IntervalOptions::new())?;
/// assert!(found.estimate > 0.9 && found.low < found.estimate && found.high < 1.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct D2Tweedie {
    deviance: MeanTweedieDeviance,
}

impl D2Tweedie {
    /// Of the deviance of this power.
    pub fn new(power: f64) -> Self {
        D2Tweedie { deviance: MeanTweedieDeviance::new(power) }
    }

    /// Truth and answers where the deviance is defined.
    fn checked<'a>(
        &self,
        truth: &'a Values,
        prediction: &'a Values,
        weights: Option<&[f64]>,
    ) -> Result<(&'a [f64], &'a [f64])> {
        let (truth, prediction) = checked(truth, prediction, weights)?;
        two_rows(truth.len(), "d2_tweedie")?;
        self.deviance.check(truth, prediction)?;
        Ok((truth, prediction))
    }

    /// The interval of the logarithm of what is left; nothing where it is not defined without some of the rows.
    fn by_jackknife(
        &self,
        truth: &[f64],
        prediction: &[f64],
        options: &IntervalOptions<'_>,
    ) -> Result<Option<Interval>> {
        let n_rows = truth.len();
        let weights = options.row_weights();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let of = |y: f64, mu: f64| self.deviance.of(y, mu);
        let mean = mean_by(n_rows, weights, |row| truth[row]);
        // The weight, and by it the truth less its mean, the deviance from the answer and that from the mean.
        let parts: Vec<[f64; 4]> = reduce::map_each(n_rows, |row| match weight(row) {
            w if w > 0.0 => {
                let (y, mu) = (truth[row], prediction[row]);
                [w, w * (y - mean), w * of(y, mu), w * of(y, mean)]
            }
            _ => [0.0; 4],
        });
        let sums: [f64; 4] = std::array::from_fn(|part| reduce::sum_by(n_rows, |row| parts[row][part]));
        if all_equal(truth, weights) || !(sums[2] > 0.0 && (sums[2] / sums[3]).is_normal()) {
            return Ok(None);
        }
        // The deviance of the others from their own mean is that from the mean of all, less that of their mean from it (Banerjee and
        // others, 2005).
        let left = |left_out: &[usize]| {
            let mut rest = sums;
            for &row in left_out {
                rest.iter_mut().zip(parts[row]).for_each(|(rest, own)| *rest -= own);
            }
            let [weight, moved, own, of_mean] = rest;
            if left_out.is_empty() {
                return (own / of_mean).ln();
            }
            let by = weight * of(mean + moved / weight, mean);
            let rest = of_mean - by;
            // Of what is nothing without these rows, rounding is left.
            match own > LEAST_LEFT * sums[2] && rest > LEAST_LEFT * (sums[3] + by) {
                true => (own / rest).ln(),
                false => f64::NAN,
            }
        };
        where_defined(options.of_left_out_with_tails(n_rows, left))
    }
}

impl Metric for D2Tweedie {
    type Truth = Values;
    type Prediction = Values;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        format!("d2_tweedie_{}", self.deviance.power())
    }

    fn bounds(&self) -> (f64, f64) {
        (f64::NEG_INFINITY, 1.0)
    }

    fn score_weighted(&self, truth: &Values, prediction: &Values, weights: Option<&[f64]>) -> Result<f64> {
        let (truth, prediction) = self.checked(truth, prediction, weights)?;
        let mean = mean_by(truth.len(), weights, |row| truth[row]);
        let deviance = |answer: &(dyn Fn(usize) -> f64 + Sync)| {
            mean_by(truth.len(), weights, |row| self.deviance.of(truth[row], answer(row)))
        };
        let (own, of_mean) = (deviance(&|row| prediction[row]), deviance(&|_| mean));
        // Of equal truths the mean is perfect but for rounding.
        let equal = all_equal(truth, weights);
        in_range(share(own, if equal { 0.0 } else { of_mean }), &self.name())
    }

    fn interval(
        &self,
        truth: &Values,
        prediction: &Values,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        let estimate = self.score_weighted(truth, prediction, options.row_weights())?;
        let (t, p) = self.checked(truth, prediction, options.row_weights())?;
        let found = match options.is_forced() {
            true => None,
            false => self.by_jackknife(t, p, options)?,
        };
        let Some(left) = found else { return bootstrap(self, truth, prediction, options) };
        let low = 1.0 - left.high.exp();
        check_end(low, t.len() as f64, left.level)?;
        Ok(Interval { estimate, low, high: 1.0 - left.low.exp(), level: left.level })
    }
}
