//! A classifier with thresholds for each group.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Predictor, Probabilities, Result, ResultExt, Rows,
    Train,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::groups_of::GroupsOf;
use super::thresholds::{GroupThresholds, ParityConstraint, ParityObjective};
use crate::align::{check_two_classes, columns_in, positive_class};
use crate::cross_fit::{accepted, fit_whole, rounds, with_weight};
use crate::{CrossFit, Splitter};

/// Around a classifier, the thresholds of [`GroupThresholds`], chosen on probabilities of rows that the models of the folds have
/// not seen (Hardt, Price and Srebro, 2016).
///
/// The probability that the model gives is how often such a row is called positive. Where it is neither 0 nor 1 a coin
/// decides, which falls by the probability and the group of the row: the same row always gets the same answer.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `groups` | must be given | | of which group each row is, such as [`GroupColumn`](super::GroupColumn) |
/// | `constraint` | demographic parity | | which rates are to be the same |
/// | `objective` | accuracy | | what is to be largest then |
/// | `positive` | the second of two classes | a class name | the class whose giving is judged |
/// | `seed` | 0 | | of the coins |
/// | `splitter` | [`CrossFit::new(5)`](CrossFit) | | how the rows are divided to choose the thresholds |
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Slope;
/// # #[derive(Debug)] struct SlopeModel(Vec<String>);
/// # impl Estimator for Slope {
/// #     type Input = Matrix; type Target = Classes; type Model = SlopeModel;
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SlopeModel> { Ok(SlopeModel(train.y.names().to_vec())) }
/// # }
/// # impl Predictor for SlopeModel {
/// #     type Input = Matrix; type Output = Classes;
/// #     fn predict(&self, x: &Matrix) -> Result<Classes> { Ok(self.predict_proba(x)?.most_likely()) }
/// # }
/// # impl Classifier for SlopeModel {
/// #     fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
/// #         let x = x.dense()?;
/// #         let share = |row: usize, class: usize| if class == 1 { x[[row, 0]] } else { 1.0 - x[[row, 0]] };
/// #         Probabilities::new(Array2::from_shape_fn((x.nrows(), 2), |(row, class)| share(row, class)), self.0.clone())
/// #     }
/// # }
/// use perennial_evaluation::fairness::{GroupColumn, ThresholdOptimizer};
///
/// // `Slope` takes its first column for the probability of the second class; group 1 is given half of it.
/// let score = |row: usize| (row / 2 * 37 % 101) as f64 / 101.0;
/// let cell = |(row, column): (usize, usize)| match column {
///     0 => score(row) / (1 + row % 2) as f64,
///     _ => (row % 2) as f64,
/// };
/// let x = Matrix::from(Array2::from_shape_fn((202, 2), cell)).with_names(["score", "group"])?;
/// let y = Classes::from_labels((0..202).map(|row| score(row) > 0.5));
/// let model = ThresholdOptimizer::new(Slope, GroupColumn::new("group")).fit(&x, &y)?;
/// let right = model.predict(&x)?.codes().iter().zip(y.codes()).filter(|(given, truth)| given == truth).count();
/// assert!(right > 195);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdOptimizer<E, G, S = CrossFit> {
    estimator: E,
    groups: G,
    #[serde(default)]
    constraint: ParityConstraint,
    #[serde(default)]
    objective: ParityObjective,
    #[serde(default)]
    positive: Option<String>,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    splitter: S,
}

impl<E, G> ThresholdOptimizer<E, G> {
    /// Around a classifier, with five folds.
    pub fn new(estimator: E, groups: G) -> Self {
        ThresholdOptimizer {
            estimator,
            groups,
            constraint: ParityConstraint::default(),
            objective: ParityObjective::default(),
            positive: None,
            seed: 0,
            splitter: CrossFit::default(),
        }
    }
}

impl<E, G, S> ThresholdOptimizer<E, G, S> {
    /// Sets which rates are to be the same.
    #[must_use]
    pub fn constraint(mut self, constraint: ParityConstraint) -> Self {
        self.constraint = constraint;
        self
    }

    /// Sets what is to be largest.
    #[must_use]
    pub fn objective(mut self, objective: ParityObjective) -> Self {
        self.objective = objective;
        self
    }

    /// Sets the class whose giving is judged.
    #[must_use]
    pub fn positive(mut self, class: impl Into<String>) -> Self {
        self.positive = Some(class.into());
        self
    }

