//! Which threshold is best.

use std::fmt;

use perennial_core::{Error, Param, Result};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::sweep::{Cut, Sweep, ranked, share};
use super::value::ValueModel;
use crate::IntervalOptions;

/// What a threshold is to make largest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The mean of recall and specificity.
    #[default]
    BalancedAccuracy,
    /// The share of right answers.
    Accuracy,
    /// The harmonic mean of precision and recall.
    F1,
    /// The share of those called positive that are.
    Precision,
    /// The share of the positive rows that are called so.
    Recall,
    /// The mean value of the outcomes.
    Value(ValueModel),
}

impl Objective {
    fn name(&self) -> &'static str {
        match self {
            Objective::BalancedAccuracy => "balanced accuracy",
            Objective::Accuracy => "accuracy",
            Objective::F1 => "F1",
            Objective::Precision => "precision",
            Objective::Recall => "recall",
            Objective::Value(_) => "mean value",
        }
    }

    fn at(&self, sweep: &Sweep, cut: &Cut) -> f64 {
        match self {
            Objective::BalancedAccuracy => {
                // A class without rows leaves the other.
                match (sweep.positives > 0.0, sweep.negatives > 0.0) {
                    (true, true) => 0.5 * (sweep.recall(cut) + 1.0 - sweep.false_positive_rate(cut)),
                    (true, false) => sweep.recall(cut),
                    _ => 1.0 - sweep.false_positive_rate(cut),
                }
            }
            Objective::Accuracy => (cut.true_positive + sweep.negatives - cut.false_positive) / sweep.total(),
            Objective::F1 => {
                share(2.0 * cut.true_positive, cut.true_positive + cut.false_positive + sweep.positives)
            }
            Objective::Precision => cut.precision(),
            Objective::Recall => sweep.recall(cut),
            Objective::Value(_) => cut.value / sweep.total(),
        }
    }

    fn values(&self) -> Option<&ValueModel> {
        match self {
            Objective::Value(values) => Some(values),
            _ => None,
        }
    }
}

/// Which threshold is best: the one with the largest objective among those that keep the bounds; of equals the highest.
///
/// A row is called positive where its score is at least the threshold, which is one of the scores, or just above all of
/// them where it is best to call none.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `objective` | balanced accuracy | | what is to be largest |
/// | `min_precision` | none | in [0, 1] | the least share of those called positive that are |
/// | `min_recall` | none | in [0, 1] | the least share of the positive rows that are called so |
/// | `max_flagged` | none | >= 0 | the most rows that may be called positive |
/// | `max_flagged_share` | none | in [0, 1] | the most rows that may be called positive, as a share of the weight |
///
/// ```
/// use perennial_evaluation::IntervalOptions;
/// use perennial_evaluation::decision::{Objective, ThresholdRule};
///
/// let scores: Vec<f64> = (0..100).map(|row| f64::from(row) / 100.0).collect();
/// let positive: Vec<bool> = (0..100).map(|row| row % 100 > 60 || row % 7 == 0).collect();
/// let rule = ThresholdRule::new(Objective::Recall).min_precision(0.9);
/// let choice = rule.choose(&scores, &positive, &IntervalOptions::new().replicates(200))?;
/// assert_eq!(choice.threshold, 0.56);
/// assert!(choice.precision.low > 0.8);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThresholdRule {
    objective: Objective,
    min_precision: Option<f64>,
    min_recall: Option<f64>,
    max_flagged: Option<usize>,
    max_flagged_share: Option<f64>,
}

/// How many thresholds are chosen anew; their mean is then known far better than the interval.
pub(super) const CHOICES: usize = 200;
/// The share of what rows that were not drawn are worse by that those that were are too good by (Efron, 1983).
pub(super) const OUT_OF_BAG: f64 = 0.632;

const fn share_param(name: &'static str, meaning: &'static str) -> Param {
    Param::real(name, meaning).at_least(0.0).at_most(1.0)
}

const MIN_PRECISION: Param = share_param("min_precision", "least share of those called positive that are");
const MIN_RECALL: Param = share_param("min_recall", "least share of the positive rows that are called so");
const MAX_FLAGGED_SHARE: Param = share_param("max_flagged_share", "most rows that may be called positive");

/// A threshold with what it does on the rows that it was chosen on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdChoice {
    /// The score from which on a row is called positive.
    pub threshold: f64,
    /// What was to be largest.
    pub objective: String,
    /// How large it is on these rows, with its interval at this threshold.
    pub value: Interval,
    /// The share of those called positive that are; 0 where none is called.
    pub precision: Interval,
    /// The share of the positive rows that are called so.
    pub recall: Interval,
    /// The share of the rows that are called positive.
    pub flagged: Interval,
}

