//! Regression that a few rows far off do not decide.

use ndarray::{Array2, ArrayView1, s};
use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train, Values,
};
use perennial_numeric::optimize::{self, Minimum, Objective, SecondOrder, lbfgs, newton};
use serde::{Deserialize, Serialize};

use super::centred::Scaled;
use super::design::Design;
use super::iterative::{IterativeLinearModel, Search};
use super::smooth::{AtScore, Smooth};
use crate::rows::tame;
use crate::setters::setters;

const EPSILON: Param =
    Param::real("epsilon", "residuals beyond this many scales count by their size, not its square")
        .at_least(1.0)
        .at_most(1e6)
        .search(1.0, 2.5);
const ALPHA: Param =
    Param::real("alpha", "strength of the L2 penalty").at_least(0.0).at_most(1e100).search_log(1e-6, 1e2);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps of the solver").at_least(1.0);
const TOLERANCE: Param = Param::real("tolerance", "the size of the gradient at which to stop").at_least(0.0);
/// More unknowns than this are found by L-BFGS.
const NEWTON_UNKNOWNS: usize = 500;
/// The scale of residuals below which a line is exact, as a share of the spread of the target.
const EXACT: f64 = 1e-12;

/// A line whose residuals count by their squares where they are small and by their sizes where they are not
/// (Huber, 1964), with the scale of the residuals found beside it (Owen, 2007).
///
/// Minimises the sum over the rows of `scale + h(residual / scale) * scale`, where `h(z)` is `z^2` up to `epsilon` and
/// `2 epsilon |z| - epsilon^2` beyond, plus `alpha` times the sum of squared coefficients: jointly convex in line and scale, so
/// that predictions follow the units of the target. The intercept is not penalised. Newton's method, in the logarithm of the
/// scale, from least squares; L-BFGS above 500 features.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `epsilon` | 1.35 | 1 to 1e6 | residuals beyond this many scales count by their size; 1.35 loses 5 % against least squares on normal noise |
/// | `alpha` | 1e-4 | 0 to 1e100 | strength of the L2 penalty |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 200 | >= 1 | the most steps of the solver |
/// | `tolerance` | 1e-8 | >= 0 | stop when no entry of the gradient, for features and a target of unit scale, is larger |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::HuberRegressor;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0]]);
/// let y = Values::from(vec![0.1, 0.9, 2.1, 2.9, 4.1, 4.9, 6.1, 70.0]);
/// let model = HuberRegressor::new().fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 1.0).abs() < 0.05);
/// assert!(model.outliers(&x, &y)?[7]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HuberRegressor {
    epsilon: f64,
    alpha: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for HuberRegressor {
    fn default() -> Self {
        HuberRegressor { epsilon: 1.35, alpha: 1e-4, fit_intercept: true, max_iter: 200, tolerance: 1e-8 }
    }
}

setters!(HuberRegressor {
    /// Sets beyond how many scales a residual counts by its size, not its square.
    epsilon: f64,
    /// Sets the strength of the penalty.
    alpha: f64,
    /// Sets whether the line may miss the origin.
    fit_intercept: bool,
    /// Sets the most steps of the solver.
    max_iter: usize,
    /// Sets the size of the gradient at which to stop.
    tolerance: f64,
});

impl HuberRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[EPSILON, ALPHA, MAX_ITER, TOLERANCE];
}

