//! Each class against the rest, and metrics of classes along a threshold.

use std::sync::Arc;

use ndarray::arr2;
use perennial_core::{ClassOutputs, Classes, Error, Probabilities, Result};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::probabilities::Binary;
use super::ranking::threshold_counts;
use super::{ConfusionMatrix, Metric, OfConfusion, RocAuc, confusion_matrix};
use crate::IntervalOptions;
use crate::align::positive_class;

impl ConfusionMatrix {
    /// Of two classes: what was not given the class and what was; truth down, answers across.
    pub(super) fn of_two(names: Arc<[String]>, cells: [[f64; 2]; 2]) -> Self {
        ConfusionMatrix { names, counts: arr2(&cells) }
    }

    /// For each class the matrix of that class (second) against the rest (first), as scikit-learn's
    /// `multilabel_confusion_matrix`.
    ///
    /// ```
    /// use perennial_core::Classes;
    /// use perennial_evaluation::metric::confusion_matrix;
    ///
    /// let truth = Classes::from_labels(["cat", "cat", "dog", "cow"]);
    /// let answer = Classes::from_labels(["cat", "dog", "dog", "dog"]);
    /// let each = confusion_matrix(&truth, &answer, None)?.one_against_rest();
    /// assert_eq!(each[2].counts(), &ndarray::array![[1.0, 2.0], [0.0, 1.0]]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn one_against_rest(&self) -> Vec<ConfusionMatrix> {
        let (truth, given) = (self.true_weights(), self.predicted_weights());
        let total = self.counts.sum();
        let of_class = |class: usize| {
            let right = self.counts[[class, class]];
            let (missed, wrong) = (truth[class] - right, given[class] - right);
            let rest = (total - truth[class] - given[class] + right).max(0.0);
            let name = &self.names[class];
            let names: Arc<[String]> = Arc::from([format!("not {name}"), name.clone()]);
            ConfusionMatrix::of_two(names, [[rest, wrong.max(0.0)], [missed.max(0.0), right]])
        };
        (0..self.names.len()).map(of_class).collect()
    }
}

/// The confusion matrix of each output of rows that have several, such as a set of labels; by the names of the outputs.
///
/// # Errors
/// When there are no rows, the outputs or lengths differ, or a weight is not acceptable.
pub fn multilabel_confusion_matrix(
    truth: &ClassOutputs,
    prediction: &ClassOutputs,
    weights: Option<&[f64]>,
) -> Result<Vec<(String, ConfusionMatrix)>> {
    if truth.names() != prediction.names() {
        return Err(Error::malformed(format!(
            "the truth has the outputs {} and the prediction {}; give both the same, in one order",
            truth.names().join(", "),
            prediction.names().join(", ")
        )));
    }
    let outputs = truth.names().iter().zip(truth.outputs().iter().zip(prediction.outputs()));
    outputs
        .map(|(name, (truth, given))| Ok((name.clone(), confusion_matrix(truth, given, weights)?)))
        .collect()
}

/// A metric of classes at each threshold of the probability of a class: the different probabilities, falling, and the score
/// where rows from each on are given the class.
///
/// The class is the one that is named, or else the second of two. Where the metric is not defined at a threshold it is NaN.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::metric::{F1, metric_at_thresholds};
///
/// let truth = Classes::from_labels(["no", "no", "yes", "yes"]);
/// let said = Probabilities::new(array![[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], truth.shared_names())?;
/// let (thresholds, scores) = metric_at_thresholds(&F1::of("yes"), &truth, &said, None, None)?;
/// assert_eq!(thresholds, [0.8, 0.4, 0.35, 0.1]);
/// assert!((scores[2] - 0.8).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are not two classes and none is named, one class has no rows, lengths differ, or a weight is not acceptable.
pub fn metric_at_thresholds<M: OfConfusion>(
    metric: &M,
    truth: &Classes,
    prediction: &Probabilities,
    positive: Option<&str>,
    weights: Option<&[f64]>,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let binary = Binary::new(truth, prediction, positive, weights)?;
    let names = prediction.names();
    let column = positive_class(names, positive)?;
    let other = if names.len() == 2 { names[1 - column].clone() } else { format!("not {}", names[column]) };
    let names: Arc<[String]> = Arc::from([other, names[column].clone()]);
    let counts = threshold_counts(&binary.scores, &binary.positive, weights)?;
    let score = |(right, wrong): (&f64, &f64)| {
        let cells =
            [[(counts.negative - wrong).max(0.0), *wrong], [(counts.positive - right).max(0.0), *right]];
        metric.of_confusion(&ConfusionMatrix::of_two(names.clone(), cells)).unwrap_or(f64::NAN)
    };
    let scores = counts.true_positives.iter().zip(&counts.false_positives).map(score).collect();
    Ok((counts.thresholds, scores))
}

/// The Gini coefficient of a ranking (Somers' D): twice the area under the ROC curve, less 1; 0 by chance.
///
/// The interval is that of the area.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `positive` | the second of two classes; of more classes each against the rest, averaged | a class name | the class to find |
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gini {
    area: RocAuc,
}

impl Gini {
    /// With the settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The class to find.
    #[must_use]
    pub fn positive(self, class: impl Into<String>) -> Self {
        Gini { area: self.area.positive(class) }
    }
}

impl Metric for Gini {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        self.area.name().replacen("roc_auc", "gini", 1)
    }

    fn bounds(&self) -> (f64, f64) {
        (-1.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        Ok(2.0 * self.area.score_weighted(truth, prediction, weights)? - 1.0)
    }

    fn interval(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        let Interval { estimate, low, high, level } = self.area.interval(truth, prediction, options)?;
        let of = |area: f64| 2.0 * area - 1.0;
        Ok(Interval { estimate: of(estimate), low: of(low), high: of(high), level })
    }
}
