//! Metrics of several classes per row.

use perennial_core::{ClassOutputs, Error, Result, Rows};
use serde::{Deserialize, Serialize};

use super::confusion::Aligned;
use super::{Metric, check_pairs, mean_by};

/// Refuses no rows, weights that are not acceptable, and outputs that are not the same on both sides.
pub(super) fn check_outputs(
    truth: &ClassOutputs,
    prediction: &ClassOutputs,
    weights: Option<&[f64]>,
) -> Result<()> {
    check_pairs(truth.n_rows(), prediction.n_rows(), weights)?;
    if truth.names() != prediction.names() {
        return Err(Error::malformed(format!(
            "the truth has the outputs {} and the prediction {}; give both the same, in one order",
            truth.names().join(", "),
            prediction.names().join(", ")
        )));
    }
    Ok(())
}

/// The share of the outputs of each row that are right.
fn right(truth: &ClassOutputs, prediction: &ClassOutputs, weights: Option<&[f64]>) -> Result<Vec<f64>> {
    check_outputs(truth, prediction, weights)?;
    let mut right = vec![0.0; truth.n_rows()];
    for (truth, prediction) in truth.outputs().iter().zip(prediction.outputs()) {
        let pair = Aligned::new(truth, prediction, None)?;
        for (right, (truth, given)) in right.iter_mut().zip(pair.truth.iter().zip(&*pair.prediction)) {
            *right += f64::from(u8::from(truth == given));
        }
    }
    let n_outputs = truth.outputs().len() as f64;
    right.iter_mut().for_each(|right| *right /= n_outputs);
    Ok(right)
}

macro_rules! of_outputs {
    ($(#[$doc:meta])* $metric:ident, $name:literal, $higher:literal, $score:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $metric;

        impl Metric for $metric {
            type Truth = ClassOutputs;
            type Prediction = ClassOutputs;
            const HIGHER_IS_BETTER: bool = $higher;

            fn name(&self) -> String {
                $name.to_owned()
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
                let right = right(truth, prediction, weights)?;
                let score: fn(f64) -> f64 = $score;
                Ok(mean_by(right.len(), weights, |row| score(right[row])))
            }

            fn row_scores(&self, truth: &ClassOutputs, prediction: &ClassOutputs) -> Result<Option<Vec<f64>>> {
                let score: fn(f64) -> f64 = $score;
                Ok(Some(right(truth, prediction, None)?.into_iter().map(score).collect()))
            }
        }
    };
}

of_outputs!(
    /// The share of single outputs that are wrong.
    ///
    /// ```
    /// use perennial_core::ClassOutputs;
    /// use perennial_evaluation::{Metric, metric::{ExactMatch, HammingLoss}};
    ///
    /// let truth = ClassOutputs::from_sets([vec!["a", "b"], vec!["a"]])?;
    /// let answer = ClassOutputs::from_sets([vec!["a", "b"], vec!["a", "b"]])?;
    /// assert_eq!(HammingLoss.score(&truth, &answer)?, 0.25);
    /// assert_eq!(ExactMatch.score(&truth, &answer)?, 0.5);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    HammingLoss, "hamming_loss", false, |right| 1.0 - right
);
of_outputs!(
    /// The share of the rows all of whose outputs are right (subset accuracy).
    ExactMatch, "exact_match", true, |right| f64::from(u8::from(right == 1.0))
);
