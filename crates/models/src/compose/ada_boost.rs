//! Boosting of classifiers by the weights of rows.

use std::borrow::Borrow;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Param, Predictor, Probabilities, Result, ResultExt,
    Rows, Train,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::around;
use super::balance::{draw_even, strata};
use crate::classes::{check_names, normalise_scores, probabilities, two_or_more};
use crate::rows::tame;

pub(super) const N_ESTIMATORS: Param =
    Param::integer("n_estimators", "the most models").at_least(1.0).at_most(1e6).search(10.0, 500.0);
pub(super) const LEARNING_RATE: Param =
    Param::real("learning_rate", "how much each model counts").above(0.0).at_most(1e3).search_log(0.01, 2.0);

/// A sum of classifiers, each of which gives more weight to the rows that those before it got wrong (SAMME; Zhu, Zou,
/// Rosset and Hastie, 2009).
///
/// The member must use the weights of rows, as trees do. Learning ends early where a member makes no error, or is no
/// better than a guess.
///
/// Where a class is rare, `balanced` lets every round learn from as many rows of each class as the rarest has, drawn anew
/// without return; what is wrong is counted over all rows. This is RUSBoost (Seiffert and others, 2010). Its probabilities are
/// votes for even classes, not shares of the rows: calibrate them where shares are wanted.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_estimators` | 50 | >= 1 | the most models |
/// | `learning_rate` | 1 | > 0 | how much each model counts |
/// | `balanced` | false | | whether each round draws as many rows of each class |
/// | `seed` | from the context | | what is drawn |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::DecisionTreeClassifier;
/// use perennial_models::compose::AdaBoostClassifier;
///
/// let x = Matrix::from(Array2::from_shape_fn((60, 2), |(i, j)| ((i * (j + 3)) % 11) as f64));
/// let y = Classes::from_labels((0..60).map(|i| (i * 3) % 11 + (i * 4) % 11 > 9));
/// let stump = DecisionTreeClassifier::new().max_depth(1);
/// let model = AdaBoostClassifier::new(stump).fit(&x, &y)?;
/// let wrong = model.predict(&x)?.codes().iter().zip(y.codes()).filter(|(a, b)| a != b).count();
/// assert!(wrong < 6);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaBoostClassifier<E> {
    estimator: E,
    n_estimators: usize,
    learning_rate: f64,
    #[serde(default)]
    balanced: bool,
    #[serde(default)]
    seed: Option<u64>,
}

impl<E> AdaBoostClassifier<E> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_ESTIMATORS, LEARNING_RATE];

    /// A sum of up to 50 models of `estimator`.
    pub fn new(estimator: E) -> Self {
        AdaBoostClassifier { estimator, n_estimators: 50, learning_rate: 1.0, balanced: false, seed: None }
    }

    /// Sets the most models.
    #[must_use]
    pub fn n_estimators(mut self, n_estimators: usize) -> Self {
        self.n_estimators = n_estimators;
        self
    }

    /// Sets how much each model counts.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Sets whether each round learns from as many rows of each class as the rarest has.
    #[must_use]
    pub fn balanced(mut self, balanced: bool) -> Self {
        self.balanced = balanced;
        self
    }

    /// Sets what decides which rows are drawn where the rounds are balanced.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// The models of an [`AdaBoostClassifier`] and what each of them counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct AdaBoostClassifierModel<M> {
    classes: Arc<[String]>,
    present: Vec<u32>,
    members: Vec<M>,
    votes: Vec<f64>,
    errors: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts<M> {
    classes: Arc<[String]>,
    present: Vec<u32>,
    members: Vec<M>,
    votes: Vec<f64>,
    errors: Vec<f64>,
}

impl<M> TryFrom<Parts<M>> for AdaBoostClassifierModel<M> {
    type Error = Error;

    fn try_from(Parts { classes, present, members, votes, errors }: Parts<M>) -> Result<Self> {
        check_names(&classes)?;
        let rising = present.len() > 1 && present.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = present.last().is_some_and(|&last| (last as usize) < classes.len());
        let lengths = !members.is_empty() && votes.len() == members.len() && errors.len() == members.len();
        let sound = votes.iter().all(|&vote| vote > 0.0)
            && votes.iter().sum::<f64>().is_finite()
            && errors.iter().all(|error| (0.0..=1.0).contains(error));
        if !(rising && inside && lengths && sound) {
            return Err(Error::corrupt("the members of the boosted classifier do not hold together"));
        }
        Ok(AdaBoostClassifierModel { classes, present, members, votes, errors })
    }
}

impl<M> AdaBoostClassifierModel<M> {
    /// The class names.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The models, in the order in which they were learned.
    pub fn members(&self) -> &[M] {
        &self.members
    }

    /// What each model counts.
    pub fn votes(&self) -> &[f64] {
        &self.votes
    }

    /// The weighted share of training rows that each model got wrong.
    pub fn errors(&self) -> &[f64] {
        &self.errors
    }
}

