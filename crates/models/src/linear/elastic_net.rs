//! The lasso and the elastic net.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Capabilities, Context, Estimator, Features, Matrix, Param, Result, Train, Values};
use serde::{Deserialize, Serialize};

use super::centred::Centred;
use super::coordinate::{Limits, Penalty, Quadratic};
use super::elastic_net_fit::{MOST_PRODUCTS, along, at_one, penalty, strengths};
use super::iterative::{IterativeLinearModel, Search};
use crate::rows::tame;

pub(super) const ALPHA: Param =
    Param::real("alpha", "strength of the penalties").at_least(0.0).search_log(1e-4, 1e2);
pub(super) const L1_RATIO: Param =
    Param::real("l1_ratio", "the share of the L1 penalty").at_least(0.0).at_most(1.0).search(0.05, 1.0);
pub(super) const MAX_ITER: Param =
    Param::integer("max_iter", "the most sweeps over the coefficients").at_least(1.0);
pub(super) const TOLERANCE: Param =
    Param::real("tolerance", "the duality gap at which to stop, as a share of the target's mean square")
        .at_least(0.0);
pub(super) const N_ALPHAS: Param =
    Param::integer("n_alphas", "how many strengths a path has").at_least(1.0).at_most(100_000.0);
pub(super) const EPS: Param =
    Param::real("eps", "the least strength of a path over its largest").at_least(1e-12).at_most(1.0);

/// Least squares with penalties on the absolute values and on the squares of the coefficients (Zou and Hastie, 2005).
///
/// Minimises half the mean squared error, plus `alpha * l1_ratio` times the sum of absolute coefficients, plus
/// `alpha * (1 - l1_ratio) / 2` times the sum of their squares. The intercept is not penalised.
///
/// Coordinate descent on the products of the columns (Friedman, Hastie and Tibshirani, 2010), where there are many columns
/// of those alone that pull the most (working sets; Massias, Gramfort and Salmon, 2018). The end is measured by the
/// duality gap; where the columns that remain do not depend on each other, their equations are then solved, so that the
/// answer is exact but for rounding. The penalty depends on the units: standardise features first. Sparse rows stay sparse,
/// with an intercept too.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 0 | strength of the penalties |
/// | `l1_ratio` | 0.5 | 0 to 1 | the share of the L1 penalty; 1 is the lasso |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `positive` | false | | whether coefficients must be at least 0 |
/// | `max_iter` | 10000 | >= 1 | the most sweeps over the coefficients |
/// | `tolerance` | 1e-4 | >= 0 | the duality gap at which to stop, as a share of the target's mean square |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::ElasticNet;
///
/// let x = Matrix::from(array![[-1.0, 0.1], [0.0, -0.2], [1.0, 0.1]]);
/// let y = Values::from(vec![-3.0, 0.0, 3.0]);
/// let model = ElasticNet::new().alpha(0.1).l1_ratio(1.0).fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 2.85).abs() < 1e-12);
/// assert_eq!(model.coefficients()[1], 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticNet {
    alpha: f64,
    l1_ratio: f64,
    fit_intercept: bool,
    positive: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for ElasticNet {
    fn default() -> Self {
        ElasticNet {
            alpha: 1.0,
            l1_ratio: 0.5,
            fit_intercept: true,
            positive: false,
            max_iter: 10_000,
            tolerance: 1e-4,
        }
    }
}

impl ElasticNet {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, L1_RATIO, MAX_ITER, TOLERANCE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the strength of the penalties.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the share of the L1 penalty.
    #[must_use]
    pub fn l1_ratio(mut self, l1_ratio: f64) -> Self {
        self.l1_ratio = l1_ratio;
        self
    }

