//! Logistic regression: settings and fitting.

use std::borrow::Cow;
use std::cell::OnceCell;

use ndarray::Array2;
use perennial_core::{Capabilities, Classes, Error, Estimator, Matrix, Param, Result, Train};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::optimize::{
    self, HessianProduct, Minimum, SecondOrder, lbfgs, lbfgs_near, newton, newton_cg, proximal_newton,
};
use perennial_numeric::simd::{Kernel, widest};
use perennial_numeric::special::{exp, ln_1p_share};
use serde::{Deserialize, Serialize};

use super::StandardErrors;
use super::design::Design;
use super::iterative::Search;
use super::logistic_information::{MOST_UNKNOWNS, class_covariances, class_curvatures, sparse_information};
use super::logistic_loss::Loss;
use super::logistic_model::LogisticModel;
use super::model::total_weight;
use super::sandwich::{Robust, Sandwich};
use super::smooth::{AtScore, RowLoss, Smooth, spreads};
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
/// One of so many rows begins the search where there are many.
const SAMPLE: usize = 8;
/// The fewest rows of such a part, and the fewest for each unknown.
const PART_ROWS: usize = 2048;
const PART_ROWS_EACH: usize = 16;
/// A part of the rows knows the answer no better than this.
const PART_TOLERANCE: f64 = 1e-3;
/// One of so many rows of the part leads to the neighbourhood of its answer, where they are enough.
const SCOUTS: usize = 8;
/// The fewest of them.
const SCOUT_ROWS: usize = 1024;
/// The Hessian of a part is worth its making for so many unknowns.
const PART_UNKNOWNS: usize = 512;

