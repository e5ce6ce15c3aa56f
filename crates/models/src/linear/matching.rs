//! Orthogonal matching pursuit.

use perennial_core::{Capabilities, Error, Estimator, Matrix, Param, Result, Train, Values};
use serde::{Deserialize, Serialize};

use super::centred::Centred;
use super::growing::Growing;
use super::iterative::{IterativeLinearModel, Search};
use super::lars::products;
use crate::rows::tame;
use crate::setters::setters;

const N_NONZERO: Param = Param::integer("n_nonzero_coefs", "how many features are taken").at_least(1.0);
const SQUARES: Param = Param::real("tol", "the sum of squared residuals at which to stop").at_least(0.0);
/// Pulls below this share of the first one are rounding.
const NOTHING: f64 = 1e-12;

/// Orthogonal matching pursuit (Mallat and Zhang, 1993; Rubinstein, Zibulevsky and Elad, 2008): takes the feature that varies most with what is left, fits all that are taken by
/// least squares, and goes on.
///
/// It works on the products of the columns. Features are compared as they are, so standardise them first. What those that
/// are taken determine is left out.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_nonzero_coefs` | a tenth of the features, at least 1 | 1 to the features | how many features are taken |
/// | `tol` | none | >= 0 | take features until the weighted sum of squared residuals is no larger; `n_nonzero_coefs` then does not count |
/// | `fit_intercept` | true | | whether the line may miss the origin |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::OrthogonalMatchingPursuit;
///
/// let x = Matrix::from(array![[-1.0, 0.5], [0.0, -1.0], [1.0, 0.5]]);
/// let y = Values::from(vec![-3.0, 0.1, 3.0]);
/// let model = OrthogonalMatchingPursuit::new().n_nonzero_coefs(1).fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 3.0).abs() < 1e-12 && model.coefficients()[1] == 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrthogonalMatchingPursuit {
    n_nonzero_coefs: Option<usize>,
    tol: Option<f64>,
    fit_intercept: bool,
}

impl Default for OrthogonalMatchingPursuit {
    fn default() -> Self {
        OrthogonalMatchingPursuit { n_nonzero_coefs: None, tol: None, fit_intercept: true }
    }
}

setters!(OrthogonalMatchingPursuit {
    /// Sets whether the line may miss the origin.
    fit_intercept: bool,
});

impl OrthogonalMatchingPursuit {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_NONZERO, SQUARES];

    /// Sets how many features are taken.
    #[must_use]
    pub fn n_nonzero_coefs(mut self, n_nonzero_coefs: usize) -> Self {
        self.n_nonzero_coefs = Some(n_nonzero_coefs);
        self
    }

    /// Sets the sum of squared residuals at which to stop.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = Some(tol);
        self
    }
}

impl Estimator for OrthogonalMatchingPursuit {
    type Input = Matrix;
    type Target = Values;
    type Model = IterativeLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<IterativeLinearModel> {
        let n = train.x.n_cols();
        self.n_nonzero_coefs.map_or(Ok(()), |most| N_NONZERO.check_count(most))?;
        self.tol.map_or(Ok(()), |squares| SQUARES.check(squares))?;
        if self.n_nonzero_coefs.is_some_and(|most| most > n) {
            let most = self.n_nonzero_coefs.unwrap_or_default();
            return Err(Error::invalid_param(
                "n_nonzero_coefs",
                most,
                format!("at most {n}, the number of columns"),
            ));
        }
        let weights = tame(train.weights);
        // `tame` may have divided the weights by a common factor.
        let factor = match (train.weights, &weights) {
            (Some(own), Some(tame)) => {
                own.iter().zip(tame.iter()).find(|(own, _)| **own > 0.0).map_or(1.0, |(own, tame)| own / tame)
            }
            _ => 1.0,
        };
        let problem = Centred::new(train.x, train.y.as_slice(), weights.as_deref(), self.fit_intercept)?;
        let quadratic = products(&problem, &train.ctx)?;
        let most = match self.tol {
            Some(_) => n,
            None => self.n_nonzero_coefs.unwrap_or_else(|| (n / 10).max(1)),
        };
        let goal = self.tol.unwrap_or(0.0);
        let mut inside = Growing::new();
        let mut out = vec![false; n];
        let mut state = quadratic.at(vec![0.0; n]);
        let steepest = |pull: &[f64], out: &[bool]| {
            (0..n)
                .filter(|&j| !out[j])
                .max_by(|&a, &b| pull[a].abs().total_cmp(&pull[b].abs()).then(b.cmp(&a)))
        };
        let first = state.pull.iter().fold(0.0, |most: f64, pull| most.max(pull.abs()));
        let all = quadratic.target * problem.total_weight * factor;
        let mut squares = all;
        while inside.columns().len() < most && (self.tol.is_none() || squares > goal) {
            train.ctx.step(inside.columns().len(), most)?;
            let Some(j) = steepest(&state.pull, &out) else { break };
            if !(state.pull[j].abs() > NOTHING * first) {
                break;
            }
            out[j] = true;
            if !inside.push(&quadratic, j) {
                continue;
            }
            let right: Vec<f64> = inside.columns().iter().map(|&j| quadratic.cross[j]).collect();
            let answer = inside.solve(&right);
            let mut weights = vec![0.0; n];
            inside.columns().iter().zip(&answer).for_each(|(&j, weight)| weights[j] = *weight);
            state = quadratic.at(weights);
            let explained: f64 = right.iter().zip(&answer).map(|(c, b)| c * b).sum();
            squares = (quadratic.target - explained).max(0.0) * problem.total_weight * factor;
        }
        let search = Search {
            n_iterations: inside.columns().len(),
            // The share of the target's squares that is still to be explained.
            gap: if self.tol.is_some() && squares > goal { (squares - goal) / all } else { 0.0 },
            converged: self.tol.is_none() || squares <= goal,
        };
        let intercept = problem.intercept(&state.weights);
        IterativeLinearModel::new(train.x.features(), state.weights, intercept, search)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}
