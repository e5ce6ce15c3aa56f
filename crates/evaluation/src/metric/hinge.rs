//! The loss of decisions, which are no probabilities.

use perennial_core::{Classes, Error, Outputs, Result, Rows, check_numbers};
use serde::{Deserialize, Serialize};

use super::{Metric, check_pairs, mean_by};

/// The mean of what each decision lacks to a margin of 1 on the right side.
///
/// Decisions are those of `decision_function`: for two classes one column, above 0 for the second class; for more, a
/// column for each class in the order of the names of the truth, and the margin is that of the true class over the
/// largest of the others (Crammer and Singer, 2001).
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Outputs};
/// use perennial_evaluation::{Metric, metric::HingeLoss};
///
/// let truth = Classes::from_labels(["no", "yes", "yes"]);
/// let decisions = Outputs::from(array![[-2.2], [2.4], [0.1]]);
/// assert!((HingeLoss.score(&truth, &decisions)? - 0.3).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HingeLoss;

impl HingeLoss {
    fn losses(truth: &Classes, decisions: &Outputs, weights: Option<&[f64]>) -> Result<Vec<f64>> {
        check_pairs(truth.n_rows(), decisions.n_rows(), weights)?;
        let values = decisions.values();
        let (n_classes, n_columns) = (truth.names().len(), values.ncols());
        let single = n_columns == 1 && n_classes <= 2;
        if !single && (n_columns != n_classes || n_classes < 2) {
            return Err(Error::malformed(format!(
                "there are {n_columns} columns of decisions for {n_classes} classes; give one for each class, or a single one for two"
            )));
        }
        for column in values.columns() {
            check_numbers("the decisions", &column.to_vec())?;
        }
        let loss = |(row, &code): (usize, &u32)| {
            let own = values.row(row);
            let margin = match (single, code) {
                (true, 0) => -own[0],
                (true, _) => own[0],
                (false, code) => {
                    let others = own.iter().enumerate().filter(|(class, _)| *class != code as usize);
                    own[code as usize] - others.fold(f64::NEG_INFINITY, |most, (_, other)| most.max(*other))
                }
            };
            (1.0 - margin).max(0.0)
        };
        Ok(truth.codes().iter().enumerate().map(loss).collect())
    }
}

impl Metric for HingeLoss {
    type Truth = Classes;
    type Prediction = Outputs;
    const HIGHER_IS_BETTER: bool = false;

    fn name(&self) -> String {
        "hinge_loss".to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, f64::INFINITY)
    }

    fn score_weighted(&self, truth: &Classes, prediction: &Outputs, weights: Option<&[f64]>) -> Result<f64> {
        let losses = HingeLoss::losses(truth, prediction, weights)?;
        super::values::in_range(mean_by(losses.len(), weights, |row| losses[row]), "hinge_loss")
    }

    fn row_scores(&self, truth: &Classes, prediction: &Outputs) -> Result<Option<Vec<f64>>> {
        HingeLoss::losses(truth, prediction, None).map(Some)
    }
}
