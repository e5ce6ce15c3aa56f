//! Votes of several models.

use std::borrow::Borrow;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Param, Predictor, Probabilities, Result, Rows,
    Train, Values,
};
use serde::{Deserialize, Serialize};

use super::members::{ClassifierModels, Members, RegressorModels, check_classes};
use crate::classes::two_or_more;

/// Several classifiers that vote.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `weights` | all equal | >= 0, not all 0 | how much each member counts |
/// | `hard` | false | | whether a member votes for one class, or shares its vote by its probabilities |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::compose::VotingClassifier;
/// use perennial_models::{GaussianNaiveBayes, LinearDiscriminantAnalysis};
///
/// let x = Matrix::from(array![[1.0], [1.4], [0.8], [5.0], [5.5], [4.5]]);
/// let y = Classes::from_labels(["low", "low", "low", "high", "high", "high"]);
/// let both = VotingClassifier::new((GaussianNaiveBayes::new(), LinearDiscriminantAnalysis::new()));
/// assert_eq!(both.fit(&x, &y)?.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VotingClassifier<S> {
    members: S,
    #[serde(default)]
    weights: Option<Vec<f64>>,
    #[serde(default)]
    hard: bool,
}

/// Several regressors whose answers are averaged.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `weights` | all equal | >= 0, not all 0 | how much each member counts |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VotingRegressor<S> {
    members: S,
    #[serde(default)]
    weights: Option<Vec<f64>>,
}

impl<S> VotingClassifier<S> {
    /// It has no numeric settings of its own.
    pub const PARAMS: &'static [Param] = &[];

    /// A vote of `members`: a tuple of classifiers, or a list of one type.
    pub fn new(members: S) -> Self {
        VotingClassifier { members, weights: None, hard: false }
    }

    /// Sets how much each member counts.
    #[must_use]
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }

    /// Sets whether a member votes for one class alone.
    #[must_use]
    pub fn hard(mut self, hard: bool) -> Self {
        self.hard = hard;
        self
    }
}

impl<S> VotingRegressor<S> {
    /// It has no numeric settings of its own.
    pub const PARAMS: &'static [Param] = &[];

    /// The mean of `members`: a tuple of regressors, or a list of one type.
    pub fn new(members: S) -> Self {
        VotingRegressor { members, weights: None }
    }

    /// Sets how much each member counts.
    #[must_use]
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = Some(weights.into());
        self
    }
}

/// The shares of the members in the vote.
fn shares(weights: Option<&Vec<f64>>, n_members: usize) -> Result<Vec<f64>> {
    if n_members == 0 {
        return Err(Error::empty("the ensemble has no members"));
    }
    let weights = weights.cloned().unwrap_or_else(|| vec![1.0; n_members]);
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let sound = weights.len() == n_members
        && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        && largest > 0.0;
    if !sound {
        let expected = format!("{n_members} numbers >= 0, one for each member, not all of them 0");
        return Err(Error::invalid_param("weights", weights, expected));
    }
    let total: f64 = weights.iter().map(|weight| weight / largest).sum();
    Ok(weights.iter().map(|weight| weight / largest / total).collect())
}

/// The models of a [`VotingClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VotingClassifierModel<M> {
    classes: Arc<[String]>,
    models: M,
    shares: Vec<f64>,
    hard: bool,
}

/// The models of a [`VotingRegressor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VotingRegressorModel<M> {
    models: M,
    shares: Vec<f64>,
}

impl<M> VotingClassifierModel<M> {
    /// The models.
    pub fn models(&self) -> &M {
        &self.models
    }
}

impl<M> VotingRegressorModel<M> {
    /// The models.
    pub fn models(&self) -> &M {
        &self.models
    }
}

impl<S: Members<Target = Classes>> Estimator for VotingClassifier<S>
where
    S::Models: ClassifierModels<Input = S::Input>,
{
    type Input = S::Input;
    type Target = Classes;
    type Model = VotingClassifierModel<S::Models>;

    fn fit_on(&self, train: &Train<'_, S::Input, Classes>) -> Result<Self::Model> {
        let shares = shares(self.weights.as_ref(), self.members.names().len())?;
        two_or_more(train.y, train.weights)?;
        let models = self.members.fit_all(train)?;
        // No rows are enough to learn the classes of the members.
        let said = models.predict_proba_all(train.x.take(&[])?.borrow())?;
        said.iter().try_for_each(|one| check_classes("vote", one, train.y.names()))?;
        Ok(VotingClassifierModel { classes: train.y.shared_names(), models, shares, hard: self.hard })
    }

    fn capabilities(&self) -> Capabilities {
        self.members.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("VotingClassifier({})", self.members.names().join(", "))]
    }
}

impl<S: Members<Target = Values>> Estimator for VotingRegressor<S>
where
    S::Models: RegressorModels<Input = S::Input>,
{
    type Input = S::Input;
    type Target = Values;
    type Model = VotingRegressorModel<S::Models>;

    fn fit_on(&self, train: &Train<'_, S::Input, Values>) -> Result<Self::Model> {
        let shares = shares(self.weights.as_ref(), self.members.names().len())?;
        Ok(VotingRegressorModel { models: self.members.fit_all(train)?, shares })
    }

    fn capabilities(&self) -> Capabilities {
        self.members.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("VotingRegressor({})", self.members.names().join(", "))]
    }
}

impl<M: ClassifierModels> Predictor for VotingClassifierModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: ClassifierModels> Classifier for VotingClassifierModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        let answers = self.models.predict_proba_all(x)?;
        let mut votes = Array2::zeros((x.n_rows(), self.classes.len()));
        for (answer, &share) in answers.iter().zip(&self.shares) {
            if answer.names() != &self.classes[..] {
                return Err(Error::corrupt("a member of the vote has other classes than the vote"));
            }
            if self.hard {
                for (mut row, &code) in votes.rows_mut().into_iter().zip(answer.most_likely().codes()) {
                    row[code as usize] += share;
                }
            } else {
                votes.scaled_add(share, &answer.values().view());
            }
        }
        for mut row in votes.rows_mut() {
            let total = row.sum();
            row.mapv_inplace(|vote| vote / total);
        }
        Probabilities::new(votes, self.classes.clone())
    }
}

impl<M: RegressorModels> Predictor for VotingRegressorModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        let mut sums = vec![0.0; x.n_rows()];
        for (answer, share) in self.models.predict_all(x)?.iter().zip(&self.shares) {
            sums.iter_mut().zip(answer.as_slice()).for_each(|(sum, value)| *sum += share * value);
        }
        Ok(sums.into())
    }
}
