//! Logistic regression: settings and fitting.

use std::borrow::Cow;

use ndarray::Array2;
use perennial_core::{Capabilities, Classes, Error, Estimator, Matrix, Param, Result, Train};
use perennial_numeric::optimize::{self, Minimum, SecondOrder, lbfgs, newton, proximal_newton};
use serde::{Deserialize, Serialize};

use super::design::Design;
use super::iterative::Search;
use super::logistic_loss::Loss;
use super::logistic_model::LogisticModel;
use super::model::total_weight;
use super::smooth::{AtScore, Smooth, spreads};
use crate::classes::{ClassWeight, two_or_more};
use crate::rows::tame;

const C: Param =
    Param::real("c", "inverse of the strength of the L2 penalty").at_least(1e-100).search_log(1e-4, 1e4);
const L1_RATIO: Param =
    Param::real("l1_ratio", "the share of the L1 penalty").at_least(0.0).at_most(1.0).search(0.0, 1.0);
pub(super) const MAX_ITER: Param = Param::integer("max_iter", "the most steps of the solver").at_least(1.0);
pub(super) const TOLERANCE: Param =
    Param::real("tolerance", "the size of the gradient at which to stop").at_least(0.0);
/// Up to so many unknowns the Hessian costs less than the further passes of L-BFGS.
const NEWTON_UNKNOWNS: usize = 128;

/// How the coefficients are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// Newton for up to 128 unknowns on dense input, else L-BFGS.
    #[default]
    Auto,
    /// Limited-memory BFGS: many cheap steps (Liu and Nocedal, 1989).
    Lbfgs,
    /// Newton's method with the Cholesky factor of the Hessian: few steps, to the last digits. Dense input only.
    Newton,
}

/// Logistic regression for two or more classes, with an L2, L1 or elastic-net penalty.
///
/// Minimises the sum of the log losses of the rows plus `1 / (2 c)` times the sum of squared coefficients; with
/// `l1_ratio`, that share of `1 / c` times the sum of absolute coefficients instead, by Newton's method with coordinate
/// descent inside (Friedman, Hastie and Tibshirani, 2010; the solver is then not chosen). The intercepts are not penalised. More than two classes have one vector of coefficients each (softmax); classes
/// without rows have probability 0. Features are centred and scaled inside for the solver's sake alone: the
/// problem that is solved, and the coefficients, are in the units of the input. So the penalty depends on the
/// units: standardise features first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `c` | 1 | >= 1e-100 | inverse of the strength of the penalty; `no_penalty()` takes it away |
/// | `l1_ratio` | 0 | 0 to 1 | the share of the penalty on absolute values (L1) instead of half the squares (L2) |
/// | `fit_intercept` | true | | whether scores may be shifted |
/// | `class_weight` | `None` | `None`, `Balanced` | how much the rows of each class count |
/// | `solver` | `Auto` | `Auto`, `Lbfgs`, `Newton` | how the coefficients are found |
/// | `max_iter` | 200 | >= 1 | the most steps of the solver |
/// | `tolerance` | 1e-6 | >= 0 | stop when no entry of the gradient of the mean loss, for features of unit scale, is larger |
///
/// Running out of steps is no error: [`LogisticModel::converged`] tells.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor};
/// use perennial_models::LogisticRegression;
///
/// let x = Matrix::from(array![[0.5], [1.0], [2.0], [3.0], [3.5], [5.0]]);
/// let y = Classes::from_labels(["fail", "fail", "pass", "fail", "pass", "pass"]);
/// let model = LogisticRegression::new().fit(&x, &y)?;
/// assert!(model.converged() && model.coefficients()[[0, 0]] > 0.0);
/// assert!(model.predict_proba(&x)?.of("pass")?.as_slice()[5] > 0.8);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticRegression {
    c: Option<f64>,
    l1_ratio: f64,
    fit_intercept: bool,
    class_weight: ClassWeight,
    solver: Solver,
    max_iter: usize,
    tolerance: f64,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        LogisticRegression {
            c: Some(1.0),
            l1_ratio: 0.0,
            fit_intercept: true,
            class_weight: ClassWeight::None,
            solver: Solver::Auto,
            max_iter: 200,
            tolerance: 1e-6,
        }
    }
}

impl LogisticRegression {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[C, L1_RATIO, MAX_ITER, TOLERANCE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the inverse of the strength of the penalty.
    #[must_use]
    pub fn c(mut self, c: f64) -> Self {
        self.c = Some(c);
        self
    }

    /// Takes the penalty away. Classes that can be separated then have no best coefficients: the solver stops where
    /// the loss is nearly 0.
    #[must_use]
    pub fn no_penalty(mut self) -> Self {
        self.c = None;
        self
    }

    /// Sets the share of the penalty that falls on absolute values, which makes many coefficients exactly 0.
    #[must_use]
    pub fn l1_ratio(mut self, l1_ratio: f64) -> Self {
        self.l1_ratio = l1_ratio;
        self
    }

    /// Sets whether scores may be shifted.
    #[must_use]
    pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
        self.fit_intercept = fit_intercept;
        self
    }

