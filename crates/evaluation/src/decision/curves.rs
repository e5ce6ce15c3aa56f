//! What would be gained at every threshold.

use perennial_core::{Classes, Error, Param, Probabilities, Result, Rows};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::sweep::{Sweep, share};
use crate::Metric;
use crate::align::{check_rows_of, codes_in, columns_in, positive_class};

pub(super) const THRESHOLD: Param = Param::real("threshold", "probability from which on one would act")
    .at_least(0.0)
    .at_most(1.0 - f64::EPSILON);
pub(super) const MIX: Param =
    Param::real("mix", "share of the cost that positive rows would cause").at_least(0.0).at_most(1.0);
const N_BINS: Param = Param::integer("n_bins", "how many parts").at_least(1.0).at_most(100_000.0);

/// The net benefit of acting on the rows whose probability is at least each threshold: the share of true positives, less
/// that of false ones times `threshold / (1 - threshold)` (Vickers and Elkin, 2006).
///
/// A model is of use where its curve lies above both acting on all rows and acting on none, which is 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionCurve {
    /// The thresholds, as they were given.
    pub thresholds: Vec<f64>,
    /// The net benefit of the model.
    pub model: Vec<f64>,
    /// The net benefit of acting on all rows.
    pub all: Vec<f64>,
}

impl DecisionCurve {
    /// The thresholds at which the model is better than acting on all rows and acting on none.
    pub fn useful(&self) -> Vec<f64> {
        let of = self.thresholds.iter().zip(self.model.iter().zip(&self.all));
        of.filter(|(_, (model, all))| **model > all.max(0.0)).map(|(threshold, _)| *threshold).collect()
    }
}

/// The decision curve of probabilities at thresholds.
///
/// ```
/// use perennial_evaluation::decision::decision_curve;
///
/// let curve = decision_curve(&[0.1, 0.4, 0.8, 0.9], &[false, false, true, true], None, &[0.5])?;
/// assert_eq!((curve.model[0], curve.all[0]), (0.5, 0.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, the lengths differ, a number is not acceptable, or a threshold is not in [0, 1).
pub fn decision_curve(
    probabilities: &[f64],
    positive: &[bool],
    weights: Option<&[f64]>,
    thresholds: &[f64],
) -> Result<DecisionCurve> {
    thresholds.iter().try_for_each(|threshold| THRESHOLD.check(*threshold))?;
    let sweep = Sweep::new(probabilities, positive, weights, None)?;
    let net = |hits: f64, alarms: f64, threshold: f64| {
        (hits - alarms * (threshold / (1.0 - threshold))) / sweep.total()
    };
    let at = |&threshold: &f64| {
        // Cuts fall; the last that is not below the threshold.
        let place = sweep.cuts.partition_point(|cut| cut.threshold >= threshold).max(1) - 1;
        let cut = &sweep.cuts[place];
        net(cut.true_positive, cut.false_positive, threshold)
    };
    let all = |&threshold: &f64| net(sweep.positives, sweep.negatives, threshold);
    Ok(DecisionCurve {
        thresholds: thresholds.to_vec(),
        model: thresholds.iter().map(at).collect(),
        all: thresholds.iter().map(all).collect(),
    })
}

/// The net benefit at one threshold, as a metric with intervals and slices (Vickers and Elkin, 2006).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `threshold` | 0.5 | in [0, 1) | the probability from which on one would act |
/// | `positive` | the second of two classes | a class name | the class to find |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetBenefit {
    threshold: f64,
    positive: Option<String>,
}

impl Default for NetBenefit {
    fn default() -> Self {
        NetBenefit { threshold: 0.5, positive: None }
    }
}

impl NetBenefit {
    /// At this threshold.
    pub fn new(threshold: f64) -> Self {
        NetBenefit { threshold, ..NetBenefit::default() }
    }

    /// Sets the positive class.
    #[must_use]
    pub fn positive(mut self, class: impl Into<String>) -> Self {
        self.positive = Some(class.into());
        self
    }
}

impl Metric for NetBenefit {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        format!("net_benefit_{}", self.threshold)
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
        let values = self.row_scores(truth, prediction)?.unwrap_or_default();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        Ok(reduce::sum_by(values.len(), |row| weight(row) * values[row])
            / reduce::sum_by(values.len(), weight))
    }

    fn row_scores(&self, truth: &Classes, prediction: &Probabilities) -> Result<Option<Vec<f64>>> {
        THRESHOLD.check(self.threshold)?;
        check_rows_of(truth.n_rows(), prediction.n_rows(), None)?;
        let said = columns_in(prediction, prediction.names())?;
        let positive = positive_class(said.names(), self.positive.as_deref())?;
        let codes = codes_in(truth, said.names())?;
        let value =
            |row: usize| match (said.values()[[row, positive]] >= self.threshold, codes[row] == positive) {
                (false, _) => 0.0,
                (true, true) => 1.0,
                (true, false) => -self.threshold / (1.0 - self.threshold),
            };
        Ok(Some((0..codes.len()).map(value).collect()))
    }
}