    /// Sets whether the line may miss the origin.
    #[must_use]
    pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
        self.fit_intercept = fit_intercept;
        self
    }

    /// Sets whether coefficients must be at least 0. With a strength of 0 that is non-negative least squares.
    #[must_use]
    pub fn positive(mut self, positive: bool) -> Self {
        self.positive = positive;
        self
    }

    /// Sets the most sweeps over the coefficients.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the duality gap at which to stop, as a share of the target's mean square.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    fn check(&self) -> Result<()> {
        ALPHA.check(self.alpha)?;
        L1_RATIO.check(self.l1_ratio)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)
    }

    /// The share of the absolute values, and whether coefficients must be at least 0.
    fn share(&self) -> (f64, bool) {
        (self.l1_ratio, self.positive)
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { tolerance: self.tolerance, max_iter: self.max_iter }
    }

    /// The coefficients along a path of strengths, whatever `alpha` is set to: `n_alphas` of them, from the least one that
    /// leaves no coefficient down to `eps` times it (Friedman, Hastie and Tibshirani, 2010).
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Matrix, Train, Values};
    /// use perennial_models::ElasticNet;
    ///
    /// let x = Matrix::from(array![[-1.0, 0.1], [0.0, -0.2], [1.0, 0.1]]);
    /// let y = Values::from(vec![-3.0, 0.0, 3.0]);
    /// let path = ElasticNet::new().l1_ratio(1.0).path(&Train::new(&x, &y), 10, 1e-2)?;
    /// assert_eq!(path.coefficients()[[0, 0]], 0.0);
    /// assert!(path.coefficients()[[9, 0]] > 2.9);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a setting or the data does not allow a fit, or the work was cancelled.
    pub fn path(
        &self,
        train: &Train<'_, Matrix, Values>,
        n_alphas: usize,
        eps: f64,
    ) -> Result<ElasticNetPath> {
        self.check()?;
        N_ALPHAS.check_count(n_alphas)?;
        EPS.check(eps)?;
        train.check(&self.capabilities())?;
        let weights = tame(train.weights);
        let problem = Centred::new(train.x, train.y.as_slice(), weights.as_deref(), self.fit_intercept)?;
        let n = problem.n_features;
        let mut path = ElasticNetPath {
            features: train.x.features().clone(),
            alphas: Vec::new(),
            coefficients: Array2::zeros((n_alphas, n)),
            intercepts: Vec::new(),
            gaps: Vec::new(),
            converged: true,
        };
        let mut note = |i: usize, weights: &[f64], gap: f64, converged: bool| {
            path.coefficients.row_mut(i).iter_mut().zip(weights).for_each(|(to, weight)| *to = *weight);
            path.intercepts.push(problem.intercept(weights));
            path.gaps.push(gap);
            path.converged &= converged;
        };
        if n <= MOST_PRODUCTS {
            let products = problem.products(0..problem.n_rows, None, &train.ctx)?;
            let quadratic = Quadratic::new(&products, problem.total_weight)?;
            let alphas = strengths(&quadratic.cross, self.share(), n_alphas, eps);
            along(&quadratic, &alphas, self.share(), self.limits(), &train.ctx, |i, state| {
                note(i, &state.weights, state.gap, state.converged);
            })?;
            path.alphas = alphas;
        } else {
            let cross: Vec<f64> =
                problem.pull(&[], &[]).0.iter().map(|sum| sum / problem.total_weight).collect();
            let alphas = strengths(&cross, self.share(), n_alphas, eps);
            let mut weights = vec![0.0; n];
            for (i, &alpha) in alphas.iter().enumerate() {
                train.ctx.step(i, n_alphas)?;
                let penalty = Penalty { positive: self.positive, ..penalty(alpha, self.l1_ratio) };
                let state = at_one(&problem, penalty, self.limits(), Some(&weights), &train.ctx)?;
                note(i, &state.weights, state.gap, state.converged);
                weights = state.weights;
            }
            path.alphas = alphas;
        }
        Ok(path)
    }
}

impl Estimator for ElasticNet {
    type Input = Matrix;
    type Target = Values;
    type Model = IterativeLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<IterativeLinearModel> {
        self.check()?;
        let weights = tame(train.weights);
        if train.x.sparse().is_some() || !self.fit_intercept {
            train.x.check_finite(false)?;
        }
        let problem = Centred::new(train.x, train.y.as_slice(), weights.as_deref(), self.fit_intercept);
        let problem = problem.or_else(|error| train.x.check_finite(false).and(Err(error)))?;
        let penalty = Penalty { positive: self.positive, ..penalty(self.alpha, self.l1_ratio) };
        fit_one(&problem, train.x.features(), penalty, self.limits(), &train.ctx)
    }

