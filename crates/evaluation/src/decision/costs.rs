//! What each confusion of classes costs.

use std::sync::Arc;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Classes, Error, Probabilities, Result, Rows, check_numbers};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::Metric;
use crate::align::{check_rows_of, codes_in, columns_in};

/// What each confusion costs: true classes down, given classes across. As a metric it is the mean cost.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Probabilities;
/// use perennial_evaluation::decision::CostMatrix;
///
/// let names = ["benign", "malign"].map(String::from).to_vec();
/// // To miss a malign case costs twenty times as much as a false alarm.
/// let costs = CostMatrix::new(array![[0.0, 1.0], [20.0, 0.0]], names.clone())?;
/// let said = Probabilities::new(array![[0.9, 0.1], [0.99, 0.01]], names)?;
/// assert_eq!(costs.decide(&said)?.labels().collect::<Vec<_>>(), ["malign", "benign"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostMatrix {
    names: Arc<[String]>,
    costs: Array2<f64>,
}

impl CostMatrix {
    /// A cost for each true and given class; gains are negative.
    ///
    /// # Errors
    /// When there is no class, the table is not square, has not a name for each row, or a cost is not finite.
    pub fn new(costs: Array2<f64>, names: impl Into<Arc<[String]>>) -> Result<Self> {
        let names = names.into();
        if names.is_empty() {
            return Err(Error::empty("a table of costs needs at least one class"));
        }
        if costs.nrows() != names.len() || costs.ncols() != names.len() {
            let (rows, columns) = costs.dim();
            return Err(Error::malformed(format!(
                "a table of {rows} x {columns} costs for {} classes; there must be one for each true and given class",
                names.len()
            )));
        }
        costs.rows().into_iter().try_for_each(|row| check_numbers("the costs", &row.to_vec()))?;
        Ok(CostMatrix { names, costs })
    }

    /// The class names, in the order of rows and columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The costs: true classes down, given classes across.
    pub fn costs(&self) -> &ArrayRef2<f64> {
        &self.costs
    }

    /// What is expected to be paid for each answer: `n_rows` x `n_classes`.
    ///
    /// # Errors
    /// When there are probabilities of other classes.
    pub fn expected(&self, said: &Probabilities) -> Result<Array2<f64>> {
        let said = columns_in(said, &self.names)?;
        let said = said.values();
        let k = self.names.len();
        Ok(Array2::from_shape_fn((said.nrows(), k), |(row, given)| {
            (0..k).map(|class| said[[row, class]] * self.costs[[class, given]]).sum()
        }))
    }

    /// The answer that is expected to cost least for each row, the first of equals (Elkan, 2001).
    ///
    /// # Errors
    /// As [`expected`](CostMatrix::expected).
    pub fn decide(&self, said: &Probabilities) -> Result<Classes> {
        let cheapest = |row: ndarray::ArrayView1<'_, f64>| {
            (1..row.len()).fold(0, |best, given| if row[given] < row[best] { given } else { best }) as u32
        };
        let codes = self.expected(said)?.rows().into_iter().map(cheapest).collect();
        Classes::new(codes, self.names.clone())
    }
}

impl Metric for CostMatrix {
    type Truth = Classes;
    type Prediction = Classes;
    const HIGHER_IS_BETTER: bool = false;

    fn name(&self) -> String {
        "mean_cost".to_owned()
    }

    fn score_weighted(&self, truth: &Classes, prediction: &Classes, weights: Option<&[f64]>) -> Result<f64> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
        let costs = self.row_scores(truth, prediction)?.unwrap_or_default();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total = reduce::sum_by(costs.len(), weight);
        // Divided first, so that huge costs do not leave the range of f64 in the sum.
        Ok(reduce::sum_by(costs.len(), |row| weight(row) / total * costs[row]))
    }

    fn row_scores(&self, truth: &Classes, prediction: &Classes) -> Result<Option<Vec<f64>>> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), None)?;
        let (truth, given) = (codes_in(truth, &self.names)?, codes_in(prediction, &self.names)?);
        Ok(Some(truth.into_iter().zip(given).map(|(truth, given)| self.costs[[truth, given]]).collect()))
    }
}
