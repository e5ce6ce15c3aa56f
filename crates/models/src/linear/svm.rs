//! Linear support vector machines with squared losses, by Newton's method.

use std::borrow::Cow;

use perennial_core::{Capabilities, Classes, Context, Estimator, Matrix, Param, Result, Train, Values};
use perennial_numeric::optimize::{self, Minimum, lbfgs, newton};
use serde::{Deserialize, Serialize};

use super::centred::Scaled;
use super::classifier_model::LinearClassifierModel;
use super::design::Design;
use super::iterative::{IterativeLinearModel, Search};
use super::smooth::{AtScore, Smooth};
use super::svm_kinked::Machine;
use crate::classes::{ClassWeight, two_or_more};
use crate::rows::tame;

const C: Param =
    Param::real("c", "inverse of the strength of the L2 penalty").at_least(1e-100).search_log(1e-4, 1e4);
const EPSILON: Param = Param::real("epsilon", "misses up to this size are free").at_least(0.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps of the solver").at_least(1.0);
const TOLERANCE: Param = Param::real("tolerance", "the size of the gradient at which to stop").at_least(0.0);
/// Up to so many unknowns the Hessian costs less than the further passes of L-BFGS.
const NEWTON_UNKNOWNS: usize = 256;

/// What a linear support vector machine makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hinge {
    /// `max(0, 1 - margin)`: few rows decide.
    Plain,
    /// Its square: smooth, so faster, and for sparse rows too.
    #[default]
    Squared,
}

/// What a linear support vector regression makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Insensitive {
    /// `max(0, |miss| - epsilon)`: rows far off do not decide.
    Plain,
    /// Its square: smooth, so faster, and for sparse rows too.
    #[default]
    Squared,
}

/// A linear support vector machine: the hinge loss or its square, with an L2 penalty.
///
/// Minimises half the sum of squared coefficients plus `c` times the sum over the rows of `max(0, 1 - margin)^2`, by
/// Newton's method on the primal (Keerthi and DeCoste, 2005), for sparse or very wide rows by L-BFGS. The plain hinge, of
/// dense rows, is made small by an interior point method (Ferris and Munson, 2002). The intercept is not penalised. More than two classes have one machine each, against
/// the others. Standardise features first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `c` | 1 | >= 1e-100 | inverse of the strength of the penalty |
/// | `loss` | `Squared` | `Squared`, `Plain` | what is made small |
/// | `fit_intercept` | true | | whether scores may be shifted |
/// | `class_weight` | `None` | `None`, `Balanced`, `Given` | how much the rows of each class count |
/// | `max_iter` | 1000 | >= 1 | the most steps of the solver |
/// | `tolerance` | 1e-6 | >= 0 | stop when no entry of the gradient of the mean loss, for features of unit scale, is larger; for `Plain` the root of the duality gap as a share of the loss |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::LinearSvc;
///
/// let x = Matrix::from(array![[0.0], [1.0], [3.0], [4.0]]);
/// let y = Classes::from_labels(["low", "low", "high", "high"]);
/// let model = LinearSvc::new().fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearSvc {
    c: f64,
    loss: Hinge,
    fit_intercept: bool,
    class_weight: ClassWeight,
    max_iter: usize,
    tolerance: f64,
}

impl Default for LinearSvc {
    fn default() -> Self {
        LinearSvc {
            c: 1.0,
            loss: Hinge::Squared,
            fit_intercept: true,
            class_weight: ClassWeight::None,
            max_iter: 1000,
            tolerance: 1e-6,
        }
    }
}

/// Linear support vector regression: the epsilon-insensitive loss or its square, with an L2 penalty.
///
/// Minimises half the sum of squared coefficients plus `c` times the sum over the rows of `max(0, |miss| - epsilon)`, or of
/// its square. The methods are those of [`LinearSvc`].
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `c` | 1 | >= 1e-100 | inverse of the strength of the penalty |
/// | `loss` | `Squared` | `Squared`, `Plain` | what is made small |
/// | `epsilon` | 0 | >= 0 | misses up to this size are free |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 1000 | >= 1 | the most steps of the solver |
/// | `tolerance` | 1e-6 | >= 0 | stop when no entry of the gradient, for features and a target of unit scale, is larger; for `Plain` the root of the duality gap as a share of the loss |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::LinearSvr;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
/// let y = Values::from(vec![1.0, 3.0, 5.0, 7.0]);
/// let model = LinearSvr::new().c(1e6).fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 2.0).abs() < 1e-4);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearSvr {
    c: f64,
    loss: Insensitive,
    epsilon: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for LinearSvr {
    fn default() -> Self {
        let loss = Insensitive::Squared;
        LinearSvr { c: 1.0, loss, epsilon: 0.0, fit_intercept: true, max_iter: 1000, tolerance: 1e-6 }
    }
}

macro_rules! builders {
    ($name:ident) => {
        impl $name {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets the inverse of the strength of the penalty.
            #[must_use]
            pub fn c(mut self, c: f64) -> Self {
                self.c = c;
                self
            }

            /// Sets whether scores may be shifted.
            #[must_use]
            pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
                self.fit_intercept = fit_intercept;
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

            fn settings(&self) -> Result<optimize::Settings> {
                C.check(self.c)?;
                MAX_ITER.check_count(self.max_iter)?;
                TOLERANCE.check(self.tolerance)?;
                Ok(optimize::Settings::new().max_iter(self.max_iter).tolerance(self.tolerance))
            }
        }
    };
}

builders!(LinearSvc);
builders!(LinearSvr);

impl LinearSvc {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[C, MAX_ITER, TOLERANCE];