impl ThresholdRule {
    /// With what is to be largest, and no bounds.
    pub fn new(objective: Objective) -> Self {
        ThresholdRule { objective, ..ThresholdRule::default() }
    }

    /// That makes the mean value of the outcomes largest.
    pub fn value(values: impl Into<ValueModel>) -> Self {
        ThresholdRule::new(Objective::Value(values.into()))
    }

    /// Sets the least share of those called positive that are.
    #[must_use]
    pub fn min_precision(mut self, share: f64) -> Self {
        self.min_precision = Some(share);
        self
    }

    /// Sets the least share of the positive rows that are called so.
    #[must_use]
    pub fn min_recall(mut self, share: f64) -> Self {
        self.min_recall = Some(share);
        self
    }

    /// Sets the most rows that may be called positive.
    #[must_use]
    pub fn max_flagged(mut self, rows: usize) -> Self {
        self.max_flagged = Some(rows);
        self
    }

    /// Sets the most rows that may be called positive, as a share of the weight.
    #[must_use]
    pub fn max_flagged_share(mut self, share: f64) -> Self {
        self.max_flagged_share = Some(share);
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let shares = [
            (MIN_PRECISION, self.min_precision),
            (MIN_RECALL, self.min_recall),
            (MAX_FLAGGED_SHARE, self.max_flagged_share),
        ];
        shares.iter().try_for_each(|(param, share)| share.map_or(Ok(()), |share| param.check(share)))
    }

    /// The rule for some of the rows, where values are given for each.
    pub(super) fn take(&self, rows: &[usize]) -> Result<Self> {
        let objective = match &self.objective {
            Objective::Value(values) => Objective::Value(values.take(rows)?),
            other => other.clone(),
        };
        Ok(ThresholdRule { objective, ..self.clone() })
    }

    /// Refuses values that are not those of so many rows.
    pub(super) fn check_rows(&self, n_rows: usize) -> Result<()> {
        self.objective.values().map_or(Ok(()), |values| values.check(n_rows))
    }

    /// The best threshold alone.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a number is not acceptable, or no threshold keeps the bounds.
    pub fn threshold(&self, scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
        self.best(scores, positive, weights).map(|(cut, _)| cut.threshold)
    }

