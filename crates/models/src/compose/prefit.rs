//! Models that are fitted already, where estimators are wanted.

use perennial_core::{Capabilities, Estimator, Predictor, Result, Rows, Train};
use serde::{Deserialize, Serialize};

/// A fitted model in the place of an estimator: fitting gives the model as it is, whatever the rows.
///
/// As the member of a [`StackingClassifier`](super::StackingClassifier) or of a vote it is what others call `prefit`. The rows
/// that the last model of a stack learns from must then be rows that the frozen models have not seen.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::compose::{Prefit, StackingClassifier};
/// use perennial_models::{GaussianNaiveBayes, LogisticRegression};
///
/// let x = Matrix::from(Array2::from_shape_fn((60, 2), |(i, j)| ((i * (j + 3)) % 11) as f64));
/// let y = Classes::from_labels((0..60).map(|i| (i * 3) % 11 > 5));
/// let known = GaussianNaiveBayes::new().fit(&x, &y)?;
/// let stack = StackingClassifier::new((Prefit::new(known.clone()),), LogisticRegression::new());
/// assert_eq!(stack.fit(&x, &y)?.models().0, known);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefit<M> {
    model: M,
}

impl<M> Prefit<M> {
    /// This model.
    pub fn new(model: M) -> Self {
        Prefit { model }
    }
}

impl<M> Estimator for Prefit<M>
where
    M: Predictor + Clone,
    M::Output: Rows + Sync,
{
    type Input = M::Input;
    type Target = M::Output;
    type Model = M;

    fn fit_on(&self, _: &Train<'_, M::Input, M::Output>) -> Result<M> {
        Ok(self.model.clone())
    }

    /// It learns from no row, so it minds none; what the model does not take it says when it predicts.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().sparse().categorical()
    }
}
