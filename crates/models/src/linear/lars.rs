//! Least angle regression: the path of the lasso from corner to corner.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Context, Error, Estimator, Features, Matrix, Param, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::centred::Centred;
use super::coordinate::Quadratic;
use super::growing::Growing;
use super::iterative::{IterativeLinearModel, Search};
use crate::rows::tame;
use crate::setters::setters;

const ALPHA: Param = Param::real("alpha", "strength of the L1 penalty").at_least(0.0).search_log(1e-4, 1e2);
const N_NONZERO: Param = Param::integer("n_nonzero_coefs", "how many steps are taken at most").at_least(1.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps").at_least(1.0);
/// All products of more columns would not fit into memory.
const MOST_COLUMNS: usize = 8192;
/// Pulls that differ by less than this share of the first one are equal.
const TIE: f64 = 1e-12;

/// Least angle regression (Efron, Hastie, Johnstone and Tibshirani, 2004): features join in the order of their correlation
/// with what is left, and all that are in move together.
///
/// The coefficients move so that all features that are in stay equally correlated with the residual, until another one is as
/// correlated. After as many steps as features they are least squares. It works on the products of the columns; a feature that those that are in
/// determine is left out.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_nonzero_coefs` | 500 | >= 1 | how many features join at most |
/// | `fit_intercept` | true | | whether the line may miss the origin |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::Lars;
///
/// let x = Matrix::from(array![[-1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]);
/// let model = Lars::new().n_nonzero_coefs(1).fit(&x, &Values::from(vec![-1.1111, 0.0, -1.1111]))?;
/// assert_eq!(model.coefficients()[0], 0.0);
/// assert!((model.coefficients()[1] + 1.1111).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lars {
    n_nonzero_coefs: usize,
    fit_intercept: bool,
}

/// The lasso by least angle regression (Efron, Hastie, Johnstone and Tibshirani, 2004): the exact path of the coefficients over all strengths.
///
/// The objective is that of [`Lasso`](crate::Lasso). The path is made of straight pieces; [`path`](LassoLars::path) gives the corners. It
/// pays where there are few columns or few of them matter; else `Lasso` is faster.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 0 | strength of the penalty |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 500 | >= 1 | the most corners; where they end it, the model's `gap()` is how much further the strength had to fall |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Matrix, Train, Values};
/// use perennial_models::LassoLars;
///
/// let x = Matrix::from(array![[-1.0, 0.1], [0.0, -0.2], [1.0, 0.1]]);
/// let y = Values::from(vec![-3.0, 0.0, 3.0]);
/// let path = LassoLars::new().alpha(0.0).path(&Train::new(&x, &y))?;
/// assert!((path.alphas()[0] - 2.0).abs() < 1e-12);
/// assert!((path.coefficients()[[1, 0]] - 3.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LassoLars {
    alpha: f64,
    fit_intercept: bool,
    max_iter: usize,
}

impl Default for Lars {
    fn default() -> Self {
        Lars { n_nonzero_coefs: 500, fit_intercept: true }
    }
}

impl Default for LassoLars {
    fn default() -> Self {
        LassoLars { alpha: 1.0, fit_intercept: true, max_iter: 500 }
    }
}

setters!(Lars {
    /// Sets how many features join at most.
    n_nonzero_coefs: usize,
    /// Sets whether the line may miss the origin.
    fit_intercept: bool,
});

setters!(LassoLars {
    /// Sets the strength of the penalty.
    alpha: f64,
    /// Sets whether the line may miss the origin.
    fit_intercept: bool,
    /// Sets the most corners.
    max_iter: usize,
});

impl Lars {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_NONZERO];

    fn rule(&self) -> Result<Rule> {
        N_NONZERO.check_count(self.n_nonzero_coefs)?;
        Ok(Rule { lasso: false, alpha: 0.0, max_iter: self.n_nonzero_coefs, intercept: self.fit_intercept })
    }

    /// The coefficients after each step, from none on.
    ///
    /// # Errors
    /// When a setting or the data does not allow a fit, or the work was cancelled.
    pub fn path(&self, train: &Train<'_, Matrix, Values>) -> Result<LarsPath> {
        train.check(&self.capabilities())?;
        walk(&self.rule()?, train)
    }
}