    fn best(&self, scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<(Cut, f64)> {
        self.check()?;
        self.best_of(&Sweep::new(scores, positive, weights, self.objective.values())?)
    }

    fn best_of(&self, sweep: &Sweep) -> Result<(Cut, f64)> {
        // Shares of the same rows in another order of adding must not miss a bound by a rounding.
        let close = 1e-12;
        let kept = |cut: &&Cut| {
            self.min_precision.is_none_or(|least| cut.flagged > 0 && cut.precision() >= least - close)
                && self.min_recall.is_none_or(|least| sweep.recall(cut) >= least - close)
                && self.max_flagged.is_none_or(|most| cut.flagged <= most)
                && self.max_flagged_share.is_none_or(|most| {
                    (cut.true_positive + cut.false_positive) / sweep.total() <= most + close
                })
        };
        let mut best: Option<(Cut, f64)> = None;
        for cut in sweep.cuts.iter().filter(kept) {
            let value = self.objective.at(sweep, cut);
            if best.is_none_or(|(_, most)| value > most) {
                best = Some((*cut, value));
            }
        }
        best.ok_or_else(|| {
            let most = |of: &dyn Fn(&Cut) -> f64| sweep.cuts.iter().map(of).fold(0.0, f64::max);
            Error::unsupported(format!(
                "no threshold keeps all bounds; alone, precision reaches {:.4} and recall {:.4}: loosen a bound, or find better scores",
                most(&|cut| cut.precision()),
                most(&|cut| sweep.recall(cut))
            ))
        })
    }

    /// The best threshold, and what it does on these rows with intervals: weights, groups and level are those of the
    /// options.
    ///
    /// On the rows that it was chosen on a threshold looks a little too good. So thresholds are chosen anew on resamples of the rows and
    /// judged on the rows that are not among them; 0.632 of what that is worse by (Efron, 1983) is taken out of the intervals (Noma and
    /// others, 2021), not of the estimates, which can lie outside. Choose on rows that the model has not seen.
    ///
    /// # Errors
    /// As [`threshold`](ThresholdRule::threshold), or as [`Metric::interval`](crate::Metric::interval).
    pub fn choose(
        &self,
        scores: &[f64],
        positive: &[bool],
        options: &IntervalOptions<'_>,
    ) -> Result<ThresholdChoice> {
        let weights = options.row_weights();
        let (cut, _) = self.best(scores, positive, weights)?;
        let mut choice = self.judge(cut.threshold, scores, positive, options)?;
        let mut left_out = self.left_out(scores, positive, options)?;
        // Where no row is called there is no precision that could look too good.
        if cut.flagged == 0 {
            left_out[1] = None;
        }
        let share = Some((0.0, 1.0));
        let of_value = if self.objective.values().is_some() { None } else { share };
        let found = [&mut choice.value, &mut choice.precision, &mut choice.recall, &mut choice.flagged];
        for ((interval, left_out), bounds) in
            found.into_iter().zip(left_out).zip([of_value, share, share, share])
        {
            let by = left_out.map_or(0.0, |left_out| OUT_OF_BAG * (left_out - interval.estimate));
            let (least, most) = bounds.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
            interval.low = (interval.low + by).clamp(least, most);
            interval.high = (interval.high + by).clamp(least, most);
        }
        Ok(choice)
    }

    /// What thresholds that are chosen on resamples come to on the rows that are not among them, on average: the objective, precision,
    /// recall and the share that is called; nothing where they are defined for no resample.
    fn left_out(
        &self,
        scores: &[f64],
        positive: &[bool],
        options: &IntervalOptions<'_>,
    ) -> Result<[Option<f64>; 4]> {
        let (weights, values) = (options.row_weights(), self.objective.values());
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let order = ranked(scores, weights);
        let found = options.map_counts(scores.len(), CHOICES, |counts| {
            let drawn = Sweep::over(&order, scores, positive, weight, |row| counts[row], values);
            // A resample in which no threshold keeps the bounds tells nothing.
            let threshold = self.best_of(&drawn).ok()?.0.threshold;
            let left =
                Sweep::over(&order, scores, positive, weight, |row| u32::from(counts[row] == 0), values);
            let at = left.cuts.iter().rev().find(|cut| cut.threshold >= threshold).or(left.cuts.first())?;
            let called = at.true_positive + at.false_positive;
            let defined = |share: f64, of: f64| (of > 0.0).then_some(share);
            Some([
                defined(self.objective.at(&left, at), left.total()),
                defined(at.precision(), called),
                defined(left.recall(at), left.positives),
                defined(share(called, left.total()), left.total()),
            ])
        })?;
        let mean = |which: usize| {
            let known: Vec<f64> = found.iter().flatten().filter_map(|found| found[which]).collect();
            (!known.is_empty()).then(|| reduce::mean(&known))
        };
        Ok([mean(0), mean(1), mean(2), mean(3)])
    }

    /// What a given threshold does on rows, with intervals.
    ///
    /// # Errors
    /// As [`choose`](ThresholdRule::choose), but for bounds, which are not looked at; or when the threshold is NaN.
    pub fn judge(
        &self,
        threshold: f64,
        scores: &[f64],
        positive: &[bool],
        options: &IntervalOptions<'_>,
    ) -> Result<ThresholdChoice> {
        if threshold.is_nan() {
            return Err(Error::invalid_param("threshold", threshold, "a number"));
        }
        let weights = options.row_weights();
        Sweep::new(scores, positive, weights, self.objective.values())?;
        let called: Vec<bool> = scores.iter().map(|score| *score >= threshold).collect();
        let n_rows = scores.len();
        let cells: Vec<usize> =
            (0..n_rows).map(|row| 2 * usize::from(positive[row]) + usize::from(called[row])).collect();
        // What was to be largest, precision and recall.
        let scores = |counts: &[u32]| {
            let mut sums = [0.0; 4];
            for (row, (&count, &cell)) in counts.iter().zip(&cells).enumerate() {
                sums[cell] += f64::from(count) * weights.map_or(1.0, |weights| weights[row]);
            }
            let [_, false_positive, _, true_positive] = sums;
            let cut = Cut { threshold, flagged: 0, true_positive, false_positive, value: 0.0 };
            let sweep =
                Sweep { cuts: Vec::new(), positives: sums[2] + sums[3], negatives: sums[0] + sums[1] };
            [self.objective.at(&sweep, &cut), cut.precision(), sweep.recall(&cut)]
        };
        let [value, precision, recall] = options.of_counts_together(n_rows, scores)?;
        let value = match self.objective.values() {
            Some(values) => {
                let worth: Vec<f64> =
                    (0..n_rows).map(|row| values.row(row).of(positive[row], called[row])).collect();
                options.of_mean(&worth)?
            }
            None => value,
        };
        let flags: Vec<f64> = called.iter().map(|&called| f64::from(u8::from(called))).collect();
        Ok(ThresholdChoice {
            threshold,
            objective: self.objective.name().to_owned(),
            value,
            precision,
            recall,
            flagged: options.of_mean(&flags)?,
        })
    }
}

/// A sentence.
impl fmt::Display for ThresholdChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ThresholdChoice { threshold, objective, value, precision, recall, flagged } = self;
        write!(
            f,
            "from {threshold:.4} on a row is called positive: {objective} {value}, precision {precision}, recall {recall}, called {flagged}"
        )
    }
}