impl Estimator for HuberRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = HuberModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<HuberModel> {
        EPSILON.check(self.epsilon)?;
        ALPHA.check(self.alpha)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        let weights = tame(train.weights);
        let target = Scaled::new(train.y.as_slice(), weights.as_deref(), self.fit_intercept);
        // In units of the target's spread the penalty is so much stronger; half of all is made small.
        let alpha = (self.alpha * target.scale).min(1e200);
        let design = Design::new(train.x, weights.as_deref(), alpha, self.fit_intercept)?;
        let settings = optimize::Settings::new().max_iter(self.max_iter).tolerance(self.tolerance);
        let dense = train.x.sparse().is_none();
        let loss = |row: usize, score: f64| {
            let miss = score - target.at(row);
            AtScore { value: 0.5 * miss * miss, slope: miss, curvature: 1.0 }
        };
        let squares = Smooth { design: &design, offsets: None, loss };
        let mut start = vec![0.0; squares.n_unknowns()];
        let use_newton = dense && start.len() <= NEWTON_UNKNOWNS;
        let least: Minimum = match use_newton {
            true => newton(&squares, &start, &settings, &train.ctx)?,
            false => lbfgs(&squares, &start, &settings, &train.ctx)?,
        };
        let scale = (2.0 * squares.sums(&least.x)[design.n_features + 1] / design.total_weight).sqrt();
        start.clone_from(&least.x);
        let mut search = Search { n_iterations: 0, gap: 0.0, converged: true };
        let mut sigma = scale;
        if scale > EXACT {
            start.push(scale.ln());
            let joint = Concomitant { design: &design, target: &target, epsilon: self.epsilon };
            let minimum = match use_newton {
                true => newton(&joint, &start, &settings, &train.ctx)?,
                false => lbfgs(&joint, &start, &settings, &train.ctx)?,
            };
            search = Search {
                n_iterations: minimum.n_iterations,
                gap: minimum.gradient_norm,
                converged: minimum.converged,
            };
            start = minimum.x;
            sigma = start.pop().unwrap_or_default().exp();
        }
        let (mut coefficients, intercept) = squares.in_units(&start)?;
        coefficients.iter_mut().for_each(|weight| *weight *= target.scale);
        let intercept = intercept * target.scale + target.centre;
        let linear = IterativeLinearModel::new(train.x.features(), coefficients, intercept, search)?;
        let scale = sigma * target.scale;
        if !scale.is_finite() {
            return Err(Error::overflow(
                "the scale of the residuals is beyond the range of f64; scale the target",
            ));
        }
        Ok(HuberModel { linear, scale, epsilon: self.epsilon })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

/// Half the objective over the sum of the weights; the last unknown is the logarithm of the scale.
struct Concomitant<'a> {
    design: &'a Design<'a>,
    target: &'a Scaled<'a>,
    epsilon: f64,
}

/// The residual over the scale, and whether it is beyond `epsilon`.
struct Standard {
    z: f64,
    beyond: bool,
}

impl Concomitant<'_> {
    fn standard(&self, row: usize, score: f64, scale: f64) -> Standard {
        let z = (score - self.target.at(row)) / scale;
        Standard { z, beyond: z.abs() > self.epsilon }
    }

    fn of_line(&self, scale: f64) -> impl Fn(usize, f64) -> AtScore + Sync + '_ {
        let epsilon = self.epsilon;
        move |row, score| match self.standard(row, score, scale) {
            Standard { z, beyond: false } => {
                AtScore { value: 0.5 * scale * (1.0 + z * z), slope: z, curvature: 1.0 / scale }
            }
            Standard { z, .. } => AtScore {
                value: 0.5 * scale * (1.0 + 2.0 * epsilon * z.abs() - epsilon * epsilon),
                slope: epsilon.copysign(z),
                curvature: 0.0,
            },
        }
    }

    /// The derivative by the logarithm of the scale as the value, and its slope.
    fn of_scale(&self, scale: f64) -> impl Fn(usize, f64) -> AtScore + Sync + '_ {
        let epsilon = self.epsilon;
        move |row, score| match self.standard(row, score, scale) {
            Standard { z, beyond: false } => {
                AtScore { value: 0.5 * scale * (1.0 - z * z), slope: -z, curvature: 0.0 }
            }
            _ => AtScore { value: 0.5 * scale * (1.0 - epsilon * epsilon), slope: 0.0, curvature: 0.0 },
        }
    }

    /// The second derivative by the logarithm of the scale as the value.
    fn of_scale_twice(&self, scale: f64) -> impl Fn(usize, f64) -> AtScore + Sync + '_ {
        let epsilon = self.epsilon;
        move |row, score| match self.standard(row, score, scale) {
            Standard { z, beyond: false } => {
                AtScore { value: 0.5 * scale * (1.0 + z * z), slope: -z, curvature: 0.0 }
            }
            _ => AtScore { value: 0.5 * scale * (1.0 - epsilon * epsilon), slope: 0.0, curvature: 0.0 },
        }
    }
}

