//! Logistic regression, row by row, with a step of its own for each coefficient.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Matrix, Param, PartialFit, Predictor, Probabilities,
    Result, Rows, Train,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::iterative::Search;
use super::logistic_model::LogisticModel;
use crate::classes::{check_further, two_or_more};
use crate::rows::row_major;
use crate::setters::setters;

const ALPHA: Param = Param::real("alpha", "how long steps are").above(0.0).at_most(1e6).search_log(1e-3, 1e1);
const BETA: Param =
    Param::real("beta", "keeps the first steps short").at_least(0.0).at_most(1e6).search_log(1e-2, 1e1);
const L1: Param = Param::real("l1", "strength of the L1 penalty").at_least(0.0).search_log(1e-3, 1e2);
const L2: Param = Param::real("l2", "strength of the L2 penalty").at_least(0.0).search_log(1e-3, 1e2);
/// A pass that moves no coefficient by more than this share of the largest has come to rest.
const AT_REST: f64 = 0.01;
const MAX_ITER: Param = Param::integer("max_iter", "passes over the rows").at_least(1.0).at_most(100_000.0);
/// Rows between two looks at whether to stop.
const ROWS: usize = 4096;

/// Logistic regression by FTRL-proximal (follow the regularised leader; McMahan et al., 2013): one row at a time, a step of
/// its own for each coefficient, and many coefficients that are exactly 0.
///
/// Features that come seldom keep long steps, so it suits counts, words and crossed categories; sparse rows cost no more
/// than their entries. Penalties are those of the sum of the losses, not of their mean. More than two classes share one softmax. It goes on with
/// [`PartialFit`], one pass over the further rows in their order. Row weights are not taken, as a longer step is not two
/// steps.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 0.1 | > 0 | how long steps are |
/// | `beta` | 1 | >= 0 | keeps the first steps short |
/// | `l1` | 0 | >= 0 | strength of the L1 penalty |
/// | `l2` | 0 | >= 0 | strength of the L2 penalty |
/// | `fit_intercept` | true | | whether scores may be shifted; the intercept is not penalised |
/// | `max_iter` | 10 | 1 to 100000 | passes over the rows |
/// | `shuffle` | true | | whether each pass takes the rows in a new order |
/// | `seed` | from the context | | of the order of the rows |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Classifier, Estimator, Matrix, PartialFit, Predictor};
/// use perennial_models::FtrlClassifier;
///
/// let x = Matrix::from(array![[-1.0], [-0.8], [0.9], [1.1]]);
/// let y = Classes::from_labels(["low", "low", "up", "up"]);
/// let model = FtrlClassifier::new().alpha(0.5).fit(&x, &y)?;
/// let model = FtrlClassifier::new().alpha(0.5).partial_fit(model, &x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// assert!(model.predict_proba(&x)?.of("up")?.as_slice()[3] > 0.5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FtrlClassifier {
    alpha: f64,
    beta: f64,
    l1: f64,
    l2: f64,
    fit_intercept: bool,
    max_iter: usize,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for FtrlClassifier {
    fn default() -> Self {
        FtrlClassifier {
            alpha: 0.1,
            beta: 1.0,
            l1: 0.0,
            l2: 0.0,
            fit_intercept: true,
            max_iter: 10,
            shuffle: true,
            seed: None,
        }
    }
}

setters!(FtrlClassifier {
    /// Sets how long steps are.
    alpha: f64,
    /// Sets what keeps the first steps short.
    beta: f64,
    /// Sets the strength of the L1 penalty.
    l1: f64,
    /// Sets the strength of the L2 penalty.
    l2: f64,
    /// Sets whether scores may be shifted.
    fit_intercept: bool,
    /// Sets how many passes are made over the rows.
    max_iter: usize,
    /// Sets whether each pass takes the rows in a new order.
    shuffle: bool,
});