/// How the coefficients are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// Newton for up to 128 unknowns on dense input and by conjugate gradients on sparse input, else L-BFGS. Where dense
    /// rows are many, an eighth of them (led by an eighth of theirs) gives the start and the curvature, and L-BFGS goes on
    /// from there with all: a few passes instead of many.
    #[default]
    Auto,
    /// Limited-memory BFGS: many cheap steps (Liu and Nocedal, 1989).
    Lbfgs,
    /// Newton's method with the Cholesky factor of the Hessian: few steps, to the last digits. Dense input only.
    Newton,
    /// Newton's method whose steps conjugate gradients find by products with the Hessian, which is never made (Dembo and
    /// Steihaug, 1983): few steps for any number of features.
    NewtonCg,
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
/// | `solver` | `Auto` | `Auto`, `Lbfgs`, `Newton`, `NewtonCg` | how the coefficients are found |
/// | `max_iter` | 200 | >= 1 | the most steps of the solver |
/// | `tolerance` | 1e-6 | >= 0 | stop when no entry of the gradient of the mean loss, for features of unit scale, is larger |
/// | `standard_errors` | `Classical` | `Classical`, `Hc0` to `Hc3` | what the variance may be for [`LogisticModel::inference`] |
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
    standard_errors: StandardErrors,
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
            standard_errors: StandardErrors::Classical,
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

    /// Sets what the variance may be for the standard errors of [`LogisticModel::inference`].
    #[must_use]
    pub fn standard_errors(mut self, standard_errors: StandardErrors) -> Self {
        self.standard_errors = standard_errors;
        self
    }

    fn check(&self) -> Result<()> {
        self.c.map_or(Ok(()), |c| C.check(c))?;
        L1_RATIO.check(self.l1_ratio)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)
    }

    /// `part` makes the problem of every so many rows.
    fn minimise<P: SecondOrder>(
        &self,
        loss: &(impl SecondOrder + HessianProduct),
        part: impl Fn(usize) -> Option<P>,
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
        let part_rows = design.n_rows / SAMPLE;
        let many = part_rows >= PART_ROWS.max(PART_ROWS_EACH * start.len()) && start.len() <= PART_UNKNOWNS;
        if self.solver == Solver::Auto
            && dense
            && many
            && let Some(minimum) = self.by_part(loss, part, start, design.n_rows, train)?
        {
            return Ok(minimum);
        }
        match self.solver {
            Solver::Newton if !dense => Err(Error::unsupported(
                "the Newton solver needs dense input; choose `Solver::NewtonCg` or call `to_dense()` on the matrix",
            )),
            Solver::Newton => newton(loss, start, &settings, &train.ctx),
            Solver::Auto if dense && start.len() <= NEWTON_UNKNOWNS => {
                newton(loss, start, &settings, &train.ctx)
            }
            Solver::Auto if !dense => self.by_products(loss, start, train),
            Solver::NewtonCg => newton_cg(loss, start, &settings, &train.ctx),
            _ => lbfgs(loss, start, &settings, &train.ctx),
        }
    }

    /// The minimum by conjugate gradients; L-BFGS goes on where rounding stops them.
    fn by_products(
        &self,
        loss: &impl HessianProduct,
        start: &[f64],
        train: &Train<'_, Matrix, Classes>,
    ) -> Result<Minimum> {
        let settings = optimize::Settings::new().max_iter(self.max_iter).tolerance(self.tolerance);
        let first = newton_cg(loss, start, &settings, &train.ctx)?;
        let left = self.max_iter - first.n_iterations;
        if first.converged || left == 0 {
            return Ok(first);
        }
        let mut last = lbfgs(loss, &first.x, &settings.max_iter(left), &train.ctx)?;
        last.n_iterations += first.n_iterations;
        Ok(last)
    }

    /// The minimum by way of that of a part of the rows; `None` where it does not get there.
    fn by_part<P: SecondOrder>(
        &self,
        loss: &impl SecondOrder,
        part: impl Fn(usize) -> Option<P>,
        start: &[f64],
        n_rows: usize,
        train: &Train<'_, Matrix, Classes>,
    ) -> Result<Option<Minimum>> {
        let settings = optimize::Settings::new().max_iter(self.max_iter);
        let rough = settings.clone().tolerance(self.tolerance.max(PART_TOLERANCE));
        let near = |part: &P, start: &[f64]| match start.len() <= NEWTON_UNKNOWNS {
            true => newton(part, start, &rough, &train.ctx),
            false => lbfgs(part, start, &rough, &train.ctx),
        };
        let scouts = n_rows / (SAMPLE * SCOUTS) >= SCOUT_ROWS.max(PART_ROWS_EACH * start.len());
        let scouted = scouts.then(|| part(SAMPLE * SCOUTS)).flatten().and_then(|few| near(&few, start).ok());
        let scouted = scouted.filter(|minimum| minimum.converged);
        let start = scouted.as_ref().map_or(start, |minimum| &minimum.x);
        let Some(part) = part(SAMPLE) else { return Ok(None) };
        let first = near(&part, start);
        // A part may have what all rows have not, such as one class alone; only who asked to stop is heard.
        train.ctx.check()?;
        let Ok(first) = first else { return Ok(None) };
        let mut hessian = Array2::zeros((start.len(), start.len()));
        part.hessian(&first.x, &mut hessian);
        let Ok(factor) = Cholesky::new(&hessian) else { return Ok(None) };
        let minimum = lbfgs_near(loss, &first.x, &factor, &settings.tolerance(self.tolerance), &train.ctx);
        train.ctx.check()?;
        Ok(minimum.ok().filter(|minimum| minimum.converged))
    }
}

/// The log loss of rows of two classes, from 1 for the second class and -1 for the first.
struct Binary {
    signs: Vec<f64>,
}

impl Binary {
    /// Of every `step`-th row.
    fn new(codes: &[u32], second: u32, step: usize) -> Self {
        let sign = |&code: &u32| if code == second { 1.0 } else { -1.0 };
        Binary { signs: codes.iter().step_by(step).map(sign).collect() }
    }
}

#[inline(always)]
fn binary(sign: f64, score: f64) -> AtScore {
    let margin = sign * score;
    let odds = exp(-margin.abs());
    let share = 1.0 / (1.0 + odds);
    let slope = -sign * if margin > 0.0 { odds } else { 1.0 } * share;
    AtScore { value: ln_1p_share(odds) + f64::max(-margin, 0.0), slope, curvature: odds * share * share }
}

impl RowLoss for Binary {
    fn at(&self, row: usize, score: f64) -> AtScore {
        binary(self.signs[row], score)
    }

