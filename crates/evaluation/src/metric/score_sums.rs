//! Scores that are means over rows, gathered from parts of the rows.

use perennial_core::{Error, Result, Rows};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::double::Double;
use super::values::in_range;
use super::{Metric, check_pairs};
use crate::interval::two_sided_t;

/// What a stream of rows leaves behind of any metric that is a mean of a number per row
/// ([`row_scores`](Metric::row_scores)): one pass gives the score and its interval, and parts are merged.
///
/// Such are accuracies, log loss, the Brier score, hinge loss, top-k accuracy, net benefit and costs; absolute, squared, percentage and
/// logarithmic errors, pinball losses and Tweedie deviances; CRPS, interval scores, coverage and widths of intervals. Sums carry
/// about 32 digits, so however rows are divided, ordered and merged, a score differs by its last bit at most, and hardly ever does.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::metric::{MeanPinball, ScoreSums};
///
/// let mut sums = ScoreSums::new(MeanPinball::new(0.9));
/// sums.add(&Values::from(vec![1.0, 2.0]), &Values::from(vec![2.0, 1.0]), None)?;
/// let mut others = ScoreSums::new(MeanPinball::new(0.9));
/// others.add(&Values::from(vec![5.0]), &Values::from(vec![3.0]), Some(&[2.0]))?;
/// sums.merge(&others)?;
/// assert!((sums.score()? - (0.1 + 0.9 + 2.0 * 1.8) / 4.0).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreSums<M> {
    metric: M,
    sums: Sums,
}

/// Of the rows with weight: their number, and the sums of weights `w`, of `u = w * score`, and of their products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    n_rows: u64,
    w: Double,
    u: Double,
    ww: Double,
    uw: Double,
    uu: Double,
}

impl Sums {
    fn of(scores: &[f64], weight: impl Fn(usize) -> f64, rows: std::ops::Range<usize>) -> Self {
        let mut sums = Sums::default();
        for row in rows.filter(|&row| weight(row) > 0.0) {
            let (w, u) = (weight(row), weight(row) * scores[row]);
            let one = Sums {
                n_rows: 1,
                w: Double::from(w),
                u: Double::from(u),
                ww: Double::product(w, w),
                uw: Double::product(u, w),
                uu: Double::product(u, u),
            };
            sums = sums.and(one);
        }
        sums
    }

    fn and(self, other: Sums) -> Self {
        Sums {
            n_rows: self.n_rows + other.n_rows,
            w: self.w.plus(other.w),
            u: self.u.plus(other.u),
            ww: self.ww.plus(other.ww),
            uw: self.uw.plus(other.uw),
            uu: self.uu.plus(other.uu),
        }
    }
}

impl<M: Metric> ScoreSums<M> {
    /// Of no rows yet.
    pub fn new(metric: M) -> Self {
        ScoreSums { metric, sums: Sums::default() }
    }

    /// The metric.
    pub fn metric(&self) -> &M {
        &self.metric
    }

    /// Adds rows; those without weight count for nothing.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a weight is not acceptable, the metric is no mean over rows or not defined for
    /// these, or the score of a row is beyond the range of f64. Nothing is added then.
    pub fn add(
        &mut self,
        truth: &M::Truth,
        prediction: &M::Prediction,
        weights: Option<&[f64]>,
    ) -> Result<()> {
        let n = truth.n_rows();
        check_pairs(n, prediction.n_rows(), weights)?;
        let scores = self.metric.row_scores(truth, prediction)?.ok_or_else(|| {
            Error::unsupported(format!(
                "`{}` is no mean over rows; for it use `ConfusionMatrix`, `ErrorSums` or `RankSums`",
                self.metric.name()
            ))
        })?;
        if scores.len() != n {
            return Err(Error::length_mismatch("the scores of the rows", n, scores.len()));
        }
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        if let Some(row) = (0..n).find(|&row| weight(row) > 0.0 && !(weight(row) * scores[row]).is_finite()) {
            let name = self.metric.name();
            return Err(Error::overflow(format!(
                "`{name}` of row {row} is {}, with weight {}; it must be in the range of f64",
                scores[row],
                weight(row)
            )));
        }
        let sums = reduce::map_reduce(n, 1 << 14, |rows| Sums::of(&scores, weight, rows), Sums::and);
        self.sums = self.sums.and(sums.unwrap_or_default());
        Ok(())
    }

    /// Adds what was gathered from other rows.
    ///
    /// # Errors
    /// When it is of a metric of another name.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let (own, theirs) = (self.metric.name(), other.metric.name());
        if own != theirs {
            return Err(Error::malformed(format!(
                "sums of `{theirs}` cannot be added to sums of `{own}`; gather both by one metric"
            )));
        }
        self.sums = self.sums.and(other.sums);
        Ok(())
    }

    /// The number of rows with weight.
    pub fn n_rows(&self) -> u64 {
        self.sums.n_rows
    }

    /// The weight of all rows.
    pub fn weight(&self) -> f64 {
        self.sums.w.value()
    }

    /// The score of all rows together.
    ///
    /// # Errors
    /// When there are no rows with weight, or the score is beyond the range of f64.
    pub fn score(&self) -> Result<f64> {
        let Sums { n_rows, w, u, .. } = self.sums;
        if n_rows == 0 {
            return Err(Error::empty("there are no rows with weight to score"));
        }
        let sum = if u.is_full() || w.is_full() { f64::INFINITY } else { u.value() };
        in_range(sum / w.value(), &self.metric.name())
    }

    /// Student's interval of the score, for independent rows, cut to the scores there can be: a ratio of sums, linearised (Cochran,
    /// 1977). For few rows with a skewed score, the bootstrap of [`Metric::interval`] is better; it needs the rows.
    ///
    /// # Errors
    /// As [`score`](ScoreSums::score), when the level is not in (0, 1), there are fewer than two rows, or squares are beyond the
    /// range of f64.
    pub fn interval(&self, level: f64) -> Result<Interval> {
        let estimate = self.score()?;
        let Sums { n_rows, w, ww, uw, uu, .. } = self.sums;
        if n_rows < 2 {
            return Err(Error::insufficient_data("an interval needs at least 2 rows with weight"));
        }
        if uu.is_full() || uw.is_full() || ww.is_full() {
            return Err(Error::overflow(format!(
                "the squares of `{}` are beyond the range of f64; scale the target or the weights",
                self.metric.name()
            )));
        }
        // The sum of (u - estimate * w)^2.
        let cross = uw.times(Double::from(-2.0 * estimate));
        let squares = uu.plus(cross).plus(ww.times(Double::product(estimate, estimate))).value().max(0.0);
        let n = n_rows as f64;
        let half = two_sided_t(n - 1.0, level)? * (squares * (n / (n - 1.0))).sqrt() / w.value();
        let (least, most) = self.metric.bounds();
        Ok(Interval { estimate, low: (estimate - half).max(least), high: (estimate + half).min(most), level })
    }
}