    /// Sets what is made small.
    #[must_use]
    pub fn loss(mut self, loss: Hinge) -> Self {
        self.loss = loss;
        self
    }

    /// Sets how much the rows of each class count.
    #[must_use]
    pub fn class_weight(mut self, class_weight: ClassWeight) -> Self {
        self.class_weight = class_weight;
        self
    }
}

impl LinearSvr {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[C, EPSILON, MAX_ITER, TOLERANCE];

    /// Sets what is made small.
    #[must_use]
    pub fn loss(mut self, loss: Insensitive) -> Self {
        self.loss = loss;
        self
    }

    /// Sets up to what size misses are free.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

fn ended(minimum: &Minimum) -> Search {
    Search { n_iterations: minimum.n_iterations, gap: minimum.gradient_norm, converged: minimum.converged }
}

/// The minimum, and its coefficients and intercept in the units of the input.
fn minimise<F: Fn(usize, f64) -> AtScore + Sync>(
    design: &Design<'_>,
    loss: F,
    start_intercept: f64,
    settings: &optimize::Settings,
    sparse: bool,
    ctx: &Context,
) -> Result<(Minimum, (Vec<f64>, f64))> {
    let smooth = Smooth { design, offsets: None, loss };
    let mut start = vec![0.0; smooth.n_unknowns()];
    if design.intercept {
        start[design.n_features] = start_intercept;
    }
    let minimum = match !sparse && start.len() <= NEWTON_UNKNOWNS {
        true => newton(&smooth, &start, settings, ctx)?,
        false => lbfgs(&smooth, &start, settings, ctx)?,
    };
    let units = smooth.in_units(&minimum.x)?;
    Ok((minimum, units))
}

impl Estimator for LinearSvc {
    type Input = Matrix;
    type Target = Classes;
    type Model = LinearClassifierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<LinearClassifierModel> {
        let settings = self.settings()?;
        let weights = self.class_weight.apply(train.y, tame(train.weights))?.map(Cow::into_owned);
        let present = two_or_more(train.y, weights.as_deref())?;
        // Half the loss and half the penalty, times two, over `c`.
        let design = Design::new(train.x, weights.as_deref(), 0.5 / self.c, self.fit_intercept)?;
        let codes = train.y.codes();
        let second = match present[..] {
            [_, second] => vec![second],
            _ => present.clone(),
        };
        let mut vectors = Vec::with_capacity(second.len());
        let mut search = Search { n_iterations: 0, gap: 0.0, converged: true };
        let mut note = |own: Search, vector: (Vec<f64>, f64)| {
            search.n_iterations = search.n_iterations.max(own.n_iterations);
            search.gap = search.gap.max(own.gap);
            search.converged &= own.converged;
            vectors.push(vector);
        };
        let machine = match self.loss {
            Hinge::Plain => Some(Machine::new(train.x, weights.as_deref(), self.fit_intercept, self.c, 1.0)?),
            Hinge::Squared => None,
        };
        for (step, &class) in second.iter().enumerate() {
            train.ctx.step(step, second.len())?;
            if let Some(machine) = &machine {
                let limits = (self.tolerance, self.max_iter);
                let (vector, own) = machine.separate(|row| codes[row] == class, limits, &train.ctx)?;
                note(own, vector);
                continue;
            }
            let loss = |row: usize, score: f64| {
                let sign = if codes[row] == class { 1.0 } else { -1.0 };
                let miss = f64::max(1.0 - sign * score, 0.0);
                let curvature = if miss > 0.0 { 1.0 } else { 0.0 };
                AtScore { value: 0.5 * miss * miss, slope: -sign * miss, curvature }
            };
            let sparse = train.x.sparse().is_some();
            let (minimum, vector) = minimise(&design, loss, 0.0, &settings, sparse, &train.ctx)?;
            note(ended(&minimum), vector);
        }
        LinearClassifierModel::new(train.x.features(), train.y, present, vectors, search)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

impl Estimator for LinearSvr {
    type Input = Matrix;
    type Target = Values;
    type Model = IterativeLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<IterativeLinearModel> {
        let settings = self.settings()?;
        EPSILON.check(self.epsilon)?;
        let weights = tame(train.weights);
        let design = Design::new(train.x, weights.as_deref(), 0.5 / self.c, self.fit_intercept)?;
        let target = Scaled::new(train.y.as_slice(), weights.as_deref(), self.fit_intercept);
        let epsilon = self.epsilon / target.scale;
        if self.loss == Insensitive::Plain {
            // The loss is in units of the target, the penalty in their square.
            let machine =
                Machine::new(train.x, weights.as_deref(), self.fit_intercept, self.c, target.scale)?;
            let limits = (self.tolerance, self.max_iter);
            let ((coefficients, intercept), search) =
                machine.regress(&target, epsilon, limits, &train.ctx)?;
            return IterativeLinearModel::new(train.x.features(), coefficients, intercept, search);
        }
        let loss = |row: usize, score: f64| {
            let miss = score - target.at(row);
            let beyond = f64::max(miss.abs() - epsilon, 0.0);
            let curvature = if beyond > 0.0 { 1.0 } else { 0.0 };
            AtScore { value: 0.5 * beyond * beyond, slope: beyond.copysign(miss), curvature }
        };
        let sparse = train.x.sparse().is_some();
        let (minimum, (mut coefficients, intercept)) =
            minimise(&design, loss, 0.0, &settings, sparse, &train.ctx)?;
        coefficients.iter_mut().for_each(|weight| *weight *= target.scale);
        let intercept = intercept * target.scale + target.centre;
        IterativeLinearModel::new(train.x.features(), coefficients, intercept, ended(&minimum))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}
