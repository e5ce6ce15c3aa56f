//! Bayesian linear regression: precisions of noise and coefficients found from the data.

use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use perennial_core::{Capabilities, Context, Estimator, Matrix, Param, Result, Rows, Train, Values};
use perennial_numeric::linalg::{Cholesky, Qr, svd};
use serde::{Deserialize, Serialize};

use super::bayesian_model::BayesianLinearModel;
use super::iterative::{IterativeLinearModel, Search};
use super::model::total_weight;
use crate::setters::setters;

const ALPHA_1: Param =
    Param::real("alpha_1", "shape of the gamma prior of the precision of the noise").at_least(0.0);
const ALPHA_2: Param =
    Param::real("alpha_2", "rate of the gamma prior of the precision of the noise").at_least(0.0);
const LAMBDA_1: Param =
    Param::real("lambda_1", "shape of the gamma prior of the precision of the coefficients").at_least(0.0);
const LAMBDA_2: Param =
    Param::real("lambda_2", "rate of the gamma prior of the precision of the coefficients").at_least(0.0);
const THRESHOLD: Param = Param::real("threshold_lambda", "coefficients of a larger precision are 0")
    .above(0.0)
    .search_log(1e2, 1e6);
const MAX_ITER: Param = Param::integer("max_iter", "the most rounds").at_least(1.0);
const TOLERANCE: Param =
    Param::real("tolerance", "the change of the coefficients at which to stop, as a share of them")
        .at_least(0.0);

/// Bayesian ridge regression: the strength of the penalty and the size of the noise are those that make the data most
/// likely (MacKay, 1992), and each prediction has a deviation.
///
/// Coefficients are normal around 0 with one precision `lambda`, the noise is normal with the precision `alpha`, both with
/// gamma priors that say next to nothing. The coefficients are those of a ridge regression with the penalty `lambda / alpha`.
/// One singular value decomposition of the triangular factor of the rows serves all rounds (Tipping, 2001).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha_1`, `alpha_2` | 1e-6 | >= 0 | shape and rate of the prior of the precision of the noise |
/// | `lambda_1`, `lambda_2` | 1e-6 | >= 0 | shape and rate of the prior of the precision of the coefficients |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 300 | >= 1 | the most rounds |
/// | `tolerance` | 1e-8 | >= 0 | the change of the coefficients at which to stop, as a share of them |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::BayesianRidge;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0], [4.0]]);
/// let y = Values::from(vec![0.1, 0.9, 2.1, 2.9, 4.0]);
/// let model = BayesianRidge::new().fit(&x, &y)?;
/// let (answers, deviations) = model.predict_with_deviation(&Matrix::from(array![[2.0], [20.0]]))?;
/// assert!((answers.as_slice()[0] - 2.0).abs() < 0.05);
/// assert!(deviations.as_slice()[1] > deviations.as_slice()[0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BayesianRidge {
    alpha_1: f64,
    alpha_2: f64,
    lambda_1: f64,
    lambda_2: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

/// Bayesian regression with a precision for each coefficient (automatic relevance determination; MacKay, 1994; Tipping,
/// 2001): coefficients that the data does not ask for become 0.
///
/// As [`BayesianRidge`], but each coefficient has a precision of its own; where one grows beyond `threshold_lambda` its
/// coefficient is 0 from then on. The threshold depends on the units: standardise features first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha_1`, `alpha_2` | 1e-6 | >= 0 | shape and rate of the prior of the precision of the noise |
/// | `lambda_1`, `lambda_2` | 1e-6 | >= 0 | shape and rate of the priors of the precisions of the coefficients |
/// | `threshold_lambda` | 1e4 | > 0 | coefficients of a larger precision are 0 |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 300 | >= 1 | the most rounds |
/// | `tolerance` | 1e-8 | >= 0 | the change of the coefficients at which to stop, as a share of them |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::ArdRegression;
///
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((i * (3 * j + 2)) as f64).sin());
/// let y: Values = (0..40).map(|i| 2.0 * x[[i, 1]] + 0.1 * (i as f64 * 0.7).cos()).collect();
/// let model = ArdRegression::new().fit(&Matrix::from(x), &y)?;
/// assert!((model.coefficients()[1] - 2.0).abs() < 0.05);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArdRegression {
    alpha_1: f64,
    alpha_2: f64,
    lambda_1: f64,
    lambda_2: f64,
    threshold_lambda: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for BayesianRidge {
    fn default() -> Self {
        BayesianRidge {
            alpha_1: 1e-6,
            alpha_2: 1e-6,
            lambda_1: 1e-6,
            lambda_2: 1e-6,
            fit_intercept: true,
            max_iter: 300,
            tolerance: 1e-8,
        }
    }
}