impl FtrlClassifier {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, BETA, L1, L2, MAX_ITER];

    /// Sets what decides the order of the rows.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn check(&self) -> Result<()> {
        ALPHA.check(self.alpha)?;
        BETA.check(self.beta)?;
        L1.check(self.l1)?;
        L2.check(self.l2)?;
        MAX_ITER.check_count(self.max_iter)
    }

    /// The coefficient of the least regret so far.
    fn weight(&self, state: State, penalised: bool) -> f64 {
        let (l1, l2) = if penalised { (self.l1, self.l2) } else { (0.0, 0.0) };
        let beyond = state.z.abs() - l1;
        if beyond <= 0.0 {
            return 0.0;
        }
        -beyond.copysign(state.z) / ((self.beta + state.n.sqrt()) / self.alpha + l2)
    }

    /// Passes over rows, from the given states.
    fn learn(
        &self,
        mut states: Vec<State>,
        present: Vec<u32>,
        x: &Matrix,
        train: &Train<'_, Matrix, Classes>,
        n_passes: usize,
    ) -> Result<FtrlModel> {
        let (n_rows, width) = (x.n_rows(), x.n_cols());
        let n_vectors = if present.len() == 2 { 1 } else { present.len() };
        let target: Vec<usize> =
            train.y.codes().iter().map(|code| present.binary_search(code).unwrap_or_default()).collect();
        let dense = match x.sparse() {
            Some(_) => None,
            None => Some(row_major(x.dense()?)),
        };
        let columns: Vec<u32> = match dense {
            Some(_) => (0..width as u32).collect(),
            None => Vec::new(),
        };
        let mut random = Random::new(train.ctx.seed(self.seed)).stream("ftrl");
        let mut order: Vec<usize> = (0..n_rows).collect();
        let mut weights = vec![0.0; n_vectors];
        let mut slopes = vec![0.0; n_vectors];
        let total = n_passes.saturating_mul(n_rows);
        let coefficients_of = |states: &[State]| {
            Array2::from_shape_fn((n_vectors, width), |(k, j)| self.weight(states[j * n_vectors + k], true))
        };
        let mut before = Array2::zeros((n_vectors, width));
        for pass in 0..n_passes {
            if pass + 1 == n_passes {
                before = coefficients_of(&states);
            }
            if self.shuffle && n_passes > 1 {
                random.shuffle(&mut order);
            }
            for (place, &row) in order.iter().enumerate() {
                if place.is_multiple_of(ROWS) {
                    train.ctx.step(pass * n_rows + place, total)?;
                }
                let (own, values): (&[u32], &[f64]) = match (&dense, x.sparse()) {
                    (Some(numbers), _) => (&columns, &numbers[row * width..(row + 1) * width]),
                    (None, Some(csr)) => csr.row(row),
                    (None, None) => (&[], &[]),
                };
                // States of a feature lie together, those of the intercept last.
                weights.fill(0.0);
                for (&column, value) in own.iter().zip(values) {
                    let first = column as usize * n_vectors;
                    for (score, state) in weights.iter_mut().zip(&states[first..first + n_vectors]) {
                        *score += value * self.weight(*state, true);
                    }
                }
                if self.fit_intercept {
                    for (score, state) in weights.iter_mut().zip(&states[width * n_vectors..]) {
                        *score += self.weight(*state, false);
                    }
                }
                slopes_of(&weights, target[row], &mut slopes);
                for (&column, value) in own.iter().zip(values) {
                    let first = column as usize * n_vectors;
                    for (slope, state) in slopes.iter().zip(&mut states[first..first + n_vectors]) {
                        state.take(slope * value, self.weight(*state, true), self.alpha);
                    }
                }
                if self.fit_intercept {
                    for (slope, state) in slopes.iter().zip(&mut states[width * n_vectors..]) {
                        state.take(*slope, self.weight(*state, false), self.alpha);
                    }
                }
            }
        }
        if !states.iter().all(State::is_sound) {
            return Err(Error::overflow("a gradient left the range of f64; standardise the features"));
        }
        let coefficients = coefficients_of(&states);
        let intercepts = match self.fit_intercept {
            true => states[width * n_vectors..].iter().map(|state| self.weight(*state, false)).collect(),
            false => vec![0.0; n_vectors],
        };
        if !coefficients.iter().chain(&intercepts).all(|weight| weight.is_finite()) {
            return Err(Error::overflow("a coefficient left the range of f64; standardise the features"));
        }
        let size = coefficients.iter().fold(0.0, |most: f64, weight| most.max(weight.abs()));
        let moves = coefficients.iter().zip(&before).map(|(weight, before)| (weight - before).abs());
        let moved = moves.fold(0.0, f64::max);
        let gap = if moved > 0.0 { (moved / size).min(f64::MAX) } else { 0.0 };
        let search = Search { n_iterations: n_passes, gap, converged: gap <= AT_REST };
        let (features, names) = (x.features().clone(), train.y.shared_names());
        let linear = LogisticModel::new(features, names, present, coefficients, intercepts, search);
        Ok(FtrlModel { linear, states })
    }
}

