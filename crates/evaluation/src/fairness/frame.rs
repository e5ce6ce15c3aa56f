//! Any metric by groups.

use std::borrow::Borrow;
use std::fmt;

use perennial_core::{Error, Param, Result, ResultExt, Rows};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::gaps::{Apart, Gap, gap, score_share};
use super::sensitive::{Grouped, SensitiveFeatures};
use crate::align::check_rows_of;
use crate::metric::{on_rows, score_parts, score_rows, where_defined};
use crate::{IntervalOptions, Metric, SliceOptions, SliceReport, Slices, score_slices};

/// How groups are compared.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `min_support` | 30 | >= 2 | groups whose rows are worth fewer are not compared: with weights, rows of equal weight that would tell as much (Kish, 1965) |
/// | `level` | 0.95 | in (0, 1) | confidence level of the intervals |
/// | `replicates` | 2000 | >= 1 | resamples |
/// | `seed` | 0 | | start of the random stream |
/// | `weights` | none | >= 0 | how much each row counts |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FairnessOptions {
    pub(super) min_support: usize,
    pub(super) level: f64,
    replicates: usize,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weights: Option<Vec<f64>>,
}

pub(super) const MIN_SUPPORT: Param =
    Param::integer("min_support", "rows that a group must have").at_least(2.0);

impl Default for FairnessOptions {
    fn default() -> Self {
        FairnessOptions { min_support: 30, level: 0.95, replicates: 2000, seed: 0, weights: None }
    }
}

impl FairnessOptions {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the rows that a group must have.
    #[must_use]
    pub fn min_support(mut self, min_support: usize) -> Self {
        self.min_support = min_support;
        self
    }

    /// Sets the confidence level of the intervals.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets the number of resamples.
    #[must_use]
    pub fn replicates(mut self, replicates: usize) -> Self {
        self.replicates = replicates;
        self
    }

    /// Sets the start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how much each row counts. Rows without weight are in no group.
    #[must_use]
    pub fn weights(mut self, weights: &[f64]) -> Self {
        self.weights = Some(weights.to_vec());
        self
    }

    pub(super) fn interval(&self) -> IntervalOptions<'_> {
        let options = IntervalOptions::new().level(self.level).replicates(self.replicates).seed(self.seed);
        match &self.weights {
            Some(weights) => options.weights(weights),
            None => options,
        }
    }
}

/// A metric by the groups of sensitive features and their intersections.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::fairness::{FairnessOptions, MetricFrame, SensitiveFeatures};
/// use perennial_evaluation::metric::Accuracy;
///
/// let truth = Classes::from_labels((0..200).map(|row| row % 2));
/// // Right for one group, and for the other in two rows of three.
/// let given = Classes::from_labels((0..200).map(|row| if row < 100 || row % 3 > 0 { row % 2 } else { 1 - row % 2 }));
/// let group: Vec<String> = (0..200).map(|row| if row < 100 { "a" } else { "b" }.to_owned()).collect();
/// let sensitive = SensitiveFeatures::new().by("group", &group);
/// let frame = MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &FairnessOptions::new())?;
/// assert!((frame.gap.difference.estimate - 0.33).abs() < 1e-12);
/// assert!(frame.gap.difference.low > 0.2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricFrame {
    /// The metric overall and by group, the worst first, with intervals, and how likely each group's distance from
    /// the rest is by chance, adjusted for the number of groups.
    pub by_group: SliceReport,
    /// How far groups are apart, of those with enough rows.
    pub gap: Gap,
}

