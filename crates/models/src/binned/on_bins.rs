//! Estimators of matrices that can learn from bins as well.

use perennial_core::{
    Capabilities, Classes, Classifier, Estimator, Matrix, Predictor, Probabilities, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::Binned;

/// An estimator that puts its input into bins before it learns, and can be given bins instead.
pub trait LearnsFromBins: Estimator<Input = Matrix> {
    /// What its model answers from bins.
    type Answer: BinsAnswer;

    /// Learns from rows in bins.
    ///
    /// # Errors
    /// As for [`fit_on`](Estimator::fit_on).
    fn fit_bins(&self, train: &Train<'_, Binned, Self::Target>) -> Result<Self::Model>;

    /// Answers rows that are in the bins which the model learned from.
    ///
    /// # Errors
    /// When the rows are in other bins.
    fn predict_bins(model: &Self::Model, x: &Binned) -> Result<Self::Answer>;

    /// The same estimator for rows that are in bins already: folds and trials share them.
    fn on_bins(self) -> OnBins<Self>
    where
        Self: Sized,
    {
        OnBins(self)
    }
}

/// An estimator that learns from rows in bins; see [`LearnsFromBins::on_bins`].
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, FitTransform, Matrix, NoTarget, Predictor, Train, Transformer, Values};
/// use perennial_models::binned::LearnsFromBins;
/// use perennial_models::{Binner, GradientBoostingRegressor};
///
/// let x = Matrix::from(Array2::from_shape_fn((200, 2), |(row, column)| (row * (column + 1) % 17) as f64));
/// let y: Values = (0..200).map(|row| f64::from(row % 17)).collect();
/// let settings = GradientBoostingRegressor::new().n_trees(10);
///
/// let binned = Binner::new().fit(&x, &NoTarget)?.transform(&x)?;
/// let model = settings.clone().on_bins().fit(&binned, &y)?;
/// assert_eq!(model.predict(&binned)?, settings.fit(&x, &y)?.predict(&x)?);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OnBins<E>(E);

impl<E: LearnsFromBins> Estimator for OnBins<E> {
    type Input = Binned;
    type Target = E::Target;
    type Model = OnBinsModel<E>;

    fn fit_on(&self, train: &Train<'_, Binned, E::Target>) -> Result<OnBinsModel<E>> {
        Ok(OnBinsModel { model: self.0.fit_bins(train)? })
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        self.0.steps()
    }
}

/// A model that answers rows in bins.
pub struct OnBinsModel<E: LearnsFromBins> {
    model: E::Model,
}

impl<E: LearnsFromBins> OnBinsModel<E> {
    /// The model itself, which answers matrices.
    pub fn into_inner(self) -> E::Model {
        self.model
    }
}

impl<E: LearnsFromBins> std::fmt::Debug for OnBinsModel<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnBinsModel").finish_non_exhaustive()
    }
}

impl<E: LearnsFromBins> Predictor for OnBinsModel<E> {
    type Input = Binned;
    type Output = <E::Answer as BinsAnswer>::Output;

    fn predict(&self, x: &Binned) -> Result<Self::Output> {
        Ok(E::predict_bins(&self.model, x)?.into_output())
    }
}

impl<E: LearnsFromBins<Answer = Probabilities>> Classifier for OnBinsModel<E> {
    fn predict_proba(&self, x: &Binned) -> Result<Probabilities> {
        E::predict_bins(&self.model, x)
    }
}

/// What models answer from bins, and what that predicts.
pub trait BinsAnswer: Send + Sync {
    /// What it predicts.
    type Output: Send + Sync;

    /// What it predicts.
    fn into_output(self) -> Self::Output;
}

impl BinsAnswer for Values {
    type Output = Values;

    fn into_output(self) -> Values {
        self
    }
}

impl BinsAnswer for Probabilities {
    type Output = Classes;

    fn into_output(self) -> Classes {
        self.most_likely()
    }
}
