//! The lasso and the elastic net for several outputs that share their features.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Context, Error, Estimator, Features, Matrix, Outputs, Param, Result, Train,
};
use perennial_numeric::linalg::matmul;
use serde::{Deserialize, Serialize};

use super::centred::Centred;
use super::coordinate::{Limits, Penalty};
use super::elastic_net::{ALPHA, L1_RATIO, MAX_ITER, TOLERANCE};
use super::elastic_net_fit::penalty;
use super::iterative::Search;
use super::multi_model::MultiLinearModel;
use crate::rows::tame;
use crate::setters::setters;

/// All products of more columns would not fit into memory.
const MOST_COLUMNS: usize = 8192;

/// The elastic net of several outputs that use the same features (group lasso over the outputs; Obozinski, Taskar and
/// Jordan, 2010).
///
/// Minimises half the mean squared length of the residuals of a row, plus `alpha * l1_ratio` times the sum over the features
/// of the length of its coefficients, plus `alpha * (1 - l1_ratio) / 2` times the sum of all their squares. A feature has a coefficient for each
/// output or for none. Block coordinate descent on the products of the columns, up to a duality gap. The penalty depends on
/// the units: standardise features first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 0 | strength of the penalties |
/// | `l1_ratio` | 0.5 | 0 to 1 | the share of the penalty on lengths |
/// | `fit_intercept` | true | | whether the outputs may be shifted |
/// | `max_iter` | 10000 | >= 1 | the most sweeps over the features |
/// | `tolerance` | 1e-6 | >= 0 | the duality gap at which to stop, as a share of the targets' mean square |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Outputs};
/// use perennial_models::MultiTaskElasticNet;
///
/// let x = Matrix::from(array![[-1.0, 0.1], [0.0, -0.2], [1.0, 0.1]]);
/// let y = Outputs::from(array![[-3.0, 1.0], [0.0, 0.0], [3.0, -1.0]]);
/// let model = MultiTaskElasticNet::new().alpha(0.1).fit(&x, &y)?;
/// assert_eq!(model.n_nonzero(), 1);
/// assert!(model.coefficients()[[0, 0]] > 2.0 && model.coefficients()[[0, 1]] < -0.6);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiTaskElasticNet {
    alpha: f64,
    l1_ratio: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

/// The lasso of several outputs that use the same features: [`MultiTaskElasticNet`] with all of its penalty on lengths.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 0 | strength of the penalty |
/// | `fit_intercept` | true | | whether the outputs may be shifted |
/// | `max_iter` | 10000 | >= 1 | the most sweeps over the features |
/// | `tolerance` | 1e-6 | >= 0 | the duality gap at which to stop, as a share of the targets' mean square |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Outputs};
/// use perennial_models::MultiTaskLasso;
///
/// let x = Matrix::from(array![[-1.0, 0.1], [0.0, -0.2], [1.0, 0.1]]);
/// let y = Outputs::from(array![[-3.0, 1.0], [0.0, 0.0], [3.0, -1.0]]);
/// let model = MultiTaskLasso::new().alpha(0.2).fit(&x, &y)?;
/// assert_eq!(model.n_nonzero(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiTaskLasso {
    alpha: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for MultiTaskElasticNet {
    fn default() -> Self {
        let (alpha, l1_ratio, tolerance) = (1.0, 0.5, 1e-6);
        MultiTaskElasticNet { alpha, l1_ratio, fit_intercept: true, max_iter: 10_000, tolerance }
    }
}

impl Default for MultiTaskLasso {
    fn default() -> Self {
        MultiTaskLasso { alpha: 1.0, fit_intercept: true, max_iter: 10_000, tolerance: 1e-6 }
    }
}

setters!(MultiTaskElasticNet {
    /// Sets the strength of the penalties.
    alpha: f64,
    /// Sets the share of the penalty on lengths.
    l1_ratio: f64,
    /// Sets whether the outputs may be shifted.
    fit_intercept: bool,
    /// Sets the most sweeps over the features.
    max_iter: usize,
    /// Sets the duality gap at which to stop, as a share of the targets' mean square.
    tolerance: f64,
});