/// The derivative of the log loss by each score.
fn slopes_of(scores: &[f64], target: usize, slopes: &mut [f64]) {
    if let ([score], [slope]) = (scores, &mut *slopes) {
        let odds = (-score.abs()).exp();
        let share = if *score > 0.0 { 1.0 / (1.0 + odds) } else { odds / (1.0 + odds) };
        *slope = share - target as f64;
        return;
    }
    let largest = scores.iter().fold(f64::NEG_INFINITY, |largest, score| largest.max(*score));
    slopes.iter_mut().zip(scores).for_each(|(slope, score)| *slope = (score - largest).exp());
    let sum: f64 = slopes.iter().sum();
    slopes.iter_mut().for_each(|slope| *slope /= sum);
    slopes[target] -= 1.0;
}

/// What is known of a coefficient: the sum of its gradients less what its steps took of them, and the sum of their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    z: f64,
    n: f64,
}

impl State {
    fn take(&mut self, gradient: f64, weight: f64, alpha: f64) {
        let squares = self.n + gradient * gradient;
        let shorter = (squares.sqrt() - self.n.sqrt()) / alpha;
        self.z += gradient - shorter * weight;
        self.n = squares;
    }

    fn is_sound(&self) -> bool {
        self.z.is_finite() && self.n.is_finite() && self.n >= 0.0
    }
}

impl Estimator for FtrlClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = FtrlModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<FtrlModel> {
        self.check()?;
        let present = two_or_more(train.y, None)?;
        if train.x.n_cols() == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        let n_vectors = if present.len() == 2 { 1 } else { present.len() };
        let states = vec![State::default(); (train.x.n_cols() + 1) * n_vectors];
        self.learn(states, present, train.x, train, self.max_iter)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

impl PartialFit for FtrlClassifier {
    fn partial_fit_on(&self, model: FtrlModel, train: &Train<'_, Matrix, Classes>) -> Result<FtrlModel> {
        self.check()?;
        let present = model.linear.present().to_vec();
        check_further(train.y, model.linear.class_names(), &present)?;
        let x = model.linear.features().align(train.x)?;
        self.learn(model.states, present, &x, train, 1)
    }
}

/// A logistic regression that can go on learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct FtrlModel {
    linear: LogisticModel,
    states: Vec<State>,
}

#[derive(Deserialize)]
struct Parts {
    linear: LogisticModel,
    states: Vec<State>,
}

impl TryFrom<Parts> for FtrlModel {
    type Error = Error;

    fn try_from(Parts { linear, states }: Parts) -> Result<Self> {
        let expected = (linear.features().len() + 1) * linear.intercepts().len();
        if states.len() != expected || !states.iter().all(State::is_sound) {
            return Err(Error::corrupt("the logistic model is damaged: it cannot go on learning"));
        }
        Ok(FtrlModel { linear, states })
    }
}

impl FtrlModel {
    /// The coefficients, and what can be asked of a logistic regression.
    pub fn model(&self) -> &LogisticModel {
        &self.linear
    }

    /// Whether the last pass hardly moved the coefficients: none by more than a hundredth of the largest. If it did, take more
    /// passes.
    pub fn converged(&self) -> bool {
        self.linear.converged()
    }

    /// The largest move of a coefficient in the last pass, as a share of the largest coefficient.
    pub fn last_change(&self) -> f64 {
        self.linear.gradient_norm()
    }

    /// How many coefficients are not 0.
    pub fn n_nonzero(&self) -> usize {
        self.linear.coefficients().iter().filter(|weight| **weight != 0.0).count()
    }
}

impl Predictor for FtrlModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        self.linear.predict(x)
    }
}

impl Classifier for FtrlModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        self.linear.predict_proba(x)
    }
}
