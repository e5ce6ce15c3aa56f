//! What boosting makes smaller.

use perennial_core::Result;
use perennial_numeric::reduce;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The rows that a loss is measured on.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// The target of each row; of a classification the code of its class.
    pub y: &'a [f64],
    /// How much each row counts.
    pub weights: Option<&'a [f64]>,
    /// Which rows belong together, such as the answers to a query.
    pub groups: Option<&'a [u32]>,
}

impl Labels<'_> {
    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.y.len()
    }

    /// The weight of a row; 1 where there are no weights.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// Fills the derivatives of a loss that looks at one row and one score at a time, in parallel. `derivatives` gets a
    /// target and a score and gives the first and the second derivative by the score; they are weighted here.
    pub fn each_row(
        &self,
        scores: &[f64],
        gradients: &mut [f64],
        hessians: &mut [f64],
        derivatives: impl Fn(f64, f64) -> (f64, f64) + Sync,
    ) {
        const BLOCK: usize = 4096;
        let blocks = gradients.par_chunks_mut(BLOCK).zip(hessians.par_chunks_mut(BLOCK)).enumerate();
        blocks.for_each(|(block, (gradients, hessians))| {
            let first = block * BLOCK;
            let (y, scores) = (&self.y[first..], &scores[first..]);
            match self.weights {
                None => {
                    for (row, (gradient, hessian)) in gradients.iter_mut().zip(hessians).enumerate() {
                        (*gradient, *hessian) = derivatives(y[row], scores[row]);
                    }
                }
                Some(weights) => {
                    let weights = &weights[first..];
                    for (row, (gradient, hessian)) in gradients.iter_mut().zip(hessians).enumerate() {
                        let (first, second) = derivatives(y[row], scores[row]);
                        (*gradient, *hessian) = (first * weights[row], second * weights[row]);
                    }
                }
            }
        });
    }

    /// The weighted mean over the rows of what `term` gives for a row, in a fixed order of addition.
    pub fn mean_by(&self, term: impl Fn(usize) -> f64 + Sync) -> f64 {
        let sum = reduce::sum_by(self.n_rows(), |row| self.weight(row) * term(row));
        sum / self.total_weight()
    }

    /// The sum of the weights.
    pub fn total_weight(&self) -> f64 {
        self.weights.map_or(self.n_rows() as f64, reduce::sum)
    }
}

/// A loss that boosting can make smaller: implement it to bring your own.
///
/// A row has [`n_scores`](Objective::n_scores) scores, which trees add up, one tree per score and round. Scores,
/// gradients and hessians of all rows lie score by score: those of score `k` are at `k * n_rows..(k + 1) * n_rows`.
///
/// ```
/// use perennial_core::Result;
/// use perennial_models::boosting::{Labels, Objective};
///
/// /// log(cosh(score - y)): squared error near the target, absolute error far from it.
/// #[derive(Clone, Debug)]
/// struct LogCosh;
///
/// impl Objective for LogCosh {
///     fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
///         Ok(vec![labels.mean_by(|row| labels.y[row])])
///     }
///
///     fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
///         labels.each_row(scores, gradients, hessians, |y, score| {
///             let slope = (score - y).tanh();
///             (slope, 1.0 - slope * slope)
///         });
///     }
///
///     fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
///         labels.mean_by(|row| (scores[row] - labels.y[row]).cosh().ln())
///     }
/// }
/// ```
pub trait Objective: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The number of scores of a row.
    fn n_scores(&self) -> usize {
        1
    }

    /// Refuses targets that the loss is not defined for, settings out of range, and rows that lack what it needs.
    ///
    /// # Errors
    /// Names the first target, or the setting, that is wrong.
    fn check(&self, labels: &Labels<'_>) -> Result<()> {
        let _ = labels;
        Ok(())
    }

    /// The scores that boosting starts from, the same for all rows: as a rule those of the best constant.
    ///
    /// # Errors
    /// When the targets have none.
    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>>;

    /// Fills the first and second derivatives of the loss of each row by each score, times the weight of the row. The
    /// second may be an upper bound, and must not be negative.
    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]);

    /// Whether all second derivatives are the weights of their rows; then they need not be added up.
    fn unit_hessian(&self) -> bool {
        false
    }

    /// What a leaf adds to score number `output` of its `rows`, where that is better than the step of Newton: a median,
    /// for instance. `None` for the step of Newton.
    fn leaf_score(&self, labels: &Labels<'_>, scores: &[f64], rows: &[u32], output: usize) -> Option<f64> {
        let _ = (labels, scores, rows, output);
        None
    }

    /// Turns the scores of one row into its answer: a mean, a probability.
    fn answer(&self, scores: &mut [f64]) {
        let _ = scores;
    }

    /// The weighted mean loss of rows with these scores.
    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64;
}

/// Half the squared difference: the answer is the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SquaredError;

impl Objective for SquaredError {
    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        Ok(vec![labels.mean_by(|row| labels.y[row])])
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        labels.each_row(scores, gradients, hessians, |y, score| (score - y, 1.0));
    }

    fn unit_hessian(&self) -> bool {
        true
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        labels.mean_by(|row| 0.5 * (scores[row] - labels.y[row]).powi(2))
    }
}