setters!(MultiTaskLasso {
    /// Sets the strength of the penalty.
    alpha: f64,
    /// Sets whether the outputs may be shifted.
    fit_intercept: bool,
    /// Sets the most sweeps over the features.
    max_iter: usize,
    /// Sets the duality gap at which to stop, as a share of the targets' mean square.
    tolerance: f64,
});

impl MultiTaskElasticNet {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, L1_RATIO, MAX_ITER, TOLERANCE];
}

impl MultiTaskLasso {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, MAX_ITER, TOLERANCE];
}

impl Estimator for MultiTaskElasticNet {
    type Input = Matrix;
    type Target = Outputs;
    type Model = MultiLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<MultiLinearModel> {
        ALPHA.check(self.alpha)?;
        L1_RATIO.check(self.l1_ratio)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        let limits = Limits { tolerance: self.tolerance, max_iter: self.max_iter };
        fit(train, penalty(self.alpha, self.l1_ratio), self.fit_intercept, limits)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl Estimator for MultiTaskLasso {
    type Input = Matrix;
    type Target = Outputs;
    type Model = MultiLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<MultiLinearModel> {
        let Self { alpha, fit_intercept, max_iter, tolerance } = *self;
        MultiTaskElasticNet { alpha, l1_ratio: 1.0, fit_intercept, max_iter, tolerance }.fit_on(train)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

fn fit(
    train: &Train<'_, Matrix, Outputs>,
    penalty: Penalty,
    intercept: bool,
    limits: Limits,
) -> Result<MultiLinearModel> {
    let weights = tame(train.weights);
    let problem = Blocks::new(train.x, train.y, weights.as_deref(), intercept, &train.ctx)?;
    let (weights, search) = problem.solve(problem.nothing(), penalty, limits, &train.ctx)?;
    problem.model(train.x.features(), weights, search)
}

/// Half the mean squared length as a quadratic form of blocks of coefficients.
pub(super) struct Blocks {
    products: Array2<f64>,
    pub(super) cross: Array2<f64>,
    target: f64,
    n: usize,
    k: usize,
    /// The means of the columns and of the outputs, 0 without an intercept.
    centres: Vec<f64>,
    means: Vec<f64>,
}

impl Blocks {
    pub(super) fn new(
        x: &Matrix,
        y: &Outputs,
        weights: Option<&[f64]>,
        intercept: bool,
        ctx: &Context,
    ) -> Result<Self> {
        let (n, k) = (x.n_cols(), y.values().ncols());
        if k == 0 {
            return Err(Error::empty("the target has no outputs"));
        }
        if n == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        if n > MOST_COLUMNS {
            return Err(Error::too_large(format!(
                "{n} columns; at most {MOST_COLUMNS} are taken, so select some"
            )));
        }
        let (products, cross) = (Array2::zeros((0, 0)), Array2::zeros((n, k)));
        let mut blocks =
            Blocks { products, cross, target: 0.0, n, k, centres: Vec::new(), means: Vec::new() };
        for (output, column) in y.values().columns().into_iter().enumerate() {
            let y = column.to_vec();
            let centred = Centred::new(x, &y, weights, intercept)?;
            if output == 0 {
                let products = centred.products(0..centred.n_rows, None, ctx)?;
                blocks.products =
                    products.slice(ndarray::s![..n, ..n]).mapv(|sum| sum / centred.total_weight);
                blocks.centres.clone_from(&centred.means);
            }
            let pull = centred.pull(&[], &[]);
            let cross = blocks.cross.column_mut(output).into_iter().zip(&pull.0);
            cross.for_each(|(to, sum)| *to = sum / centred.total_weight);
            blocks.target += pull.1 / centred.total_weight;
            blocks.means.push(centred.mean);
        }
        let numbers = blocks.products.iter().chain(&blocks.cross).chain([&blocks.target]);
        if !{ numbers }.all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "the square of a column left the range of f64; standardise the features and scale the targets",
            ));
        }
        Ok(blocks)
    }

    /// No coefficients.
    pub(super) fn nothing(&self) -> Array2<f64> {
        Array2::zeros((self.n, self.k))
    }

    /// What the outputs are where all features are 0.
    pub(super) fn intercepts(&self, weights: &Array2<f64>) -> Vec<f64> {
        let shift =
            |output: usize| self.centres.iter().zip(weights.column(output)).map(|(c, w)| c * w).sum::<f64>();
        (0..self.k).map(|output| self.means[output] - shift(output)).collect()
    }

    pub(super) fn model(
        &self,
        features: &Features,
        weights: Array2<f64>,
        search: Search,
    ) -> Result<MultiLinearModel> {
        let intercepts = self.intercepts(&weights);
        MultiLinearModel::new(features, weights, intercepts, search)
    }

    /// The coefficients, searched for from others.
    pub(super) fn solve(
        &self,
        mut weights: Array2<f64>,
        penalty: Penalty,
        limits: Limits,
        ctx: &Context,
    ) -> Result<(Array2<f64>, Search)> {
        let mut pull = self.cross.clone();
        if weights.iter().any(|weight| *weight != 0.0) {
            pull -= &matmul(&self.products, &weights);
        }
        let all: Vec<usize> = (0..self.n).filter(|&j| self.products[[j, j]] > 0.0).collect();
        let goal = limits.tolerance * self.target;
        let mut sweeps = 0;
        loop {
            ctx.check()?;
            self.sweep(&mut weights, &mut pull, &all, penalty);
            sweeps += 1;
            let gap = self.gap(&weights, &pull, penalty);
            let converged = gap <= goal;
            if converged || sweeps >= limits.max_iter {
                return Ok((weights, Search { n_iterations: sweeps, gap, converged }));
            }
            // The features that are in settle before the others are looked at again.
            let active: Vec<usize> =
                all.iter().copied().filter(|&j| weights.row(j).iter().any(|weight| *weight != 0.0)).collect();
            let mut first = 0.0;
            while sweeps < limits.max_iter {
                let moved = self.sweep(&mut weights, &mut pull, &active, penalty);
                sweeps += 1;
                first = f64::max(first, moved);
                if !(moved > 0.1 * first && moved > 0.0) {
                    break;
                }
                if sweeps.is_multiple_of(64) {
                    ctx.check()?;
                }
            }
        }
    }

    /// One pass over features; the largest change, in the units of the targets.
    fn sweep(
        &self,
        weights: &mut Array2<f64>,
        pull: &mut Array2<f64>,
        features: &[usize],
        penalty: Penalty,
    ) -> f64 {
        let mut largest: f64 = 0.0;
        let mut change = vec![0.0; self.k];
        for &j in features {
            let own = self.products[[j, j]];
            let free: Vec<f64> =
                pull.row(j).iter().zip(weights.row(j)).map(|(pull, weight)| pull + own * weight).collect();
            let length = norm(&free);
            let kept =
                if length > penalty.l1 { (1.0 - penalty.l1 / length) / (own + penalty.l2) } else { 0.0 };
            let mut moved = 0.0;
            for ((change, free), weight) in change.iter_mut().zip(&free).zip(weights.row_mut(j)) {
                let new = kept * free;
                *change = new - *weight;
                *weight = new;
                moved += *change * *change;
            }
            if moved > 0.0 {
                for (mut pull, product) in pull.rows_mut().into_iter().zip(self.products.row(j)) {
                    pull.iter_mut().zip(&change).for_each(|(pull, change)| *pull -= product * change);
                }
                largest = largest.max(moved * own);
            }
        }
        largest
    }

    /// The distance of the objective to a lower bound of its least value (Ndiaye, Fercoq, Gramfort and Salmon, 2017).
    fn gap(&self, weights: &Array2<f64>, pull: &Array2<f64>, Penalty { l1, l2, .. }: Penalty) -> f64 {
        let dot = |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let explained = dot(&self.cross, weights);
        let squares = (self.target - explained - dot(pull, weights)).max(0.0);
        let (mut steepest, mut lengths): (f64, f64) = (0.0, 0.0);
        for (pull, weight) in pull.rows().into_iter().zip(weights.rows()) {
            let rest: Vec<f64> = pull.iter().zip(weight).map(|(pull, weight)| pull - l2 * weight).collect();
            steepest = steepest.max(norm(&rest));
            lengths += norm(&weight.to_vec());
        }
        let share = if steepest > l1 { l1 / steepest } else { 1.0 };
        let ridge = dot(weights, weights);
        let gap = 0.5 * (1.0 + share * share) * (squares + l2 * ridge) + l1 * lengths
            - share * (self.target - explained);
        gap.max(0.0)
    }
}

pub(super) fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