pub(super) fn needs_weights<E: Estimator>(estimator: &E) -> Result<()> {
    if estimator.capabilities().weights {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "`{}` does not use row weights, which this boosting works by; choose a member that does, such as a decision tree",
        estimator.steps().join(" -> ")
    )))
}

impl<E: Estimator<Target = Classes>> AdaBoostClassifier<E> {
    /// One round, on rows that may be some of those of `train`.
    fn learn(
        &self,
        x: &E::Input,
        y: &Classes,
        weights: &[f64],
        train: &Train<'_, E::Input, Classes>,
        name: &str,
    ) -> Result<E::Model> {
        let own = Train::new(x, y).weights(weights).context(train.ctx.child(name));
        self.estimator.fit_on(&own).context(name)
    }
}

impl<E> Estimator for AdaBoostClassifier<E>
where
    E: Estimator<Target = Classes>,
    E::Model: Predictor<Input = E::Input, Output = Classes>,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = AdaBoostClassifierModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        N_ESTIMATORS.check_count(self.n_estimators)?;
        LEARNING_RATE.check(self.learning_rate)?;
        needs_weights(&self.estimator)?;
        let present = two_or_more(train.y, train.weights)?;
        let others = (present.len() - 1) as f64;
        let n_rows = train.x.n_rows();
        let mut weights =
            tame(train.weights).map_or_else(|| vec![1.0; n_rows], |weights| weights.into_owned());
        normalise(&mut weights);
        let even = self.balanced.then(|| (strata(train.y, Some(&weights)), train.ctx.seed(self.seed)));
        let (mut members, mut votes, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..self.n_estimators {
            train.ctx.step(round, self.n_estimators)?;
            let name = format!("round {round}");
            let model = match &even {
                None => self.learn(train.x, train.y, &weights, train, &name)?,
                Some((strata, seed)) => {
                    let mut random = Random::new(*seed).fork(round as u64);
                    let rows = draw_even(strata, 1.0, false, &mut random);
                    let drawn = weights.take(&rows)?;
                    // Rows that nobody got wrong may have lost all weight.
                    if !drawn.iter().any(|weight| *weight > 0.0) {
                        break;
                    }
                    let (x, y) = (train.x.take(&rows)?, train.y.take(&rows)?);
                    self.learn(x.borrow(), &y, &drawn, train, &name)?
                }
            };
            let said = model.predict(train.x)?;
            let wrong: Vec<bool> = said.codes().iter().zip(train.y.codes()).map(|(a, b)| a != b).collect();
            let error: f64 =
                weights.iter().zip(&wrong).map(|(weight, wrong)| if *wrong { *weight } else { 0.0 }).sum();
            if error <= 0.0 {
                members.push(model);
                votes.push(1.0);
                errors.push(0.0);
                break;
            }
            // No better than a guess: what it says is worth nothing, unless there is nothing else.
            let vote = self.learning_rate * (((1.0 - error) / error).ln() + others.ln());
            if error >= others / (others + 1.0) || vote <= 0.0 {
                if members.is_empty() {
                    members.push(model);
                    votes.push(1.0);
                    errors.push(error.min(1.0));
                }
                break;
            }
            members.push(model);
            votes.push(vote);
            errors.push(error);
            for (weight, wrong) in weights.iter_mut().zip(&wrong) {
                if *wrong {
                    // Beyond this a row outweighs all others anyhow.
                    *weight *= vote.min(500.0).exp();
                }
            }
            normalise(&mut weights);
        }
        Ok(AdaBoostClassifierModel { classes: train.y.shared_names(), present, members, votes, errors })
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.estimator.capabilities();
        (accepts.groups, accepts.validation) = (false, false);
        accepts
    }

    fn steps(&self) -> Vec<String> {
        around("AdaBoostClassifier", &self.estimator)
    }
}

/// Brings weights to a sum of 1.
pub(super) fn normalise(weights: &mut [f64]) {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    weights.iter_mut().for_each(|weight| *weight /= largest);
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
}

impl<M: Predictor<Output = Classes>> Predictor for AdaBoostClassifierModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: Predictor<Output = Classes>> Classifier for AdaBoostClassifierModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        let n_classes = self.classes.len();
        let others = (self.present.len() - 1) as f64;
        let total: f64 = self.votes.iter().sum();
        let mut scores = Array2::<f64>::from_elem((x.n_rows(), n_classes), f64::NEG_INFINITY);
        self.present.iter().for_each(|&class| scores.column_mut(class as usize).fill(0.0));
        for (member, vote) in self.members.iter().zip(&self.votes) {
            let said = member.predict(x)?;
            for (mut row, &code) in scores.rows_mut().into_iter().zip(said.codes()) {
                if let Some(score) = row.get_mut(code as usize) {
                    // Each vote against a class is a share of the vote for the other one.
                    *score += vote / total * (1.0 + 1.0 / others);
                }
            }
        }
        let mut scores = scores.into_raw_vec_and_offset().0;
        scores.iter_mut().for_each(|score| *score = (*score - 1.0 / others) / others.max(1.0));
        normalise_scores(&mut scores, n_classes);
        probabilities(scores, &self.classes)
    }
}
