//! Curves, thresholds and depths of rows that come in parts.

use perennial_core::Result;

use super::sides::score_of;
use super::{Approximate, RankSums, ThresholdCounts};
use crate::decision::DEPTH;
use crate::metric::ThresholdScore;

impl Approximate {
    fn between(least: f64, most: f64) -> Self {
        match least == most {
            true => Approximate { estimate: least, error: 0.0 },
            false => Approximate { estimate: 0.5 * (least + most), error: 0.5 * (most - least) },
        }
    }
}

impl RankSums {
    /// What is right and wrong at or above each score that is held: any measure of a threshold follows from it, and so do the
    /// [ROC curve](ThresholdCounts::roc_curve), that of [precision and recall](ThresholdCounts::precision_recall_curve) and the
    /// [DET curve](ThresholdCounts::det_curve). Where scores were held together some points are missing; those that are there are exact.
    ///
    /// ```
    /// use perennial_evaluation::metric::ranking::{RankSums, roc_curve};
    ///
    /// let (scores, positive) = ([0.9, 0.8, 0.7, 0.6, 0.3], [true, false, true, true, false]);
    /// let mut sums = RankSums::new();
    /// sums.add(&scores[..2], &positive[..2], None)?;
    /// sums.add(&scores[2..], &positive[2..], None)?;
    /// assert_eq!(sums.threshold_counts()?.roc_curve(), roc_curve(&scores, &positive, None)?);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`roc_auc`](RankSums::roc_auc).
    pub fn threshold_counts(&self) -> Result<ThresholdCounts> {
        let [negative, positive] = self.two_sides("the curve")?;
        let cuts = self.cuts();
        // The lowest score that falls into a count.
        let threshold = |key: &u64| {
            let score = score_of(key << self.dropped);
            if score.is_finite() { score } else { f64::MIN }
        };
        Ok(ThresholdCounts {
            thresholds: self.sums.keys().rev().map(threshold).collect(),
            true_positives: cuts.iter().map(|cut| cut[0]).collect(),
            false_positives: cuts.iter().map(|cut| cut[1]).collect(),
            positive,
            negative,
        })
    }

    /// The weights of positive and negative rows at or above each score, from the highest down.
    fn cuts(&self) -> Vec<[f64; 2]> {
        let mut above = [0.0; 2];
        let cut = |[negative, positive]: &[f64; 2]| {
            above = [above[0] + positive, above[1] + negative];
            above
        };
        self.sums.values().rev().map(cut).collect()
    }

    /// As a [`ThresholdScore`]: the gap of Kolmogorov and Smirnov, the recall at a precision, the specificity at a recall and their
    /// like, of the class whose rows were added as positive. Of rows whose order is not known, positive ones may come first.
    ///
    /// ```
    /// use perennial_evaluation::metric::{ThresholdScore, ranking::RankSums};
    ///
    /// let mut sums = RankSums::new();
    /// sums.add(&[0.9, 0.8, 0.7, 0.6, 0.3], &[true, false, true, true, false], None)?;
    /// let recall = sums.threshold_score(&ThresholdScore::recall_at_precision(0.75))?;
    /// assert_eq!((recall.estimate, recall.error), (1.0, 0.0));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`roc_auc`](RankSums::roc_auc), or when the bound of the metric is not in [0, 1].
    pub fn threshold_score(&self, metric: &ThresholdScore) -> Result<Approximate> {
        let [negative, positive] = self.two_sides("the best threshold")?;
        let cuts = self.cuts();
        let least = metric.best_of(&cuts, [positive, negative])?;
        if self.dropped == 0 {
            return Ok(Approximate { estimate: least, error: 0.0 });
        }
        let before = std::iter::once(0.0).chain(cuts.iter().map(|cut| cut[1]));
        let best: Vec<[f64; 2]> = cuts.iter().zip(before).map(|(cut, wrong)| [cut[0], wrong]).collect();
        Ok(Approximate::between(least, metric.best_of(&best, [positive, negative])?))
    }

    /// As [`Gini`](crate::metric::Gini): twice the area under the ROC curve, less 1.
    ///
    /// # Errors
    /// As [`roc_auc`](RankSums::roc_auc).
    pub fn gini(&self) -> Result<Approximate> {
        let Approximate { estimate, error } = self.roc_auc()?;
        Ok(Approximate { estimate: 2.0 * estimate - 1.0, error: 2.0 * error })
    }

    /// How many times as many positives there are among the rows with the highest scores, down to this share of all weight, as among as
    /// many rows drawn at random: the estimates of [`lift_intervals`](crate::decision::lift_intervals). Of rows with the same score, of
    /// which only a part is reached, that part of each counts.
    ///
    /// ```
    /// use perennial_evaluation::metric::ranking::RankSums;
    ///
    /// let mut sums = RankSums::new();
    /// sums.add(&[0.9, 0.8, 0.7, 0.6, 0.3], &[true, false, true, false, false], None)?;
    /// assert_eq!(sums.lift(0.2)?.estimate, 2.5);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`roc_auc`](RankSums::roc_auc), or when the depth is not in (0, 1].
    pub fn lift(&self, depth: f64) -> Result<Approximate> {
        DEPTH.check(depth)?;
        let [negative, positive] = self.two_sides("lift")?;
        let mut left = depth * (negative + positive);
        let [mut tied, mut least, mut most] = [0.0; 3];
        for [negative, positive] in self.sums.values().rev() {
            let reached = (left / (negative + positive)).clamp(0.0, 1.0);
            tied += positive * reached;
            most += positive.min(left.max(0.0));
            least += (left - negative).clamp(0.0, *positive);
            left -= negative + positive;
        }
        let lift = |found: f64| found / positive / depth;
        Ok(match self.dropped {
            0 => Approximate { estimate: lift(tied), error: 0.0 },
            _ => Approximate::between(lift(least), lift(most)),
        })
    }
}