    /// Sets how much the rows of each class count.
    #[must_use]
    pub fn class_weight(mut self, class_weight: ClassWeight) -> Self {
        self.class_weight = class_weight;
        self
    }

    /// Sets how the coefficients are found.
    #[must_use]
    pub fn solver(mut self, solver: Solver) -> Self {
        self.solver = solver;
        self
    }

    /// Sets the most steps of the solver.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the size of the gradient at which to stop.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    fn check(&self) -> Result<()> {
        self.c.map_or(Ok(()), |c| C.check(c))?;
        L1_RATIO.check(self.l1_ratio)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)
    }

    fn minimise(
        &self,
        loss: &impl SecondOrder,
        design: &Design<'_>,
        l1: f64,
        start: &[f64],
        train: &Train<'_, Matrix, Classes>,
    ) -> Result<Minimum> {
        let settings = optimize::Settings::new().max_iter(self.max_iter).tolerance(self.tolerance);
        let dense = train.x.sparse().is_none();
        if l1 > 0.0 {
            if !dense && start.len() > design.n_features + 1 {
                return Err(Error::unsupported(
                    "an L1 penalty for more than two classes needs dense input; call `to_dense()` on the matrix, or set `l1_ratio` to 0",
                ));
            }
            // Unknowns are coefficients times the scales of their features; intercepts come last.
            let n = design.n_features;
            let n_vectors = start.len() / (n + usize::from(design.intercept));
            let strength = |i: usize| match i < n_vectors * n {
                true => l1 / design.total_weight / design.scales[i % n],
                false => 0.0,
            };
            let strengths: Vec<f64> = (0..start.len()).map(strength).collect();
            return proximal_newton(loss, &strengths, start, &settings, &train.ctx);
        }
        match self.solver {
            Solver::Newton if !dense => Err(Error::unsupported(
                "the Newton solver needs dense input; choose `Solver::Lbfgs` or call `to_dense()` on the matrix",
            )),
            Solver::Newton => newton(loss, start, &settings, &train.ctx),
            Solver::Auto if dense && start.len() <= NEWTON_UNKNOWNS => {
                newton(loss, start, &settings, &train.ctx)
            }
            _ => lbfgs(loss, start, &settings, &train.ctx),
        }
    }
}

/// The log loss of a row of one of two classes.
fn binary(second: bool, score: f64) -> AtScore {
    let sign = if second { 1.0 } else { -1.0 };
    let margin = sign * score;
    let odds = (-margin.abs()).exp();
    let share = 1.0 / (1.0 + odds);
    let slope = -sign * if margin > 0.0 { odds } else { 1.0 } * share;
    AtScore { value: odds.ln_1p() + f64::max(-margin, 0.0), slope, curvature: odds * share * share }
}

impl Estimator for LogisticRegression {
    type Input = Matrix;
    type Target = Classes;
    type Model = LogisticModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<LogisticModel> {
        self.check()?;
        let weights = self.class_weight.apply(train.y, tame(train.weights))?.map(Cow::into_owned);
        let present = two_or_more(train.y, weights.as_deref())?;
        let strength = self.c.map_or(0.0, |c| 1.0 / c);
        let (alpha, l1) = (strength * (1.0 - self.l1_ratio), strength * self.l1_ratio);
        let design = Design::new(train.x, weights.as_deref(), alpha, self.fit_intercept)?;
        let loss = Loss::new(&design, train.y.codes(), &present);
        let start = vec![0.0; loss.n_unknowns()];
        let minimum = match present[..] {
            [_, second] => {
                let codes = train.y.codes();
                let two = |row: usize, score: f64| binary(codes[row] == second, score);
                let smooth = Smooth { design: &design, offsets: None, loss: two };
                self.minimise(&smooth, &design, l1, &start, train)?
            }
            _ => self.minimise(&loss, &design, l1, &start, train)?,
        };
        let (coefficients, intercepts) = loss.in_units(&minimum.x)?;
        let (features, classes) = (train.x.features().clone(), train.y.shared_names());
        // Without a penalty the information at the maximum of the likelihood tells how far it may be off.
        let spreads = match self.c.is_none() && present.len() == 2 && train.x.sparse().is_none() {
            true => {
                let mut hessian = Array2::zeros((minimum.x.len(), minimum.x.len()));
                loss.hessian(&minimum.x, &mut hessian);
                // `tame` may have divided weights that are extreme by a common factor.
                let factor = (design.total_weight / total_weight(train.weights, design.n_rows)).sqrt();
                let balanced = self.class_weight != ClassWeight::None;
                let factor = if balanced { 1.0 } else { factor };
                let spreads = spreads(&hessian, &design).unwrap_or_default();
                spreads.into_iter().map(|spread| spread * factor).collect()
            }
            false => Vec::new(),
        };
        let has_intercept = self.fit_intercept;
        let search = Search {
            n_iterations: minimum.n_iterations,
            gap: minimum.gradient_norm,
            converged: minimum.converged,
        };
        Ok(LogisticModel::new(features, classes, present, coefficients, intercepts, search)
            .with_spreads(spreads, has_intercept))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}