impl Default for ArdRegression {
    fn default() -> Self {
        ArdRegression {
            alpha_1: 1e-6,
            alpha_2: 1e-6,
            lambda_1: 1e-6,
            lambda_2: 1e-6,
            threshold_lambda: 1e4,
            fit_intercept: true,
            max_iter: 300,
            tolerance: 1e-8,
        }
    }
}

macro_rules! priors {
    ($name:ident { $($(#[$docs:meta])* $field:ident: $kind:ty,)* }) => {
        setters!($name {
            /// Sets the shape of the prior of the precision of the noise.
            alpha_1: f64,
            /// Sets the rate of the prior of the precision of the noise.
            alpha_2: f64,
            /// Sets the shape of the prior of the precision of the coefficients.
            lambda_1: f64,
            /// Sets the rate of the prior of the precision of the coefficients.
            lambda_2: f64,
            $($(#[$docs])* $field: $kind,)*
            /// Sets whether the line may miss the origin.
            fit_intercept: bool,
            /// Sets the most rounds.
            max_iter: usize,
            /// Sets the change of the coefficients at which to stop, as a share of them.
            tolerance: f64,
        });

        impl $name {
            fn priors(&self) -> Result<Priors> {
                ALPHA_1.check(self.alpha_1)?;
                ALPHA_2.check(self.alpha_2)?;
                LAMBDA_1.check(self.lambda_1)?;
                LAMBDA_2.check(self.lambda_2)?;
                MAX_ITER.check_count(self.max_iter)?;
                TOLERANCE.check(self.tolerance)?;
                Ok(Priors {
                    alpha: (self.alpha_1, self.alpha_2),
                    lambda: (self.lambda_1, self.lambda_2),
                    max_iter: self.max_iter,
                    tolerance: self.tolerance,
                })
            }
        }
    };
}

priors!(BayesianRidge {});
priors!(ArdRegression {
    /// Sets the precision beyond which coefficients are 0.
    threshold_lambda: f64,
});

impl BayesianRidge {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA_1, ALPHA_2, LAMBDA_1, LAMBDA_2, MAX_ITER, TOLERANCE];
}

impl ArdRegression {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] =
        &[ALPHA_1, ALPHA_2, LAMBDA_1, LAMBDA_2, THRESHOLD, MAX_ITER, TOLERANCE];
}

/// Shapes and rates, and when to stop.
struct Priors {
    alpha: (f64, f64),
    lambda: (f64, f64),
    max_iter: usize,
    tolerance: f64,
}

impl Priors {
    /// Notes how far the coefficients moved, beside their size, and whether that is little.
    fn settle(&self, search: &mut Search, old: &Array1<f64>, new: &Array1<f64>) {
        let moved: f64 = old.iter().zip(new).map(|(old, new)| (old - new).abs()).sum();
        let size: f64 = new.iter().map(|value| value.abs()).sum();
        search.converged = moved <= self.tolerance * size;
        // What falls to 0 has moved by all that it was.
        search.gap = if size > 0.0 { (moved / size).min(f64::MAX) } else { f64::from(u8::from(moved > 0.0)) };
        search.n_iterations += 1;
    }
}

/// What the rows say, reduced to a triangle: `r^T r` are the products of the centred columns.
struct Reduced {
    r: Array2<f64>,
    seen: Array1<f64>,
    /// The squares that no coefficients reach.
    rest: f64,
    means: Vec<f64>,
    mean: f64,
    n_rows: f64,
    variance: f64,
}

impl Reduced {
    fn new(train: &Train<'_, Matrix, Values>, intercept: bool) -> Result<Self> {
        let y = ArrayView1::from(train.y.as_slice()).insert_axis(Axis(1));
        let qr = Qr::new_in(&train.ctx, train.x.dense()?, &y, train.weights, intercept)?;
        let skip = usize::from(intercept);
        let (r, seen) = (qr.r(), qr.qty());
        let r = r.slice(s![skip.., skip..]).to_owned();
        let seen = seen.slice(s![skip.., 0]).to_owned();
        let least = qr.solve()?;
        let n_rows = total_weight(train.weights, train.x.n_rows());
        let means = qr.means().map_or_else(|| vec![0.0; r.ncols()], |means| means.to_vec());
        let coefficients = least.coefficients.column(0);
        let reached = (&seen - &r.dot(&coefficients)).mapv(|value| value * value).sum();
        let rest = (least.residual_sum_of_squares[0] - reached).max(0.0);
        let mean = match intercept {
            true => {
                least.intercept[0]
                    + means.iter().zip(coefficients).map(|(mean, weight)| mean * weight).sum::<f64>()
            }
            false => 0.0,
        };
        let squares = seen.iter().map(|value| value * value).sum::<f64>() + rest;
        // Around the mean, even where the line has no intercept.
        let variance = match intercept {
            true => squares / n_rows,
            false => {
                let mean = (0..train.y.as_slice().len())
                    .map(|row| train.weight(row) * train.y.as_slice()[row])
                    .sum::<f64>()
                    / n_rows;
                (squares / n_rows - mean * mean).max(0.0)
            }
        };
        Ok(Reduced { r, seen, rest, means, mean, n_rows, variance })
    }

    fn squares(&self, coefficients: &Array1<f64>) -> f64 {
        (&self.seen - &self.r.dot(coefficients)).mapv(|value| value * value).sum() + self.rest
    }

    fn model(
        &self,
        train: &Train<'_, Matrix, Values>,
        coefficients: Array1<f64>,
        search: Search,
        (alpha, lambdas): (f64, Vec<f64>),
        covariance: Array2<f64>,
    ) -> Result<BayesianLinearModel> {
        let shift: f64 = self.means.iter().zip(&coefficients).map(|(mean, weight)| mean * weight).sum();
        let linear =
            IterativeLinearModel::new(train.x.features(), coefficients.to_vec(), self.mean - shift, search)?;
        BayesianLinearModel::new(linear, self.means.clone(), alpha, lambdas, covariance)
    }
}

impl Estimator for BayesianRidge {
    type Input = Matrix;
    type Target = Values;
    type Model = BayesianLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<BayesianLinearModel> {
        let priors = self.priors()?;
        let reduced = Reduced::new(train, self.fit_intercept)?;
        let parts = svd(&reduced.r)?;
        let along = parts.u.t().dot(&reduced.seen);
        let values: Array1<f64> = parts.s.mapv(|value| value * value);
        let at = |alpha: f64, lambda: f64| {
            let shares: Array1<f64> =
                parts.s.iter().zip(&along).map(|(s, a)| s * a / (s * s + lambda / alpha)).collect();
            parts.vt.t().dot(&shares)
        };
        let (mut alpha, mut lambda) = (1.0 / (reduced.variance + f64::EPSILON), 1.0);
        let mut coefficients = at(alpha, lambda);
        let mut search = Search { n_iterations: 0, gap: 0.0, converged: false };
        while search.n_iterations < priors.max_iter && !search.converged {
            train.ctx.step(search.n_iterations, priors.max_iter)?;
            let effective: f64 = values.iter().map(|value| alpha * value / (lambda + alpha * value)).sum();
            let length: f64 = coefficients.iter().map(|weight| weight * weight).sum();
            lambda = (effective + 2.0 * priors.lambda.0) / (length + 2.0 * priors.lambda.1);
            alpha = (reduced.n_rows - effective + 2.0 * priors.alpha.0)
                / (reduced.squares(&coefficients) + 2.0 * priors.alpha.1);
            let next = at(alpha, lambda);
            priors.settle(&mut search, &coefficients, &next);
            coefficients = next;
        }
        let spreads = values.mapv(|value| 1.0 / (alpha * value + lambda));
        let covariance = parts.vt.t().dot(&(&parts.vt * &spreads.insert_axis(Axis(1))));
        reduced.model(train, coefficients, search, (alpha, vec![lambda; reduced.means.len()]), covariance)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl Estimator for ArdRegression {
    type Input = Matrix;
    type Target = Values;
    type Model = BayesianLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<BayesianLinearModel> {
        let priors = self.priors()?;
        THRESHOLD.check(self.threshold_lambda)?;
        let reduced = Reduced::new(train, self.fit_intercept)?;
        let n = reduced.means.len();
        let (products, cross) = (reduced.r.t().dot(&reduced.r), reduced.r.t().dot(&reduced.seen));
        let mut alpha = 1.0 / (reduced.variance + f64::EPSILON);
        let mut lambdas = vec![1.0; n];
        let mut kept: Vec<usize> = (0..n).collect();
        let mut search = Search { n_iterations: 0, gap: 0.0, converged: false };
        let mut posterior = posterior(&products, &cross, alpha, &lambdas, &kept, &train.ctx)?;
        while search.n_iterations < priors.max_iter && !search.converged && !kept.is_empty() {
            train.ctx.step(search.n_iterations, priors.max_iter)?;
            let (coefficients, covariance) = &posterior;
            let mut effective = 0.0;
            for &j in &kept {
                let own = 1.0 - lambdas[j] * covariance[[j, j]];
                effective += own;
                lambdas[j] = (own + 2.0 * priors.lambda.0)
                    / (coefficients[j] * coefficients[j] + 2.0 * priors.lambda.1);
            }
            alpha = (reduced.n_rows - effective + 2.0 * priors.alpha.0)
                / (reduced.squares(coefficients) + 2.0 * priors.alpha.1);
            kept.retain(|&j| lambdas[j] < self.threshold_lambda);
            let next = self::posterior(&products, &cross, alpha, &lambdas, &kept, &train.ctx)?;
            priors.settle(&mut search, coefficients, &next.0);
            posterior = next;
        }
        search.converged |= kept.is_empty();
        let (coefficients, covariance) = posterior;
        reduced.model(train, coefficients, search, (alpha, lambdas), covariance)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// The mean and the covariance of the coefficients; 0 for those that are not kept.
fn posterior(
    products: &Array2<f64>,
    cross: &Array1<f64>,
    alpha: f64,
    lambdas: &[f64],
    kept: &[usize],
    ctx: &Context,
) -> Result<(Array1<f64>, Array2<f64>)> {
    ctx.check()?;
    let n = lambdas.len();
    let (mut mean, mut covariance) = (Array1::zeros(n), Array2::zeros((n, n)));
    if kept.is_empty() {
        return Ok((mean, covariance));
    }
    // At unit precision of the prior the system is never worse than the data.
    let size = kept.len();
    let roots: Vec<f64> = kept.iter().map(|&j| lambdas[j].sqrt()).collect();
    let system = Array2::from_shape_fn((size, size), |(a, b)| {
        alpha * products[[kept[a], kept[b]]] / roots[a] / roots[b] + f64::from(a == b)
    });
    let factor = Cholesky::new(&system)?;
    let right: Array1<f64> = kept.iter().zip(&roots).map(|(&j, root)| alpha * cross[j] / root).collect();
    let (answer, inverse) = (factor.solve(&right), factor.inverse());
    for (a, &i) in kept.iter().enumerate() {
        mean[i] = answer[a] / roots[a];
        for (b, &j) in kept.iter().enumerate() {
            covariance[[i, j]] = inverse[[a, b]] / roots[a] / roots[b];
        }
    }
    Ok((mean, covariance))
}