impl Objective for Concomitant<'_> {
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (design, last) = (self.design, x.len() - 1);
        let scale = x[last].exp();
        let line = Smooth { design, offsets: None, loss: self.of_line(scale) };
        let value = line.value_gradient(&x[..last], &mut gradient[..last]);
        let by_scale = Smooth { design, offsets: None, loss: self.of_scale(scale) };
        gradient[last] = by_scale.sums(&x[..last])[design.n_features + 1] / design.total_weight;
        value
    }
}

impl SecondOrder for Concomitant<'_> {
    fn hessian(&self, x: &[f64], hessian: &mut Array2<f64>) {
        let (design, last) = (self.design, x.len() - 1);
        let (n, total) = (design.n_features, design.total_weight);
        let scale = x[last].exp();
        let mut own = Array2::zeros((last, last));
        Smooth { design, offsets: None, loss: self.of_line(scale) }.hessian(&x[..last], &mut own);
        hessian.slice_mut(s![..last, ..last]).assign(&own);
        let twice = Smooth { design, offsets: None, loss: self.of_scale_twice(scale) };
        let sums = twice.sums(&x[..last]);
        for j in 0..last {
            let scale = if j < n { design.scales[j] } else { 1.0 };
            hessian[[last, j]] = sums[j] / total / scale;
            hessian[[j, last]] = hessian[[last, j]];
        }
        hessian[[last, last]] = sums[n + 1] / total;
    }
}

/// A line and the scale of the residuals around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct HuberModel {
    linear: IterativeLinearModel,
    scale: f64,
    epsilon: f64,
}

#[derive(Deserialize)]
struct Parts {
    linear: IterativeLinearModel,
    scale: f64,
    epsilon: f64,
}

impl TryFrom<Parts> for HuberModel {
    type Error = Error;

    fn try_from(Parts { linear, scale, epsilon }: Parts) -> Result<Self> {
        if !(scale.is_finite() && scale >= 0.0 && epsilon.is_finite()) {
            return Err(Error::corrupt(
                "the Huber regression is damaged: its scale is not a finite number >= 0",
            ));
        }
        Ok(HuberModel { linear, scale, epsilon })
    }
}

impl HuberModel {
    /// The line, and how the search for it ended.
    pub fn model(&self) -> &IterativeLinearModel {
        &self.linear
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.linear.features()
    }

    /// The change of the prediction for one unit more of each feature.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        self.linear.coefficients()
    }

    /// The prediction where all features are 0.
    pub fn intercept(&self) -> f64 {
        self.linear.intercept()
    }

    /// The scale of the residuals, in units of the target; 0 where the line meets every row.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Whether the search came to the tolerance.
    pub fn converged(&self) -> bool {
        self.linear.converged()
    }

    /// How far the search still was from the optimum at its end, in the measure of its tolerance.
    pub fn gap(&self) -> f64 {
        self.linear.gap()
    }

    /// Whether each row is farther from the line than `epsilon` scales.
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or the lengths differ.
    pub fn outliers(&self, x: &Matrix, y: &Values) -> Result<Vec<bool>> {
        let answers = self.predict(x)?;
        if answers.as_slice().len() != y.as_slice().len() {
            return Err(Error::length_mismatch("the target", answers.as_slice().len(), y.as_slice().len()));
        }
        let far = |(answer, y): (&f64, &f64)| (answer - y).abs() > self.epsilon * self.scale;
        Ok(answers.as_slice().iter().zip(y.as_slice()).map(far).collect())
    }
}

impl Predictor for HuberModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.linear.predict(x)
    }
}