    /// Sets how the coins fall.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how the rows are divided.
    #[must_use]
    pub fn splitter<T: Splitter>(self, splitter: T) -> ThresholdOptimizer<E, G, T> {
        let ThresholdOptimizer { estimator, groups, constraint, objective, positive, seed, .. } = self;
        ThresholdOptimizer { estimator, groups, constraint, objective, positive, seed, splitter }
    }
}

impl<E, G, S> Estimator for ThresholdOptimizer<E, G, S>
where
    E: Estimator<Target = Classes>,
    E::Model: Classifier<Input = E::Input>,
    G: GroupsOf<E::Input> + Clone,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = ThresholdOptimizerModel<E::Model, G>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        check_two_classes(train.y, train.weights)?;
        let names = train.y.names();
        if names.len() != 2 {
            return Err(Error::unsupported(format!("there are {} classes; this takes two", names.len())));
        }
        let positive = positive_class(names, self.positive.as_deref())?;
        with_weight(train, |train| {
            let parts = rounds(&self.estimator, train, &self.splitter, Some(train.y), |split, model, x| {
                let said = model.predict_proba(x)?;
                let scores = columns_in(&said, names)?.values().column(positive).to_vec();
                Ok((split.test.clone(), scores))
            })?;
            let rows: Vec<usize> = parts.iter().flat_map(|(rows, _)| rows).copied().collect();
            let scores: Vec<f64> = parts.iter().flat_map(|(_, scores)| scores).copied().collect();
            let hits: Vec<bool> = rows.iter().map(|&row| train.y.codes()[row] as usize == positive).collect();
            let weights = train.weights.map(|weights| weights.take(&rows)).transpose()?;
            let groups = self.groups.groups_of(train.x)?.take(&rows)?;
            let (constraint, objective) = (self.constraint, self.objective);
            let thresholds =
                GroupThresholds::fit(constraint, objective, &scores, &hits, &groups, weights.as_deref())
                    .context("the rows held out for the thresholds")?;
            Ok(ThresholdOptimizerModel {
                model: fit_whole(&self.estimator, train)?,
                thresholds,
                groups: self.groups.clone(),
                names: names.to_vec(),
                positive,
                seed: self.seed,
            })
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("ThresholdOptimizer({})", self.estimator.steps().join(" -> "))]
    }
}

/// A model of all rows with the thresholds of the groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdOptimizerModel<M, G> {
    model: M,
    thresholds: GroupThresholds,
    groups: G,
    names: Vec<String>,
    positive: usize,
    seed: u64,
}

impl<M, G> ThresholdOptimizerModel<M, G> {
    /// The model inside.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The rules of the groups.
    pub fn thresholds(&self) -> &GroupThresholds {
        &self.thresholds
    }
}

impl<M, G> ThresholdOptimizerModel<M, G>
where
    M: Classifier,
    G: GroupsOf<M::Input>,
{
    /// The probability of the positive class by the model, the group, and how often such a row is called positive.
    fn chances(&self, x: &M::Input) -> Result<(Vec<f64>, Vec<String>, Vec<f64>)> {
        let said = self.model.predict_proba(x)?;
        let scores = columns_in(&said, &self.names)?.values().column(self.positive).to_vec();
        let groups = self.groups.groups_of(x)?;
        let chances = self.thresholds.selection_probabilities(&scores, &groups)?;
        Ok((scores, groups, chances))
    }
}

impl<M, G> Predictor for ThresholdOptimizerModel<M, G>
where
    M: Classifier,
    G: GroupsOf<M::Input>,
{
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        let (scores, groups, chances) = self.chances(x)?;
        let call = |((score, group), chance): ((&f64, &String), &f64)| {
            let code =
                if coin(self.seed, *score, group) < *chance { self.positive } else { 1 - self.positive };
            code as u32
        };
        let codes = scores.iter().zip(&groups).zip(&chances).map(call).collect();
        Classes::new(codes, self.names.clone())
    }
}

impl<M, G> Classifier for ThresholdOptimizerModel<M, G>
where
    M: Classifier,
    G: GroupsOf<M::Input>,
{
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        let (.., chances) = self.chances(x)?;
        let share = |(row, class): (usize, usize)| {
            if class == self.positive { chances[row] } else { 1.0 - chances[row] }
        };
        Probabilities::new(Array2::from_shape_fn((chances.len(), 2), share), self.names.clone())
    }
}

/// A number from 0 to 1 that depends on the row alone.
fn coin(seed: u64, score: f64, group: &str) -> f64 {
    let mix = |sum: u64, bits: u64| (sum.rotate_left(23) ^ bits).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = group.bytes().fold(mix(seed, score.to_bits()), |sum, byte| mix(sum, u64::from(byte)));
    Random::new(seed).uniform()
}