/// The least expected cost that a threshold reaches, for every mix of classes and costs (Drummond and Holte, 2006).
///
/// The mix is the share of the cost that positive rows would cause were all answers wrong; costs are shares of that.
/// Always the one answer costs `min(mix, 1 - mix)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostCurve {
    /// The shares of the negative rows that are called positive, rising, at the corners of the convex hull of the ROC
    /// curve.
    pub false_positive_rate: Vec<f64>,
    /// The shares of the positive rows that are called negative there, falling.
    pub false_negative_rate: Vec<f64>,
    /// The thresholds there.
    pub thresholds: Vec<f64>,
}

impl CostCurve {
    /// The least cost at a mix, and the threshold that reaches it.
    ///
    /// # Errors
    /// When the mix is not in [0, 1].
    pub fn at(&self, mix: f64) -> Result<(f64, f64)> {
        MIX.check(mix)?;
        let cost = |place: usize| {
            self.false_negative_rate[place] * mix + self.false_positive_rate[place] * (1.0 - mix)
        };
        let best = (1..self.thresholds.len())
            .fold(0, |best, place| if cost(place) < cost(best) { place } else { best });
        let threshold = self.thresholds.get(best).copied();
        threshold.map_or_else(
            || Err(Error::empty("the curve has no points")),
            |threshold| Ok((cost(best), threshold)),
        )
    }
}

/// The cost curve of scores.
///
/// # Errors
/// When there are no rows, the lengths differ, a number is not acceptable, or a class has no rows with weight.
pub fn cost_curve(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<CostCurve> {
    let sweep = Sweep::new(scores, positive, weights, None)?;
    sweep.two_sides()?;
    let point = |place: usize| {
        let cut = &sweep.cuts[place];
        (sweep.false_positive_rate(cut), sweep.recall(cut))
    };
    let hull = upper_hull((0..sweep.cuts.len()).map(point));
    Ok(CostCurve {
        false_positive_rate: hull.iter().map(|&place| point(place).0).collect(),
        false_negative_rate: hull.iter().map(|&place| 1.0 - point(place).1).collect(),
        thresholds: hull.iter().map(|&place| sweep.cuts[place].threshold).collect(),
    })
}

/// The places of the corners of the upper convex hull of points in rising order.
pub(crate) fn upper_hull(points: impl Iterator<Item = (f64, f64)>) -> Vec<usize> {
    let mut corners: Vec<(usize, (f64, f64))> = Vec::new();
    for (place, point) in points.enumerate() {
        while let [.., (_, before), (_, last)] = corners[..] {
            let turn =
                (last.0 - before.0) * (point.1 - before.1) - (last.1 - before.1) * (point.0 - before.0);
            if turn < 0.0 {
                break;
            }
            corners.pop();
        }
        corners.push((place, point));
    }
    corners.into_iter().map(|(place, _)| place).collect()
}

/// One row of a lift table: the rows with the highest scores down to here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftRow {
    /// The share of all weight down to here.
    pub depth: f64,
    /// The lowest score of this part.
    pub score: f64,
    /// The weight of this part.
    pub weight: f64,
    /// The share of this part that is positive.
    pub rate: f64,
    /// The share of all positive rows down to here.
    pub gain: f64,
    /// How many times as many positives there are down to here as in as many rows drawn at random.
    pub lift: f64,
}

/// The rows from the highest score down in parts of equal weight, and how many positives each finds. Rows with the same
/// score stay together, so there may be fewer parts.
///
/// # Errors
/// When there are no rows, the lengths differ, a number is not acceptable, no row is positive, or there are no parts.
pub fn lift_table(
    scores: &[f64],
    positive: &[bool],
    weights: Option<&[f64]>,
    n_bins: usize,
) -> Result<Vec<LiftRow>> {
    N_BINS.check_count(n_bins)?;
    let sweep = Sweep::new(scores, positive, weights, None)?;
    if !(sweep.positives > 0.0) {
        return Err(Error::insufficient_data("lift is not defined: no row with weight is positive"));
    }
    let total = sweep.total();
    let mut table: Vec<LiftRow> = Vec::new();
    let (mut before, mut before_positive) = (0.0, 0.0);
    let mut next = 1;
    for (place, cut) in sweep.cuts.iter().enumerate().skip(1) {
        let down = cut.true_positive + cut.false_positive;
        let wanted = next as f64 / n_bins as f64 * total * (1.0 - 1e-12);
        if down < wanted && place + 1 < sweep.cuts.len() {
            continue;
        }
        let gain = cut.true_positive / sweep.positives;
        table.push(LiftRow {
            depth: down / total,
            score: cut.threshold,
            weight: down - before,
            rate: share(cut.true_positive - before_positive, down - before),
            gain,
            lift: gain / (down / total),
        });
        (before, before_positive) = (down, cut.true_positive);
        next = ((down / total * n_bins as f64 * (1.0 + 1e-12)).floor() as usize + 1).max(next + 1);
    }
    Ok(table)
}