impl LassoLars {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, MAX_ITER];

    fn rule(&self) -> Result<Rule> {
        ALPHA.check(self.alpha)?;
        MAX_ITER.check_count(self.max_iter)?;
        Ok(Rule { lasso: true, alpha: self.alpha, max_iter: self.max_iter, intercept: self.fit_intercept })
    }

    /// The corners of the path, from the strength that leaves no coefficient down to `alpha`; between two of them
    /// coefficients are straight lines.
    ///
    /// # Errors
    /// When a setting or the data does not allow a fit, or the work was cancelled.
    pub fn path(&self, train: &Train<'_, Matrix, Values>) -> Result<LarsPath> {
        train.check(&self.capabilities())?;
        walk(&self.rule()?, train)
    }
}

macro_rules! estimator {
    ($name:ident) => {
        impl Estimator for $name {
            type Input = Matrix;
            type Target = Values;
            type Model = IterativeLinearModel;

            fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<IterativeLinearModel> {
                walk(&self.rule()?, train)?.last()
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::new().weights()
            }
        }
    };
}

estimator!(Lars);
estimator!(LassoLars);

/// Where to go, and when to stop.
struct Rule {
    /// Features may leave again.
    lasso: bool,
    alpha: f64,
    max_iter: usize,
    intercept: bool,
}

/// The coefficients at the corners of a path.
#[derive(Clone, Debug, PartialEq)]
pub struct LarsPath {
    features: Features,
    alphas: Vec<f64>,
    coefficients: Array2<f64>,
    intercepts: Vec<f64>,
    arrived: bool,
    /// The strength where it should have ended.
    alpha: f64,
}

impl LarsPath {
    /// The strength at each corner, the largest first: how much the features that are in vary with what is left.
    pub fn alphas(&self) -> &[f64] {
        &self.alphas
    }

    /// The coefficients, corners x features.
    pub fn coefficients(&self) -> &ArrayRef2<f64> {
        &self.coefficients
    }

    /// The intercept at each corner.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Whether it went as far as it was told to.
    pub fn converged(&self) -> bool {
        self.arrived
    }

    /// How much further the strength had to fall: 0 where it went as far as it was told to.
    pub fn gap(&self) -> f64 {
        match self.alphas.last() {
            Some(last) if !self.arrived => (last - self.alpha).max(0.0),
            _ => 0.0,
        }
    }

    fn last(&self) -> Result<IterativeLinearModel> {
        let end = self.alphas.len() - 1;
        let search = Search { n_iterations: end, gap: self.gap(), converged: self.arrived };
        IterativeLinearModel::new(
            &self.features,
            self.coefficients.row(end).to_vec(),
            self.intercepts[end],
            search,
        )
    }
}

fn walk(rule: &Rule, train: &Train<'_, Matrix, Values>) -> Result<LarsPath> {
    let weights = tame(train.weights);
    let problem = Centred::new(train.x, train.y.as_slice(), weights.as_deref(), rule.intercept)?;
    let (quadratic, ctx) = (products(&problem, &train.ctx)?, &train.ctx);
    let mut corners = vec![(quadratic.steepest(), vec![0.0; quadratic.n()])];
    let arrived = quadratic.walk(rule, &mut corners, ctx)?;
    let n = quadratic.n();
    let coefficients = Array2::from_shape_fn((corners.len(), n), |(i, j)| corners[i].1[j]);
    if !coefficients.iter().all(|weight| weight.is_finite()) {
        return Err(Error::overflow("a coefficient left the range of f64; standardise the features"));
    }
    Ok(LarsPath {
        features: train.x.features().clone(),
        intercepts: corners.iter().map(|(_, weights)| problem.intercept(weights)).collect(),
        alphas: corners.iter().map(|(alpha, _)| *alpha).collect(),
        coefficients,
        arrived,
        alpha: rule.alpha,
    })
}

