//! How the set of labels of each row agrees with the true one.

use perennial_core::{ClassOutputs, Error, Result, Rows};
use serde::{Deserialize, Serialize};

use super::class_outputs::check_outputs;
use super::classes::ratio;
use super::{Metric, mean_by};

/// What is measured of the set of labels of each row; the mean over rows (the average `samples` of scikit-learn). Outputs are
/// two classes each, and a row has a label where its class is the second.
///
/// What is not defined for a row, such as the precision of no label, counts 0.
///
/// ```
/// use perennial_core::ClassOutputs;
/// use perennial_evaluation::{Metric, metric::LabelSets};
///
/// let truth = ClassOutputs::from_sets([vec!["a", "b"], vec!["a"]])?;
/// let answer = ClassOutputs::from_sets([vec!["a"], vec!["a", "b"]])?;
/// assert_eq!(LabelSets::Precision.score(&truth, &answer)?, 0.75);
/// assert_eq!(LabelSets::Jaccard.score(&truth, &answer)?, 0.5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSets {
    /// The share of the given labels that the row has.
    Precision,
    /// The share of the row's labels that were given.
    Recall,
    /// The harmonic mean of both.
    F1,
    /// The labels that it has and was given, as a share of those that it has or was given.
    Jaccard,
}

impl LabelSets {
    /// Of each row.
    fn rows(self, truth: &ClassOutputs, given: &ClassOutputs, weights: Option<&[f64]>) -> Result<Vec<f64>> {
        check_outputs(truth, given, weights)?;
        let mut counts = vec![[0.0; 3]; truth.n_rows()];
        for (label, (truth, given)) in truth.names().iter().zip(truth.outputs().iter().zip(given.outputs())) {
            if truth.names().len() != 2 || truth.names() != given.names() {
                return Err(Error::malformed(format!(
                    "label `{label}` must have the same two classes in the truth and in the answer; make both with `ClassOutputs::from_sets`"
                )));
            }
            for (counts, (&own, &said)) in counts.iter_mut().zip(truth.codes().iter().zip(given.codes())) {
                let (own, said) = (f64::from(own), f64::from(said));
                *counts = [counts[0] + own * said, counts[1] + own, counts[2] + said];
            }
        }
        let of = |[both, own, said]: [f64; 3]| match self {
            LabelSets::Precision => ratio(both, said),
            LabelSets::Recall => ratio(both, own),
            LabelSets::F1 => ratio(2.0 * both, own + said),
            LabelSets::Jaccard => ratio(both, own + said - both),
        };
        Ok(counts.into_iter().map(of).collect())
    }
}

impl Metric for LabelSets {
    type Truth = ClassOutputs;
    type Prediction = ClassOutputs;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        let name = match self {
            LabelSets::Precision => "precision_of_sets",
            LabelSets::Recall => "recall_of_sets",
            LabelSets::F1 => "f1_of_sets",
            LabelSets::Jaccard => "jaccard_of_sets",
        };
        name.to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &ClassOutputs,
        prediction: &ClassOutputs,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        let rows = self.rows(truth, prediction, weights)?;
        Ok(mean_by(rows.len(), weights, |row| rows[row]))
    }

    fn row_scores(&self, truth: &ClassOutputs, prediction: &ClassOutputs) -> Result<Option<Vec<f64>>> {
        self.rows(truth, prediction, None).map(Some)
    }
}
