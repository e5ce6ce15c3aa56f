use perennial_core::{Classes, Probabilities, Result};
use serde::{Deserialize, Serialize};

use crate::metric::true_columns;

/// A row whose label is likely wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelIssue {
    /// The row.
    pub row: usize,
    /// The label that it has.
    pub given: String,
    /// The label that the model is sure of.
    pub suggested: String,
    /// The probability of the label that it has: the lower, the more suspect.
    pub self_confidence: f64,
}

/// Labels that a model which has not seen them is sure are others: confident learning (Northcutt, Jiang and Chuang, 2021).
///
/// A row is suspected where another class is at least as probable as it is, on average, for the rows labelled so. Give
/// probabilities for rows that the model has not learned from, such as those of `cross_predict`; with those of training
/// rows hardly a wrong label is found.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::errors::LabelIssues;
///
/// let labels = Classes::from_labels(["cat", "cat", "cat", "dog", "dog", "dog"]);
/// let answer = array![[0.9, 0.1], [0.8, 0.2], [0.05, 0.95], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]];
/// let issues = LabelIssues::find(&labels, &Probabilities::new(answer, labels.shared_names())?, None)?;
/// assert_eq!(issues.issues.len(), 1);
/// assert_eq!((issues.issues[0].row, issues.issues[0].suggested.as_str()), (2, "dog"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelIssues {
    /// The rows that are suspected, the most suspect first.
    pub issues: Vec<LabelIssue>,
    /// For each class the share of its rows that are suspected, by name.
    pub by_class: Vec<(String, f64)>,
}

impl LabelIssues {
    /// Looks at each row. Rows count as much as their weights, where there are any: in how sure the model is of a class on average,
    /// and in the shares of the classes.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a row has a class for which there is no probability, or a weight is not
    /// acceptable.
    pub fn find(labels: &Classes, prediction: &Probabilities, weights: Option<&[f64]>) -> Result<Self> {
        let columns = true_columns(labels, prediction, weights)?;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let (values, names) = (prediction.values(), prediction.names());
        let (mut sums, mut counts) = (vec![0.0; names.len()], vec![0.0; names.len()]);
        for (row, &class) in columns.iter().enumerate() {
            sums[class] += weight(row) * values[[row, class]];
            counts[class] += weight(row);
        }
        // A class without rows can be sure of nothing.
        let threshold =
            |class: usize| if counts[class] > 0.0 { sums[class] / counts[class] } else { f64::INFINITY };
        let thresholds: Vec<f64> = (0..names.len()).map(threshold).collect();
        let mut issues = Vec::new();
        let mut suspected = vec![0.0; names.len()];
        for (row, &given) in columns.iter().enumerate() {
            let sure = (0..names.len()).filter(|&class| values[[row, class]] >= thresholds[class]);
            let Some(likely) = sure.max_by(|&a, &b| values[[row, a]].total_cmp(&values[[row, b]])) else {
                continue;
            };
            // Where both are as probable, the label stands.
            if likely != given && values[[row, likely]] > values[[row, given]] {
                suspected[given] += weight(row);
                issues.push(LabelIssue {
                    row,
                    given: names[given].clone(),
                    suggested: names[likely].clone(),
                    self_confidence: values[[row, given]],
                });
            }
        }
        issues.sort_by(|a, b| a.self_confidence.total_cmp(&b.self_confidence));
        let share = |class: usize| if counts[class] > 0.0 { suspected[class] / counts[class] } else { 0.0 };
        let by_class = names.iter().enumerate().map(|(class, name)| (name.clone(), share(class))).collect();
        Ok(LabelIssues { issues, by_class })
    }
}