    fn fill(&self, first: usize, scores: &mut [f64], values: &mut [f64]) {
        widest(BinaryRows { signs: &self.signs[first..first + scores.len()], scores, values });
    }
}

struct BinaryRows<'a> {
    signs: &'a [f64],
    scores: &'a mut [f64],
    values: &'a mut [f64],
}

impl Kernel for BinaryRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((score, value), &sign) in self.scores.iter_mut().zip(self.values).zip(self.signs) {
            let at = binary(sign, *score);
            (*score, *value) = (at.slope, at.value);
        }
    }
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
        let codes = train.y.codes();
        let (few, fewer) = (OnceCell::new(), OnceCell::new());
        let sample = |step: usize| {
            let place = if step == SAMPLE { &few } else { &fewer };
            place.get_or_init(|| design.every(step)).as_ref()
        };
        let minimum = match present[..] {
            [_, second] => {
                let signs = Binary::new(codes, second, 1);
                let part = |step: usize| {
                    let loss = Binary::new(codes, second, step);
                    Some(Smooth { design: sample(step)?, offsets: None, loss })
                };
                let smooth = Smooth { design: &design, offsets: None, loss: signs };
                self.minimise(&smooth, part, &design, l1, &start, train)?
            }
            _ => {
                let part = |step: usize| {
                    let codes: Vec<u32> = codes.iter().step_by(step).copied().collect();
                    Some(Loss::new(sample(step)?, &codes, &present))
                };
                self.minimise(&loss, part, &design, l1, &start, train)?
            }
        };
        let (coefficients, intercepts) = loss.in_units(&minimum.x)?;
        let (features, classes) = (train.x.features().clone(), train.y.shared_names());
        // Without a penalty the information at the maximum of the likelihood tells how far it may be off.
        let (mut robust, mut errors, mut covariances) = (Robust::default(), Vec::new(), Vec::new());
        let (two, size) = (present.len() == 2, minimum.x.len());
        let information = || match train.x.sparse() {
            Some(csr) if size <= MOST_UNKNOWNS => {
                let of_two = |scores: &[f64], curved: &mut [f64]| {
                    curved[0] = binary(1.0, scores[0]).curvature;
                };
                let curvatures: &(dyn Fn(&[f64], &mut [f64]) + Sync) =
                    if two { &of_two } else { &class_curvatures };
                Some(sparse_information(&design, csr, &minimum.x, loss.n_vectors, curvatures))
            }
            None if two || size <= MOST_UNKNOWNS => {
                let mut hessian = Array2::zeros((size, size));
                loss.hessian(&minimum.x, &mut hessian);
                Some(hessian)
            }
            _ => None,
        };
        let information = if self.c.is_none() { information() } else { None };
        // `tame` may have divided weights that are extreme by a common factor.
        let tamed = || match self.class_weight {
            ClassWeight::None => design.total_weight / total_weight(train.weights, design.n_rows),
            _ => 1.0,
        };
        match (information, self.standard_errors) {
            (Some(hessian), StandardErrors::Classical) if two => {
                errors = spreads(&hessian, &design).unwrap_or_default();
                let factor = tamed().sqrt();
                errors.iter_mut().for_each(|error| *error *= factor);
            }
            (Some(hessian), StandardErrors::Classical) => {
                covariances = class_covariances(&hessian, &design, present.len()).unwrap_or_default();
                let factor = tamed();
                covariances.iter_mut().for_each(|covariance| *covariance *= factor);
            }
            (Some(hessian), kind) if two => {
                let at =
                    |row: usize, score: f64| binary(if codes[row] == present[1] { 1.0 } else { -1.0 }, score);
                let (design, weights) = (&design, train.weights);
                robust = Sandwich { kind, design, offsets: None, weights, at }.errors(&minimum.x, &hessian);
                errors = std::mem::take(&mut robust.errors);
            }
            _ => {}
        }
        let has_intercept = self.fit_intercept;
        let search = Search {
            n_iterations: minimum.n_iterations,
            gap: minimum.gradient_norm,
            converged: minimum.converged,
        };
        let model = LogisticModel::new(features, classes, present, coefficients, intercepts, search);
        Ok(model.with_spreads(errors, robust, has_intercept).with_covariances(covariances))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}