/// All products of the columns.
pub(super) fn products(problem: &Centred<'_>, ctx: &Context) -> Result<Quadratic> {
    let n = problem.n_features;
    if n == 0 {
        return Err(Error::empty("the matrix has no columns"));
    }
    if n > MOST_COLUMNS {
        return Err(Error::too_large(format!(
            "{n} columns; at most {MOST_COLUMNS} are taken, so select some or use `Lasso`"
        )));
    }
    Quadratic::new(&problem.products(0..problem.n_rows, None, ctx)?, problem.total_weight)
}

impl Quadratic {
    fn steepest(&self) -> f64 {
        self.cross.iter().fold(0.0, |most: f64, pull| most.max(pull.abs()))
    }

    /// From the only corner in `corners` on; whether it came to the end.
    fn walk(&self, rule: &Rule, corners: &mut Vec<(f64, Vec<f64>)>, ctx: &Context) -> Result<bool> {
        let n = self.n();
        let mut weights = vec![0.0; n];
        let mut pull = self.cross.clone();
        let first = self.steepest();
        let mut level = first;
        if level <= rule.alpha {
            return Ok(true);
        }
        let mut inside = Growing::new();
        let mut out = vec![false; n];
        let mut dropped: Option<usize> = None;
        for step in 0..rule.max_iter {
            ctx.step(step, rule.max_iter)?;
            // All that are as correlated as those that are in join; what these determine never does.
            for j in 0..n {
                let joins = pull[j].abs() >= level - TIE * first;
                if joins && !out[j] && dropped != Some(j) && !inside.columns().contains(&j) {
                    out[j] = !inside.push(self, j);
                }
            }
            if inside.columns().is_empty() {
                return Ok(true);
            }
            let signs: Vec<f64> = inside.columns().iter().map(|&j| 1f64.copysign(pull[j])).collect();
            let direction = inside.solve(&signs);
            // How all pulls fall for a unit less of the level.
            let mut falls = vec![0.0; n];
            for (&j, d) in inside.columns().iter().zip(&direction) {
                falls.iter_mut().zip(self.row(j)).for_each(|(fall, g)| *fall += d * g);
            }
            let mut length = level - rule.alpha;
            let mut joining = None;
            for j in (0..n).filter(|j| !out[*j] && !inside.columns().contains(j)) {
                // `|pull - length fall| = level - length`; one that has just left goes down, so only the other side counts.
                for (gap, speed) in [(level - pull[j], 1.0 - falls[j]), (level + pull[j], 1.0 + falls[j])] {
                    let own = pull[j].abs() * if gap < level { 1.0 } else { -1.0 };
                    if dropped == Some(j) && own > 0.0 {
                        continue;
                    }
                    if speed > TIE && (gap / speed).max(0.0) < length {
                        length = (gap / speed).max(0.0);
                        joining = Some(j);
                    }
                }
            }
            let mut leaving = None;
            if rule.lasso {
                for (place, (&j, d)) in inside.columns().iter().zip(&direction).enumerate() {
                    let reach = -weights[j] / d;
                    if weights[j] != 0.0 && reach > 0.0 && reach < length {
                        length = reach;
                        leaving = Some(place);
                    }
                }
            }
            for (&j, d) in inside.columns().iter().zip(&direction) {
                weights[j] += length * d;
            }
            level -= length;
            dropped = leaving.map(|place| inside.remove(self, place));
            if let Some(j) = dropped {
                weights[j] = 0.0;
            }
            // Anew from the coefficients, so that rounding does not add up.
            pull.clone_from(&self.cross);
            for &j in inside.columns() {
                let weight = weights[j];
                pull.iter_mut().zip(self.row(j)).for_each(|(pull, g)| *pull -= weight * g);
            }
            corners.push((level, weights.clone()));
            if leaving.is_none() && joining.is_none() || level <= rule.alpha + TIE * first {
                return Ok(true);
            }
        }
        // Without penalty as many features as asked for are the end.
        Ok(!rule.lasso)
    }
}
