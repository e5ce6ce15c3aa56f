//! The area under the ROC curve for more than two classes, pair by pair.

use perennial_core::{Classes, Probabilities, Result, Rows};
use serde::{Deserialize, Serialize};

use super::probabilities::true_columns;
use super::ranking::roc_auc;
use super::{Metric, RocAuc};

/// The area under the ROC curve of each pair of classes, among their rows alone, averaged over the pairs and both
/// directions (Hand and Till, 2001). Unlike [`RocAuc`], it does not depend on how common the classes are.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `by_prevalence` | false | whether a pair counts as much as it has rows (their weight, where rows have any), and not as any other |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneVsOneAuc {
    by_prevalence: bool,
}

impl OneVsOneAuc {
    /// All pairs count the same.
    pub fn new() -> Self {
        Self::default()
    }

    /// A pair counts as much as it has rows.
    #[must_use]
    pub fn by_prevalence(mut self) -> Self {
        self.by_prevalence = true;
        self
    }
}

impl Metric for OneVsOneAuc {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        let name = if self.by_prevalence { "roc_auc_one_vs_one_by_prevalence" } else { "roc_auc_one_vs_one" };
        name.to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        let names = prediction.names();
        if names.len() < 3 {
            return RocAuc::new().score_weighted(truth, prediction, weights);
        }
        let columns = true_columns(truth, prediction, weights)?;
        let (mut sum, mut total) = (0.0, 0.0);
        for first in 0..names.len() {
            for second in first + 1..names.len() {
                let rows: Vec<usize> = (0..columns.len())
                    .filter(|&row| columns[row] == first || columns[row] == second)
                    .collect();
                let weights = weights.map(|weights| weights.take(&rows)).transpose()?;
                let n_rows =
                    weights.as_deref().map_or(rows.len() as f64, |weights| weights.iter().sum::<f64>());
                let share = if self.by_prevalence { n_rows } else { 1.0 };
                total += 2.0 * share;
                for class in [first, second] {
                    let scores: Vec<f64> =
                        rows.iter().map(|&row| prediction.values()[[row, class]]).collect();
                    let positive: Vec<bool> = rows.iter().map(|&row| columns[row] == class).collect();
                    let place = |error: perennial_core::Error| {
                        error.context(format!("class `{}` against `{}`", names[first], names[second]))
                    };
                    let auc = if rows.is_empty() {
                        Err(perennial_core::Error::insufficient_data("neither class has rows"))
                    } else {
                        roc_auc(&scores, &positive, weights.as_deref())
                    };
                    sum += share * auc.map_err(place)?;
                }
            }
        }
        Ok(sum / total)
    }
}