impl MetricFrame {
    /// Scores each group.
    ///
    /// # Errors
    /// When the lengths differ, a setting is out of range, a weight is not acceptable, the metric is not defined on all rows,
    /// or fewer than two groups have enough rows.
    pub fn measure<M: Metric>(
        metric: &M,
        truth: &M::Truth,
        prediction: &M::Prediction,
        sensitive: &SensitiveFeatures,
        options: &FairnessOptions,
    ) -> Result<Self> {
        MIN_SUPPORT.check_count(options.min_support)?;
        let weights = options.weights.as_deref();
        check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
        let groups = Grouped::new(&sensitive.groups()?, truth.n_rows())?;
        let mut slices = Slices::new();
        for (group, name) in groups.names.iter().enumerate() {
            let rows = (0..groups.of_row.len()).filter(|&row| groups.of_row[row] == group).collect();
            slices = slices.rows(name.clone(), rows);
        }
        let of_slices = SliceOptions::new()
            .min_support(options.min_support)
            .level(options.level)
            .replicates(options.replicates)
            .seed(options.seed);
        let of_slices = weights.map_or(of_slices.clone(), |weights| of_slices.weights(weights));
        let by_group = score_slices(metric, truth, prediction, &slices, &of_slices)?;
        let (_, kept) = groups.supports(weights, options.min_support);
        enough_groups(&kept)?;
        let row_scores = metric.row_scores(truth, prediction)?;
        // How sure the number of each group is, of those that have one.
        let of_groups = |level: f64| -> Result<Vec<Interval>> {
            let own = (0..groups.names.len()).filter(|&group| kept[group]).map(|group| {
                let rows: Vec<usize> =
                    (0..groups.of_row.len()).filter(|&row| groups.of_row[row] == group).collect();
                let settings = options.interval().level(level);
                of_rows(metric, truth, prediction, row_scores.as_deref(), &rows, &settings)
                    .context(format!("group `{}`", groups.names[group]))
            });
            Ok(own.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        };
        let gap =
            gap(&options.interval(), truth.n_rows(), of_groups, |counts| {
                let n_groups = groups.names.len();
                if let Some(scores) = &row_scores {
                    let mut sums = vec![(0.0, 0.0); n_groups];
                    for (row, &count) in counts.iter().enumerate() {
                        let sum = &mut sums[groups.of_row[row]];
                        let weight = f64::from(count) * weights.map_or(1.0, |weights| weights[row]);
                        // A row without weight does not count, even where its score is beyond the range of f64.
                        if weight > 0.0 {
                            *sum = (sum.0 + weight * scores[row], sum.1 + weight);
                        }
                    }
                    let means = sums.iter().zip(&kept).filter(|(_, kept)| **kept);
                    return Apart::of(means.map(|(sum, _)| sum.0 / sum.1));
                }
                let mut members = vec![Vec::new(); n_groups];
                for (row, &count) in counts.iter().enumerate() {
                    members[groups.of_row[row]].extend(std::iter::repeat_n(row, count as usize));
                }
                let scored = members.iter().zip(&kept).filter(|(_, kept)| **kept);
                // A draw in which the metric is not defined for a group says nothing of that group.
                Apart::of(scored.map(|(rows, _)| {
                    score_rows(metric, truth, prediction, weights, rows).unwrap_or(f64::NAN)
                }))
            })?;
        let gap = gap.ok_or_else(|| {
            Error::insufficient_data("the metric is defined for fewer than two groups, so there is no gap")
        })?;
        Ok(MetricFrame { by_group, gap })
    }
}

/// The interval of the metric on some rows; of a share that of Wilson. Nothing where the metric is not defined there, and all that
/// there can be where it is and nothing is known of how sure it is.
fn of_rows<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    prediction: &M::Prediction,
    row_scores: Option<&[f64]>,
    rows: &[usize],
    options: &IntervalOptions<'_>,
) -> Result<Option<Interval>> {
    let Some(estimate) = where_defined(score_rows(metric, truth, prediction, options.row_weights(), rows))?
        .filter(|score| score.is_finite())
    else {
        return Ok(None);
    };
    let weights = options.row_weights().map(|weights| weights.take(rows)).transpose()?;
    // In terms of the largest, so that squares stay in the range of f64.
    let largest = weights.iter().flatten().copied().fold(0.0, f64::max);
    let weight = |place: usize| weights.as_ref().map_or(1.0, |weights| weights[place] / largest);
    if let Some(scores) = row_scores {
        let counted = || (0..rows.len()).filter(|&place| weight(place) > 0.0);
        if counted().all(|place| scores[rows[place]] == 0.0 || scores[rows[place]] == 1.0) {
            let [hit, all, squares] = counted().fold([0.0; 3], |[hit, all, squares], place| {
                let weight = weight(place);
                [hit + weight * scores[rows[place]], all + weight, squares + weight * weight]
            });
            return Ok(Some(score_share(hit, all, squares, options.confidence())));
        }
    }
    let (truth, prediction) = score_parts::<M>(truth, prediction, rows)?;
    let own = match &weights {
        Some(weights) => options.clone().weights(weights),
        None => options.clone(),
    };
    let found = on_rows(metric, rows, |metric| metric.interval(truth.borrow(), &prediction, &own));
    match (where_defined(found)?, metric.bounds()) {
        (Some(found), _) => Ok(Some(found)),
        (None, (low, high)) if low.is_finite() && high.is_finite() => {
            Ok(Some(Interval { estimate, low, high, level: options.confidence() }))
        }
        _ => {
            Err(Error::insufficient_data("too few rows to tell how sure the metric is; raise `min_support`"))
        }
    }
}

pub(super) fn enough_groups(kept: &[bool]) -> Result<()> {
    let n_kept = kept.iter().filter(|kept| **kept).count();
    if n_kept >= 2 {
        return Ok(());
    }
    Err(Error::insufficient_data(format!(
        "{n_kept} of {} groups have enough rows, and a comparison needs 2; lower `min_support`, or join groups",
        kept.len()
    )))
}

/// A sentence, and a line for each group.
impl fmt::Display for MetricFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "groups differ: {}\n{}", self.gap, self.by_group)
    }
}