    /// What is not finite shows in the means.
    fn checks_finite(&self) -> bool {
        true
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

/// The model at one strength.
pub(super) fn fit_one(
    problem: &Centred<'_>,
    features: &Features,
    penalty: Penalty,
    limits: Limits,
    ctx: &Context,
) -> Result<IterativeLinearModel> {
    let state = at_one(problem, penalty, limits, None, ctx)?;
    let intercept = problem.intercept(&state.weights);
    let search = Search { n_iterations: state.n_sweeps, gap: state.gap, converged: state.converged };
    IterativeLinearModel::new(features, state.weights, intercept, search)
}

/// The lasso: least squares with a penalty on the absolute values of the coefficients (Tibshirani, 1996).
///
/// Minimises half the mean squared error plus `alpha` times the sum of absolute coefficients; see [`ElasticNet`] for how.
/// Many coefficients are exactly 0.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 0 | strength of the penalty |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `positive` | false | | whether coefficients must be at least 0 |
/// | `max_iter` | 10000 | >= 1 | the most sweeps over the coefficients |
/// | `tolerance` | 1e-4 | >= 0 | the duality gap at which to stop, as a share of the target's mean square |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::Lasso;
///
/// let x = Matrix::from(array![[-1.0], [0.0], [1.0]]);
/// let model = Lasso::new().alpha(4.0).fit(&x, &Values::from(vec![-3.0, 0.0, 3.0]))?;
/// assert_eq!(model.coefficients()[0], 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lasso {
    alpha: f64,
    fit_intercept: bool,
    positive: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for Lasso {
    fn default() -> Self {
        Lasso { alpha: 1.0, fit_intercept: true, positive: false, max_iter: 10_000, tolerance: 1e-4 }
    }
}

impl Lasso {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, MAX_ITER, TOLERANCE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the strength of the penalty.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets whether the line may miss the origin.
    #[must_use]
    pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
        self.fit_intercept = fit_intercept;
        self
    }

    /// Sets whether coefficients must be at least 0. With a strength of 0 that is non-negative least squares.
    #[must_use]
    pub fn positive(mut self, positive: bool) -> Self {
        self.positive = positive;
        self
    }

    /// Sets the most sweeps over the coefficients.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the duality gap at which to stop, as a share of the target's mean square.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    fn net(&self) -> ElasticNet {
        ElasticNet {
            alpha: self.alpha,
            l1_ratio: 1.0,
            fit_intercept: self.fit_intercept,
            positive: self.positive,
            max_iter: self.max_iter,
            tolerance: self.tolerance,
        }
    }

    /// The coefficients along a path of strengths; see [`ElasticNet::path`].
    ///
    /// # Errors
    /// As for [`ElasticNet::path`].
    pub fn path(
        &self,
        train: &Train<'_, Matrix, Values>,
        n_alphas: usize,
        eps: f64,
    ) -> Result<ElasticNetPath> {
        self.net().path(train, n_alphas, eps)
    }
}

impl Estimator for Lasso {
    type Input = Matrix;
    type Target = Values;
    type Model = IterativeLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<IterativeLinearModel> {
        self.net().fit_on(train)
    }

    fn checks_finite(&self) -> bool {
        true
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

/// Elastic nets of falling strength.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElasticNetPath {
    features: Features,
    alphas: Vec<f64>,
    coefficients: Array2<f64>,
    intercepts: Vec<f64>,
    gaps: Vec<f64>,
    converged: bool,
}

impl ElasticNetPath {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The strengths, the largest first.
    pub fn alphas(&self) -> &[f64] {
        &self.alphas
    }

    /// The coefficients, strengths x features.
    pub fn coefficients(&self) -> &ArrayRef2<f64> {
        &self.coefficients
    }

    /// The intercepts, one for each strength.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// The duality gap at each strength.
    pub fn gaps(&self) -> &[f64] {
        &self.gaps
    }

    /// Whether all gaps came to the tolerance.
    pub fn converged(&self) -> bool {
        self.converged
    }
}
